package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// patient is an examination of a pipeline with the topics of a view.
func patient(view *broker.View) *examination {
	p := &plan.Plan{Pipeline: "med", Bootstrap: []string{"a:1"}}
	for name := range view.Topics {
		p.Sources = append(p.Sources, plan.Source{Source: config.Source{Name: name, Topic: name}})
	}
	return &examination{plan: p, view: view, now: time.Now(), settings: map[string]map[string]string{}, samples: map[string]*sample{}}
}

func (e *examination) expect(t *testing.T, status Status, words ...string) {
	t.Helper()
	for _, f := range e.findings {
		text := f.Subject + " " + f.Text + " " + f.Remedy
		all := f.Status == status
		for _, w := range words {
			all = all && strings.Contains(text, w)
		}
		if all {
			return
		}
	}
	t.Errorf("no %s says %q: %+v", status, words, e.findings)
}

func TestReplication(t *testing.T) {
	three := make([]broker.BrokerView, 3)
	topic := func(p broker.PartitionView) *examination {
		return patient(&broker.View{Brokers: three, Topics: map[string]broker.TopicView{"t": {Partitions: []broker.PartitionView{p}}}})
	}
	for _, c := range []struct {
		p      broker.PartitionView
		least  string
		status Status
		words  string
	}{
		{broker.PartitionView{Leader: 1, Replicas: 1, InSync: 1}, "1", Warning, "t is there once only"},
		{broker.PartitionView{Leader: -1, Replicas: 3, InSync: 0}, "2", Fault, "1 partition of it has no leader"},
		{broker.PartitionView{Leader: 1, Replicas: 3, InSync: 2}, "2", Warning, "1 partition of it is not in sync"},
		{broker.PartitionView{Leader: 1, Replicas: 3, InSync: 3}, "3", Warning, "one broker that is down stops the pipeline"},
		{broker.PartitionView{Leader: 1, Replicas: 3, InSync: 3}, "1", Warning, "min.insync.replicas=1"},
		{broker.PartitionView{Leader: 1, Replicas: 3, InSync: 3}, "2", OK, "1 topic is replicated"},
	} {
		e := topic(c.p)
		e.settings["t"] = map[string]string{"min.insync.replicas": c.least}
		replication(context.Background(), e)
		e.expect(t, c.status, c.words)
	}
}

func TestOpenFiles(t *testing.T) {
	e := patient(&broker.View{Brokers: make([]broker.BrokerView, 10_000_000)})
	if openFiles(context.Background(), e); e.findings[0].Status != Skipped {
		e.expect(t, Fault, "a process may open", "ulimit -n")
	}
}

func TestClockOfAProducer(t *testing.T) {
	for ahead, want := range map[time.Duration]Status{0: OK, 10 * time.Second: Warning, time.Hour: Fault, -time.Hour: Warning} {
		e := patient(&broker.View{})
		s := &sample{source: &plan.Source{Source: config.Source{Name: "s"}}, records: []pipeline.Record{{Timestamp: time.Now().Add(ahead).UnixMilli()}}}
		if e.producersClock(s); e.findings[0].Status != want {
			t.Errorf("%s ahead: %+v", ahead, e.findings)
		}
	}
}

func TestEstimateOfSeries(t *testing.T) {
	s := &sample{series: map[string]*trail{}}
	for i := range 100 {
		s.series[fmt.Sprint(i)] = &trail{rows: 1 + min(i/20, 4)} // 20 once, 20 twice, the others more often
	}
	if all, once := s.estimate(); once != 20 || all != 100+20*19/(2*21) {
		t.Errorf("%d, %d", all, once)
	}
	for _, trail := range s.series {
		trail.rows = 1
	}
	if all, once := s.estimate(); all != 100 || once != 100 {
		t.Errorf("%d, %d: nothing can be said of how many more there are", all, once)
	}
}

func TestWrongUnits(t *testing.T) {
	record := time.Now().UnixNano()
	for _, c := range []struct {
		row  int64
		want string
	}{
		{record, ""}, {record - int64(12*time.Hour), ""}, {record - int64(90*day), ""}, {0, ""},
		{record / 1_000_000, "milliseconds that are taken for nanoseconds"},
		{record / 1_000_000_000, "seconds that are taken for nanoseconds"},
		{record / 1000, "milliseconds that are taken for microseconds, or seconds for milliseconds"},
	} {
		if got := wrongUnit(stamp{row: c.row, record: record}); got != c.want {
			t.Errorf("%d of a record of %d: %q, want %q", c.row, record, got, c.want)
		}
	}
}

// What can't be connected to is a fault, and what needs it is skipped.
func TestConnectionThatFails(t *testing.T) {
	all := Examine(context.Background(), Options{File: "f", Timeout: time.Second,
		Load: func() (*config.Config, *plan.Plan, error) {
			cfg := &config.Config{Name: "med", Kafka: config.Kafka{Bootstrap: []string{"a:1"}}}
			p, err := plan.New(cfg, pipeline.NewRegistry())
			return cfg, p, err
		},
		Connect: func(context.Context, *plan.Plan) (*broker.Client, func(), error) {
			return nil, nil, pipeline.Errorf("kafka.tls.file", "no CA: correct it")
		}})
	e := &examination{findings: all}
	e.expect(t, Fault, "no CA")
	e.expect(t, Skipped, "needs a broker that answers")
	if Worst(all) != Fault || Worst(nil) != OK || Worst([]Finding{{Status: Skipped}, {Status: Warning}}) != Warning {
		t.Error("the worst is another")
	}
	var out bytes.Buffer
	if err := WriteJSON(&out, "f", all); err != nil || !json.Valid(out.Bytes()) || !strings.Contains(out.String(), `"worst": "fault"`) {
		t.Error(err, out.String())
	}
	all = Examine(context.Background(), Options{Load: func() (*config.Config, *plan.Plan, error) { return nil, nil, errors.New("no") }})
	if len(all) != 1 || all[0].Status != Fault || all[0].Text != "no" {
		t.Errorf("%+v", all)
	}
}

func TestPercent(t *testing.T) {
	for want, of := range map[string][2]int{"0 %": {0, 9}, "100 %": {9, 9}, "less than 0.1 %": {1, 100_000}, "more than 99.9 %": {99_999, 100_000}, "33.3 %": {1, 3}} {
		if got := percent(of[0], of[1]); got != want {
			t.Errorf("%v: %s, want %s", of, got, want)
		}
	}
}
