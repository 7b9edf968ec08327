package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

const minute = int64(time.Minute)

// row gives a report one row of a window, through its operator.
func row(t testing.TB, r *Report, table *pipeline.SeriesTable, series uint32, at int64, v, low, high float64) {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, pipeline.Windows.Schema())
	defer b.Release()
	b.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(series)
	for c, x := range []int64{at, at + minute, 1} {
		b.Field(pipeline.WindowStart + c).(*array.Int64Builder).Append(x)
	}
	for c, x := range []float64{v, low, high, v} {
		b.Field(pipeline.WindowSum + c).(*array.Float64Builder).Append(x)
	}
	batch := pipeline.Batch{Kind: pipeline.Windows, Record: b.NewRecord(), Series: table}
	defer batch.Release()
	if err := r.Operator().Process(batch, nil); err != nil {
		t.Fatal(err)
	}
}

// filled is a report of two series of n minutes, one of them with a finding in the middle, and of a label before it.
func filled(t testing.TB, n int) *Report {
	t.Helper()
	r := New("Backtest of <shop>", 10, []Label{{start + 10*minute, start + 20*minute, "cpu & more"}, {start + int64(n)*minute/2, start + int64(n)*minute, "later"}})
	table := pipeline.NewSeriesTable(func(string, pipeline.Labels) pipeline.Scope { return pipeline.Scope{Entity: "web"} }, 0)
	of := func(metric string, labels ...pipeline.Label) uint32 {
		s, err := table.Intern(metric, "ms", pipeline.Gauge, pipeline.NewLabels(labels))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	host := pipeline.Label{Name: "host", Value: `a"<b>`}
	detector, metric := pipeline.Label{Name: pipeline.DetectorLabel, Value: "robustz"}, pipeline.Label{Name: pipeline.MetricLabel, Value: "latency"}
	quiet, latency := of("cpu"), of("latency", host)
	score, expected := of(pipeline.ScoreMetric, host, detector, metric), of(pipeline.ExpectedMetric, host, detector, metric)
	for i := range n {
		at, v := start+int64(i)*minute, 10+float64(i%7)
		if i >= n/2 && i < n/2+n/10 {
			v = 60
		}
		row(t, r, table, quiet, at, 5, 5, 5)
		row(t, r, table, latency, at, v, v, v)
		row(t, r, table, score, at, v/30, v/30, v/30)
		row(t, r, table, expected, at, 13, 8, 18)
	}
	env := &pipeline.Env{Pipeline: "p", Component: "robustz"}
	f := pipeline.Finding{Series: latency, Onset: start + int64(n/2)*minute, Start: start + int64(n/2)*minute, End: start + int64(n/2+1)*minute, Score: 2, Value: 60, Low: 8, High: 18, Open: true,
		Evidence: []pipeline.Evidence{{Name: "z", Value: 9}}}
	for i, end := range []int64{f.End, start + int64(n/2+n/10)*minute} {
		f.End, f.Open, f.Revision, f.Score = end, i == 0, i, 2-float64(i)*2
		e, err := schemas.NewFindingEvent(env, &f, table.At(latency))
		if err == nil {
			err = r.Finding(&e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestPage(t *testing.T) {
	var first, second bytes.Buffer
	if err := filled(t, 200).Write(&first); err != nil {
		t.Fatal(err)
	}
	if err := filled(t, 200).Write(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("equal runs give different pages: %v", err)
	}
	page := first.String()
	for _, want := range []string{
		"<h1>Backtest of &lt;shop&gt;</h1>", "2 series · 1 findings · 1 of 2 labelled times have one", "2026-01-01 00:00:00 to 2026-01-01 03:20:00",
		`host=a&#34;&lt;b&gt;`, "cpu &amp; more", "<td>robustz<td>web<td><a href=#s0>latency</a><td>2<td>60<td class=n>8 … 18<td>z 9", "class=b", "class=s", "class=o", "60 ms",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, never := range []string{"NaN", "Inf", "<script", "http://", "https://", "src=", "url("} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q in it", never)
		}
	}
	if i, j := strings.Index(page, "<h2 id=s0>latency"), strings.Index(page, "<h2 id=s1>cpu"); i < 0 || j < i {
		t.Errorf("panels at %d and %d: the one with a finding comes first", i, j)
	}
}

// Long series are drawn by what is least and greatest in each column: the page does not grow with them, and no peak is lost.
func TestLongSeries(t *testing.T) {
	var short, long bytes.Buffer
	if err := filled(t, 3_000).Write(&short); err != nil {
		t.Fatal(err)
	}
	if err := filled(t, 12_000).Write(&long); err != nil {
		t.Fatal(err)
	}
	if 2*long.Len() > 3*short.Len() {
		t.Errorf("a page of 12,000 windows has %d bytes, one of 3,000 %d", long.Len(), short.Len())
	}
	values := make([]value, 100_000)
	for i := range values {
		values[i] = value{int64(i), int64(i + 1), float64(i % 10)}
	}
	values[77_777].v = 1000
	drawn := thin(values, func(t int64) float64 { return float64(t) * columns / float64(len(values)) })
	peak := false
	for i, v := range drawn {
		peak = peak || v.v == 1000
		if i > 0 && v.start < drawn[i-1].start {
			t.Fatal("values are not in order of time")
		}
	}
	if !peak || len(drawn) > 2*columns+2 {
		t.Errorf("%d values are drawn, the peak among them: %v", len(drawn), peak)
	}
}

func TestEmpty(t *testing.T) {
	var b bytes.Buffer
	if err := New("nothing", 10, nil).Write(&b); err != nil || !strings.Contains(b.String(), "No window was closed") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestLabels(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lines := write("incidents.jsonl", `{"case":"a","start":1661140434.0,"end":1661140614.0}`+"\n")
	nab := write("windows.json", `{"real/x.csv":[["2014-04-10 07:15:00.000000","2014-04-11 16:45:00.000000"]],"real/y.csv":[]}`)
	for _, c := range []struct{ path, input, want string }{
		{lines, "dir", "[1661140434 1661140614]"}, {nab, "/data/real/x.csv", "[1397114100 1397234700]"}, {nab, "x.csv", "[1397114100 1397234700]"}, {nab, "real/y.csv", ""},
		{nab, "z.csv", "report.labels"}, {write("bad", `{"start":5,"end":1}`), "dir", "report.labels"}, {filepath.Join(dir, "none"), "dir", "report.labels"},
	} {
		labels, err := ReadLabels(c.path, c.input)
		got := pipeline.Code(err)
		for _, l := range labels {
			got += fmt.Sprint([]int64{l.From / 1e9, l.To / 1e9})
		}
		if got != c.want {
			t.Errorf("%s of %s: %s (%v), want %s", filepath.Base(c.path), c.input, got, err, c.want)
		}
	}
}

// TestBrowser draws the page in a real browser and looks for what must be seen: the line, the finding, the label.
func TestBrowser(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("there is no chromium here: install it to see the page drawn (apt-get install chromium)")
	}
	dir := t.TempDir()
	page, shot := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.png")
	f, err := os.Create(page)
	if err == nil {
		err = filled(t, 200).Write(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb", "--user-data-dir="+dir,
		"--window-size=1200,900", "--screenshot="+shot, "file://"+page)
	cmd.Env, cmd.WaitDelay = append(os.Environ(), "HOME="+dir), time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	in, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	img, err := png.Decode(in)
	if err != nil {
		t.Fatal(err)
	}
	for what, near := range map[string]color.RGBA{"the line": {0x25, 0x63, 0xa8, 255}, "the onset": {0xd6, 0x40, 0x2b, 255}, "the finding": {0xf6, 0xd5, 0xd0, 255}, "the label": {0xdd, 0xf0, 0xe5, 255}} {
		if n := pixels(img, near); n < 20 {
			t.Errorf("%d pixels have the colour of %s", n, what)
		}
	}
}

// pixels counts those of about a colour.
func pixels(img image.Image, of color.RGBA) (n int) {
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			d := func(a uint32, b uint8) int { return max(int(a>>8)-int(b), int(b)-int(a>>8)) }
			if d(r, of.R) < 12 && d(g, of.G) < 12 && d(b, of.B) < 12 {
				n++
			}
		}
	}
	return n
}
