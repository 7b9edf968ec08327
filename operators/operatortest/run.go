package operatortest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/homeostat/homeostat/pipeline"
)

// ThreadsOnly is an environment variable. If it is not empty, the kit runs a case only plainly and in the ways in which two
// goroutines meet. It is for a run under the race detector, which makes all the other ways many times slower and has nothing to
// find in them, beside a second run without the detector and without the variable.
const ThreadsOnly = "OPERATORTEST_THREADS_ONLY"

// OneGoroutine skips a test under ThreadsOnly. It is for a test that computes much, in its own goroutine.
func OneGoroutine(t testing.TB) {
	t.Helper()
	if threadsOnly() {
		t.Skipf("a test of one goroutine is skipped where %s is set: it runs without the race detector", ThreadsOnly)
	}
}

func threadsOnly() bool { return os.Getenv(ThreadsOnly) != "" }

// Case is one operator with an input and what it must make of it.
type Case struct {
	// New makes the operator, the same each time.
	New func() (pipeline.Operator, error)
	// Env changes the environment before Open; nil leaves it: pipeline "test", component "op", windows of 10s.
	Env   func(*pipeline.Env)
	Input *Input
	// Want is the output in the notation of Output.Text; space around lines does not matter. Empty wants nothing in particular.
	Want string
	// Silent wants no output at all.
	Silent bool
	// Lost is how many rows the operator must lose, by reason. Nil: none.
	Lost map[string]int
	// FixedTime keeps the watermarks where they are written, for cases at a limit: there it matters when time is told.
	FixedTime bool
	// AnyOrder says that the order of rows between two watermarks does not matter: shuffled they must give the same bytes.
	AnyOrder bool
	// Check looks at the output of the plain run; nil does not.
	Check func(t testing.TB, out *Output)
}

// Run runs the case in all the ways that the package describes.
func Run(t testing.TB, c Case) {
	t.Helper()
	c.subject().run(t)
}

// Once feeds the input as it is written, a single time, and calls Check: for what a case must know before it can say what it
// wants. Nothing else of the case is looked at.
func Once(t testing.TB, c Case) {
	t.Helper()
	c.subject().drive(t, variant{name: "plain", retain: true})
}

// DetectorCase is one detector with an input of windows and what it must find.
type DetectorCase struct {
	New   func() (pipeline.Detector, error)
	Env   func(*pipeline.Env)
	Input *Input
	// Want is the findings in the notation of Output.Text. Empty wants nothing in particular.
	Want   string
	Silent bool
	Lost   map[string]int
	// AnyOrder says that the order of a window's rows does not matter.
	AnyOrder bool
	Check    func(t testing.TB, out *Output)
}

// RunDetector runs the case in all the ways that the package describes.
func RunDetector(t testing.TB, c DetectorCase) {
	t.Helper()
	Case{
		New: func() (pipeline.Operator, error) {
			d, err := c.New()
			if err != nil {
				return nil, err
			}
			return adapt(d), nil
		},
		Env: c.Env, Input: c.Input, Want: c.Want, Silent: c.Silent, Lost: c.Lost, AnyOrder: c.AnyOrder, Check: c.Check,
	}.subject().run(t)
}

type subject struct {
	Case
	late bool // the input has rows behind its watermark
}

func (c Case) subject() *subject {
	c.Input.finish()
	s := &subject{Case: c}
	mark, any := int64(0), false
	for _, st := range c.Input.steps {
		if st.record == nil {
			mark, any = st.watermark, true
			continue
		}
		for i := 0; any && i < int(st.record.NumRows()); i++ {
			s.late = s.late || late(st.kind, timeOf(st.kind, st.record, i), mark)
		}
	}
	return s
}

// variant is one way to run a case.
type variant struct {
	name string
	// size is the number of rows in a batch; 0 is as many as can be, -1 random by seed.
	size int
	seed uint64
	// offset makes batches slices of larger records.
	offset bool
	// retain keeps all output to the end.
	retain bool
	// restore saves and restores at each border.
	restore bool
	// freeze saves at each border and writes what was saved later.
	freeze bool
	// evict puts strange series between those of the input and evicts them at each border.
	evict bool
	// threads leaves out the freezes that no other goroutine writes, and all but one at each so many borders.
	threads bool
	every   int
	time    timing
	// shuffle puts the rows between two watermarks, or between rows of another kind, into another order.
	shuffle bool
	// failAt makes the n-th Emit fail; 0 none.
	failAt int
	// steps ends the input early; 0 is all of it.
	steps int
}

type timing uint8

const (
	asWritten timing = iota
	between          // also between batches, as far as is safe
	atEnd            // only the last
)

func (s *subject) variants() []variant {
	vs := []variant{
		{name: "again"},
		{name: "batches of 1", size: 1, retain: true},
		{name: "batches of 7", size: 7, offset: true},
		{name: "slices", offset: true, retain: true},
		{name: "random batches", size: -1, seed: 1},
		{name: "other random batches", size: -1, seed: 2, offset: true, retain: true},
		{name: "restored", restore: true},
		{name: "restored, random batches", size: -1, seed: 3, restore: true, offset: true},
		{name: "restored, batches of 1", size: 1, restore: true},
		{name: "frozen, random batches", size: -1, seed: 5, freeze: true},
		{name: "frozen, batches of 1", size: 1, freeze: true},
		{name: "others evicted, random batches", size: -1, seed: 6, evict: true},
		{name: "time between batches", size: -1, seed: 4, time: between},
		{name: "time between rows, restored", size: 1, restore: true, time: between},
	}
	if s.AnyOrder && !s.FixedTime {
		vs = append(vs,
			variant{name: "shuffled", shuffle: true, seed: 5}, variant{name: "shuffled, batches of 1", shuffle: true, seed: 6, size: 1},
			variant{name: "shuffled, random batches, restored", shuffle: true, size: -1, seed: 7, restore: true},
			variant{name: "shuffled otherwise", shuffle: true, seed: 8, size: 7, offset: true, retain: true})
	}
	if !s.late {
		vs = append(vs, variant{name: "time at the end", time: atEnd}, variant{name: "time at the end, batches of 1", size: 1, time: atEnd})
	}
	return vs
}

func (s *subject) run(t testing.TB) {
	t.Helper()
	s.lifecycle(t)
	plain := s.drive(t, variant{name: "plain", retain: true})
	s.expect(t, plain)
	if t.Failed() {
		return
	}
	_, stateful := s.make(t).(pipeline.Snapshotter)
	rows := s.Input.rows()
	threads := threadsOnly()
	for _, v := range s.variants() {
		saves := v.restore || v.freeze || v.evict
		if saves && !stateful || v.time != asWritten && s.FixedTime || saves && rows > maxRestoreRows && v.size != 0 || threads && !v.freeze {
			continue
		}
		v.threads, v.every = threads, 1+rows/maxThreadedFreezes
		got := s.drive(t, v)
		if diff := cmp.Diff(plain.exact, got.exact, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: output differs from the plain run (-plain +%s):\n%s", v.name, v.name, clip(diff))
		}
		if diff := cmp.Diff(plain.Lost, got.Lost); diff != "" {
			t.Errorf("%s: losses differ from the plain run:\n%s", v.name, diff)
		}
		if t.Failed() {
			return
		}
	}
	if threads {
		return
	}
	s.prefixes(t, plain)
	for n := 1; n <= min(3, plain.emits); n++ {
		s.drive(t, variant{name: fmt.Sprintf("output %d fails", n), failAt: n})
	}
}

// maxThreadedFreezes is about how many freezes a variant has under ThreadsOnly: goroutines meet in all of them alike.
const maxThreadedFreezes = 150

// maxRestoreRows bounds the inputs that are snapshotted at every row.
const maxRestoreRows = 2000

// expect compares the plain run with what the case wants.
func (s *subject) expect(t testing.TB, out *Output) {
	t.Helper()
	if want := tidy(s.Want); want != "" {
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(tidy(out.Text()), "\n")); diff != "" {
			t.Errorf("output (-want +got):\n%s", diff)
		}
	}
	if s.Silent && len(out.exact) > 0 {
		t.Errorf("output where none was wanted:\n%s", clip(out.Text()))
	}
	want := s.Lost
	if want == nil {
		want = map[string]int{}
	}
	if diff := cmp.Diff(want, out.Lost); diff != "" {
		t.Errorf("rows lost (-want +got):\n%s", diff)
	}
}

// prefixes checks that what was put out for the beginning of the input does not depend on its end.
func (s *subject) prefixes(t testing.TB, plain *Output) {
	t.Helper()
	n := len(s.Input.steps)
	for _, k := range []int{n / 5, n / 2, n - 1} {
		if k <= 0 {
			continue
		}
		got := s.drive(t, variant{name: "ends early", steps: k})
		want := plain.exact[:min(len(plain.exact), plain.byStep[k-1])]
		if diff := cmp.Diff(want, got.exact, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("I12 no look-ahead: the first %d of %d steps give something else when the rest is missing (-with +without):\n%s", k, n, clip(diff))
			return
		}
	}
}

// lifecycle checks Close without Open and Close twice.
func (s *subject) lifecycle(t testing.TB) {
	t.Helper()
	op := s.make(t)
	for i, when := range []string{"without Open", "twice without Open"} {
		if err := op.Close(); err != nil {
			t.Errorf("Close %s (call %d): %v", when, i+1, err)
		}
	}
}

func (s *subject) make(t testing.TB) pipeline.Operator {
	t.Helper()
	op, err := s.New()
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return op
}

func (in *Input) rows() int {
	n := 0
	for _, s := range in.steps {
		if s.record != nil {
			n += int(s.record.NumRows())
		}
	}
	return n
}

// tidy strips the space around each line and empty lines.
func tidy(text string) string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

func clip(s string) string {
	if len(s) > 4000 {
		return s[:4000] + "…"
	}
	return s
}
