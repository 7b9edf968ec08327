package file

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

func TestClock(t *testing.T) {
	for _, c := range []struct {
		format, zone, text string
		want               int64 // 0: refused
	}{
		{"auto", "UTC", "1661140279", 1661140279e9},
		{"auto", "UTC", "1661140279.5", 1661140279.5e9},
		{"auto", "UTC", "1661140279123", 1661140279123e6},
		{"auto", "UTC", "1661140279123456", 1661140279123456e3},
		{"auto", "UTC", "1661140279123456789", 1661140279123456789},
		{"auto", "UTC", "2014-04-01 00:05:00", 1396310700e9},
		{"auto", "UTC", "2014-04-01T00:05:00.25+02:00", 1396303500.25e9},
		{"auto", "Europe/Berlin", "2014-04-01 00:05:00", 1396303500e9},
		{"auto", "UTC", "yesterday", 0},
		{"auto", "UTC", "", 0},
		{"auto", "UTC", "NaN", 0},
		{"auto", "UTC", "1e300", 0},
		{"unix", "UTC", "0.000000001", 1},
		{"unix", "UTC", "-1.5", -1.5e9},
		{"unix", "UTC", "99999999999999", 0},
		{"unix", "UTC", "1.2.3", 0},
		{"unix", "UTC", "-", 0},
		{"unix_ms", "UTC", "1661140279123", 1661140279123e6},
		{"unix_ns", "UTC", "7", 7},
		{"rfc3339", "UTC", "2022-08-22T03:51:19Z", 1661140279e9},
		{"rfc3339", "UTC", "9999-08-22T03:51:19Z", 0},
		{"02.01.2006 15:04", "UTC", "01.04.2014 00:05", 1396310700e9},
		{"2006-01-02 15:04:05", "UTC", "01.04.2014 00:05", 0},
	} {
		clock, err := newClock(pipeline.Settings{"format": c.format, "timezone": c.zone})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := clock.read([]byte(c.text))
			if (err != nil) != (c.want == 0) || got != c.want {
				t.Errorf("%s %q: %d (%s), %v; want %d", c.format, c.text, got, time.Unix(0, got).UTC(), err, c.want)
			}
		}
	}
}

// FuzzRows: no bytes make the row reader panic, loop, or lose a line; and what encoding/csv reads without quotes, it
// reads alike.
func FuzzRows(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"a\",\"b\"\"c\"\r\n", "a,\"b\n", "\"a\"b,c\n\n\nd", strings.Repeat("x", 300), "\xef\xbb\xbfa", ",\n,", "\r\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newRows(bytes.NewReader(data), ',', 200)
		var got [][]string
		bad := 0
		for {
			fields, err := r.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				if !errors.Is(err, errQuote) && !errors.Is(err, errLong) {
					t.Fatalf("unexpected error %v", err)
				}
				bad++
				continue
			}
			row := make([]string, len(fields))
			for i, f := range fields {
				row[i] = string(f)
			}
			got = append(got, row)
		}
		lines := bytes.Count(data, []byte("\n"))
		if n := len(data); n > 0 && data[n-1] != '\n' {
			lines++
		}
		if r.line != lines {
			t.Fatalf("%d lines counted of %d", r.line, lines)
		}
		if bytes.ContainsAny(data, "\"\r") || bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) || bad > 0 {
			return
		}
		oracle := csv.NewReader(bytes.NewReader(data))
		oracle.FieldsPerRecord = -1
		want, err := oracle.ReadAll()
		if err != nil {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%d rows, encoding/csv has %d", len(got), len(want))
		}
		for i := range want {
			if strings.Join(got[i], "\x00") != strings.Join(want[i], "\x00") {
				t.Fatalf("row %d is %q, encoding/csv has %q", i, got[i], want[i])
			}
		}
	})
}

// FuzzSource: no file makes the source panic; every error has a code.
func FuzzSource(f *testing.F) {
	f.Add([]byte("t,c,name\n10,1,a\n20,2,b\n"), false)
	f.Add([]byte("t,name,value\n10,a,1\n"), true)
	f.Fuzz(func(t *testing.T, data []byte, long bool) {
		s := pipeline.Settings{"label_columns": map[string]any{"name": "name"}, "max_line": int64(100), "max_file": int64(10_000)}
		if long {
			s["format"], s["metric_column"] = "long", "name"
		}
		_, err := read(t, settings(folder(t, map[string]string{"a.csv": string(data)}), s))
		if err != nil && pipeline.Code(err) == "" {
			t.Fatalf("an error without a code: %v", err)
		}
	})
}

// BenchmarkWide is the cost of a value of a wide file with twenty columns.
func BenchmarkWide(b *testing.B) {
	var text strings.Builder
	text.WriteString("t")
	for i := range 20 {
		text.WriteString(",c" + string(rune('a'+i)))
	}
	text.WriteByte('\n')
	for i := range 10_000 {
		text.WriteString(time.Unix(int64(i)+1_600_000_000, 0).UTC().Format("2006-01-02 15:04:05"))
		text.WriteString(strings.Repeat(",12.345", 20))
		text.WriteByte('\n')
	}
	s := settings(folder(b, map[string]string{"a.csv": text.String()}), nil)
	b.ReportAllocs()
	for b.Loop() {
		drain(b, s)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200_000, "ns/value")
}
