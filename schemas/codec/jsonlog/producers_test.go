package jsonlog_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
)

// samples returns the lines of a fixture; captured ones are JSON strings of a record's value each.
func samples(t testing.TB, name string, captured bool) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for line := range bytes.Lines(b) {
		value := string(line)
		if captured {
			if err := json.Unmarshal(line, &value); err != nil {
				t.Fatal(err)
			}
		}
		values = append(values, value)
	}
	return values
}

// word is a line in words: stream, time as RFC 3339, severity, body.
type word struct {
	stream, time string
	severity     uint8
	body         string
}

func TestProducers(t *testing.T) {
	nginx := "upstream timed out (110: Connection timed out) while connecting to upstream, client: 10.1.2.3"
	for name, want := range map[string][]word{
		"rsyslog-json": {
			{`app="nginx",host="web-3"`, "2026-11-23T04:00:01Z", 17, " " + nginx},
			{`app="postgres",host="db-1"`, "2026-11-23T04:00:02Z", 17, ` ERROR:  deadlock detected "orders"`},
			{`app="kernel",host="node-7"`, "2026-11-23T04:00:03Z", 9, ` Out of memory: Killed process 4242 (java)`},
			{`app="checkout",host="web-3"`, "2026-11-23T04:00:04.123456Z", 10, "\uFEFFpayment failed: \"card\" declined"},
			{`app="checkout",host="web-4"`, "2026-11-23T04:00:05Z", 9, `ready`},
		},
		"syslogng-json": {
			{`HOST="web-3",PROGRAM="nginx"`, "2026-11-23T04:00:01Z", 17, nginx},
			{`HOST="db-1",PROGRAM="postgres"`, "2026-11-23T04:00:02Z", 17, `ERROR:  deadlock detected "orders"`},
			{`HOST="node-7",PROGRAM="kernel"`, "2026-11-23T04:00:03Z", 9, `Out of memory: Killed process 4242 (java)`},
			{`HOST="web-3",PROGRAM="checkout"`, "2026-11-23T04:00:04Z", 10, `payment failed: "card" declined`},
			{`HOST="web-4",PROGRAM="checkout"`, "2026-11-23T04:00:05Z", 9, `ready`},
		},
		"ecs": {
			{`host.name="web-3",log.file.path="/var/log/nginx/error.log"`, "2026-11-23T04:00:01.123Z", 0, "2026/11/23 04:00:01 [error] 12#0: upstream timed out"},
			{`host.name="node-7",kubernetes.container.name="pay",kubernetes.namespace="shop",kubernetes.pod.name="pay-6d4b"`, "2026-11-23T04:00:02Z", 0, "ready"},
			{`service.environment="prod",service.name="checkout"`, "2026-11-23T04:00:03.5Z", 17, "payment failed\njava.lang.IllegalStateException: no card\n\tat com.shop.Pay.charge(Pay.java:12)"},
			{`host.name="web-4",service.name="checkout"`, "2026-11-23T04:00:04Z", 13, "slow\nError: slow\n    at a (a.js:1:1)"},
		},
		"fluentbit": {
			{`kubernetes.container_name="pay",kubernetes.namespace_name="shop",kubernetes.pod_name="pay-6d4b"`, "2026-11-23T04:00:01.25Z", 0, "ERROR upstream timed out"},
			{"", "2026-11-23T04:00:02.000001Z", 0, "plain"},
			{`SYSLOG_IDENTIFIER="kubelet",_HOSTNAME="node-7"`, "2026-11-23T04:00:03.5Z", 13, "node not ready"},
		},
		"vector": {
			{`host="web-3"`, "2026-11-23T04:00:01.123456Z", 0, "ready"},
			{`kubernetes.container_name="pay",kubernetes.pod_name="pay-6d4b",kubernetes.pod_namespace="shop"`, "2026-11-23T04:00:02Z", 0, "ready"},
			{`appname="nginx",host="web-3",hostname="web-3"`, "2026-11-23T04:00:03Z", 17, "upstream timed out"},
			{`container_name="pay",host="node-7"`, "2026-11-23T04:00:04Z", 0, "ready"},
		},
		"others": {
			{"", "2026-11-23T04:00:01.123456789Z", 0, "ready"},
			{`SYSLOG_IDENTIFIER="sshd",_HOSTNAME="web-3"`, "2026-11-23T04:00:02.000001Z", 17, "error: x"},
			{"", "2026-11-23T04:00:03.5Z", 17, "payment failed\njava.lang.Error: x\n\tat a.B.c(B.java:1)"},
			{"", "2026-11-23T04:00:04.25Z", 17, "payment failed\nmain.main\n\t/app/main.go:12"},
			{`hostname="web-3"`, "2026-11-23T04:00:05Z", 17, "no card\nError: no card\n    at a (a.js:1:1)"},
		},
	} {
		values := samples(t, name, strings.HasSuffix(name, "-json"))
		var rows []row
		for _, w := range want {
			when, err := time.Parse(time.RFC3339Nano, w.time)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row{":stream{" + w.stream + "}", when.UnixNano(), w.severity, w.body})
		}
		var each []row
		for _, value := range values {
			got, lost, err := decode(t, newCodec(t, nil), value)
			if err != nil || len(lost) != 0 {
				t.Fatalf("%s: %v, lost %v", name, err, lost)
			}
			each = append(each, got...)
		}
		if d := cmp.Diff(rows, each); d != "" {
			t.Errorf("%s, a record each (-want +got):\n%s", name, d)
		}
		together, _, err := decode(t, newCodec(t, nil), strings.Join(values, "\n"))
		if d := cmp.Diff(rows, together); err != nil || d != "" {
			t.Errorf("%s, all in one record: %v (-want +got):\n%s", name, err, d)
		}
	}
}

func TestTraces(t *testing.T) {
	for _, c := range []struct {
		settings    pipeline.Settings
		value, body string
	}{
		{nil, `{"message":"a","error":{"stack_trace":"b\n\tat c\n"}}`, "a\nb\n\tat c"},
		{nil, `{"message":"a\n","stack_trace":"b"}`, "a\nb"},
		{nil, `{"message":"a: b\n\tat c","stack_trace":"b\n\tat c\n"}`, "a: b\n\tat c"},
		{nil, `{"message":"a","stack_trace":"","stacktrace":"b"}`, "a\nb"},
		{nil, `{"message":"a","stack_trace":"b","stacktrace":"c"}`, "a\nb"},
		{nil, `{"message":"a","stack_trace":["b"],"stack":7}`, "a"},
		{nil, `{"message":12,"stack":"b"}`, "12\nb"},
		{nil, `{"message":"","stack":"b"}`, "\nb"},
		{nil, `{"stack":"b"}`, `{"stack":"b"}`},
		{nil, `{"message":"\u001b[31ma\u001b[0m","stack":"\u001b[2mb"}`, "a\nb"},
		{pipeline.Settings{"trace": []any{}}, `{"message":"a","stack":"b"}`, "a"},
		{pipeline.Settings{"trace": []any{"x.y"}}, `{"message":"a","x":{"y":"b"},"stack":"c"}`, "a\nb"},
		{nil, `{"message":"\u001b[31ma\u001b[0m\u001b"}`, "a\x1b"},
		{nil, `"\u001b[31ma\u001b[0m\n"`, "a"},
		{nil, `{"message":"a\r\n\u001b[0m"}`, "a"},
		{pipeline.Settings{"ansi": "keep"}, `{"message":"\u001b[31ma\u001b[0m"}`, "\x1b[31ma\x1b[0m"},
		{nil, `{"event":"\u001b[31m"}`, `{"event":"\u001b[31m"}`},
	} {
		got, _, err := decode(t, newCodec(t, c.settings), c.value)
		if err != nil || len(got) != 1 || got[0].Body != c.body {
			t.Errorf("%s: %v %v, want body %q", c.value, got, err, c.body)
		}
	}
	_, _, err := decode(t, newCodec(t, pipeline.Settings{"max_body_bytes": int64(4)}), `{"message":"abc","stack":"de"}`)
	if pipeline.Code(err) != "json_logs.limit.body_bytes" {
		t.Error(err)
	}
}
