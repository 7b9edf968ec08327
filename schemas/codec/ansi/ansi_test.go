package ansi_test

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/homeostat/homeostat/schemas/codec/ansi"
)

func TestStrip(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"plain ü\n":                     "plain ü\n",
		"\x1b[31mred\x1b[0m":            "red",
		"\x1b[1;38;5;208mE\x1b[m\x1b[K": "E",
		"\x1b[?25l\x1b[2 q\x1b[10~x":    "x",
		"\x1b]0;title\x07x":             "x",
		"\x1b]8;;http://a/ü\x1b\\link\x1b]8;;\x1b\\": "link",
		"\x1bPdata\x1b\\x\x1b^p\x1b\\\x1b_a\x07":     "x",
		"\x1b(B\x1b)0\x1b7\x1b=\x1bcx":               "x",
		"a\x1b[31m\nb\x1b[0m\r\n":                    "a\nb\r\n",
		// What has no end, or is none, stays.
		"\x1b":                 "\x1b",
		"a\x1b\nb":             "a\x1b\nb",
		"\x1b[":                "\x1b[",
		"\x1b[31":              "\x1b[31",
		"\x1b[31\nm":           "\x1b[31\nm",
		"\x1b[31ü":             "\x1b[31ü",
		"\x1b]0;no end\n":      "\x1b]0;no end\n",
		"\x1b]0;no\x1bend\x07": "\x1b]0;no" + "nd\x07",
		"\x1b(":                "\x1b(",
		"\x1b\x1b[1mx":         "\x1bx",
		"\x1b\x1b[1m[1mx":      "\x1b[1mx", // one pass
		"\x9b31m":              "\x9b31m",
		"\x1b\x80":             "\x1b\x80",
	} {
		if got := ansi.Strip([]byte(">"), []byte(text)); string(got) != ">"+want {
			t.Errorf("%q: %q, want %q", text, got[1:], want)
		}
		if has := ansi.Has([]byte(text)); has != bytes.Contains([]byte(text), []byte("\x1b")) {
			t.Errorf("%q: %v", text, has)
		}
	}
}

// one is the same by a regular expression.
var one = regexp.MustCompile(`(?s:\x1b(?:\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]|[\]PX^_][\x20-\x{10ffff}]*?(?:\x07|\x1b\\)|[\x20-\x2f]+[\x30-\x7e]|[\x30-\x4f\x51-\x57\x59\x5a\x5c\x60-\x7e]))`)

func TestStripAgreesWithAnExpression(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	parts := []string{"\x1b", "\x1b[", "\x1b]", "\x1bP", "\x1b\\", "\x07", "0", ";", "m", "?", " ", "(", "ü", "\n", "text", "\\", "K", "\x1b[0m"}
	for range 10_000 {
		var text []byte
		for range r.IntN(12) {
			text = append(text, parts[r.IntN(len(parts))]...)
		}
		if got, want := ansi.Strip(nil, text), one.ReplaceAll(text, nil); !bytes.Equal(got, want) {
			t.Fatalf("%q: %q, by the expression %q", text, got, want)
		}
	}
}

func FuzzStrip(f *testing.F) {
	f.Add([]byte("a\x1b[31mb\x1b]0;t\x07\x1b(B"))
	f.Fuzz(func(t *testing.T, s []byte) {
		given := bytes.Clone(s)
		got := ansi.Strip(nil, s)
		if !bytes.Equal(s, given) || len(got) > len(s) || bytes.Count(got, []byte("\n")) != bytes.Count(s, []byte("\n")) {
			t.Fatalf("%q became %q", given, got)
		}
		if !ansi.Has(s) && !bytes.Equal(got, s) {
			t.Fatalf("%q became %q", given, got)
		}
	})
}
