package otlp

import (
	"maps"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
)

// Name is the codec's word in the configuration.
const Name = "otlp_metrics"

// Reasons in Columns.Lost.
const (
	// LostTemporality: a sum or histogram that says neither delta nor cumulative.
	LostTemporality = "temporality_unspecified"
	// LostNoValue: a point that says it has no recorded value, or has none.
	LostNoValue = "no_recorded_value"
	// LostNotFinite: NaN or an infinity.
	LostNotFinite = "not_finite"
	// LostNoTime: neither the point nor the record has a time.
	LostNoTime = "no_time"
	// LostTimeRange: the point's time is beyond the year 2262.
	LostTimeRange = "time_out_of_range"
	// LostInconsistent: the buckets of a histogram contradict themselves or its count, or what a summary tells is no
	// quantile. It counts the quantiles that could not be told, and one for the bucket series.
	LostInconsistent = "distribution_inconsistent"
	// LostNoName: the metric has no name.
	LostNoName = "no_metric_name"
	// LostSeriesLimit: a new series, and the lane's table is full.
	LostSeriesLimit = "series_limit"
)

type loss int

const (
	kept loss = iota
	temporality
	noValue
	notFinite
	noTime
	timeRange
	inconsistent
	noName
	seriesLimit
	losses
)

var lossReasons = [losses]string{"", LostTemporality, LostNoValue, LostNotFinite, LostNoTime, LostTimeRange, LostInconsistent, LostNoName, LostSeriesLimit}

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "OpenTelemetry metrics in protobuf (otlp_proto), one message a record, or in JSON (otlp_json), one message or several a record. " +
			"Gauges and sums become series of their name, histograms and summaries name.count, name.sum and quantiles; " +
			"labels are the attributes of resource and point, the point's first. A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: []pipeline.Setting{
			{Name: "quantiles", Type: pipeline.List, Default: []any{0.5, 0.95, 0.99},
				Doc:     "Quantiles that are estimated from the buckets of each point of a delta histogram: gauges of the metric's name with the label quantile. None for an empty list.",
				Example: "[0.5, 0.99]", Fields: []pipeline.Setting{{Type: pipeline.Float, Min: pipeline.Bound(0), Max: pipeline.Bound(1)}}},
			{Name: "buckets", Type: pipeline.Bool, Default: false,
				Doc: "Whether explicit histograms make series name.bucket, one for each bound, of what was observed up to the label le: for objectives, and for quantiles of cumulative histograms.", Example: "true"},
			{Name: "scope", Type: pipeline.Bool, Default: false,
				Doc: "Whether the instrumentation scope is part of a series' labels: otel.scope.name, otel.scope.version and otel.scope.ATTRIBUTE. Without it, equal metrics of two scopes are one series.", Example: "true"},
			{Name: "max_bytes", Type: pipeline.Size, Default: int64(16 << 20), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 30),
				Doc: "Size of a record.", Example: "16MiB"},
			{Name: "max_points", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1),
				Doc: "Rows a record may make, those that can't be used included; a histogram's point makes several.", Example: "100000"},
			{Name: "max_buckets", Type: pipeline.Int, Default: int64(10_000), Min: pipeline.Bound(1), Max: pipeline.Bound(1_000_000),
				Doc: "Buckets of a histogram's point, where they are read.", Example: "10000"},
			{Name: "max_attributes", Type: pipeline.Int, Default: int64(128), Min: pipeline.Bound(1),
				Doc: "Attributes of a point, its resource and, if set, its scope together.", Example: "128"},
			{Name: "max_label_bytes", Type: pipeline.Size, Default: int64(16 << 10), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 20),
				Doc: "Text of a series: metric name, names and values of all labels.", Example: "16KiB"},
			{Name: "max_nesting", Type: pipeline.Int, Default: int64(16), Min: pipeline.Bound(1), Max: pipeline.Bound(100),
				Doc: "Depth of lists and maps in an attribute's value.", Example: "16"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising series by their raw bytes. Series beyond it are looked for by their labels, which costs time only.", Example: "128MiB"},
		},
	}
}

// Register adds the codec to a registry.
func Register(r *pipeline.Registry) {
	r.AddCodec(Spec(), func(s pipeline.Settings) (pipeline.Codec, error) { return New(s), nil })
}

// New makes a codec for one lane. Settings that are absent have the defaults of Spec.
func New(given pipeline.Settings) pipeline.Codec {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	c := &codec{
		buckets: s.Bool("buckets"), scope: s.Bool("scope"),
		limits: limits{
			bytes:      int(s.Int("max_bytes")),
			points:     int(s.Int("max_points")),
			buckets:    int(s.Int("max_buckets")),
			attributes: int(s.Int("max_attributes")),
			labelBytes: int(s.Int("max_label_bytes")),
			nesting:    int(s.Int("max_nesting")),
			memo:       int(s.Int("memo")),
		}}
	for _, q := range s.List("quantiles") {
		c.quantiles = append(c.quantiles, q.(float64))
	}
	slices.Sort(c.quantiles)
	c.quantiles = slices.Compact(c.quantiles)
	return c
}

type limits struct{ bytes, points, buckets, attributes, labelBytes, nesting, memo int }

// codec decodes messages. Its memos lead from raw bytes to the numbers of resources, of names (what metrics of any resource have in
// common) and of attributes, from a resource and a name to a metric, and from that and a point's attributes to a series; they hold for
// one series table. What a number stands for is read again where a series is new.
type codec struct {
	limits         limits
	quantiles      []float64 // to be estimated, rising
	buckets, scope bool      // whether there are series of them
	table          *pipeline.SeriesTable

	resourceMemo, nameMemo, attributeMemo memo.Memo
	metrics, series                       memo.Pairs
	names                                 []name
	shapes                                shapes
	patterns                              patterns
	full                                  full
	admitted                              resource // that of the series that was new last

	// Of the message being decoded.
	b          []byte
	out        *pipeline.Columns
	recordTime int64 // Unix nanoseconds, 0 if unknown
	rows       int
	parts      int // resources and metrics
	lost       [losses]int
	numbered   int    // points of gauges and sums
	last       layout // of the last one
	lastSeries uint32 // of the last row

	// Scratch.
	key, scattered, name, unit []byte
	labels                     []pipeline.Label
	family                     family
	point                      distribution
	estimates                  []float64
	tape                       tape
}

// name is what the series of one metric of all resources have in common.
type name struct {
	text, unit string
	typ        pipeline.SeriesType
	extra      pipeline.Label // le or quantile; none if it has no name
}

// Decode implements pipeline.Codec. Losses are counted only when the whole message is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	switch n := len(rec.Value); {
	case n == 0:
		return pipeline.Errorf("otlp_metrics.empty", "otlp metrics record has no bytes: check what writes to topic %s", rec.Topic)
	case n > c.limits.bytes:
		return pipeline.Errorf("otlp_metrics.limit.bytes", "otlp metrics record of %d bytes is larger than max_bytes %d: send smaller batches or raise it", n, c.limits.bytes)
	}
	c.remember(out.Series)
	c.b, c.out, c.rows, c.parts, c.lost, c.numbered = rec.Value, out, 0, 0, [losses]int{}, 0
	c.recordTime = max(rec.Timestamp, 0) * 1e6
	var err error
	switch json, certain := looksLikeJSON(c.b); {
	case json && (certain || c.isJSON()):
		err = c.documents()
	case !c.known():
		if err = c.message(); err == nil {
			c.learn()
		}
	}
	c.b, c.out, c.tape.b, c.family.id = nil, nil, nil, identity{}
	if err != nil {
		return err
	}
	for reason, n := range c.lost {
		if n > 0 {
			out.Lose(lossReasons[reason], n)
		}
	}
	return nil
}

// remember keeps the memos to a table and to their memory. When that is full they go on with what they know, since to begin anew with
// more series than there is room for would be to know none of them the next time; unless most points are of others by now.
func (c *codec) remember(table *pipeline.SeriesTable) {
	memos := c.memos()
	c.full.is = memos > c.limits.memo
	if c.full.is {
		c.full.rows += max(c.rows, 1) // of the record before
	}
	switch {
	case c.table != table || memos > c.limits.memo+c.limits.memo/4 || c.full.outlived(c.series.Len()):
		c.forget(table)
	case memos+c.shapes.Bytes()+c.patterns.Bytes() > c.limits.memo && c.shapes.Len()+len(c.patterns.all) > 0:
		c.shapes, c.patterns = newShapes(), newPatterns() // the memory is needed by the others
		c.shapes.full, c.patterns.full = true, true
	}
}

// full says that the memos take no more series, and how it goes since: how many rows were read, and of how many the series had to be
// looked for in the table; and what that was when it was judged the last time.
type full struct {
	is           bool
	rows, sought int
	judged       struct{ rows, sought int }
}

// fullTrial is how many rows are read, for each series that is known, before it is seen whether that is still worth its memory.
const fullTrial = 4

// outlived tells whether most points are of other series than those that are known.
func (f *full) outlived(known int) bool {
	rows, sought := f.rows-f.judged.rows, f.sought-f.judged.sought
	if rows < fullTrial*known {
		return false
	}
	f.judged.rows, f.judged.sought = f.rows, f.sought
	return sought > rows/2
}

// memos returns the memory of what leads to series, in bytes.
func (c *codec) memos() int {
	const nameBytes = 128 // its texts with it
	return c.resourceMemo.Bytes() + c.nameMemo.Bytes() + len(c.names)*nameBytes + c.attributeMemo.Bytes() + c.metrics.Bytes() + c.series.Bytes()
}

// forget starts the memos anew, for a table.
func (c *codec) forget(table *pipeline.SeriesTable) {
	c.table = table
	c.resourceMemo, c.nameMemo, c.attributeMemo = memo.New(), memo.New(), memo.New()
	c.metrics, c.series, c.names, c.admitted = memo.NewPairs(), memo.NewPairs(), nil, resource{}
	c.shapes, c.patterns, c.full = newShapes(), newPatterns(), full{}
}
