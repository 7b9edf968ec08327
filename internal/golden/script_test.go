package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// script is a file of statements.
type script struct {
	file       string
	lines      []string
	statements []statement
	// repartitioned says that the script is also run with unkeyed producers; straight alone forbids all other runs.
	repartitioned bool
	// same names a script that has to expect the same.
	same string
	// without are names of variants that the script is not run in, with the reason in the script.
	without map[string]bool
}

// statement is one line with the indented lines below it.
type statement struct {
	line  int // from 1
	words []string
	block []string
}

// text is the statement's line, with single spaces.
func (s *statement) text() string { return strings.Join(s.words, " ") }

func load(path string) (*script, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, string(raw))
}

// verbs are the statements, with whether they have a block.
var verbs = map[string]bool{
	"also": false, "same": false, "without": false, "pipeline": true, "topic": false, "grow": false, "start": false, "load": true, "corrupt": true, "gap": false,
	"idle": false, "crash": false, "pause": false, "rescale": false, "rebalance": false, "snapshot": false, "damage": false, "stop": false,
	"watermark": false, "expect": true,
}

func parse(file, text string) (*script, error) {
	s := &script{file: filepath.ToSlash(file), lines: strings.Split(strings.TrimRight(text, "\n"), "\n"), without: map[string]bool{}}
	for i, line := range s.lines {
		trimmed := strings.TrimSpace(line)
		indented := line != "" && (line[0] == ' ' || line[0] == '\t')
		switch {
		case trimmed == "" || !indented && trimmed[0] == '#':
		case indented:
			if len(s.statements) == 0 || !verbs[s.statements[len(s.statements)-1].words[0]] {
				return nil, fmt.Errorf("%s:%d: the statement above has no block", s.file, i+1)
			}
			at := &s.statements[len(s.statements)-1]
			at.block = append(at.block, strings.TrimPrefix(line, "  "))
		default:
			st := statement{line: i + 1, words: strings.Fields(trimmed)}
			if _, known := verbs[st.words[0]]; !known {
				return nil, fmt.Errorf("%s:%d: there is no statement %q", s.file, i+1, st.words[0])
			}
			s.statements = append(s.statements, st)
		}
	}
	return s, s.header()
}

// header takes the statements about the script itself out of it.
func (s *script) header() error {
	var rest []statement
	for _, st := range s.statements {
		switch {
		case st.text() == "also repartitioned":
			s.repartitioned = true
		case st.words[0] == "same" && len(st.words) == 4 && st.words[1] == "expectations" && st.words[2] == "as":
			s.same = st.words[3]
		case st.words[0] == "without" && len(st.words) > 1:
			s.without[strings.TrimSuffix(st.words[1], ":")] = true
		case st.words[0] == "also" || st.words[0] == "same" || st.words[0] == "without":
			return fmt.Errorf("%s:%d: %q is not understood", s.file, st.line, st.text())
		default:
			rest = append(rest, st)
		}
	}
	s.statements = rest
	return nil
}

// expectations are the blocks of the script's expect statements, with what they expect.
func (s *script) expectations() (out []string) {
	for _, st := range s.statements {
		if st.words[0] == "expect" {
			out = append(out, st.text())
			out = append(out, st.block...)
		}
	}
	return out
}

// rewritten is the script with what a run found in place of what it expects.
func (s *script) rewritten(found map[int][]string) string {
	var b strings.Builder
	skip := false
	for i, line := range s.lines {
		indented := line != "" && (line[0] == ' ' || line[0] == '\t')
		if skip = skip && indented; skip {
			continue
		}
		b.WriteString(line + "\n")
		if block, ok := found[i+1]; ok {
			skip = true
			for _, l := range block {
				b.WriteString("  " + l + "\n")
			}
		}
	}
	return b.String()
}

// at reads a time of a script: how long it is after the epoch.
func at(s string) (int64, error) {
	d, err := time.ParseDuration(s)
	return epoch + int64(d), err
}

// row is one record of a load.
type row struct {
	time  int64
	value string
}

// rows reads the lines of a load: SERIES AT [every D]: VALUES, or ! and what is to stand in a record that nobody can decode.
func rows(block []string) (out []row, err error) {
	for _, line := range block {
		if strings.HasPrefix(line, "!") {
			last := epoch
			if len(out) > 0 {
				last = out[len(out)-1].time
			}
			out = append(out, row{last, line})
			continue
		}
		series, rest, ok := cutSeries(line)
		head, values, ok2 := strings.Cut(rest, ":")
		words := strings.Fields(head)
		if !ok || !ok2 || len(words) != 1 && (len(words) != 3 || words[1] != "every") {
			return nil, fmt.Errorf("%q is no row: write SERIES AT: VALUES or SERIES AT every STEP: VALUES", line)
		}
		t, err := at(words[0])
		if err != nil {
			return nil, err
		}
		step := time.Duration(0)
		if len(words) == 3 {
			if step, err = time.ParseDuration(words[2]); err != nil {
				return nil, err
			}
		}
		for _, v := range strings.Fields(values) {
			value, times, repeated := strings.Cut(v, "x")
			n := 1
			if repeated {
				if n, err = strconv.Atoi(times); err != nil {
					return nil, fmt.Errorf("%q says no number of repetitions", v)
				}
			}
			for range n {
				if value != "_" {
					out = append(out, row{t, series + " " + value + " " + strconv.FormatInt(t, 10)})
				}
				t += int64(step)
			}
		}
	}
	return out, nil
}

// cutSeries takes the series from the beginning of a line: a name, and labels in braces that may have spaces.
func cutSeries(line string) (series, rest string, ok bool) {
	end := strings.IndexAny(line, " {")
	if end <= 0 {
		return "", "", false
	}
	if line[end] == '{' {
		close := strings.IndexByte(line, '}')
		if close < 0 {
			return "", "", false
		}
		end = close + 1
	}
	return line[:end], line[end:], true
}
