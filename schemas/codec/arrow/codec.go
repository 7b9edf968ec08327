package arrow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// Reasons in Columns.Lost.
const (
	// LostNoValue: the value is null.
	LostNoValue = "no_recorded_value"
	// LostNotFinite: NaN or an infinity.
	LostNotFinite = "not_finite"
	// LostNoTime: neither the row nor the record has a time.
	LostNoTime = "no_time"
	// LostTimeRange: the row's time is before 1970, beyond the year 2262, or no Unix time.
	LostTimeRange = "time_out_of_range"
	// LostNoName: the column with the metric's name is null or empty.
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

type limits struct{ bytes, points, attributes, labelBytes, nesting, memo int }

// codec decodes streams. Its memos lead from the names of columns to a layout, and from a layout and the texts of a row to a series; they hold for one
// series table.
type codec struct {
	limits                     limits
	time, name, values, labels []string
	unit                       moment.Unit
	typ                        pipeline.SeriesType
	table                      *pipeline.SeriesTable
	layoutMemo, seriesMemo     memo.Memo

	// Of the stream being decoded.
	out          *pipeline.Columns
	recordTime   int64 // Unix nanoseconds, 0 if unknown
	rows         int
	lost         [losses]int
	schema       schema
	roles        roles
	dictionaries []dictionary
	key          []byte // scratch
}

// roles are the numbers of columns, -1 for none.
type roles struct {
	time, name     int
	values, labels []int
	layouts        []uint32 // of each column of values
	columns        []values // those of the batch
}

// New makes a codec for one lane. Settings that are absent have the defaults of Spec.
func New(given pipeline.Settings) pipeline.Codec {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	return &codec{
		time: s.Texts("time"), name: s.Texts("name"), values: s.Texts("values"), labels: s.Texts("labels"),
		unit: moment.UnitOf(s.Text("time_unit")),
		typ:  map[string]pipeline.SeriesType{"delta": pipeline.Delta, "cumulative": pipeline.Cumulative}[s.Text("type")],
		limits: limits{
			bytes:      int(s.Int("max_bytes")),
			points:     int(s.Int("max_points")),
			attributes: int(s.Int("max_attributes")),
			labelBytes: int(s.Int("max_label_bytes")),
			nesting:    int(s.Int("max_nesting")),
			memo:       int(s.Int("memo")),
		},
	}
}

// Decode implements pipeline.Codec. Losses are counted only when the whole stream is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	switch n := len(rec.Value); {
	case n == 0:
		return pipeline.Errorf("arrow.empty", "arrow record has no bytes: check what writes to topic %s", rec.Topic)
	case n > c.limits.bytes:
		return pipeline.Errorf("arrow.limit.bytes", "arrow stream of %d bytes is larger than max_bytes %d: send smaller ones or raise it", n, c.limits.bytes)
	}
	if c.table != out.Series || c.layoutMemo.Bytes()+c.seriesMemo.Bytes() > c.limits.memo {
		c.table, c.layoutMemo, c.seriesMemo = out.Series, memo.New(), memo.New()
	}
	c.out, c.rows, c.lost = out, 0, [losses]int{}
	c.recordTime = max(rec.Timestamp, 0) * 1e6
	err := c.stream(rec.Value)
	c.release()
	if err != nil {
		if pipeline.Code(err) == "" {
			err = pipeline.Errorf("arrow.bytes", "arrow stream of %d bytes can't be read: %w; check what writes to topic %s and that each record is a whole Arrow IPC stream", len(rec.Value), err, rec.Topic)
		}
		return err
	}
	for reason, n := range c.lost {
		if n > 0 {
			out.Lose(lossReasons[reason], n)
		}
	}
	return nil
}

// release lets go of the record.
func (c *codec) release() {
	c.out = nil
	c.schema.b = nil
	clear(c.schema.columns)
	clear(c.roles.columns)
	for i := range c.dictionaries {
		clear(c.dictionaries[i].parts)
		c.dictionaries[i].parts = c.dictionaries[i].parts[:0]
	}
	c.dictionaries = c.dictionaries[:0]
}

func (c *codec) stream(b []byte) error {
	if bytes.HasPrefix(b, []byte("ARROW1")) {
		return errors.New("it is in the file format, and not a stream")
	}
	m, rest, more, err := nextMessage(b)
	switch {
	case err != nil:
		return err
	case !more || m.kind != kindSchema:
		return errors.New("it does not begin with a schema")
	}
	c.schema = schema{flat: m.flat, columns: c.schema.columns[:0], limits: c.limits}
	if err := c.schema.read(m.header); err != nil {
		return err
	}
	if err := c.assign(); err != nil {
		return err
	}
	for {
		m, rest, more, err = nextMessage(rest)
		if err != nil || !more {
			return err
		}
		switch m.kind {
		case kindDictionary:
			err = c.dictionary(&m)
		case kindBatch:
			err = c.batch(&m)
		default:
			err = errors.New("it has a message that is neither a dictionary nor a batch")
		}
		if err != nil {
			return err
		}
	}
}

// find returns the first of the names that a column of a fitting form has, -1 if none does.
func (c *codec) find(names []string, fits func(*column) bool) int {
	for _, name := range names {
		for i := range c.schema.columns {
			if col := &c.schema.columns[i]; string(col.name) == name && fits(col) {
				return i
			}
		}
	}
	return -1
}

func isTime(c *column) bool {
	return !c.coded && (c.form == timestamp || c.size == 8 && (c.form == signed || c.form == unsigned))
}
func isNumber(c *column) bool {
	return !c.coded && (c.form == signed || c.form == unsigned || c.form == floating)
}
func isText(c *column) bool { return c.form == text || c.form == largeText }

// assign says which column is what, and finds the layouts.
func (c *codec) assign() error {
	r := &c.roles
	r.time, r.name = c.find(c.time, isTime), c.find(c.name, isText)
	var err error
	if r.values, err = c.pick(r.values[:0], "values", c.values, isNumber, r.time); err != nil {
		return err
	}
	if r.labels, err = c.pick(r.labels[:0], "labels", c.labels, isText, r.name); err != nil {
		return err
	}
	if len(r.values) == 0 {
		return pipeline.Errorf("arrow.no_values", "arrow stream has no column of numbers besides its time: check what writes to the topic")
	}
	c.key = binary.AppendUvarint(c.key[:0], uint64(len(r.labels)))
	for _, i := range r.labels {
		c.key = spell(c.key, c.schema.columns[i].name)
	}
	labels := len(c.key)
	r.layouts = r.layouts[:0]
	for _, i := range r.values {
		// Names are what the memo's keys leave out.
		c.key = append(c.key[:labels], byte(min(r.name, 0)+1), byte(min(len(r.values), 2)))
		c.key = append(c.key, c.schema.columns[i].name...)
		number, hash, ok := c.layoutMemo.Find(0, c.key)
		if !ok {
			number = uint32(c.layoutMemo.Len())
			c.layoutMemo.Add(hash, 0, c.key, number)
		}
		r.layouts = append(r.layouts, number)
	}
	return nil
}

// pick appends the numbers of the columns that a setting names, or of all that fit but one.
func (c *codec) pick(list []int, setting string, names []string, fits func(*column) bool, but int) ([]int, error) {
	for _, name := range names {
		i := c.find([]string{name}, fits)
		if i < 0 {
			return nil, pipeline.Errorf("arrow.no_column", "arrow stream has no column %q that could be one of the setting %s: name one that it has, of a fitting type", name, setting)
		}
		list = append(list, i)
	}
	if len(names) > 0 {
		return list, nil
	}
	for i := range c.schema.columns {
		if i != but && fits(&c.schema.columns[i]) {
			list = append(list, i)
		}
	}
	return list, nil
}

// spell appends a text with its length before it.
func spell(key, s []byte) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))+1), s...)
}

// dictionary keeps the values of a dictionary that a column needs.
func (c *codec) dictionary(m *message) error {
	id := m.number(m.header, 0, 8, 0)
	data := m.table(m.header, 1)
	delta := m.number(m.header, 2, 1, 0) != 0
	if m.broken || data == 0 {
		return errors.New("a dictionary's head is broken")
	}
	b, err := readBatch(m, data)
	if err != nil {
		return err
	}
	f := other
	for i := range c.schema.columns {
		if col := &c.schema.columns[i]; col.coded && col.dictionary == id && isText(col) {
			f = col.form
		}
	}
	size := 4
	switch f {
	case other:
		return nil // of a column that is not read
	case largeText:
		size = 8
	}
	v, err := b.column(f, size, 0, 0)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(c.dictionaries, func(d dictionary) bool { return d.id == id })
	if at < 0 {
		at = len(c.dictionaries)
		c.dictionaries = slices.Grow(c.dictionaries, 1)[:at+1] // with the parts that it had for a stream before
		c.dictionaries[at].id = id
	}
	d := &c.dictionaries[at]
	if !delta {
		d.parts = d.parts[:0]
	}
	if len(d.parts) >= maxParts {
		return errors.New("a dictionary comes in too many parts")
	}
	d.parts = append(d.parts, v)
	return nil
}

// maxParts bounds the parts of a dictionary: each value of a row is looked for in all of them.
const maxParts = 64

// batch makes the rows of a batch.
func (c *codec) batch(m *message) error {
	b, err := readBatch(m, m.header)
	if err != nil {
		return err
	}
	r := &c.roles
	if c.rows += b.rows * len(r.values); c.rows > c.limits.points {
		return pipeline.Errorf("arrow.limit.points", "arrow stream makes more points than max_points %d: send smaller ones or raise it", c.limits.points)
	}
	r.columns = r.columns[:0]
	for range c.schema.columns {
		r.columns = append(r.columns, values{})
	}
	load := func(i int) error {
		if i < 0 || err != nil {
			return err
		}
		col := &c.schema.columns[i]
		f := col.form
		if col.coded {
			if f = signed; col.indexUnsigned {
				f = unsigned
			}
		}
		r.columns[i], err = b.column(f, col.size, col.firstNode, col.firstBuffer)
		return err
	}
	for _, i := range []int{r.time, r.name} {
		if load(i) != nil {
			return err
		}
	}
	for _, list := range [][]int{r.values, r.labels} {
		for _, i := range list {
			if load(i) != nil {
				return err
			}
		}
	}
	for row := range b.rows {
		if err := c.row(row); err != nil {
			return err
		}
	}
	return nil
}

// cell returns a text of a column; nil is null.
func (c *codec) cell(column, row int) ([]byte, error) {
	col, v := &c.schema.columns[column], &c.roles.columns[column]
	if v.null(row) {
		return nil, nil
	}
	if !col.coded {
		return v.piece(row)
	}
	for i := range c.dictionaries {
		if c.dictionaries[i].id == col.dictionary {
			return c.dictionaries[i].at(v.integer(row))
		}
	}
	return nil, errors.New("a column's dictionary is missing")
}

// row makes the points of a row.
func (c *codec) row(row int) error {
	r := &c.roles
	when, lose := c.when(row)
	c.key = c.key[:0]
	if r.name >= 0 {
		name, err := c.cell(r.name, row)
		if err != nil {
			return err
		}
		if len(name) == 0 && lose == kept {
			lose = noName
		}
		c.key = spell(c.key, name)
	}
	for _, i := range r.labels {
		s, err := c.cell(i, row)
		if err != nil {
			return err
		}
		if c.key = spell(c.key, s); len(c.key) > c.limits.labelBytes+12*c.limits.attributes {
			return c.tooLong()
		}
	}
	for n, i := range r.values {
		value, lose := r.columns[i].number(row, lose)
		if lose != kept {
			c.lost[lose]++
			continue
		}
		series, hash, ok := c.seriesMemo.Find(r.layouts[n], c.key)
		if !ok {
			var err error
			if series, err = c.admit(i); err != nil {
				return err
			}
			c.seriesMemo.Add(hash, r.layouts[n], c.key, series)
		}
		switch series {
		case refused:
			c.lost[seriesLimit]++
		case nameless:
			c.lost[noName]++
		default:
			c.out.Point(series, when, 0, value)
		}
	}
	return nil
}

// number reads a value, or says why it can't be used.
func (v *values) number(row int, lose loss) (float64, loss) {
	switch {
	case lose != kept:
		return 0, lose
	case v.null(row):
		return 0, noValue
	case v.form == unsigned:
		return float64(uint64(v.integer(row))), kept
	case v.form == signed:
		return float64(v.integer(row)), kept
	}
	var value float64
	if v.size == 4 {
		value = float64(math.Float32frombits(binary.LittleEndian.Uint32(v.data[4*row:])))
	} else {
		value = math.Float64frombits(binary.LittleEndian.Uint64(v.data[8*row:]))
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, notFinite
	}
	return value, kept
}

// when returns a row's time in Unix nanoseconds, or why it has none.
func (c *codec) when(row int) (int64, loss) {
	i := c.roles.time
	if i < 0 || c.roles.columns[i].null(row) {
		if c.recordTime == 0 {
			return 0, noTime
		}
		return c.recordTime, kept
	}
	v := c.roles.columns[i].integer(row)
	unit := c.schema.columns[i].unit
	if unit == 0 {
		if unit = int64(c.unit); unit == 0 {
			unit = unitOf(v)
		}
	}
	if unit == 0 || v <= 0 || v > math.MaxInt64/unit {
		return 0, timeRange
	}
	return v * unit, kept
}

// unitOf guesses the unit of a Unix time by its size, as schemas/codec/moment does: 0 if it is none.
func unitOf(v int64) int64 {
	switch {
	case v < 1e9:
		return 0
	case v < 1e11:
		return 1e9
	case v < 1e14:
		return 1e6
	case v < 1e17:
		return 1e3
	}
	return 1
}

// What stands in the memo for rows that have no series: refused came when the table was full, and as the table only grows it stays so; nameless
// has no metric's name.
const (
	refused  = ^uint32(0)
	nameless = ^uint32(0) - 1
)

// admit interns the series of the row whose texts are c.key, and of a column of values.
func (c *codec) admit(column int) (uint32, error) {
	r := &c.roles
	key := c.key
	next := func() []byte {
		n, size := binary.Uvarint(key)
		s := key[size : size+int(n)-1]
		key = key[size+int(n)-1:]
		return s
	}
	name := clean(c.schema.columns[column].name)
	if r.name >= 0 {
		first := clean(next())
		if len(r.values) > 1 {
			first += "." + name
		}
		name = first
	}
	if name == "" {
		return nameless, nil
	}
	size := len(name)
	list := make([]pipeline.Label, 0, len(r.labels))
	for _, i := range r.labels {
		l := pipeline.Label{Name: clean(c.schema.columns[i].name), Value: clean(next())}
		if l.Value == "" {
			continue
		}
		size += len(l.Name) + len(l.Value)
		list = append(list, l)
	}
	if size > c.limits.labelBytes {
		return 0, c.tooLong()
	}
	series, err := c.table.Intern(name, "", c.typ, pipeline.NewLabels(list))
	if pipeline.Code(err) == "series.limit" {
		return refused, nil
	}
	return series, err
}

func (c *codec) tooLong() error {
	return pipeline.Errorf("arrow.limit.label_bytes", "arrow stream has a row with more text in its name and labels than max_label_bytes %d: drop long columns at the producer or raise it", c.limits.labelBytes)
}

// clean copies bytes that should be UTF-8.
func clean(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
