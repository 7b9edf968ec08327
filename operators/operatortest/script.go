package operatortest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// Script reads an input in the package's notation; a fault in it fails the test at once.
func Script(t testing.TB, text string) *Input {
	t.Helper()
	in := NewInput()
	if err := in.Add(text); err != nil {
		t.Fatal(err)
	}
	return in
}

// Add appends statements in the package's notation.
func (in *Input) Add(text string) error {
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := in.statement(line); err != nil {
			return pipeline.Errorf("operatortest.script", "line %d: %w: %s", n+1, err, line)
		}
	}
	return nil
}

func (in *Input) statement(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	if word == "watermark" {
		t, err := time.ParseDuration(strings.TrimSpace(rest))
		if err == nil {
			in.Watermark(int64(t))
		}
		return err
	}
	key, rest, err := cutKey(strings.TrimSpace(rest))
	if err != nil {
		return err
	}
	head, values, found := strings.Cut(rest, ":")
	if !found {
		return fmt.Errorf("a colon before the values is missing")
	}
	times := map[string]int64{"every": int64(time.Second)}
	words := strings.Fields(head)
	for i := 0; i+1 < len(words); i += 2 {
		d, err := time.ParseDuration(words[i+1])
		if err != nil {
			return err
		}
		times[words[i]] = int64(d)
	}
	if _, ok := times["at"]; !ok || len(words)%2 != 0 {
		return fmt.Errorf(`expected "at TIME every STEP: VALUES"`)
	}
	cells, err := expand(values)
	if err != nil {
		return err
	}
	for i, c := range cells {
		if c == "_" {
			continue
		}
		if err := in.cell(word, key, c, times["at"]+int64(i)*times["every"], times["every"], times["start"]); err != nil {
			return err
		}
	}
	return nil
}

func (in *Input) cell(word, key, c string, at, every, start int64) error {
	switch word {
	case "points":
		v, err := strconv.ParseFloat(c, 64)
		if err == nil {
			in.Point(key, at, start, v)
		}
		return err
	case "logs":
		severity, body := c, ""
		if i := strings.IndexByte(c, '"'); i >= 0 {
			severity = c[:i]
			var err error
			if body, err = strconv.Unquote(c[i:]); err != nil {
				return err
			}
		}
		v, err := strconv.ParseUint(severity, 10, 8)
		if err == nil {
			in.Log(key, at, uint8(v), body)
		}
		return err
	case "windows":
		if n, s, ok := strings.Cut(c, "/"); ok {
			count, err := strconv.ParseInt(n, 10, 64)
			if err != nil {
				return err
			}
			sum, err := strconv.ParseFloat(s, 64)
			if err == nil {
				in.Window(key, at, at+every, count, sum, 0, 0, 0)
			}
			return err
		}
		v, err := strconv.ParseFloat(c, 64)
		if err == nil {
			in.Windows(key, time.Duration(at), time.Duration(every), v)
		}
		return err
	}
	return fmt.Errorf("%q is no statement: points, logs, windows or watermark", word)
}

// expand resolves the series notation to single cells.
func expand(text string) ([]string, error) {
	var out []string
	for _, cell := range fields(text) {
		base, times, repeated := strings.Cut(cell, "x")
		if !repeated || strings.Contains(cell, `"`) {
			out = append(out, cell)
			continue
		}
		n, err := strconv.Atoi(times)
		if err != nil || n < 0 || n > 1_000_000 {
			return nil, fmt.Errorf("%q has no number of repetitions after the x", cell)
		}
		if base == "_" {
			for range n {
				out = append(out, "_")
			}
			continue
		}
		from, step := base, ""
		if i := strings.LastIndexAny(base, "+-"); i > 0 && base[i-1] != 'e' {
			from, step = base[:i], base[i:]
		}
		if step == "" {
			for range n + 1 {
				out = append(out, from)
			}
			continue
		}
		v, err := strconv.ParseFloat(from, 64)
		if err != nil {
			return nil, err
		}
		d, err := strconv.ParseFloat(step, 64)
		if err != nil {
			return nil, err
		}
		for i := range n + 1 {
			out = append(out, strconv.FormatFloat(v+float64(i)*d, 'g', -1, 64))
		}
	}
	return out, nil
}

// fields splits at spaces outside of quotes.
func fields(text string) []string {
	var out []string
	quoted, from := false, -1
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || text[i] == ' ' && !quoted:
			if from >= 0 {
				out = append(out, text[from:i])
			}
			from = -1
			continue
		case text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		}
		if from < 0 {
			from = i
		}
	}
	return out
}

// cutKey splits a series key off the front.
func cutKey(text string) (key, rest string, err error) {
	quoted, braces := false, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '{' && !quoted:
			braces = true
		case c == '}' && !quoted:
			return text[:i+1], text[i+1:], nil
		case c == ' ' && !braces:
			return text[:i], text[i:], nil
		}
	}
	return "", "", fmt.Errorf("the series key does not end")
}

// parseKey reads what pipeline.SeriesKey writes; the braces may be missing.
func parseKey(key string) (definition, error) {
	d := definition{}
	head, rest := unescapeUntil(key, ":{")
	d.metric = head
	if strings.HasPrefix(rest, ":") {
		name, after, _ := strings.Cut(rest[1:], "{")
		if after != "" {
			after = "{" + after
		}
		rest = after
		switch name {
		case "delta":
			d.typ = pipeline.Delta
		case "cumulative":
			d.typ = pipeline.Cumulative
		case "stream":
			d.typ = pipeline.Stream
		default:
			return d, fmt.Errorf("series %s has no type delta, cumulative or stream after the colon", key)
		}
	}
	if rest == "" || rest == "{}" {
		return d, nil
	}
	if !strings.HasSuffix(rest, "}") {
		return d, fmt.Errorf("series %s does not end with a brace", key)
	}
	for rest = rest[1 : len(rest)-1]; rest != ""; rest = strings.TrimPrefix(rest, ",") {
		var l pipeline.Label
		l.Name, rest = unescapeUntil(rest, "=")
		if !strings.HasPrefix(rest, `="`) {
			return d, fmt.Errorf(`series %s has a label without ="value"`, key)
		}
		l.Value, rest = unescapeUntil(rest[2:], `"`)
		if rest == "" {
			return d, fmt.Errorf("series %s has a value without closing quote", key)
		}
		rest = rest[1:]
		d.labels = append(d.labels, l)
	}
	d.labels = pipeline.NewLabels(d.labels)
	return d, nil
}

func unescapeUntil(s, stop string) (text, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		} else if strings.IndexByte(stop, s[i]) >= 0 {
			return b.String(), s[i:]
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
