package influx_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// consult is what InfluxData's own parser makes of a record: the points that the documentation of the package speaks of. It fails where
// the parser does.
func consult(value []byte) (codectest.Result, error) {
	r := codectest.Result{Lost: map[string]int{}}
	dec := lineprotocol.NewDecoderWithBytes(value)
	for dec.Next() {
		m, err := dec.Measurement()
		if err != nil {
			return r, err
		}
		measurement := string(m)
		var labels []pipeline.Label
		for {
			k, v, err := dec.NextTag()
			if err != nil {
				return r, err
			}
			if k == nil {
				break
			}
			labels = append(labels, pipeline.Label{Name: string(k), Value: string(v)})
		}
		set := pipeline.NewLabels(labels)
		var points []codectest.Point
		for {
			k, v, err := dec.NextField()
			if err != nil {
				return r, err
			}
			if k == nil {
				break
			}
			metric := measurement + "_" + string(k)
			switch {
			case measurement == "prometheus":
				metric = string(k)
			case string(k) == "value":
				metric = measurement
			}
			p := codectest.Point{Series: pipeline.SeriesKey(metric, pipeline.Gauge, set)}
			switch v.Kind() {
			case lineprotocol.Int:
				p.Value = float64(v.IntV())
			case lineprotocol.Uint:
				p.Value = float64(v.UintV())
			case lineprotocol.Float:
				p.Value = v.FloatV()
			case lineprotocol.Bool:
				if v.BoolV() {
					p.Value = 1
				}
			default:
				continue
			}
			points = append(points, p)
		}
		at, err := dec.Time(lineprotocol.Nanosecond, time.Unix(0, now))
		if err != nil && !errors.Is(err, lineprotocol.ErrValueOutOfRange) {
			return r, err
		}
		if ns := at.UnixNano(); err == nil && ns > 0 {
			for i := range points {
				points[i].Time = ns
			}
			r.Points = append(r.Points, points...)
		} else if len(points) > 0 {
			r.Lost["time_out_of_range"] += len(points)
		}
	}
	return r, dec.Err()
}

// asTheOracle are the settings under which the codec and the oracle have to agree.
var asTheOracle = pipeline.Settings{"precision": "ns", "cumulative": []any{}}

func TestOracleOnFixtures(t *testing.T) {
	for name, value := range fixtures(t) {
		want, err := consult(value)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, codectest.Fresh(t, newCodec(asTheOracle), value)); d != "" {
			t.Errorf("%s (-oracle +codec):\n%s", name, d)
		}
	}
}

func TestOracleOnRandomLines(t *testing.T) {
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(asTheOracle) })
	for seed := range uint64(2000) {
		value := randomLines(t, rand.New(rand.NewPCG(seed, 1)))
		want, err := consult(value)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, value)
		}
		if d := cmp.Diff(want, check.Check(t, codectest.Record(value))); d != "" {
			t.Fatalf("seed %d (-oracle +codec):\n%s\n%s", seed, d, value)
		}
	}
}

// TestOracleOnManyFields has more fields than are known by their names, of names of all sizes, in other orders and with other tags each time.
func TestOracleOnManyFields(t *testing.T) {
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(asTheOracle) })
	r := rand.New(rand.NewPCG(5, 6))
	var fields []string
	for i := range 400 {
		fields = append(fields, fmt.Sprintf("%s%d", strings.Repeat("f", i%150), i), fmt.Sprintf(`a\=%d`, i), fmt.Sprintf(`used\ percent\,of\=%d`, i))
	}
	for range 30 {
		var b bytes.Buffer
		for range 1 + r.IntN(3) {
			r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
			fmt.Fprintf(&b, "m%d,host=h%d ", r.IntN(2), r.IntN(3))
			for i, name := range fields[:1+r.IntN(len(fields))] {
				if i > 0 {
					b.WriteByte(',')
				}
				fmt.Fprintf(&b, "%s=%s", name, [...]string{"1", "-0", "-0i", "0i", "7u", "12.5", "1e3", "-3i", "9223372036854775807i", "18446744073709551615u", "93.96984924615009", "1.", "t", `"x,y=1 z"`}[r.IntN(14)])
			}
			fmt.Fprintf(&b, " %d\n", 1+r.Int64N(1<<62))
		}
		want, err := consult(b.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, b.Bytes())
		}
		if d := cmp.Diff(want, check.Check(t, codectest.Record(b.Bytes()))); d != "" {
			t.Fatalf("(-oracle +codec):\n%s\n%s", d, b.Bytes())
		}
	}
}

// randomLines are lines as InfluxData's own encoder writes them.
func randomLines(t testing.TB, r *rand.Rand) []byte {
	t.Helper()
	var enc lineprotocol.Encoder
	enc.SetLax(true)
	name := func() string {
		words := []string{"cpu", "m x", "a,b", "k=v", "ä", `C:\dir`, `q"q`, "value", "prometheus", "used", "used_percent", "#no"}
		s := words[r.IntN(len(words))]
		if r.IntN(3) == 0 {
			s += words[r.IntN(len(words))]
		}
		return s
	}
	var out []byte
	for range 1 + r.IntN(4) {
		enc.Reset()
		enc.StartLine("m" + name())
		for i := range r.IntN(4) {
			enc.AddTag(fmt.Sprint(i, name()), name())
		}
		for i := range 1 + r.IntN(20) {
			enc.AddField(fmt.Sprint(name(), i%7), randomValue(r, name))
		}
		var at time.Time
		if r.IntN(4) > 0 {
			at = time.Unix(0, 1+r.Int64N(1<<62))
		}
		enc.EndLine(at)
		if err := enc.Err(); err != nil {
			t.Fatal(err)
		}
		out = append(append(out, enc.Bytes()...), [...]string{"", "\n", "\r\n", "# comment, x=1\n"}[r.IntN(4)]...)
		if len(out) > 0 && out[len(out)-1] != '\n' {
			out = append(out, '\n')
		}
	}
	return out
}

func randomValue(r *rand.Rand, name func() string) lineprotocol.Value {
	switch r.IntN(5) {
	case 0:
		v, _ := lineprotocol.FloatValue(r.NormFloat64() * 1e6)
		return v
	case 1:
		return lineprotocol.IntValue(int64(r.Uint64()) >> r.IntN(64))
	case 2:
		return lineprotocol.UintValue(r.Uint64() >> r.IntN(64))
	case 3:
		return lineprotocol.BoolValue(r.IntN(2) == 0)
	}
	v, _ := lineprotocol.StringValue(name() + "\n" + name())
	return v
}

// FuzzDecode checks what holds for any bytes, and that what InfluxData's parser accepts is decoded as it says.
func FuzzDecode(f *testing.F) {
	for _, value := range fixtures(f) {
		f.Add(value)
		for n := 1; n < len(value); n += 7 {
			f.Add(value[:n])
			f.Add(value[n:])
		}
	}
	for seed := range uint64(20) {
		f.Add(randomLines(f, rand.New(rand.NewPCG(seed, 2))))
	}
	f.Add([]byte(`m\ x\,y=z,t\ a\,g\=1=v\ a\,l\=2 f\ i\,e\=ld=1,s="\"\\" 1` + "\r\n#\nm f=-1u"))
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(asTheOracle) })
	f.Fuzz(func(t *testing.T, value []byte) {
		got := check.Check(t, codectest.Record(value))
		want, err := consult(value)
		if err != nil || len(want.Points) == 0 || bytes.ContainsAny(value, "xX_pP") { // strconv reads 0x1p-2 and 0x_1, which InfluxDB does not write
			return
		}
		if d := cmp.Diff(want, got); d != "" && (got.Code == "" || got.Code == "influx.syntax") {
			t.Fatalf("(-oracle +codec):\n%s", d)
		}
	})
}
