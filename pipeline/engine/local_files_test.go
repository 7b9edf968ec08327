package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// folder is a source of records: of each partition the lines, chunk by chunk. A chunk "lost N" says that N records can't be had.
type folder struct {
	files [][]string
	at    []int
	open  bool
}

func (s *folder) Open(context.Context, *pipeline.Env, *pipeline.SeriesTable) error {
	s.at, s.open = make([]int, len(s.files)), true
	return nil
}
func (s *folder) Close() error    { s.open = false; return nil }
func (s *folder) Partitions() int { return len(s.files) }
func (s *folder) Next(context.Context) (pipeline.Input, error) {
	panic("BUG: a partitioned source is read by NextOf")
}

func (s *folder) NextOf(_ context.Context, partition int32) (pipeline.Input, error) {
	file, at := s.files[partition], s.at[partition]
	if at == len(file) {
		return pipeline.Input{}, io.EOF
	}
	s.at[partition]++
	in := pipeline.Input{Partition: partition, Next: int64(1000 * (at + 1)), Release: func() {}}
	if n := 0; strings.HasPrefix(file[at], "lost ") {
		fmt.Sscanf(file[at], "lost %d", &n)
		in.Lost, in.LostRecords = "line", int64(n)
		return in, nil
	}
	chunk := []byte(file[at])
	for i, line := range bytes.Split(chunk, []byte("\n")) {
		in.Records = append(in.Records, pipeline.Record{Partition: partition, Offset: int64(1000*at + i), Value: line})
	}
	in.Release = func() { scribble(chunk) }
	return in, nil
}

const ofFolders = `
version: 1
name: files
instance: a
scope: {entity: ["{{metric}}"], system: shop}
sources:
  - {name: one, folder: {of: one}, codec: lines, late: dead_letter, keyed: KEYED}
detect: [bucket, high]
operate: [incident, answer]
sinks: [memory]
`

// ranFolders runs the pipeline over files and returns all that it wrote, and the account.
func ranFolders(t *testing.T, yaml string, sources map[string][][]string) (*recorder, []Account) {
	t.Helper()
	k := newKit()
	k.AddSource(pipeline.Spec{Name: "folder", Settings: []pipeline.Setting{{Name: "of", Type: pipeline.String}}},
		func(s pipeline.Settings) (pipeline.Source, error) {
			return &folder{files: sources[s.Text("of")]}, nil
		})
	l, r := newLocal(t, k.plan(t, yaml), true)
	if err := l.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(); err != nil {
		t.Fatal(err)
	}
	accounts := l.Accounts()
	for _, a := range accounts {
		if !a.Balanced() {
			t.Errorf("the account does not balance: %+v", a)
		}
	}
	return r, accounts
}

// found are the findings of windows, in the order of what they say.
func found(t *testing.T, r *recorder, all string) []string {
	t.Helper()
	var out []string
	for _, line := range r.lines {
		if _, event, ok := strings.Cut(line, " "); ok && strings.Contains(line, all) && !strings.HasPrefix(line, "files.columns") {
			out = append(out, event)
		}
	}
	slices.Sort(out)
	return out
}

// points makes a line for each second of series that go on over all of it; some values are high.
func points(from, to int, series ...string) string {
	var lines []string
	for at := from; at < to; at++ {
		for _, s := range series {
			lines = append(lines, fmt.Sprintf("%s %d %d", s, (at*7+int(s[0])*3)%5, at))
		}
	}
	return strings.Join(lines, "\n")
}

func notKeyed(yaml string) string { return strings.ReplaceAll(yaml, "KEYED", "false") }

// The same rows in one file and in several give the same windows: files that go on where others end, as rotated ones do, files side by
// side, and rows of one series in both.
func TestFilesArePartitions(t *testing.T) {
	const end = 110
	one := map[string][][]string{"one": {{points(1, 50, "a", "b"), points(50, 90, "a", "b"), points(90, end, "a", "b")}}}
	r, accounts := ranFolders(t, notKeyed(ofFolders), one)
	want := found(t, r, `ce_type="`+schemas.TypeFinding+`"`)
	if len(want) < 20 || accounts[0].In != 2*(end-1) || accounts[0].On != accounts[0].In || len(accounts) != 2 {
		t.Fatalf("%d findings, %+v", len(want), accounts)
	}
	for name, files := range map[string][][]string{
		"rotated":               {{points(1, 60, "a", "b")}, {points(60, 70, "a", "b"), points(70, 90, "a", "b")}, {points(90, end, "a", "b")}},
		"rotated, in any order": {{points(90, end, "a", "b")}, {points(1, 60, "a", "b")}, {points(60, 70, "a", "b"), points(70, 90, "a", "b")}},
		"side by side":          {{points(1, 80, "a"), points(80, end, "a")}, {points(1, 20, "b"), points(20, end, "b")}},
		"shared out":            {{points(1, 70, "a"), points(70, end, "b")}, {points(1, 70, "b"), points(70, end, "a")}},
		"empty ones between":    {{}, {points(1, end, "a")}, {}, {points(1, end, "b")}, {}},
	} {
		t.Run(name, func(t *testing.T) {
			r, accounts := ranFolders(t, notKeyed(ofFolders), map[string][][]string{"one": files})
			if got := found(t, r, `ce_type="`+schemas.TypeFinding+`"`); !slices.Equal(got, want) {
				t.Errorf("%d findings, not %d: %s", len(got), len(want), firstDifference(strings.Join(got, "\n"), strings.Join(want, "\n")))
			}
			if len(accounts) != 3 || accounts[0].In != 2*(end-1) || accounts[2].Source != columnsSource || accounts[2].On != accounts[0].On {
				t.Errorf("%+v", accounts)
			}
			again, _ := ranFolders(t, notKeyed(ofFolders), map[string][][]string{"one": files})
			if again.text() != r.text() {
				t.Error(firstDifference(again.text(), r.text()))
			}
		})
	}
	t.Run("keyed", func(t *testing.T) {
		r, accounts := ranFolders(t, strings.ReplaceAll(ofFolders, "KEYED", "true"), map[string][][]string{"one": {{points(1, end, "a")}, {points(1, end, "b")}}})
		if got := found(t, r, `ce_type="`+schemas.TypeFinding+`"`); !slices.Equal(got, want) {
			t.Errorf("%d findings, not %d", len(got), len(want))
		}
		if len(accounts) != 2 || accounts[0].In != 2*(end-1) {
			t.Errorf("%+v", accounts)
		}
	})
}

// Time does not wait for a file that has ended: windows close while others are read, and not only at the end.
func TestEndedFilesHoldNobodyUp(t *testing.T) {
	k := newKit()
	files := [][]string{{points(1, 5, "a")}, {points(5, 500, "a"), points(500, 600, "a"), points(600, 601, "a")}}
	k.AddSource(pipeline.Spec{Name: "folder", Settings: []pipeline.Setting{{Name: "of", Type: pipeline.String}}},
		func(pipeline.Settings) (pipeline.Source, error) { return &folder{files: files}, nil })
	l, _ := newLocal(t, k.plan(t, notKeyed(ofFolders)), true)
	for range 4 { // a chunk of each, the end of the first, and one more chunk
		if err := l.step(context.Background(), l.files.furthestBehind()); err != nil {
			t.Fatal(err)
		}
	}
	if first, last := l.files.lanes[0], l.files.lanes[1]; !first.ended || last.ended || l.columns.mark != 580*second {
		t.Errorf("ended %t and %t, time is at %d s", first.ended, last.ended, l.columns.mark/second)
	}
	if err := l.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if l.columns.mark != 610*second {
		t.Errorf("at the end time is at %d s", l.columns.mark/second)
	}
}

// What can't be used is a dead letter with the file's partition and the line, or is counted.
func TestFilesLoseNothingSilently(t *testing.T) {
	r, accounts := ranFolders(t, notKeyed(ofFolders), map[string][][]string{"one": {{"a 1 100\n! no\na 1 101"}, {"lost 3", "a 1 102\na 1 3\nlost", "lost 2"}}})
	if want := map[string]int64{"line": 5, "undecodable": 1, "late": 1, "unusable": 1}; !maps.Equal(accounts[0].Lost, want) || accounts[0].In != 11 {
		t.Errorf("%+v", accounts[0])
	}
	dead := found(t, r, `hs-stage=`)
	if len(dead) != 2 || !strings.Contains(dead[0], `hs-topic="one" hs-partition="0" hs-offset="1"`) && !strings.Contains(dead[1], `hs-topic="one" hs-partition="0" hs-offset="1"`) {
		t.Errorf("%q", dead)
	}
}

// Files of records and of columns are merged by time.
func TestFilesOfBothKinds(t *testing.T) {
	yaml := strings.Replace(notKeyed(ofFolders), "detect:", "  - {name: two, folder: {of: two}, codec: lines, late: drop, topic: live}\ndetect:", 1)
	both := map[string][][]string{"one": {{points(1, 100, "a")}, {points(50, 200, "b")}}, "two": {{points(1, 200, "c")}}}
	r, accounts := ranFolders(t, yaml, both)
	if len(accounts) != 4 || accounts[1].Source != "two" || accounts[1].On != 199 || accounts[0].On != 249 || accounts[3].On != 249 {
		t.Errorf("%+v", accounts)
	}
	if again, _ := ranFolders(t, yaml, both); again.text() != r.text() {
		t.Error(firstDifference(again.text(), r.text()))
	}
}
