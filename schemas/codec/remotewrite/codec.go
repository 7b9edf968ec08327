package remotewrite

import (
	"fmt"
	"maps"

	"github.com/klauspost/compress/zstd"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
)

// Reasons in Columns.Lost.
const (
	// LostNoValue: a staleness marker.
	LostNoValue = "no_recorded_value"
	// LostNotFinite: another NaN, or an infinity.
	LostNotFinite = "not_finite"
	// LostNoTime: neither the sample nor the record has a time.
	LostNoTime = "no_time"
	// LostTimeRange: the sample's time is before 1970 or beyond the year 2262.
	LostTimeRange = "time_out_of_range"
	// LostNoName: the series has no label __name__.
	LostNoName = "no_metric_name"
	// LostSeriesLimit: a new series, and the lane's table is full.
	LostSeriesLimit = "series_limit"
)

type loss int

const (
	kept loss = iota
	noValue
	notFinite
	noTime
	timeRange
	noName
	seriesLimit
	losses
)

var lossReasons = [losses]string{"", LostNoValue, LostNotFinite, LostNoTime, LostTimeRange, LostNoName, LostSeriesLimit}

type limits struct{ bytes, points, attributes, labelBytes, memo int }

// codec decodes requests. Its memo leads from what a series is said to be and the raw bytes of its labels, or the numbers of its symbols, to a
// series; it holds for one series table.
type codec struct {
	limits      limits
	compression compression
	version     int // 0: as the request says
	cumulative  []string
	table       *pipeline.SeriesTable
	memo        memo.Memo
	symbolMemo  memo.Memo // numbers of symbols, which are in the keys of the other
	tables      tables

	zstd     *zstd.Decoder
	unpacked []byte // scratch

	// Of the request being decoded.
	b           []byte
	out         *pipeline.Columns
	recordTime  int64 // Unix nanoseconds, 0 if unknown
	rows        int
	parts       int // series, metadata and symbols
	lost        [losses]int
	all         []span // its series
	symbols     []span // version 2.0
	symbolTable table
	numbers     []uint32 // those that the texts of the symbols have in the codec's memo; 0 if it was not needed yet
	families    []family // version 1.0, sorted by name once all are there
	series      series   // the one being read
	scattered   []byte   // scratch: its labels, where they don't stand together
	key         []byte   // scratch: its key in version 2.0
}

// span is a stretch of the request.
type span struct{ from, to uint32 }

// New makes a codec for one lane. Settings that are absent have the defaults of Spec.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	c := &codec{
		limits: limits{
			bytes:      int(s.Int("max_bytes")),
			points:     int(s.Int("max_points")),
			attributes: int(s.Int("max_attributes")),
			labelBytes: int(s.Int("max_label_bytes")),
			memo:       int(s.Int("memo")),
		},
		compression: map[string]compression{"none": uncompressed, "snappy": snappyBlock, "zstd": zstdFrames}[s.Text("compression")],
		version:     map[string]int{"1": 1, "2": 2}[s.Text("version")],
		cumulative:  s.Texts("cumulative_suffixes"),
	}
	for i, suffix := range c.cumulative {
		if suffix == "" {
			return nil, &pipeline.SettingFault{Path: fmt.Sprintf("cumulative_suffixes[%d]", i),
				Err: pipeline.Errorf("remote_write.suffix", "an empty suffix would make every series cumulative: name an end of names such as _total")}
		}
	}
	return c, nil
}

// Decode implements pipeline.Codec. Losses are counted only when the whole request is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	switch n := len(rec.Value); {
	case n == 0:
		return pipeline.Errorf("remote_write.empty", "remote write record has no bytes: check what writes to topic %s", rec.Topic)
	case n > c.limits.bytes:
		return c.tooLarge(uint64(n), "of")
	}
	if c.table != out.Series || c.memo.Bytes()+c.symbolMemo.Bytes()+c.tables.Bytes() > c.limits.memo {
		c.table, c.memo, c.symbolMemo, c.tables = out.Series, memo.New(), memo.New(), newTables()
	}
	c.out, c.rows, c.parts, c.lost = out, 0, 0, [losses]int{}
	c.recordTime = max(rec.Timestamp, 0) * 1e6
	err := c.record(rec)
	c.b, c.out = nil, nil
	c.series.key, c.series.unit = nil, nil
	c.spare()
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

func (c *codec) record(rec *pipeline.Record) error {
	compression, version, err := c.announced(rec.Headers)
	if err != nil {
		return err
	}
	if version, err = c.open(rec.Value, compression, version); err != nil {
		return err
	}
	return c.request(version)
}

// scratchKept is how much scratch is kept however little of it is used.
const scratchKept = 1 << 20

// spare gives up scratch that the request needed little of, so that one large request does not cost memory for ever.
func (c *codec) spare() {
	if cap(c.unpacked) > scratchKept && len(c.unpacked) < cap(c.unpacked)/8 {
		c.unpacked = nil
	}
	if cap(c.all) > scratchKept/8 && len(c.all) < cap(c.all)/8 {
		c.all = nil
	}
	if cap(c.symbols) > scratchKept/8 && len(c.symbols) < cap(c.symbols)/8 {
		c.symbols, c.numbers = nil, nil
	}
	if cap(c.families) > scratchKept/16 && len(c.families) < cap(c.families)/8 {
		c.families = nil
	}
}

func (c *codec) tooLarge(n uint64, has string) error {
	return pipeline.Errorf("remote_write.limit.bytes", "remote write request %s %d bytes is larger than max_bytes %d: send smaller requests or raise it", has, n, c.limits.bytes)
}
