package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// collectd writes by its plugin write_kafka what it measures, and what it is given by its socket.
var collectd = producer{name: "collectd", get: getCollectd, write: writeCollectd}

func getCollectd(ctx context.Context, w *workshop) (tools, error) {
	root, env, err := w.debian(ctx, "collectd")
	if err != nil {
		return tools{}, err
	}
	t := tools{program: filepath.Join(root, "usr/sbin/collectd"), env: env, paths: map[string]string{
		"plugins": filepath.Join(root, "usr/lib/collectd"), "types": filepath.Join(root, "usr/share/collectd/types.db"),
	}}
	return t, t.versionOf(ctx, `collectd (\d+\.\d+\.\d+)`, "-h")
}

// collectdGiven is how many values it is given.
const collectdGiven = 100

func writeCollectd(ctx context.Context, s *site) error {
	var topics []string
	for _, e := range []*encoding{
		{name: "JSON", codec: "collectd", compression: "snappy", by: "encoding/json", oracle: collectdJSON},
		{name: "Graphite", codec: "graphite", compression: "snappy", by: "strconv", oracle: graphiteLines},
		{name: "Command", codec: "collectd", compression: "snappy", by: "strconv", oracle: collectdCommands},
	} {
		e.partitions, e.unkeyed = 2, true
		topic, err := s.open(ctx, e)
		if err != nil {
			return err
		}
		topics = append(topics, topic)
	}
	// Paths of sockets are short: the folder of the site may be too deep for one.
	socketDir, err := os.MkdirTemp("", "homeostat-collectd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(socketDir)
	socket := filepath.Join(socketDir, "socket")
	conf, err := s.configure("collectd.conf", map[string]any{
		"Dir": s.dir, "Plugins": s.paths["plugins"], "Types": s.paths["types"], "Socket": socket, "Broker": s.cluster.Addr(), "Topics": topics,
	})
	if err != nil {
		return err
	}
	p, err := s.start("collectd", "-f", "-C", conf, "-P", filepath.Join(s.dir, "pid"))
	if err != nil {
		return err
	}
	defer p.kill()
	if err := p.listens(ctx, "unix", socket); err != nil {
		return err
	}
	var put strings.Builder
	for i := range collectdGiven {
		fmt.Fprintf(&put, "PUTVAL host-2/shop-%d/gauge-orders interval=10 N:%g\n", i, collectdValue(i))
	}
	if err := send(ctx, "unix", socket, []byte(put.String())); err != nil {
		return err
	}
	for _, topic := range topics {
		// What it measures comes once a second: the topic then has some of it, and all that it was given.
		if err := s.await(ctx, topic, collectdGiven+10); err != nil {
			return err
		}
	}
	return p.stop()
}

// collectdValue is a value that it is given, and that nothing on a machine is likely to be.
func collectdValue(i int) float64 { return -1000 - float64(i)/8 }
