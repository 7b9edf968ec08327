package miner

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValuesBySight(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"took 35 ms", "took <*> ms"},
		{"took 1.5s of -3", "took <*> of <*>"},
		{"from 10.0.3.4:8080 to [fe80::1:2ff]", "from <*>:<*> to [<*>]"},
		{"mac FF:F2:9F:16:E2:23 up", "mac <*> up"},
		{"irq of 0000:00:1f.0 taken", "irq of <*> taken"},
		{"opened /var/log/app/x.log: ok", "opened <*>: ok"},
		{"opened ./x.log, ../y and ~/z", "opened <*>, <*> and <*>"},
		{`copied C:\Windows\x.dll to D:\y`, "copied <*> to <*>"},
		{"read/write of in/out", "read/write of in/out"},
		{"usage 125k/129k", "usage <*>/<*>"},
		{"GET https://a.example/b?c=d&e=1 done", "GET <*> done"},
		{"at 0x00ff, deadbeef and 8f3a9c00", "at <*>, <*> and <*>"},
		{"request 6f1c2a30-aaaa-bbbb-cccc-000000000001 ok", "request <*> ok"},
		{"blk_-38865049064139660 gone.", "<*> gone."},
		{"core.2275 and a.b.c", "core.<*> and a.b.c"},
		{"exception......0", "exception......<*>"},
		{"host ip-10-0-0-1.ec2.internal", "host <*>"},
		{"version v2.0 of 1.4.1-rc3", "version <*> of <*>"},
		{"at Fri Jul 01 08:16:53 PDT 2005 it was", "at <*> it was"},
		{"at 2024-02-03T04:05:06.789Z, or 2024-02-03 04:05:06,789", "at <*>, or <*>"},
		{"at 04:05 and 3:04:05.5", "at <*> and <*>"},
		{"it may stop on May day", "it may stop on May day"},
		{"enabled=true owner=null", "enabled=<*> owner=<*>"},
		{"r24=0x1 md5=ab12", "r24=<*> md5=<*>"},
		{"freed 3.4 MB of 12 GiB", "freed <*> of <*>"},
		{"freed 3 MBit", "freed <*> MBit"},
		{"name=() [] x=\"\" f()", "name=(<*>) [<*>] x=\"<*>\" f()"},
		{`{"id":5,"name":"two words","msg":"it ran"}`, `{"id":<*>,"name":"<*>","msg":"it ran"}`},
		{`tag="View Lock" msg="it ran"`, `tag="<*>" msg="it ran"`},
		{`quote "it \" ran`, `quote "it \" ran`},
		{"  many   blanks\tbetween ", "many blanks between"},
		{"CPU#0 <init>", "CPU#<*> <init>"},
		{"eth0 of node-D3 up", "eth0 of node-D3 up"},
		{"to db.example.org:5432, at a.b.C and x.go:17", "to <*>:<*>, at a.b.C and x.go:<*>"},
		{"lasted <1 sec, not >3ms", "lasted <*>, not <*>"},
		{"<13> a<5 b <7>", "<<*>> a<<*> b <<*>>"},
		{"12345 67890", "<*> <*>"},
		{"12345", "<*>"},
		{"", ""},
		{" ", ""},
		{"\x00\x01\x02\xff\xfe", "<*>"},
		{">\x00 ''", "><*> ''"},
		{"caf\xc3\xa9 \xff", "café \uFFFD"},
		{"-- ** ++ /", "-- ** ++ /"},
		{"x: - . : .. 5.", "x: - . : .. <*>."},
	} {
		if got := New(Limits{}).Learn([]byte(c.line)).Text(); got != c.want {
			t.Errorf("%q is %q, not %q", c.line, got, c.want)
		}
	}
}

// many are lines that have different words at the sign.
func many(n int, format string) (lines []string) {
	for i := range n {
		lines = append(lines, strings.ReplaceAll(format, "%", name(i)))
	}
	return lines
}

// name is a word without digits.
func name(i int) string {
	b := []byte("aaaa")
	for k := range b {
		b[k] += byte(i % 26)
		i /= 26
	}
	return string(b)
}

func TestMerging(t *testing.T) {
	for _, c := range []struct {
		fact  string
		lines []string
		want  []string
	}{{
		fact:  "a word where others have a value",
		lines: []string{"login of user alice failed", "login of user u1234 failed", "login of user bob failed"},
		want:  []string{"login of user <*> failed"},
	}, {
		fact:  "the value may come first",
		lines: []string{"login of user u1234 failed", "login of user alice failed"},
		want:  []string{"login of user <*> failed"},
	}, {
		fact:  "not where there is little else",
		lines: []string{"state 17", "state unknown"},
		want:  []string{"state <*>", "state unknown"},
	}, {
		fact:  "a constant says nothing of the words in its place",
		lines: []string{"login of user root failed", "login of user alice failed"},
		want:  []string{"login of user <*> failed", "login of user alice failed"},
	}, {
		fact:  "a constant and a value are values",
		lines: []string{"the owner is null", "the owner is 17"},
		want:  []string{"the owner is <*>"},
	}, {
		fact:  "a few words at one place are different events",
		lines: many(5, "the service % was started"),
		want:  many(5, "the service % was started"),
	}, {
		fact:  "many are one",
		lines: many(6, "the service % was started"),
		want:  []string{"the service <*> was started"},
	}, {
		fact:  "fewer other words take more",
		lines: slices.Concat(many(23, "% startup succeeded"), many(24, "% shutdown succeeded")),
		want:  append(many(23, "% startup succeeded"), "<*> shutdown succeeded"),
	}, {
		fact:  "words that change together are values when there are more of them",
		lines: slices.Concat(many(24, "wake lock of tag=% and name=%.x is held by pid=7"), many(23, "sleep lock of tag=% and name=%.x is held by pid=7")),
		want:  append([]string{"wake lock of tag=<*> and name=<*> is held by pid=<*>"}, many(23, "sleep lock of tag=% and name=%.x is held by pid=<*>")...),
	}, {
		fact:  "a flood of words",
		lines: many(400, "%"),
		want:  []string{"<*>"},
	}, {
		fact:  "lists of any length",
		lines: []string{"ask for block 1 2 3 to delete", "ask for block 1 to delete", "ask for block 1 2 3 4 5 to delete"},
		want:  []string{"ask for block <*> to delete"},
	}, {
		fact:  "a pair is no list",
		lines: []string{"set size 1 2", "set size 1"},
		want:  []string{"set size <*> <*>", "set size <*>"},
	}, {
		fact:  "a value in brackets that some lines have",
		lines: []string{"closed, 10 bytes sent", "closed, 1034 bytes (1.01 KB) sent"},
		want:  []string{"closed, <*> bytes<*>sent"},
	}} {
		t.Run(c.fact, func(t *testing.T) {
			m := New(Limits{})
			var got []string
			var all []*Template
			for _, l := range c.lines {
				all = append(all, m.Learn([]byte(l)))
			}
			for _, a := range all {
				if x := a.Text(); !slices.Contains(got, x) {
					got = append(got, x)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%q, not\n%q", got, c.want)
			}
			if len(m.alive) != len(c.want) {
				t.Errorf("%d templates, not %d", len(m.alive), len(c.want))
			}
			if first := m.Learn([]byte(c.lines[0])).ID; len(c.want) == 1 && first != all[0].ID {
				t.Errorf("the id went from %x to %x", all[0].ID, first)
			}
		})
	}
}

// words of random lines: some values, some words, so that all rules have their turn.
var vocabulary = strings.Fields(`a b c open closed user host eth0 eth1 L2 true null 10.0.0.1 17 0xff x=1 x=y (3) () [a] /a/b 1,2 1,2,3 {"k":"v"} "s" a.b.c1 : -`)

func randomLines(seed uint64, n int) (lines [][]byte) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range n {
		var l []string
		for range 1 + rnd.IntN(9) {
			l = append(l, vocabulary[rnd.IntN(len(vocabulary))])
		}
		if rnd.IntN(2) == 0 {
			l = append(strings.Fields("the request of this user was sent to"), l...)
		}
		lines = append(lines, []byte(strings.Join(l, " ")))
	}
	return lines
}

// TestMemoSaysWhatFindSays: what is remembered is what would be found.
func TestMemoSaysWhatFindSays(t *testing.T) {
	for seed := range uint64(4) {
		lines := randomLines(seed, 3000)
		a, b := New(Limits{Templates: 300}), New(Limits{Templates: 300})
		for i, l := range lines {
			b.memo.clear()
			slow := b.oldest(l)
			x, y := a.Learn(l), b.Learn(l)
			if slow != nil && slow.Now() != y {
				t.Fatalf("seed %d, line %d %q: %q, but the oldest that matches is %q", seed, i, l, y.Text(), slow.Text())
			}
			if x.ID != y.ID || x.Text() != y.Text() {
				t.Fatalf("seed %d, line %d %q: %x %q with a memo, %x %q without", seed, i, l, x.ID, x.Text(), y.ID, y.Text())
			}
		}
		if a.Forgotten() == 0 || len(a.Merges()) == 0 {
			t.Errorf("seed %d: %d forgotten, %d merged: not what this test is for", seed, a.Forgotten(), len(a.Merges()))
		}
	}
}

// oldest looks at all templates.
func (m *Miner) oldest(line []byte) *Template {
	f := split(m.reader.shape(nil, line))
	r, _, _ := f.relaxed()
	for _, t := range m.alive {
		if g := map[bool]*form{false: f, true: r}[t.form.elastic]; t.form.matches(g) {
			return t
		}
	}
	return nil
}

// TestRestoredGoesOnAlike: a miner that was stored and restored says what the one that went on says.
func TestRestoredGoesOnAlike(t *testing.T) {
	for seed := range uint64(3) {
		lines := randomLines(seed, 2000)
		limits := Limits{Templates: 300}
		a, b := New(limits), New(limits)
		for i, l := range lines {
			if i%97 == 0 {
				f := b.Freeze()
				b.Learn([]byte("a frozen miner stays as it is while the miner goes on"))
				var saved []Saved
				f.Templates(func(s Saved) { saved = append(saved, s) })
				var err error
				if b, err = Restore(limits, f, saved); err != nil {
					t.Fatal(err)
				}
			}
			if x, y := a.Learn(l), b.Learn(l); *y != (Template{ID: x.ID, First: x.First, number: x.number, seen: x.seen, count: x.count, form: y.form, loose: y.loose, stretch: x.stretch}) || x.Text() != y.Text() || a.bytes != b.bytes {
				t.Fatalf("seed %d, line %d %q: %x %q, restored %x %q", seed, i, l, x.ID, x.Text(), y.ID, y.Text())
			}
		}
		if !slices.Equal(a.Merges(), b.Merges()) || a.Forgotten() != b.Forgotten() {
			t.Errorf("merges %v, restored %v", a.Merges(), b.Merges())
		}
	}
}

// TestLineBelongsToItsTemplate: a line that comes again has the template it had, or that into which this one was merged.
func TestLineBelongsToItsTemplate(t *testing.T) {
	for seed := range uint64(3) {
		lines := randomLines(seed, 1000)
		m := New(Limits{})
		var of []*Template
		for _, l := range lines {
			x := m.Learn(l)
			if y := m.Learn(l); x.Now() != y {
				t.Fatalf("%q is of %q, and then of %q", l, x.Text(), y.Text())
			}
			of = append(of, x)
		}
		for _, x := range of {
			if !slices.Contains(m.alive, x.Now()) {
				t.Fatalf("%q is no template any more", x.Text())
			}
		}
	}
}

func TestRestoreRefusesWhatIsNoForm(t *testing.T) {
	for _, s := range []string{"", "x", "pab", "p\x1fab", "p\x10ab", "p\x17\x00"} {
		if _, err := Restore(Limits{}, &Frozen{Numbers: 9}, []Saved{{Form: []byte(s)}}); err == nil {
			t.Errorf("%q is restored", s)
		}
	}
	form := []byte(split([]byte("a")).encode())
	if _, err := Restore(Limits{}, &Frozen{Numbers: 9}, []Saved{{Form: form, Number: 2}, {Form: form, Number: 2}}); err == nil {
		t.Error("two templates of one number are restored")
	}
}

func TestHostileLines(t *testing.T) {
	m := New(Limits{})
	for _, l := range [][]byte{
		bytes.Repeat([]byte("x"), 1<<20), bytes.Repeat([]byte("7"), 1<<20), bytes.Repeat([]byte("a "), 1<<19), bytes.Repeat([]byte(" "), 1<<20),
		bytes.Repeat([]byte("("), 1<<20), bytes.Repeat([]byte("a=b,"), 1<<18), bytes.Repeat([]byte{0}, 1<<20), bytes.Repeat([]byte("/"), 1<<20),
		bytes.Repeat([]byte("."), 1<<20), bytes.Repeat([]byte(":"), 1<<20), bytes.Repeat([]byte("a:"), 1<<19), bytes.Repeat([]byte("1 "), 1<<19),
		bytes.Repeat([]byte(`"k":"`), 1<<18), bytes.Repeat([]byte("Jan "), 1<<18), bytes.Repeat([]byte("(1) "), 1<<18),
	} {
		x := m.Learn(l)
		if y := m.Learn(l); y != x.Now() {
			t.Errorf("%.9q… has another template the second time", l)
		}
		if n := len(x.form.parts); n > maxAtoms+1 || len(x.Text()) > 3*maxLine || !utf8.ValidString(x.Text()) {
			t.Errorf("%.9q… has %d atoms and a text of %d bytes", l, n, len(x.Text()))
		}
	}
}

func TestBounds(t *testing.T) {
	limits := Limits{Templates: 500, Bytes: 1 << 20}
	m := New(limits)
	rnd := rand.New(rand.NewPCG(5, 5))
	for i := range 3000 {
		var l []byte
		for range 2 + rnd.IntN(60) {
			l = fmt.Appendf(l, "%s ", name(rnd.IntN(26*26*26*26)))
		}
		m.Learn(l)
		if n := m.measure(); len(m.alive) > limits.Templates || m.bytes > limits.Bytes || n != m.bytes {
			t.Fatalf("after %d lines: %d templates, %d bytes, in truth %d", i, len(m.alive), m.bytes, n)
		}
	}
	if len(m.families) > limits.Templates || len(m.loose) > limits.Templates || m.Forgotten() == 0 {
		t.Errorf("%d families, %d loose ones, %d forgotten", len(m.families), len(m.loose), m.Forgotten())
	}
	known := m.Learn([]byte("a line that comes often")).ID
	for i := range 5000 {
		m.Learn(fmt.Appendf(nil, "%s %s x %s", name(i), name(i*7), name(i*31)))
		if i%50 == 0 && m.Learn([]byte("a line that comes often")).ID != known {
			t.Fatal("a template that is seen often was lost")
		}
	}
}

// measure adds up what the templates take.
func (m *Miner) measure() (n int) {
	for _, t := range m.alive {
		n += t.form.size()
	}
	return n
}

// TestIdsAgree: two miners that see lines of one shape first have the same id for it, whatever else they saw.
func TestIdsAgree(t *testing.T) {
	a, b := New(Limits{}), New(Limits{})
	for _, l := range randomLines(3, 100) {
		b.Learn(l)
	}
	if x, y := a.Learn([]byte("served 10.0.0.1 within 3 ms")), b.Learn([]byte("served 10.9.9.9 within 44 ms")); x.ID != y.ID {
		t.Errorf("%x and %x", x.ID, y.ID)
	}
}

func TestNoAllocations(t *testing.T) {
	m := New(Limits{})
	lines := []string{"session of user 17 on eth0 opened", "served /a/b to 10.0.0.1:80 at 2024-01-02 03:04:05", "the link is up"}
	i := 0
	learn := func() {
		l := []byte(lines[i%len(lines)])
		m.Learn(l)
		i++
	}
	for range 10 {
		learn()
	}
	buffer := make([]byte, 0, 200)
	if n := testing.AllocsPerRun(1000, func() {
		buffer = append(buffer[:0], lines[i%len(lines)]...)
		m.Learn(buffer)
		i++
	}); n != 0 {
		t.Errorf("%g allocations a line", n)
	}
}

func FuzzLearn(f *testing.F) {
	for _, w := range vocabulary {
		f.Add([]byte(w+" x"), []byte(w))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		m := New(Limits{Templates: 20})
		for _, l := range [][]byte{a, b, a} {
			x := m.Learn(l)
			if y := m.Learn(l); x.Now() != y {
				t.Fatalf("%q is of %q, and then of %q", l, x.Text(), y.Text())
			}
			if g := decode(x.Now().form.encode()); g == nil || g.String() != x.Text() || !utf8.ValidString(x.Text()) {
				t.Fatalf("%q is not stored as it is", x.Text())
			}
		}
	})
}
