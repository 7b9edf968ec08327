package moment_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/schemas/codec/moment"
)

func at(t testing.TB, s string) int64 {
	t.Helper()
	when, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return when.UnixNano()
}

func TestHead(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	const near = "2026-11-23T05:00:00Z"
	for _, c := range []struct {
		text string
		size int
		want string // "" for a stamp that can't be read
	}{
		{"2026-11-23T04:00:01Z host", 20, "2026-11-23T04:00:01Z"},
		{"2026-11-23t04:00:01z", 20, "2026-11-23T04:00:01Z"},
		{"2026-11-23T04:00:01.123456789+05:30 host", 35, "2026-11-23T04:00:01.123456789+05:30"},
		{"2026-11-23T04:00:01.1234567899-02:00", 36, "2026-11-23T04:00:01.123456789-02:00"},
		{"2026-11-23T04:00:01+0200]", 24, "2026-11-23T04:00:01+02:00"},
		{"2026-11-23T04:00:01+02 x", 22, "2026-11-23T04:00:01+02:00"},
		{"2026-11-23 04:00:01,123 INFO", 23, "2026-11-23T04:00:01.123+01:00"},
		{"2026-11-23 04:00:01 INFO", 19, "2026-11-23T04:00:01+01:00"},
		{"2026-11-23 04:00:01, Info", 19, "2026-11-23T04:00:01+01:00"},
		{"2026-11-23 04:00:01.5: x", 21, "2026-11-23T04:00:01.5+01:00"},
		{"2026-11-23 04:00:01 +0000 [error]", 25, "2026-11-23T04:00:01Z"},
		{"2026-11-23 04:00:01.123 UTC [77] ERROR", 27, "2026-11-23T04:00:01.123Z"},
		{"2026-11-23 04:00:01 UTC", 23, "2026-11-23T04:00:01Z"},
		{"2026-11-23 04:00:01 UTCX", 19, "2026-11-23T04:00:01+01:00"},
		{"2026-11-23 04:00:01 -02 x", 19, "2026-11-23T04:00:01+01:00"},
		{"2026-11-23 04:00:01 - x", 19, "2026-11-23T04:00:01+01:00"},
		{"2026-07-23 04:00:01 x", 19, "2026-07-23T04:00:01+02:00"},
		{"2026/11/23 04:00:01 [error] 12#0", 19, "2026-11-23T04:00:01+01:00"},
		{"2026/11/23 04:00:01.000012 x", 26, "2026-11-23T04:00:01.000012+01:00"},
		{"23/Nov/2026:04:00:01 +0000] \"GET", 26, "2026-11-23T04:00:01Z"},
		{"23/Nov/2026:04:00:01.250 x", 24, "2026-11-23T04:00:01.25+01:00"},
		{"23-Nov-2026 04:00:01 UTC]", 24, "2026-11-23T04:00:01Z"},
		{"3 Nov 2026 04:00:01.123 * Ready", 23, "2026-11-03T04:00:01.123+01:00"},
		{"Nov 23 04:00:01 web", 15, "2026-11-23T04:00:01+01:00"},
		{"Nov  3 04:00:01 web", 15, "2026-11-03T04:00:01+01:00"},
		{"nov 3 04:00:01", 14, "2026-11-03T04:00:01+01:00"},
		{"Nov 23 04:00:01.123: %LINK", 19, "2026-11-23T04:00:01.123+01:00"},
		{"Nov 23 04:00:01 -1910host x", 15, "2026-11-23T04:00:01+01:00"},
		{"Nov 23 04:00:01 UTC: %LINK", 19, "2026-11-23T04:00:01Z"},
		{"Nov 23 04:00:01 CET: %LINK", 15, "2026-11-23T04:00:01+01:00"},
		{"Nov 23 2025 04:00:01 fw1", 20, "2025-11-23T04:00:01+01:00"},
		{"Nov 23 2025 04:00:01: %ASA", 20, "2025-11-23T04:00:01+01:00"},
		{"2025 Nov 23 04:00:01.5 UTC: %ETH", 26, "2025-11-23T04:00:01.5Z"},
		{"Nov 23 04:00:01 2025 web", 20, "2025-11-23T04:00:01+01:00"},
		{"Aug 24 05:34:00 CST 1987 mymachine", 24, "1987-08-24T05:34:00+02:00"},
		{"Nov 23 04:00:01 3000 web", 15, "2026-11-23T04:00:01+01:00"},
		{"Mon Nov 23 04:00:01 2026] [error]", 24, "2026-11-23T04:00:01+01:00"},
		{"Mon Nov 23 04:00:01.123456 2026]", 31, "2026-11-23T04:00:01.123456+01:00"},
		{"Mon Nov 23 04:00:01 UTC 2026", 28, "2026-11-23T04:00:01Z"},
		{"Mon, 23 Nov 2026 04:00:01 +0000", 31, "2026-11-23T04:00:01Z"},
		{"Mon, 23 Nov 2026 04:00:01 GMT x", 29, "2026-11-23T04:00:01Z"},
		{"E1123 04:00:01.123456   12 a.go:1] x", 21, "2026-11-23T04:00:01.123456+01:00"},
		{"I20251123 04:00:01.123456 12", 25, "2025-11-23T04:00:01.123456+01:00"},
		{"1795408204 x", 10, "2026-11-23T04:30:04Z"},
		{"1795408204.407112345678 x", 23, "2026-11-23T04:30:04.407112345Z"},
		{"1795408204407", 13, "2026-11-23T04:30:04.407Z"},
		{"1795408204407112]", 16, "2026-11-23T04:30:04.407112Z"},
		{"1795408204407112345\t", 19, "2026-11-23T04:30:04.407112345Z"},
		// Shapes without a time.
		{"2026-13-23T04:00:01Z x", 20, ""},
		{"2026-02-29T04:00:01Z x", 20, ""},
		{"2026-11-23T24:00:01Z x", 20, ""},
		{"2026-11-23T04:60:01Z x", 20, ""},
		{"2026-11-23T04:00:61Z x", 20, ""},
		{"2286-11-20T17:46:40Z x", 20, ""},
		{"1970-01-01T00:00:00Z x", 20, ""},
		{"1969-12-31T23:59:59Z x", 20, ""},
		{"0000-00-00T00:00:00Z x", 20, ""},
		{"Feb 30 04:00:01 x", 15, ""},
		{"Feb 29 04:00:01 x", 15, ""}, // no leap year in sight
		{"E1323 04:00:01.123456 x", 21, ""},
		// No stamps.
		{"", 0, ""},
		{"2026-11-23", 0, ""},
		{"2026-11-23T04:00", 0, ""},
		{"2026-11-23T04:00:01x", 0, ""},
		{"2026-11-23T04:00:012", 0, ""},
		{"2026-11/23T04:00:01 ", 0, ""},
		{"2026-1-23T04:00:01 xx", 0, ""},
		{"12345-11-23T04:00:01Z", 0, ""},
		{"23/Nov-2026:04:00:01", 0, ""},
		{"23/Now/2026:04:00:01", 0, ""},
		{"123/Nov/2026:04:00:01", 0, ""},
		{"November 23 04:00:01", 0, ""},
		{"Nov 233 04:00:01 x", 0, ""},
		{"Nov x3 04:00:01 xxx", 0, ""},
		{"Nov 23 4:00:01 xxxxx", 0, ""},
		{"Nov 23, 2026 4:00:01 AM", 0, ""},
		{"Mond Nov 23 04:00:01", 0, ""},
		{"E1123 04:00:01 no fraction", 0, ""},
		{"X1123 04:00:01.123456 x", 0, ""},
		{"E112 04:00:01.123456 xx", 0, ""},
		{"999999999 x", 0, ""},
		{"4242424242 a number", 0, ""}, // in the year 2104
		{"17954082041 x", 0, ""},
		{"1795408204x", 0, ""},
		{"1795408204-5", 0, ""},
		{"1795408204.x", 0, ""},
		{"upstream timed out", 0, ""},
		{"\xff\xfe\xfd\x00\x01\x02\x03\x04\x05\x06\x07", 0, ""},
	} {
		ns, size := moment.Clock{Zone: berlin, Near: at(t, near)}.Head([]byte(c.text))
		want := int64(0)
		if c.want != "" {
			want = at(t, c.want)
		}
		if ns != want || size != c.size {
			t.Errorf("%q: %s, %d bytes; want %q, %d", c.text, time.Unix(0, ns).UTC().Format(time.RFC3339Nano), size, c.want, c.size)
		}
	}
}

func TestYears(t *testing.T) {
	for _, c := range []struct{ near, text, want string }{
		{"2026-11-23T05:00:00Z", "Nov 23 04:00:01", "2026-11-23T04:00:01Z"},
		// New Year: what was written before it comes after it, and the reverse with clocks that differ.
		{"2027-01-01T00:00:02Z", "Dec 31 23:59:59", "2026-12-31T23:59:59Z"},
		{"2026-12-31T23:59:59Z", "Jan  1 00:00:02", "2027-01-01T00:00:02Z"},
		{"2027-01-01T00:00:02Z", "Jan  1 00:00:01", "2027-01-01T00:00:01Z"},
		// Half a year, where the nearest year changes.
		{"2027-01-01T00:00:00Z", "Jul  2 11:59:59", "2027-07-02T11:59:59Z"},
		{"2027-01-01T00:00:00Z", "Jul  3 00:00:00", "2026-07-03T00:00:00Z"},
		{"2026-12-31T00:00:00Z", "Jul  2 00:00:00", "2026-07-02T00:00:00Z"},
		{"2026-12-31T00:00:00Z", "Jul  1 00:00:00", "2027-07-01T00:00:00Z"},
		// February 29.
		{"2028-02-29T01:00:00Z", "Feb 29 00:59:00", "2028-02-29T00:59:00Z"},
		{"2028-03-01T01:00:00Z", "Feb 29 23:59:00", "2028-02-29T23:59:00Z"},
		{"2027-12-31T01:00:00Z", "Feb 29 00:00:00", "2028-02-29T00:00:00Z"},
		{"2028-08-29T00:00:00Z", "Feb 29 00:00:00", "2028-02-29T00:00:00Z"},
		{"2028-09-01T00:00:00Z", "Feb 29 00:00:00", ""},
		{"2027-03-01T00:00:00Z", "Feb 29 00:00:00", ""},
		{"2100-03-01T00:00:00Z", "Feb 29 00:00:00", ""},
		{"2028-03-01T01:00:00Z", "Feb 28 23:59:00", "2028-02-28T23:59:00Z"},
		// The edges of what can be read.
		{"1970-01-01T00:00:01Z", "Dec 31 23:59:59", ""},
		{"1970-01-01T00:00:01Z", "Jan  1 00:00:02", "1970-01-01T00:00:02Z"},
		{"2261-12-31T23:59:59Z", "Jan  1 00:00:01", ""},
	} {
		want := int64(0)
		if c.want != "" {
			want = at(t, c.want)
		}
		if ns, size := (moment.Clock{Near: at(t, c.near)}).Head([]byte(c.text)); ns != want || size != len(c.text) {
			t.Errorf("%s near %s: %s, want %s", c.text, c.near, time.Unix(0, ns).UTC().Format(time.RFC3339), c.want)
		}
	}
	if ns, size := (moment.Clock{}).Head([]byte("Nov 23 04:00:01")); ns != 0 || size != 15 {
		t.Errorf("a year out of nothing: %d, %d", ns, size)
	}
	if ns, size := (moment.Clock{}).Head([]byte("4242424242 x")); ns != 4_242_424_242e9 || size != 10 {
		t.Errorf("nothing to judge by: %d, %d", ns, size)
	}
}

// TestHeadAgreesWithTime formats random times by package time, in random zones.
func TestHeadAgreesWithTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	layouts := []struct {
		layout     string
		zoned      bool
		yearless   bool
		resolution time.Duration
	}{
		{time.RFC3339Nano, true, false, 1}, {"2006-01-02 15:04:05,000", false, false, time.Millisecond}, {"2006/01/02 15:04:05.000000", false, false, time.Microsecond},
		{"02/Jan/2006:15:04:05 -0700", true, false, time.Second}, {"2 Jan 2006 15:04:05", false, false, time.Second}, {time.Stamp, false, true, time.Second},
		{time.StampMicro, false, true, time.Microsecond}, {"Jan _2 2006 15:04:05", false, false, time.Second}, {time.ANSIC, false, false, time.Second},
		{time.RFC1123Z, true, false, time.Second}, {"2006 Jan 2 15:04:05", false, false, time.Second}, {"I0102 15:04:05.000000", false, true, time.Microsecond},
	}
	var zones []*time.Location
	for _, name := range []string{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, loc)
	}
	for range 20_000 {
		l, zone := layouts[r.IntN(len(layouts))], zones[r.IntN(len(zones))]
		when := time.Unix(r.Int64N(9_200_000_000)+1, r.Int64N(1e9)).Truncate(l.resolution).In(zone)
		if zoned := when; l.zoned { // an offset of seconds, as before 1972, can't be written
			when = zoned.In(time.FixedZone("", (r.IntN(57)-28)*1800))
		}
		if when.UTC().Year() > 2261 || when.Year() < 1970 || when.Year() > 2261 {
			continue
		}
		near := when.UnixNano() + (r.Int64N(360)-180)*int64(24*time.Hour)
		if near <= 0 || time.Unix(0, near).Year() > 2261 || l.yearless && when.Month() == 2 && when.Day() == 29 {
			continue
		}
		text := when.Format(l.layout)
		ns, size := (moment.Clock{Zone: zone, Near: near}).Head([]byte(text + " host"))
		want := when
		if !l.zoned { // two times may read the same where clocks are set back
			want = time.Date(when.Year(), when.Month(), when.Day(), when.Hour(), when.Minute(), when.Second(), when.Nanosecond(), zone)
		}
		if ns != want.UnixNano() || size != len(text) {
			t.Fatalf("%s near %d in %s: %d, %d bytes; want %d, %d", text, near, zone, ns, size, want.UnixNano(), len(text))
		}
	}
}

func FuzzHead(f *testing.F) {
	for _, s := range []string{"2026-11-23T04:00:01.5+02:00 x", "Nov 23 04:00:01 CST 1987 x", "Mon, 23 Nov 2026 04:00:01 GMT", "E1123 04:00:01.123456 x", "1795408204.407 x", "23/Nov/2026:04:00:01 +0000"} {
		for n := range s {
			f.Add([]byte(s[:n]))
		}
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		c := moment.Clock{Near: 1_795_408_204e9}
		ns, size := c.Head(s)
		if ns < 0 || size < 0 || size > len(s) || size == 0 && ns != 0 {
			t.Fatal(ns, size)
		}
		if again, n := c.Head([]byte(string(s[:size]) + " x")); size > 0 && (ns != again || n != size) {
			t.Fatalf("%q: %d, %d alone; %d, %d in the text", s[:size], again, n, ns, size)
		}
	})
}

func TestHeadAllocatesNothing(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := moment.Clock{Zone: berlin, Near: 1_795_408_204e9}
	texts := strings.Split("2026-11-23T04:00:01.5+02:00|Nov 23 04:00:01|Dec 31 23:59:59|1795408204.407|E1123 04:00:01.123456|nothing at all", "|")
	var bytes [][]byte
	for _, s := range texts {
		bytes = append(bytes, []byte(s))
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, b := range bytes {
			c.Head(b)
		}
	}); n != 0 {
		t.Fatal(n)
	}
}

func BenchmarkHead(b *testing.B) {
	for _, s := range []string{"2026-11-23T04:00:01.123456+02:00 host", "Nov 23 04:00:01 host", "1795408204.407 host", "upstream timed out"} {
		b.Run(strings.ReplaceAll(s, " ", "_"), func(b *testing.B) {
			c, text := moment.Clock{Near: 1_795_408_204e9}, []byte(s)
			for b.Loop() {
				c.Head(text)
			}
		})
	}
}
