package engine

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// touchy is the codec lines, which panics at a record that begins with '%', after it has added a row.
type touchy struct{ lines }

func (c touchy) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if bytes.HasPrefix(rec.Value, []byte("%")) {
		series, err := out.Series.Intern("half", "", pipeline.Gauge, nil)
		if err != nil {
			return err
		}
		out.Point(series, 5*second, 0, 1)
		panic("a percent sign")
	}
	return c.lines.Decode(rec, out)
}

// A codec that panics loses the record, which is a dead letter, and nothing else.
func TestPanickingCodecLosesItsRecord(t *testing.T) {
	k := newKit()
	k.AddCodec(pipeline.Spec{Name: "touchy"}, func(pipeline.Settings) (pipeline.Codec, error) { return touchy{}, nil })
	p := k.plan(t, strings.Replace(echoes, "codec: lines", "codec: touchy", 1))
	l, err := NewLocal(context.Background(), p, false, options(t, p))
	must(t, err)
	defer func() { must(t, l.Close()) }()
	var found, dead []string
	l.Watch(func(rec pipeline.Record) {
		switch rec.Topic {
		case p.Topics.Events.Name:
			if about, ok := rec.Header(schemas.HeaderSubject); ok && !strings.HasPrefix(string(about), "left/") {
				found = append(found, string(about))
			}
		case p.Topics.DeadLetters.Name:
			code, _ := rec.Header(headerDeadCode)
			detail, _ := rec.Header(headerDeadDetail)
			dead = append(dead, fmt.Sprintf("%s %s: %s", rec.Value, code, detail))
		}
	})
	for i, v := range []string{"a 1 1", "%", "b 2 2"} {
		must(t, l.Write(pipeline.Record{Topic: p.Sources[0].Topic, Offset: int64(i), Timestamp: 1e12, Value: []byte(v)}))
	}
	must(t, l.Finish())
	if fmt.Sprint(found) != "[a=1 b=2]" {
		t.Errorf("%q", found)
	}
	if len(dead) != 1 || !strings.HasPrefix(dead[0], "% engine.panic: the code of the codec panicked: a percent sign: ") {
		t.Errorf("%q", dead)
	}
}

// An operator that panics, wherever it is called, ends its lane with an error that says who, and at which offsets.
func TestPanickingOperatorEndsItsLane(t *testing.T) {
	for _, at := range []string{"process", "watermark"} {
		k := newKit()
		closed := 0
		k.AddOperator(pipeline.Spec{Name: "rash", Stage: pipeline.Detect, Consumes: []pipeline.Kind{pipeline.Points}, Emits: []pipeline.Kind{pipeline.Events}},
			func(pipeline.Settings) (pipeline.Operator, error) {
				o := &stateless{closed: &closed}
				fail := func() { panic("index out of range") }
				if at == "process" {
					o.process = func(*pipeline.Env, pipeline.Batch, pipeline.Emitter) error { fail(); return nil }
				} else {
					o.watermark = func(*pipeline.Env, int64, pipeline.Emitter) error { fail(); return nil }
				}
				return o, nil
			})
		p := k.plan(t, strings.NewReplacer("[echo, breaker]", "[echo, rash]", "disorder: 1h", "disorder: 0s").Replace(echoes))
		o := options(t, p)
		var log bytes.Buffer
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		l, err := newSurroundings(p, o).sourceLane(p, &p.Sources[0], "left/0", 1)
		must(t, err)
		r := newLaneRun(broker.TopicPartition{Topic: "in"}, l, 7, &noFetcher{}, 1000)
		in := input(records("a 1 1")...)
		in.Next = 9
		err = r.step(in)
		if pipeline.Code(err) != "engine.panic" || !strings.HasPrefix(err.Error(), "lane in/0 stopped between the offsets 7 and 9: operator rash: the code of the operator panicked: index out of range: ") {
			t.Errorf("%s: %v", at, err)
		}
		if !strings.Contains(log.String(), "panic_test.go") {
			t.Errorf("%s: the log does not say where:\n%s", at, log.String())
		}
		if s, ok := r.take(); ok {
			t.Errorf("%s: what was done in part is handed over: %+v", at, s)
		}
		if must(t, l.close()); closed != 1 {
			t.Errorf("%s: closed %d times", at, closed)
		}
	}
}

// A sink that panics ends its lane too.
func TestPanickingSinkEndsItsLane(t *testing.T) {
	p := newKit().plan(t, echoes)
	s := surroundingsOf(t, p)
	l := s.newActLane("act/0", []namedSink{{"rash", rash{}}})
	e := event(t, schemas.Event{ID: "x", Source: "/s", Type: schemas.TypeFinding, Time: 1}, schemas.Finding{}, 0)
	if err := l.process(input(e)); pipeline.Code(err) != "engine.panic" || !strings.Contains(err.Error(), "sink rash") {
		t.Errorf("%v", err)
	}
}

type rash struct{}

func (rash) Open(context.Context, *pipeline.Env) error   { return nil }
func (rash) Guarantee() pipeline.Guarantee               { return pipeline.AtLeastOnce }
func (rash) Close() error                                { return nil }
func (rash) Flush(context.Context) error                 { return nil }
func (rash) Write(context.Context, pipeline.Batch) error { panic("nil map") }
