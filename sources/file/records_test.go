package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/homeostat/homeostat/pipeline"
)

// recordSettings returns the defaults for records with changes.
func recordSettings(root string, changes pipeline.Settings) pipeline.Settings {
	s := settings(root, pipeline.Settings{"paths": list1("*")})
	delete(s, "time")
	for k, v := range changes {
		s[k] = v
	}
	return s
}

// readRecords reads all files, one after the other: "path:line text", and how many were lost.
func readRecords(t testing.TB, s pipeline.Settings) (records []string, lost int64, log string, err error) {
	t.Helper()
	made, err := New(s)
	if err != nil {
		return nil, 0, "", err
	}
	src := made.(*Records)
	var out bytes.Buffer
	env := &pipeline.Env{Logger: slog.New(slog.NewTextHandler(&out, nil))}
	if err := src.Open(context.Background(), env, nil); err != nil {
		return nil, 0, "", err
	}
	defer src.Close()
	for p := range src.Partitions() {
		for last := int64(0); ; {
			in, err := src.NextOf(context.Background(), int32(p))
			if err == io.EOF {
				break
			}
			if err != nil {
				return records, lost, out.String(), err
			}
			for _, rec := range in.Records {
				path, _ := rec.Header(Header)
				if rec.Offset <= last || rec.Offset >= in.Next || rec.Partition != int32(p) {
					t.Errorf("record %s:%d of partition %d after line %d, next %d", path, rec.Offset, rec.Partition, last, in.Next)
				}
				last = rec.Offset
				records = append(records, fmt.Sprintf("%s:%d %s", path, rec.Offset, rec.Value))
			}
			if in.Lost != "" && (in.Lost != "line" || len(in.Records) > 0) {
				t.Errorf("lost %q beside %d records", in.Lost, len(in.Records))
			}
			lost += in.LostRecords
			in.Release()
		}
	}
	return records, lost, out.String(), nil
}

func packed(t testing.TB, text string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return string(z.EncodeAll([]byte(text), nil))
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.String()
}

func TestRecords(t *testing.T) {
	for _, c := range []struct {
		fact     string
		files    map[string]string
		settings pipeline.Settings
		want     []string
		lost     int64
		log      string
	}{
		{fact: "a record a line", files: map[string]string{"a": "one\ntwo\n"}, want: []string{"a:1 one", "a:2 two"}},
		{fact: "no line end at the end", files: map[string]string{"a": "one\ntwo"}, want: []string{"a:1 one", "a:2 two"}},
		{fact: "nothing in it", files: map[string]string{"a": "", "b": "one"}, want: []string{"b:1 one"}},
		{fact: "blank lines count and are no records", files: map[string]string{"a": "\n\none\n\r\n\ntwo\n\n"}, want: []string{"a:3 one", "a:6 two"}},
		{fact: "CRLF and a byte order mark", files: map[string]string{"a": "\xef\xbb\xbfone\r\ntwo\r\n"}, want: []string{"a:1 one", "a:2 two"}},
		{fact: "a byte order mark alone", files: map[string]string{"a": "\xef\xbb\xbf"}},
		{fact: "a byte order mark elsewhere stays", files: map[string]string{"a": "one\n\xef\xbb\xbftwo"}, want: []string{"a:1 one", "a:2 \xef\xbb\xbftwo"}},
		{fact: "bytes that are no text", files: map[string]string{"a": "\x00\xff\n\x80"}, want: []string{"a:1 \x00\xff", "a:2 \x80"}},
		{fact: "a folder stands for all below it, and each file is read once", files: map[string]string{"l/b/x": "3\n", "l/a": "1\n", "l/b/a/y": "2\n", "m": "4\n"},
			settings: pipeline.Settings{"paths": list1("l/", "l/a", "./l/*/x")}, want: []string{"l/a:1 1", "l/b/a/y:1 2", "l/b/x:1 3"}},
		{fact: "a glob leaves folders out", files: map[string]string{"l/x": "3\n", "a": "1\n"}, want: []string{"a:1 1"}},
		{fact: "gzip and zstd, by how they begin", files: map[string]string{"a": gzipped("one\n"), "b.zst": packed(t, "two\n"), "c": packed(t, "three\n"), "d.gz": "four\n"},
			want: []string{"a:1 one", "b.zst:1 two", "c:1 three", "d.gz:1 four"}},
		{fact: "two members of gzip", files: map[string]string{"a": gzipped("one\n") + gzipped("two\n")}, want: []string{"a:1 one", "a:2 two"}},
		{fact: "a file as one record", files: map[string]string{"a": "\xef\xbb\xbfone\r\n\ntwo\n", "b": "", "c": "three"}, settings: pipeline.Settings{"format": "whole"},
			want: []string{"a:1 \xef\xbb\xbfone\r\n\ntwo\n", "c:1 three"}},
		{fact: "a file that is too large as one record", files: map[string]string{"a": strings.Repeat("x", 101), "b": strings.Repeat("y", 100)},
			settings: pipeline.Settings{"format": "whole", "max_line": int64(100)}, want: []string{"b:1 " + strings.Repeat("y", 100)}, lost: 1, log: "a:1"},
		{fact: "lines that are too long are lost, and located", files: map[string]string{"a": "one\n" + strings.Repeat("x", 101) + "\n" + strings.Repeat("y", 100) + "\r\n" + strings.Repeat("z", 300_000)},
			settings: pipeline.Settings{"max_line": int64(100)}, want: []string{"a:1 one", "a:3 " + strings.Repeat("y", 100)}, lost: 2, log: "a:4"},
		{fact: "records of several lines", files: map[string]string{"a": "  head\n2026 one\n\tat x\n\n\tat y\n2026 two\n2026 three\nmore"},
			settings: pipeline.Settings{"starts": `^\d{4} `}, want: []string{"a:1   head", "a:2 2026 one\n\tat x\n\n\tat y", "a:6 2026 two", "a:7 2026 three\nmore"}},
		{fact: "a record of several lines that is too long", files: map[string]string{"a": "> one\n" + strings.Repeat(strings.Repeat("x", 60)+"\n", 3) + "> two\n"},
			settings: pipeline.Settings{"starts": `^>`, "max_line": int64(100)}, want: []string{"a:5 > two"}, lost: 1, log: "a:1"},
	} {
		t.Run(c.fact, func(t *testing.T) {
			got, lost, log, err := readRecords(t, recordSettings(folder(t, c.files), c.settings))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || lost != c.lost || !strings.Contains(log, c.log) {
				t.Errorf("lost %d, log %q, records (-want +got):\n%s", lost, log, diff)
			}
		})
	}
}

// What is read does not depend on where a chunk ends.
func TestRecordsOverChunks(t *testing.T) {
	var text strings.Builder
	var want []string
	for i := range 5000 {
		line := fmt.Sprintf("%d %s", i, strings.Repeat("x", i%97*i%1013))
		fmt.Fprintln(&text, line)
		want = append(want, fmt.Sprintf("a:%d %s", i+1, line))
	}
	for _, changes := range []pipeline.Settings{nil, {"starts": `^\d`}} {
		got, lost, _, err := readRecords(t, recordSettings(folder(t, map[string]string{"a": text.String()}), changes))
		if err != nil || lost > 0 {
			t.Fatal(err, lost)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRecordsBear(t *testing.T) {
	src, err := New(recordSettings(folder(t, map[string]string{"a": "one"}), pipeline.Settings{"written": "2026-11-23T04:00:00Z"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Open(context.Background(), &pipeline.Env{Logger: slog.New(slog.DiscardHandler)}, nil); err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	in, err := src.Next(context.Background())
	if err != nil || len(in.Records) != 1 || in.Records[0].Timestamp != 1_795_406_400_000 {
		t.Errorf("%+v, %v", in, err)
	}
	if _, err := src.Next(context.Background()); err != io.EOF {
		t.Error(err)
	}
}

// A file that can't be read to its end is an error, behind what could be read of it.
func TestRecordsFaults(t *testing.T) {
	whole := gzipped(strings.Repeat("a line of a log\n", 1) + strings.Repeat("another\n", 200_000))
	frame := packed(t, "one\n"+strings.Repeat("another\n", 200_000))
	for _, c := range []struct {
		fact, code, text string
		files            map[string]string
		settings         pipeline.Settings
	}{
		{fact: "truncated gzip", code: "file.read", files: map[string]string{"a": whole[:len(whole)/2]}, text: "a:"},
		{fact: "gzip without its end", code: "file.read", files: map[string]string{"a": whole[:len(whole)-4]}, text: "a:200002"},
		{fact: "truncated zstd", code: "file.read", files: map[string]string{"a": frame[:len(frame)/2]}, text: "a:"},
		{fact: "nothing but gzip's magic", code: "file.packed", files: map[string]string{"a": "\x1f\x8b"}, text: "a"},
		{fact: "no zstd", code: "file.zstd", files: map[string]string{"a.zst": "one\n"}, text: "a.zst"},
		{fact: "empty zstd", code: "file.zstd", files: map[string]string{"a.zst": ""}, text: "a.zst"},
		{fact: "a bomb", code: "file.size", files: map[string]string{"a": whole}, settings: pipeline.Settings{"max_file": int64(1 << 16)}, text: "a:"},
		{fact: "a bomb as one record", code: "file.size", files: map[string]string{"a": whole}, settings: pipeline.Settings{"format": "whole", "max_file": int64(1 << 16)}, text: "a:1"},
		{fact: "no file", code: "file.paths.nothing", settings: pipeline.Settings{"paths": list1("nowhere")}},
		{fact: "an empty folder", code: "file.paths.nothing", settings: pipeline.Settings{"paths": list1(".")}},
		{fact: "CSV's settings", code: "file.records.setting", settings: pipeline.Settings{"metric": "x"}},
		{fact: "CSV's order", code: "file.records.setting", settings: pipeline.Settings{"reorder": time.Second}},
		{fact: "CSV without time", code: "file.time.missing", settings: pipeline.Settings{"format": "wide"}},
		{fact: "records' settings for CSV", code: "file.csv.setting", settings: pipeline.Settings{"format": "wide", "time": pipeline.Settings{"column": "t"}, "starts": "x"}},
		{fact: "no expression", code: "file.expression", settings: pipeline.Settings{"starts": "("}},
		{fact: "lines of a whole", code: "file.records.starts", settings: pipeline.Settings{"format": "whole", "starts": "x"}},
		{fact: "no time", code: "file.records.written", settings: pipeline.Settings{"written": "yesterday"}},
		{fact: "the year 2286", code: "file.records.written", settings: pipeline.Settings{"written": "2286-01-01T00:00:00Z"}},
	} {
		t.Run(c.fact, func(t *testing.T) {
			records, _, _, err := readRecords(t, recordSettings(folder(t, c.files), c.settings))
			if pipeline.Code(err) != c.code || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v after %d records", err, len(records))
			}
		})
	}
}

func TestRecordsOfAVanishedFolder(t *testing.T) {
	dir := folder(t, map[string]string{"l/a": "one\n", "l/b": "two\n"})
	src, err := New(recordSettings(dir, pipeline.Settings{"paths": list1("l")}))
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Open(context.Background(), &pipeline.Env{Logger: slog.New(slog.DiscardHandler)}, nil); err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if err := os.RemoveAll(filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Next(context.Background()); pipeline.Code(err) != "file.open" || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "l/a") {
		t.Error(err)
	}
}

func TestRecordsThatMayNotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read all files")
	}
	dir := folder(t, map[string]string{"a": "one\n"})
	if err := os.Chmod(filepath.Join(dir, "a"), 0); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := readRecords(t, recordSettings(dir, nil)); pipeline.Code(err) != "file.open" {
		t.Error(err)
	}
}

// A link that leads nowhere is a file that can't be read, and not one that isn't there.
func TestRecordsOfADanglingLink(t *testing.T) {
	dir := folder(t, map[string]string{"a": "one\n"})
	if err := os.Symlink("nowhere", filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if records, _, _, err := readRecords(t, recordSettings(dir, nil)); pipeline.Code(err) != "file.open" || len(records) != 1 {
		t.Error(records, err)
	}
}

// BenchmarkRecords reads lines of 200 bytes, plain and packed.
func BenchmarkRecords(b *testing.B) {
	text := strings.Repeat(strings.Repeat("x", 199)+"\n", 100_000)
	for name, data := range map[string]string{"plain": text, "gzip": gzipped(text), "zstd": packed(b, text)} {
		b.Run(name, func(b *testing.B) {
			dir := folder(b, map[string]string{"a": data})
			b.ReportAllocs()
			for b.Loop() {
				src, err := New(recordSettings(dir, nil))
				if err != nil {
					b.Fatal(err)
				}
				if err := src.Open(context.Background(), &pipeline.Env{Logger: slog.New(slog.DiscardHandler)}, nil); err != nil {
					b.Fatal(err)
				}
				n := 0
				for {
					in, err := src.Next(context.Background())
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					n += len(in.Records)
				}
				src.Close()
				if n != 100_000 {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/record")
		})
	}
}
