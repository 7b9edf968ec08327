package engine

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// disk is a directory that can be made full.
type disk struct {
	t    *testing.T
	path string
	real bool // a file system of its own, else the directory is moved away and a file stands in its place
}

// smallDisk mounts a file system in memory, of a megabyte, where that is allowed.
func smallDisk(t *testing.T) *disk {
	d := &disk{t: t, path: filepath.Join(t.TempDir(), "state")}
	must(t, os.Mkdir(d.path, 0o700))
	if unmount, err := mountMemory(d.path); err == nil {
		d.real = true
		t.Cleanup(func() {
			if err := unmount(); err != nil {
				t.Error(err)
			}
		})
	}
	return d
}

func (d *disk) fill() {
	d.t.Helper()
	if !d.real {
		must(d.t, os.Rename(d.path, d.path+".away"), os.WriteFile(d.path, nil, 0o600))
		return
	}
	f, err := os.Create(filepath.Join(d.path, "filler"))
	must(d.t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if must(d.t, f.Close()); !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatal(err)
	}
}

func (d *disk) free() {
	d.t.Helper()
	must(d.t, os.Remove(map[bool]string{true: filepath.Join(d.path, "filler"), false: d.path}[d.real]))
	if !d.real {
		must(d.t, os.Rename(d.path+".away", d.path))
	}
}

// A full disk for the states does not stop a pipeline: it says so, keeps what it has, and a restart replays more.
func TestFullDisk(t *testing.T) {
	b, err := embedded.Start(embedded.Options{MinSession: time.Second})
	must(t, err)
	defer b.Close()
	c, d := &cluster{t: t, bootstrap: b.Addr(), name: "disk"}, smallDisk(t)
	t.Logf("a file system of its own: %t", d.real)
	p, client := c.plan(newKit(), strings.Replace(windowed, "interval: 1s", "interval: 1s, directory: "+d.path, 1), "a", 1), c.client()
	left := broker.TopicPartition{Topic: c.name + ".left"}
	feed := slices.DeleteFunc(c.day(1, 120), func(m broker.Message) bool { return m.Topic != left.Topic })
	must(t, client.Produce(c.context(), feed[:31]))
	store := StateStore(p, client.Cluster())
	kept := func() (at int64) {
		found, err := store.Load(c.context(), "left/0")
		must(t, err)
		for _, s := range found["left/0"] {
			if s.Err != nil {
				t.Errorf("a damaged snapshot lies there: %v", s.Err)
				continue
			}
			at = max(at, s.Position)
		}
		return at
	}
	log, reg := &memo{}, prometheus.NewRegistry()
	o := options(t, p)
	o.Metrics, o.Logger = reg, slog.New(slog.NewTextHandler(log, nil))
	m := &mortal{Cluster: client.Cluster()}
	r, err := NewRunner(c.context(), p, RunOptions{Options: o, Cluster: m})
	must(t, err)
	ctx, stop := context.WithCancel(c.context())
	run := &running{Runner: r, c: c, stop: stop, done: make(chan error, 1)}
	go func() { run.done <- r.Run(ctx) }()
	c.until("a snapshot", func() bool { return kept() == 31 })
	d.fill()
	must(t, client.Produce(c.context(), feed[31:61]))
	c.reached(p, left, 61)
	c.until("it says so", func() bool {
		return log.has("state.directory.write") && log.has("make room there") && counted(t, reg, "homeostat_snapshots_total", "failed") > 0
	})
	must(t, client.Produce(c.context(), feed[61:91]))
	c.reached(p, left, 91)
	run.kill(m)
	d.free()
	if at := kept(); at != 31 {
		t.Errorf("the snapshot that was there is at %d, not 31", at)
	}
	must(t, client.Produce(c.context(), feed[91:]), c.start(p, true).end())
	for _, topic := range []string{p.Topics.Events.Name, p.Topics.Incidents.Name} {
		c.same(topic, ids(c.committed(topic)), localIDs(t, p, topic, feed))
	}
}

// counted returns a counter's value for a label that has that value.
func counted(t *testing.T, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == name && l.GetValue() == label {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

// The wall clock of a process may be set at any time. So how long something took, or is to wait, is never the difference of
// two readings of it: a time.Time that has not lost its monotonic reading is used as it is.
func TestDurationsComeFromTheMonotonicClock(t *testing.T) {
	stripped := map[string]bool{"Unix": true, "UnixMilli": true, "UnixMicro": true, "UnixNano": true, "Round": true, "Truncate": true, "In": false}
	for _, dir := range []string{".", "snapshot", "../../internal/broker"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		must(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			tree, err := parser.ParseFile(set, file, nil, 0)
			must(t, err)
			ast.Inspect(tree, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				outer, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				name := func(e ast.Expr) string {
					if s, ok := e.(*ast.SelectorExpr); ok {
						if x, ok := s.X.(*ast.Ident); ok {
							return x.Name + "." + s.Sel.Name
						}
					}
					return ""
				}
				if inner, ok := outer.X.(*ast.CallExpr); ok && name(inner.Fun) == "time.Now" && stripped[outer.Sel.Name] {
					t.Errorf("%s: time.Now().%s has no monotonic reading", set.Position(n.Pos()), outer.Sel.Name)
				}
				if name(call.Fun) == "time.Since" && len(call.Args) == 1 {
					if arg, ok := call.Args[0].(*ast.CallExpr); ok && strings.HasPrefix(name(arg.Fun), "time.Unix") {
						t.Errorf("%s: time.Since of a time of the wall clock", set.Position(n.Pos()))
					}
				}
				return true
			})
		}
	}
}

// Producers' clocks: one that runs ahead of the brokers' loses its own rows alone; one that is put back has late rows, and time
// does not go back with it.
func TestProducersClocksJump(t *testing.T) {
	p := newKit().plan(t, strings.NewReplacer("disorder: 1h", "disorder: 0s", "max_future_skew: 0s", "max_future_skew: 1m").Replace(echoes))
	l, err := NewLocal(context.Background(), p, false, options(t, p))
	must(t, err)
	defer func() { must(t, l.Close()) }()
	reasons := map[string]int{}
	var marks []int64
	l.Watch(func(rec pipeline.Record) {
		if reason, ok := rec.Header(headerDeadReason); ok {
			reasons[string(reason)]++
		}
		if text, ok := rec.Header(schemas.HeaderWatermark); ok && rec.Topic == p.Topics.Events.Name && rec.Partition == 0 {
			mark, err := strconv.ParseInt(string(text), 10, 64)
			must(t, err)
			marks = append(marks, mark)
		}
	})
	for i, row := range []struct{ says, is float64 }{{100, 100}, {101, 101}, {101 + 3600, 102}, {103, 103}, {103 - 3600, 104}, {105, 105}} {
		must(t, l.Write(pipeline.Record{Topic: p.Sources[0].Topic, Offset: int64(i), Timestamp: int64(row.is * 1000), Value: fmt.Appendf(nil, "a 1 %f", row.says)}))
	}
	if reasons[lostFuture] != 1 || reasons[lostLate] != 1 || len(reasons) != 2 {
		t.Errorf("dead letters: %v", reasons)
	}
	if !slices.IsSorted(marks) || marks[len(marks)-1] != 105*second {
		t.Errorf("time went %v", marks)
	}
}

// Ten minutes without brokers, in virtual time: no process ends, and all comes out that comes out without the outage.
func TestTenMinutesWithoutBrokers(t *testing.T) {
	one(t)
	for _, name := range []string{"passing", "keeping", "sharing"} {
		s := newSimulator(t, name)
		s.pipelines[0].results[0] = s.run(0, true)
		s.outage = 10 * time.Minute
		out := s.run(0, true)
		if len(out.violations) > 0 || len(out.exits) > 0 || len(out.records) == 0 {
			t.Errorf("%s: %d records, violations %v, exits %v", name, len(out.records), out.violations, out.exits)
		}
	}
}

// I2 no regress: what a lane says of its time to those after it never goes back, over kills, restarts from snapshots, and
// partitions that change hands.
func TestTimeDoesNotGoBackOverRestarts(t *testing.T) {
	b, err := embedded.Start(embedded.Options{MinSession: time.Second})
	must(t, err)
	defer b.Close()
	c := &cluster{t: t, bootstrap: b.Addr(), name: "i2"}
	p, client := c.plan(newKit(), windowed, "a", 4), c.client()
	feed := slices.DeleteFunc(c.day(4, 120), func(m broker.Message) bool { return m.Topic != c.name+".left" })
	tp, sent, extra := broker.TopicPartition{Topic: c.name + ".left", Partition: 1}, 0, 0
	// send sends the feed up to a second, with a row before it that is behind and not late: who has forgotten how late it is
	// would begin with its time.
	send := func(to int) {
		var behind []broker.Message
		for part := range 4 {
			behind = append(behind, c.point("left", part, fmt.Sprint("l", part), 1, max(float64(sent-15), 0)))
		}
		must(t, client.Produce(c.context(), append(behind, feed[sent*4:to*4]...)))
		sent, extra = to, extra+1
	}
	passed := func() { c.reached(p, tp, int64(sent+extra)) }
	send(40)
	first := c.start(p, false)
	passed()
	first.halt()
	send(70)
	second, m := c.begin(p)
	passed()
	second.kill(m)
	one := c.start(p, false)
	c.until("ready", func() bool { return one.share() == 4 })
	two := c.start(c.plan(newKit(), windowed, "b", 4), false)
	c.until("an even share", func() bool { return one.share() == 2 && two.share() == 2 })
	send(100)
	passed()
	two.halt()
	c.until("all again", func() bool { return one.share() == 4 })
	send(120)
	passed()
	one.halt()
	last, told := map[string]int64{}, 0
	recs := c.committed(p.Topics.Events.Name)
	slices.SortStableFunc(recs, func(a, b pipeline.Record) int { return int(a.Offset - b.Offset) })
	for i := range recs {
		lane, ok := recs[i].Header(schemas.HeaderLane)
		text, marked := recs[i].Header(schemas.HeaderWatermark)
		if !ok || !marked || len(text) == 0 || !strings.HasPrefix(string(lane), "left/") {
			continue
		}
		mark, err := strconv.ParseInt(string(text), 10, 64)
		must(t, err)
		key := fmt.Sprint(string(lane), " in ", recs[i].Partition)
		if before, known := last[key]; known && mark <= before {
			t.Errorf("%s says %d at offset %d, after %d", key, mark, recs[i].Offset, before)
		}
		last[key] = mark
		told++
	}
	if told < 20 {
		t.Errorf("time was told %d times", told)
	}
}
