package cohort

import (
	"fmt"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return New(operatortest.Settings(Spec(), changes...)) }
}

// quick warms up in 8 windows and looks at each by itself.
func quick(changes ...any) func() (pipeline.Detector, error) {
	return made(append([]any{"average", int64(1), "history", int64(40), "warmup", int64(8), "adapt", int64(12), "hold", int64(2), "of", int64(3), "clear", int64(2), "rest", int64(2), "gone", int64(4)}, changes...)...)
}

// peers are the windows of hosts, one line of values each.
func peers(metric string, values ...string) string {
	var b strings.Builder
	for i, v := range values {
		fmt.Fprintf(&b, "windows %s{host=\"%c\",job=\"web\"} at 0s every 10s: %s\n", metric, 'a'+i, v)
	}
	return b.String()
}

// What it finds, in the kit's notation.
func TestFindings(t *testing.T) {
	const b, c, d, e = "100 100 110 100 100 90 100 100 100 100 100 110 100 100 90 100", "100 90 100 100 110 100 100 100 90 100 100 100 100 110 100 100", "110 100 100 100 90 100 100 110 100 100 100 100 100 100 100 90", "100 100 100 90 100 100 110 100 100 100 90 100 100 100 110 100"
	for _, x := range []struct {
		fact, input, want string
		settings          []any
	}{{
		fact:  "one is slower than the others",
		input: peers("lat", "100 100 90 100 100 100 100 110 100 100 300 300 310 100 100 100", b, c, d, e),
		want: `
			[1m50s,2m) lat{host="a",job="web"} open rev=0 onset=1m40s score=2.39766 value=300 expect=21.8515..185.581 up p=0.997289 evidence{peers_median=100 usual_offset=3.09381 average=267.446 scale=10.2331 z=19.1813 rank=1 peers=4}
			[2m20s,2m30s) lat{host="a",job="web"} closed rev=1 onset=1m40s score=0.0236281 value=100 expect=20.759..183.076 down p=0.0344977 evidence{peers_median=100 usual_offset=2.87444 average=100 scale=10.1448 z=-0.189025 rank=2 peers=4}`,
	}, {
		fact:  "in a window, and the day after: once is nothing",
		input: peers("lat", "100 100 90 100 100 100 100 110 100 100 300 100 100 100 100 100", b, c, d, e),
	}, {
		fact: "all together",
		input: peers("lat", "100 100 90 100 100 100 100 110 100 100 300 300 310 100 100 100", "100 100 110 100 100 90 100 100 100 100 300 310 290 100 90 100", "100 90 100 100 110 100 100 100 90 100 310 310 300 110 100 100",
			"110 100 100 100 90 100 100 110 100 100 310 300 300 100 100 90", "100 100 100 90 100 100 110 100 100 100 290 300 300 100 110 100"),
	}, {
		fact:  "a machine that is larger, when all have twice the load, and none",
		input: peers("lat", "160x9 320x3 0x3", "100x9 200x3 0x3", "100x9 200x3 0x3", "100x9 200x3 0x3", "100x9 200x3 0x3"),
	}, {
		fact:  "one that is not larger any more",
		input: peers("lat", "160x9 100x5", "100x14", "100x14", "100x14", "100x14"),
		want:  ``,
	}, {
		fact:  "half of them",
		input: peers("lat", "100x9 300x5", "100x9 300x5", "100x9 300x5", "100x14", "100x14", "100x14"),
	}, {
		fact:  "too few peers",
		input: peers("lat", "100x9 300x5", "100x14", "100x14", "100x14"),
	}, {
		fact:  "others that differ by more than the host",
		input: peers("lat", "100x9 300x5", "100x14", "100x14", "100x14") + strings.ReplaceAll(peers("lat", "100x14", "100x14"), "web", "db"),
	}, {
		fact: "a cohort by a label", settings: []any{"by", []any{"az"}},
		input: strings.ReplaceAll(strings.ReplaceAll(peers("lat", "100x9 300x5", "100x14", "100x14", "100x14", "100x14"), `job="web"`, `az="10",job="web"`), `host="e",az="10",job="web"`, `az="10",job="db"`),
		want: `
			[1m50s,2m) lat{az="10",host="a",job="web"} open rev=0 onset=1m40s score=2.42087 value=300 expect=21.2583..184.223 up p=0.997341 evidence{peers_median=100 usual_offset=2.74088 average=265.706 scale=10.1853 z=19.367 rank=1 peers=4}`,
	}, {
		fact:  "only upwards",
		input: peers("lat", "100x9 30x5", "100x14", "100x14", "100x14", "100x14"), settings: []any{"direction", "up"},
	}, {
		fact:  "in the end it is its place",
		input: peers("lat", "100x9 300x25", "100x34", "100x34", "100x34", "100x34"),
		want: `
			[1m50s,2m) lat{host="a",job="web"} open rev=0 onset=1m40s score=2.42087 value=300 expect=21.2583..184.223 up p=0.997341 evidence{peers_median=100 usual_offset=2.74088 average=265.706 scale=10.1853 z=19.367 rank=1 peers=4}
			[3m40s,3m50s) lat{host="a",job="web"} closed rev=1 onset=1m40s score=2.42087 value=300 expect=21.2583..184.223 up p=0.997341 evidence{peers_median=100 usual_offset=2.74088 average=265.706 scale=10.1853 z=19.367 rank=1 peers=4 adapted=1}`,
	}, {
		fact:  "one that goes while it is abnormal",
		input: peers("lat", "100x9 300x3", "100x34", "100x34", "100x34", "100x34"),
		want: `
			[1m50s,2m) lat{host="a",job="web"} open rev=0 onset=1m40s score=2.42087 value=300 expect=21.2583..184.223 up p=0.997341 evidence{peers_median=100 usual_offset=2.74088 average=265.706 scale=10.1853 z=19.367 rank=1 peers=4}
			[3m,3m10s) lat{host="a",job="web"} closed rev=1 onset=1m40s score=0 value=300 expect=21.2583..184.223 up p=0.997341 evidence{absent_seconds=50}`,
	}, {
		fact:  "errors by chance, and more than that",
		input: peers("errors:delta", strings.Repeat("0 1 0 1 0 0 2 0 ", 6)+"29 32 29 0", "0x51", strings.Repeat("0 0 1 0 ", 13), strings.Repeat("1 0 0 0 ", 13), strings.Repeat("0 2 0 0 ", 13)),
		want: `
			[8m10s,8m20s) errors:delta{host="a",job="web"} open rev=0 onset=8m score=2.87276 value=32 expect=-10.0088..11.6857 up p=0.99811 evidence{peers_median=0 usual_offset=1.59019 average=22.533 scale=1.35591 z=22.9821 rank=1 peers=4}`,
	}, {
		fact:  "members come and go",
		input: peers("lat", "160x9 160x9 _x9", "100x9 100x9 100x9", "100x9 _x9 100x9", "100x9 100x9 100x9", "100x9 100x9 100x9", "_x9 220x9 220x9", "_x9 _x9 240x9"),
	}, {
		fact:  "scores",
		input: peers("lat", "100x8 300x1", "100x10", "110x10", "100x10", "90x10"), settings: []any{"scores", true},
		want: `
			[1m20s,1m30s) lat{host="a",job="web"} score=0 expect=100 (19.601..180.399)
			[1m20s,1m30s) lat{host="b",job="web"} score=0 expect=100 (19.601..180.399)
			[1m20s,1m30s) lat{host="c",job="web"} score=0 expect=110 (25.7148..194.285)
			[1m20s,1m30s) lat{host="d",job="web"} score=0 expect=100 (19.601..180.399)
			[1m20s,1m30s) lat{host="e",job="web"} score=0 expect=90 (13.6849..166.315)
			[1m30s,1m40s) lat{host="a",job="web"} score=2.48759 expect=100 (19.601..180.399)
			[1m30s,1m40s) lat{host="b",job="web"} score=0 expect=100 (19.601..180.399)
			[1m30s,1m40s) lat{host="c",job="web"} score=0 expect=110 (25.7148..194.285)
			[1m30s,1m40s) lat{host="d",job="web"} score=0 expect=100 (19.601..180.399)
			[1m30s,1m40s) lat{host="e",job="web"} score=0 expect=90 (13.6849..166.315)
			[1m40s,1m50s) lat{host="a",job="web"} open rev=0 onset=1m30s score=2.41432 value=300 expect=21.4248..184.605 up p=0.997327 evidence{peers_median=100 usual_offset=3.01496 average=266.195 scale=10.1988 z=19.3146 rank=1 peers=4}
			[1m40s,1m50s) lat{host="a",job="web"} score=2.41432 expect=103.015 (21.4248..184.605)
			[1m40s,1m50s) lat{host="b",job="web"} score=0 expect=100 (19.601..180.399)
			[1m40s,1m50s) lat{host="c",job="web"} score=0 expect=110 (25.7148..194.285)
			[1m40s,1m50s) lat{host="d",job="web"} score=0 expect=100 (19.601..180.399)
			[1m40s,1m50s) lat{host="e",job="web"} score=0 expect=90 (13.6849..166.315)`,
	}} {
		t.Run(x.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: quick(x.settings...), Input: operatortest.Script(t, x.input), Want: x.want, Silent: x.want == "", AnyOrder: true})
		})
	}
}

// TestQuiet: nothing in a day of five hosts, each with a life of its own.
func TestQuiet(t *testing.T) {
	for kind, n := range operatortest.Quiet(t, made()) {
		if n > 0 {
			t.Errorf("%d false findings in 20 series and a day of %s", n, kind)
		}
	}
}

// TestHostile: whatever comes, no panic and no number that is none.
func TestHostile(t *testing.T) { operatortest.Hostile(t, made("warmup", int64(8))) }

func TestSettingsThatDontFit(t *testing.T) {
	if _, err := made("across", []any{"pod"}, "by", []any{"zone"})(); pipeline.Code(err) != "cohort.by" {
		t.Errorf("got %v", err)
	}
}
