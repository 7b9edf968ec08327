package main

import (
	"context"
	"path/filepath"
	"time"
)

// rsyslog writes by its module omkafka what it gets over TCP.
var rsyslog = producer{name: "rsyslog", get: getRsyslog, write: writeRsyslog}

func getRsyslog(ctx context.Context, w *workshop) (tools, error) {
	root, env, err := w.debian(ctx, "rsyslog")
	if err != nil {
		return tools{}, err
	}
	modules, err := one(root, "usr/lib/*/rsyslog")
	if err != nil {
		return tools{}, err
	}
	t := tools{program: filepath.Join(root, "usr/sbin/rsyslogd"), env: env, paths: map[string]string{"modules": modules}}
	return t, t.versionOf(ctx, `rsyslogd +(\S+)`, "-v")
}

func writeRsyslog(ctx context.Context, s *site) error {
	bsd, ietf := bsdMessages(time.Now()), ietfMessages(time.Now())
	byDefault, asIETF, asJSON := newAccount(), newAccount(), newAccount()
	linesOf(byDefault, bsd, lineOnly)
	linesOf(byDefault, ietf, lineOnly)
	// The space behind the tag of RFC 3164 is a part of the message for it. Where the template sets one of its own before it there are
	// two, and the body begins with one, as it does in JSON, whose texts are bodies as they stand; there the byte order mark stays, too.
	spaced := func(m syslogMessage) (int, string) { return otelSeverity[m.severity], " " + m.body }
	linesOf(asIETF, bsd, spaced)
	linesOf(asIETF, ietf, plain)
	linesOf(asJSON, bsd, spaced)
	linesOf(asJSON, ietf, func(m syslogMessage) (int, string) {
		if m.mark {
			return otelSeverity[m.severity], byteOrderMark + m.body
		}
		return plain(m)
	})
	var topics []string
	for _, e := range []*encoding{
		{name: "default template", codec: "syslog", compression: "gzip", given: byDefault},
		{name: "RFC 5424 template", codec: "syslog", compression: "snappy", given: asIETF},
		{name: "JSON template, keyed", codec: "json_logs", compression: "lz4", partitions: 3, given: asJSON},
	} {
		topic, err := s.open(ctx, e)
		if err != nil {
			return err
		}
		topics = append(topics, topic)
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	conf, err := s.configure("rsyslog.conf", map[string]any{"Dir": s.dir, "Port": port, "Broker": s.cluster.Addr(), "Topics": topics})
	if err != nil {
		return err
	}
	p, err := s.start("rsyslogd", "-n", "-f", conf, "-i", filepath.Join(s.dir, "pid"), "-M", s.paths["modules"])
	if err != nil {
		return err
	}
	defer p.kill()
	if err := p.listens(ctx, "tcp", local(port)); err != nil {
		return err
	}
	if err := send(ctx, "tcp", local(port), onLines(bsd, ietf)); err != nil {
		return err
	}
	for _, topic := range topics {
		if err := s.await(ctx, topic, 2*syslogCount); err != nil {
			return err
		}
	}
	return p.stop()
}
