package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/authority"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/internal/doctor"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
)

// ward is a pipeline on an embedded broker, for the doctor to look at.
type ward struct {
	t      *testing.T
	addr   string
	client *broker.Client
	file   string
}

// patientSource is the source of a healthy pipeline.
const patientSource = "{name: metrics, topic: med.metrics, codec: influx, late: drop}"

// newWard makes the pipeline with that source, and what else its file says.
func newWard(t *testing.T, source, more string) *ward {
	t.Helper()
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	w := &ward{t: t, addr: b.Addr()}
	if w.client, err = broker.Open(broker.Config{Bootstrap: []string{b.Addr()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	w.write("bootstrap: [\""+b.Addr()+"\"]", source, more)
	return w
}

// write writes the pipeline's file.
func (w *ward) write(kafka, source, more string) {
	w.t.Helper()
	w.file = filepath.Join(w.t.TempDir(), "med.yaml")
	text := fmt.Sprintf("version: 1\nname: med\ninstance: one\nkafka: {%s}\nsources:\n  - %s\ndetect:\n  - window: {size: 10s}\n  - robustz\n%s", kafka, source, more)
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *ward) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	w.t.Cleanup(cancel)
	return ctx
}

// topic makes a topic.
func (w *ward) topic(name string, partitions int, settings ...string) {
	w.t.Helper()
	t := broker.Topic{Name: name, Partitions: partitions, Settings: map[string]string{}}
	for i := 0; i < len(settings); i += 2 {
		t.Settings[settings[i]] = settings[i+1]
	}
	if err := w.client.EnsureTopics(w.context(), []broker.Topic{t}); err != nil {
		w.t.Fatal(err)
	}
}

// vital is a record of a host, whose row is so far from the record's time.
func vital(host int, at time.Time, row time.Duration) broker.Message {
	return broker.Message{Topic: "med.metrics", Key: fmt.Appendf(nil, "host-%d", host), Time: at,
		Value: fmt.Appendf(nil, "cpu,host=host-%d usage=%d %d", host, host, at.Add(row).UnixNano())}
}

// vitals writes so many records of twenty hosts, over partitions, changed.
func (w *ward) vitals(records, partitions int, change func(i int, m *broker.Message)) {
	w.t.Helper()
	var messages []broker.Message
	for i := range records {
		m := vital(i%20, time.Now().Add(time.Duration(i-records)*10*time.Millisecond), 0)
		m.Partition = int32(i % 20 % partitions)
		if change != nil {
			change(i, &m)
		}
		messages = append(messages, m)
	}
	if err := w.client.Produce(w.context(), messages); err != nil {
		w.t.Fatal(err)
	}
}

// examine runs the command and returns what it found.
func (w *ward) examine(args ...string) []doctor.Finding {
	w.t.Helper()
	out, err := run(w.t, append([]string{"doctor", "-c", w.file, "--json", "--timeout", "20s"}, args...)...)
	var all struct {
		Worst    doctor.Status
		Findings []doctor.Finding
	}
	if e := json.Unmarshal([]byte(out), &all); e != nil {
		w.t.Fatalf("%v: %v\n%s", e, err, out)
	}
	if all.Worst != doctor.Worst(all.Findings) || (all.Worst == doctor.Fault) != (pipeline.Code(err) == "doctor.fault") || all.Worst != doctor.Fault && err != nil {
		w.t.Errorf("worst is %s and the command ends with %v", all.Worst, err)
	}
	for _, f := range all.Findings {
		if (f.Status == doctor.Warning || f.Status == doctor.Fault) && f.Remedy == "" || f.Text == "" || f.Check == "" {
			w.t.Errorf("it says not what to do: %+v", f)
		}
	}
	return all.Findings
}

// expect looks for a finding that says so.
func expect(t *testing.T, all []doctor.Finding, status doctor.Status, check string, words ...string) {
	t.Helper()
	for _, f := range all {
		text := f.Subject + " " + f.Text + " " + f.Code + " → " + f.Remedy
		if f.Status == status && f.Check == check && !slices.ContainsFunc(words, func(s string) bool { return !strings.Contains(text, s) }) {
			return
		}
	}
	var have strings.Builder
	for _, f := range all {
		doctor.Printer(&have)(f)
	}
	t.Errorf("no %s of check %q says %q:\n%s", status, check, words, have.String())
}

// A pipeline that runs, with all in order, has no fault, and warnings only for what a cluster of one broker lacks.
func TestDoctorOfAHealthyPipeline(t *testing.T) {
	w := newWard(t, patientSource, "limits: {memory: 64MiB}\nadmin: {listen: off}\n")
	w.topic("med.metrics", 1)
	w.vitals(400, 1, nil)
	mustRun(t, "run", "-c", w.file, "--until-end")
	all := w.examine()
	seen := map[string]doctor.Status{}
	for _, f := range all {
		if f.Status == doctor.Fault || f.Status == doctor.Warning && f.Check != "replication" && f.Check != "lag" && f.Check != "retention" {
			t.Errorf("%+v", f)
		}
		seen[f.Check] = f.Status
	}
	for _, check := range []string{"configuration", "brokers", "certificates", "sources", "topics", "rights", "replication", "sizes", "retention", "limits of brokers",
		"decoding", "schema registry", "clocks", "event times", "series", "keys", "lag", "state", "memory", "open files"} {
		if seen[check] == "" {
			t.Errorf("check %q says nothing", check)
		}
	}
	expect(t, all, doctor.OK, "decoding", "all of 400 newest records are read by codec influx: 400 rows of 20 series")
	expect(t, all, doctor.OK, "state", "the snapshots of ")
	expect(t, all, doctor.OK, "brokers", w.addr, "understands all that is needed")
	expect(t, all, doctor.OK, "rights", "stage detect")
	expect(t, all, doctor.Warning, "lag", "group med.detect", "nobody runs it; nothing to do")
	if out := mustRun(t, "doctor", w.file); !strings.Contains(out, "\nok       decoding, source metrics: all of 400") || !strings.Contains(out, "         → ") || !strings.Contains(out, "0 faults, ") {
		t.Error(out)
	}
}

// What the doctor does leaves groups and topics as they were.
func TestDoctorChangesNothing(t *testing.T) {
	w := newWard(t, patientSource, "")
	w.topic("med.metrics", 1)
	w.vitals(40, 1, nil)
	w.examine()
	view, err := w.client.View(w.context())
	if err != nil {
		t.Fatal(err)
	}
	for name := range view.Topics {
		if name != "med.metrics" && !strings.HasPrefix(name, "__") {
			t.Errorf("topic %s was made", name)
		}
	}
	at, err := w.client.Positions(w.context(), "med.detect", []broker.TopicPartition{{Topic: "med.metrics"}})
	if err != nil || at[broker.TopicPartition{Topic: "med.metrics"}] != -1 {
		t.Errorf("the group has positions %v, %v", at, err)
	}
	expect(t, w.examine("--write"), doctor.OK, "rights", "stage detect")
}

func TestDoctorOfFaultyConfiguration(t *testing.T) {
	w := &ward{t: t}
	w.write("", "{name: metrics, topic: med.metrics, codec: influxx}", "")
	all := w.examine()
	expect(t, all, doctor.Fault, "configuration", "sources[0].codec", "med.yaml:6:", "config.component.unknown", "did you mean influx?")
	expect(t, all, doctor.Fault, "configuration", "sources[0].late", "config.key.missing")
	expect(t, all, doctor.Skipped, "configuration", "all other checks")
}

func TestDoctorOfBrokersThatAreAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	w := &ward{t: t}
	w.write("bootstrap: [\""+addr+"\"]", patientSource, "")
	start := time.Now()
	all := w.examine()
	expect(t, all, doctor.Fault, "brokers", addr, "connection refused", "see that it runs")
	expect(t, all, doctor.Skipped, "decoding", "needs a broker that answers")
	if d := time.Since(start); d > 15*time.Second {
		t.Errorf("it took %s", d)
	}
}

// A broker that takes connections and says nothing costs its share of the time and no more.
func TestDoctorIsBoundedInTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := &ward{t: t}
	w.write("bootstrap: [\""+l.Addr().String()+"\"]", patientSource, "")
	start := time.Now()
	out, err := run(t, "doctor", "-c", w.file, "--timeout", "2s")
	if d := time.Since(start); d > 4*time.Second || err != nil && pipeline.Code(err) != "doctor.fault" {
		t.Errorf("it took %s: %v\n%s", d, err, out)
	}
	if !strings.Contains(out, "brokers, "+l.Addr().String()) {
		t.Error(out)
	}
}

func TestDoctorOfCertificates(t *testing.T) {
	a := authority.New(t)
	b, err := embedded.Start(embedded.Options{TLS: a.Server(t, false)})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := &ward{t: t}
	own := a.Issue(t, "med", time.Now().Add(5*24*time.Hour))
	w.write(fmt.Sprintf("bootstrap: [%q], tls: {ca: %q, cert: %q, key: %q}", b.Addr(), a.CA, own.Cert, own.Key), patientSource, "")
	all := w.examine()
	expect(t, all, doctor.Warning, "certificates", own.Cert, "this client's certificate", "for 4 more days", "renew it")
	expect(t, all, doctor.OK, "brokers", b.Addr(), "by TLS")
	w.write(fmt.Sprintf("bootstrap: [%q], tls: true", b.Addr()), patientSource, "")
	expect(t, w.examine(), doctor.Fault, "brokers", b.Addr(), "kafka.tls.refused")
	w.write(fmt.Sprintf("bootstrap: [%q]", b.Addr()), patientSource, "")
	expect(t, w.examine(), doctor.Fault, "brokers", b.Addr(), "kafka.")
}

// Each of these has one thing wrong, which one check finds.
func TestDoctorFinds(t *testing.T) {
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	elsewhere.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer refusing.Close()
	day := "86400000"
	keyed := strings.Replace(patientSource, "late:", "keyed: true, late:", 1)
	for _, c := range []struct {
		name, source, more string
		ill                func(w *ward)
		status             doctor.Status
		check              string
		words              []string
	}{
		{"a topic with another name", patientSource, "", func(w *ward) { w.topic("med.metric", 1) },
			doctor.Fault, "sources", []string{"topic med.metrics", "kafka.topic.missing", "did you mean med.metric?"}},
		{"too few partitions", patientSource, "", func(w *ward) {
			w.topic("med.events", 2, "message.timestamp.type", "LogAppendTime", "retention.ms", "604800000", "cleanup.policy", "delete")
		},
			doctor.Fault, "topics", []string{"topic med.events", "it has 2 partitions, 8 are needed"}},
		{"another retention", patientSource, "", func(w *ward) { w.topic("med.inbox", 4, "message.timestamp.type", "LogAppendTime", "retention.ms", day) },
			doctor.Fault, "topics", []string{"topic med.inbox", "retention.ms=86400000 where 604800000 is needed"}},
		{"one broker", patientSource, "", func(w *ward) { w.topic("med.metrics", 1) },
			doctor.Warning, "replication", []string{"the cluster is one broker", "default.replication.factor=3"}},
		{"large records", patientSource, "limits: {record: 1MiB}\n", func(w *ward) { w.topic("med.metrics", 1, "max.message.bytes", "8388608") },
			doctor.Warning, "sizes", []string{"topic med.metrics", "batches of 8MiB", "raise limits.record"}},
		{"small batches", patientSource, "", func(w *ward) { w.topic("med.events", 8, "max.message.bytes", "65536") },
			doctor.Fault, "sizes", []string{"topic med.events", "batches of 64KiB only"}},
		{"short retention", patientSource, "", func(w *ward) { w.topic("med.metrics", 1, "retention.ms", "3600000") },
			doctor.Warning, "retention", []string{"topic med.metrics", "keeps its records for 1h"}},
		{"no retention to speak of", patientSource, "", func(w *ward) { w.topic("med.metrics", 1, "retention.ms", "60000") },
			doctor.Fault, "retention", []string{"topic med.metrics", "too short for a restart"}},
		{"a compacted source", patientSource, "", func(w *ward) { w.topic("med.metrics", 1, "cleanup.policy", "compact") },
			doctor.Warning, "retention", []string{"topic med.metrics", "it is compacted"}},
		{"an empty topic", patientSource, "", func(w *ward) { w.topic("med.metrics", 1) },
			doctor.Warning, "decoding", []string{"source metrics", "holds no record"}},
		{"one broken producer", patientSource, "", func(w *ward) {
			w.topic("med.metrics", 4)
			w.vitals(400, 4, func(i int, m *broker.Message) {
				if i%20 == 7 {
					m.Value = []byte("cpu,host=")
				}
			})
		}, doctor.Warning, "decoding", []string{"5 % of 400 newest records", "20 influx.syntax, all of key host-7", "mend what key host-7 writes"}},
		{"another codec", strings.Replace(patientSource, "influx", "otlp_metrics", 1), "", func(w *ward) {
			w.topic("med.metrics", 1)
			w.vitals(40, 1, nil)
		}, doctor.Fault, "decoding", []string{"100 % of 40 newest records", "see whether codec: otlp_metrics is what the producers of med.metrics write"}},
		{"a codec that is not found out yet", strings.Replace(patientSource, "influx", "auto", 1), "", func(w *ward) {
			w.topic("med.metrics", 1)
			w.vitals(40, 1, nil)
		}, doctor.Skipped, "decoding", []string{"source metrics", "codec: auto", "the first run finds it out"}},
		{"a registry that is away", strings.Replace(patientSource, "influx", "{avro: {registry: {url: \""+elsewhere.URL+"\"}}}", 1), "", nil,
			doctor.Fault, "schema registry", []string{elsewhere.URL, "doctor.registry.unreachable", "lanes wait until then"}},
		{"a registry that refuses", strings.Replace(patientSource, "influx", "{avro: {registry: {url: \""+refusing.URL+"\"}}}", 1), "", nil,
			doctor.Fault, "schema registry", []string{refusing.URL, "refuses this process (status 401)"}},
		{"a producer's clock that is ahead", patientSource, "", func(w *ward) {
			w.topic("med.metrics", 1)
			w.vitals(40, 1, func(_ int, m *broker.Message) { m.Time = time.Now().Add(10 * time.Minute) })
		}, doctor.Fault, "clocks", []string{"source metrics", "from now by its producers' clocks", "NTP"}},
		{"producers that are silent", patientSource, "", func(w *ward) {
			w.topic("med.metrics", 1)
			w.vitals(40, 1, func(_ int, m *broker.Message) { m.Time = time.Now().Add(-3 * time.Hour) })
		}, doctor.Warning, "clocks", []string{"source metrics", "is 3h old", "see that its producers run"}},
		{"rows from the future", patientSource, "", func(w *ward) {
			w.topic("med.metrics", 1)
			w.vitals(400, 1, func(i int, m *broker.Message) {
				if i%20 == 3 {
					*m = vital(3, m.Time, time.Hour)
				}
			})
		}, doctor.Warning, "event times", []string{"5 % of the rows", "5m (max_future_skew)", "mostly of key host-3"}},
		{"times in another unit", strings.Replace(patientSource, "influx", "{json_metrics: {time_unit: ns}}", 1), "", func(w *ward) {
			w.topic("med.metrics", 1)
			w.vitals(40, 1, func(_ int, m *broker.Message) {
				m.Value = fmt.Appendf(nil, `{"name":"cpu","tags":{"host":"a"},"fields":{"usage":1},"timestamp":%d}`, m.Time.UnixMilli())
			})
		}, doctor.Fault, "event times", []string{"100 % of the rows are wrong by a factor: milliseconds that are taken for nanoseconds"}},
		{"disorder", strings.Replace(patientSource, "late:", "disorder: 1s, late:", 1), "", func(w *ward) {
			w.topic("med.metrics", 1)
			w.vitals(400, 1, func(i int, m *broker.Message) {
				if i%50 == 3 {
					*m = vital(3, m.Time, -20*time.Second)
				}
			})
		}, doctor.Warning, "event times", []string{"behind a newer one", "raise disorder to 21s"}},
		{"too many series", patientSource, "limits: {series: 10}\n", func(w *ward) {
			w.topic("med.metrics", 1)
			w.vitals(10, 1, nil)
		}, doctor.Warning, "series", []string{"10 series in the sample", "near limits.series, 10 a lane", "label host has 10 values"}},
		{"a series for each record", patientSource, "", func(w *ward) {
			w.topic("med.metrics", 1)
			w.vitals(400, 1, func(i int, m *broker.Message) {
				m.Value = fmt.Appendf(nil, "cpu,host=a,request=%d usage=1 %d", i, m.Time.UnixNano())
			})
		}, doctor.Warning, "series", []string{"nearly each record makes new ones", "label request has 400 values"}},
		{"a key that is none", keyed, "", func(w *ward) {
			w.topic("med.metrics", 4)
			w.vitals(400, 4, func(i int, m *broker.Message) { m.Partition = int32(i % 3) })
		}, doctor.Fault, "keys", []string{"20 of 20 (entity) are in more than one partition", "remove keyed: true"}},
		{"a topic made again", patientSource, "", func(w *ward) {
			w.topic("med.metrics", 1)
			w.position(1000)
		}, doctor.Fault, "lag", []string{"group med.detect", "beyond their ends: the topic was made again"}},
		{"nobody runs it", patientSource, "", func(w *ward) {
			w.topic("med.metrics", 1)
			w.vitals(40, 1, nil)
			w.position(10)
		}, doctor.Warning, "lag", []string{"group med.detect", "nobody runs it; records to read: 30 of med.metrics"}},
		{"no folder for the state", patientSource, "state: {directory: /dev/null/state}\n", nil,
			doctor.Fault, "state", []string{"/dev/null/state", "doctor.state.directory"}},
		{"too little memory", patientSource, "limits: {memory: 1TiB}\n", nil,
			doctor.Fault, "memory", []string{"records in flight may take 1TiB", "lower limits.memory"}},
		{"a session that brokers don't take", patientSource, "", func(w *ward) {
			w.write("bootstrap: [\""+w.addr+"\"], session: 1s", patientSource, "")
		}, doctor.Fault, "limits of brokers", []string{"brokers take sessions from 6s to", "kafka.session is 1s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWard(t, c.source, c.more)
			if c.ill != nil {
				c.ill(w)
			}
			expect(t, w.examine(), c.status, c.check, c.words...)
		})
	}
}

// position sets the position of the group of detect in the producers' topic.
func (w *ward) position(at int64) {
	w.t.Helper()
	g, err := w.client.JoinGroup(broker.GroupConfig{ID: "med.detect", Topics: []string{"med.metrics"}})
	if err != nil {
		w.t.Fatal(err)
	}
	defer g.Close()
	gen, err := g.Next(w.context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer gen.Release()
	if err := w.client.CommitOffsets(w.context(), broker.Share{Generation: gen, Offsets: map[broker.TopicPartition]int64{{Topic: "med.metrics"}: at}}); err != nil {
		w.t.Fatal(err)
	}
}

func TestDoctorOfDamagedState(t *testing.T) {
	w := newWard(t, patientSource, "")
	dir := t.TempDir()
	w.write("bootstrap: [\""+w.addr+"\"]", patientSource, "state: {directory: "+dir+"}\n")
	store := &snapshot.Directory{Path: dir}
	if found, err := store.Manifests(w.context()); err != nil || len(found) != 0 {
		t.Fatal(found, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "metrics%2F0.0.snapshot"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, w.examine(), doctor.Warning, "state", dir, "metrics/0", "it has no manifest")
}
