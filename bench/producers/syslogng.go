package main

import (
	"context"
	"path/filepath"
	"strings"
	"time"
)

// syslogNG writes by its module kafka-c what it gets over TCP.
var syslogNG = producer{name: "syslog-ng", get: getSyslogNG, write: writeSyslogNG}

func getSyslogNG(ctx context.Context, w *workshop) (tools, error) {
	root, env, err := w.debian(ctx, "syslog-ng")
	if err != nil {
		return tools{}, err
	}
	modules, err := one(root, "usr/lib/syslog-ng/[0-9]*")
	if err != nil {
		return tools{}, err
	}
	t := tools{program: filepath.Join(root, "usr/sbin/syslog-ng"), env: env, paths: map[string]string{"modules": modules}}
	return t, t.versionOf(ctx, `Installer-Version: (\d+\.\d+\.\d+)`, "-V")
}

func writeSyslogNG(ctx context.Context, s *site) error {
	bsd, ietf := bsdMessages(time.Now()), ietfMessages(time.Now())
	byDefault, asJSON := newAccount(), newAccount()
	linesOf(byDefault, bsd, lineOnly)
	linesOf(byDefault, ietf, lineOnly)
	linesOf(asJSON, bsd, plain)
	linesOf(asJSON, ietf, plain)
	var topics []string
	for _, e := range []*encoding{
		{name: "default template", codec: "syslog", compression: "lz4", given: byDefault},
		{name: "format-json, keyed", codec: "json_logs", compression: "snappy", partitions: 3, given: asJSON},
	} {
		topic, err := s.open(ctx, e)
		if err != nil {
			return err
		}
		topics = append(topics, topic)
	}
	var ports []int
	for range 2 {
		port, err := freePort()
		if err != nil {
			return err
		}
		ports = append(ports, port)
	}
	// Its configurations are of its own version, without the patch level.
	version := s.version[:strings.LastIndexByte(s.version, '.')]
	conf, err := s.configure("syslog-ng.conf", map[string]any{"Version": version, "Ports": ports, "Broker": s.cluster.Addr(), "Topics": topics})
	if err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(s.dir, name) }
	p, err := s.start("syslog-ng", "-F", "--no-caps", "-f", conf, "--module-path="+s.paths["modules"], "-R", in("persist"), "-c", in("control"), "-p", in("pid"))
	if err != nil {
		return err
	}
	defer p.kill()
	for i, data := range [][]byte{onLines(bsd), counted(ietf)} {
		if err := p.listens(ctx, "tcp", local(ports[i])); err != nil {
			return err
		}
		if err := send(ctx, "tcp", local(ports[i]), data); err != nil {
			return err
		}
	}
	for _, topic := range topics {
		if err := s.await(ctx, topic, 2*syslogCount); err != nil {
			return err
		}
	}
	return p.stop()
}
