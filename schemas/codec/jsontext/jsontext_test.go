package jsontext_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/homeostat/homeostat/schemas/codec/jsontext"
)

// alphabet makes texts of which many are JSON, or nearly.
var alphabet = strings.Split(`{ } [ ] , : " \ / u 0 1 a e E - + . \" \\ \n \u00e9 \ud83d\ude00 \ud800 \u12 "a": "x" true false null nan inf -inf 1.5 -2e3 [1,2] {"a":1}`, " ")

func random(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(12) {
		b.WriteString(alphabet[r.IntN(len(alphabet))])
		if r.IntN(8) == 0 {
			b.WriteByte(" \t\r\n\x00\xff"[r.IntN(6)])
		}
	}
	return b.String()
}

// TestSkipIsAsLenientAsTheParser holds what is passed against valyala/fastjson, which the codecs read JSON by, or did: what one of the two takes
// the other one takes.
func TestSkipIsAsLenientAsTheParser(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var parser fastjson.Parser
	sound := 0
	for range 60_000 {
		s := "[" + random(r) + "]"
		_, err := parser.Parse(s)
		if got := jsontext.Skip([]byte(s), 0, 300) == len(s); got != (err == nil) {
			t.Fatalf("%q is passed: %v; the parser says: %v", s, got, err)
		}
		if err == nil {
			sound++
		}
	}
	if sound < 1000 {
		t.Errorf("only %d of the texts are JSON", sound)
	}
}

// TestTexts holds ends of texts, and what escapes stand for, against fastjson, and where it is JSON against encoding/json.
func TestTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var parser fastjson.Parser
	for range 40_000 {
		s := `"` + strings.ReplaceAll(random(r), `"`, `\"`) + `"`
		end, escaped := jsontext.TextEnd([]byte(s), 1)
		v, err := parser.Parse(s)
		if (end == len(s)-1) != (err == nil) {
			t.Fatalf("%q ends at %d; the parser says: %v", s, end, err)
		}
		if err != nil {
			continue
		}
		got := s[1:end]
		if escaped {
			got = string(jsontext.Unescape(nil, []byte(got)))
		}
		if want := v.GetStringBytes(); got != string(want) {
			t.Fatalf("%q is %q, the parser says %q", s, got, want)
		}
		var strict string
		if json.Unmarshal([]byte(s), &strict) == nil && utf8.ValidString(got) && !strings.Contains(s, `\ud8`) && strict != got {
			t.Fatalf("%q is %q, encoding/json says %q", s, got, strict)
		}
	}
}

func TestDepth(t *testing.T) {
	for depth := range 5 {
		s := strings.Repeat(`[{"a":`, depth) + "1" + strings.Repeat("}]", depth)
		for most := range 12 {
			if got := jsontext.Skip([]byte(s), 0, most) == len(s); got != (2*depth <= most) {
				t.Errorf("%s with at most %d brackets: %v", s, most, got)
			}
		}
	}
}

// TestNumbers: a sign alone is none.
func TestNumbers(t *testing.T) {
	for s, want := range map[string]int{"1": 1, "-1.5e3,": 6, "+1]": 2, "1.2.3": 5, "-": 0, "+": 0, "-a": 0, "NaN": 3, "-Inf": 4, "+nanx": 4, "infinity": 3, "": 0, "e5": 2, "x": 0, "in": 0} {
		if got := jsontext.Number([]byte(s), 0); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}
