package alertmanager

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strconv"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// Metric is the name of all series.
const Metric = "alert"

// Reasons in Columns.Lost.
const (
	// LostNoTime: neither the alert nor the record has a time, or there is none to tell whether the alert has ended.
	LostNoTime = "no_time"
	// LostTimeRange: the alert's own time counts, and it can't be read or is beyond the year 2261.
	LostTimeRange = "time_out_of_range"
	// LostNoValue: the status is a word that says neither that the alert fires nor that it is resolved.
	LostNoValue = "no_recorded_value"
	// LostSeriesLimit: a new series, and the lane's table is full.
	LostSeriesLimit = "series_limit"
	// LostTruncated: the sender says that it left the alert out.
	LostTruncated = "truncated_by_producer"
)

type loss int

const (
	kept loss = iota
	noTime
	timeRange
	noValue
	seriesLimit
	truncated
	losses
)

var lossReasons = [losses]string{"", LostNoTime, LostTimeRange, LostNoValue, LostSeriesLimit, LostTruncated}

type limits struct{ bytes, points, attributes, labelBytes, nesting, memo int }

// codec decodes notifications. Its memo leads from the raw bytes of labels to a series; it holds for one series table.
type codec struct {
	limits limits
	own    bool // the alert's own time counts
	table  *pipeline.SeriesTable
	memo   memo.Memo
	key    []byte // scratch

	// Of the notification being decoded.
	b          []byte
	topic      string
	out        *pipeline.Columns
	recordTime int64 // Unix nanoseconds, 0 if unknown
	rows       int
	lost       [losses]int
	shared     value // commonLabels
}

// New makes a codec for one lane. Settings that are absent have the defaults of Spec.
func New(given pipeline.Settings) pipeline.Codec {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	return &codec{
		own: s.Text("time") == "alert",
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

// Decode implements pipeline.Codec. Losses are counted only when the whole notification is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if n := len(rec.Value); n > c.limits.bytes {
		return pipeline.Errorf("alertmanager.limit.bytes", "alert notification of %d bytes is larger than max_bytes %d: send smaller groups or raise it", n, c.limits.bytes)
	}
	if c.table != out.Series || c.memo.Bytes() > c.limits.memo {
		c.table, c.memo = out.Series, memo.New()
	}
	c.b, c.topic, c.out, c.rows, c.lost, c.shared = rec.Value, rec.Topic, out, 0, [losses]int{}, nil
	c.recordTime = max(rec.Timestamp, 0) * 1e6
	err := c.notification()
	c.b, c.out, c.shared = nil, nil, nil
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

const byteOrderMark = "\uFEFF"

func (c *codec) notification() error {
	v := value(bytes.Trim(bytes.TrimPrefix(c.b, []byte(byteOrderMark)), " \t\r\n"))
	if len(v) == 0 {
		return pipeline.Errorf("alertmanager.empty", "alert notification has no bytes: check what writes to topic %s", c.topic)
	}
	if depth(v) > c.limits.nesting {
		return pipeline.Errorf("alertmanager.limit.nesting", "alert notification nests objects and arrays deeper than max_nesting %d: flatten it at the producer or raise it", c.limits.nesting)
	}
	if !json.Valid(v) {
		return c.broken(v)
	}
	switch v.first() {
	case '[':
		return c.alerts(v)
	case '{':
		return c.group(v)
	}
	return c.misshapen("it", v, "an object or an array of alerts")
}

// broken says where bytes do not follow JSON's grammar.
func (c *codec) broken(v value) error {
	at, why := 0, "it is not JSON"
	var fault *json.SyntaxError
	var raw json.RawMessage
	if errors.As(json.Unmarshal(v, &raw), &fault) {
		at, why = max(int(fault.Offset)-1, 0), fault.Error()
	}
	return pipeline.Errorf("alertmanager.syntax", "alert notification of %d bytes is broken at byte %d: %s; check what writes to topic %s", len(c.b), c.at(v)+at, why, c.topic)
}

// at returns the position of a part of the notification.
func (c *codec) at(v value) int { return cap(c.b) - cap(v) }

// misshapen says that a value is something else than it has to be.
func (c *codec) misshapen(what string, v value, wanted string) error {
	return pipeline.Errorf("alertmanager.shape", "alert notification of %d bytes: %s at byte %d is %.40q and not %s; check what writes to topic %s", len(c.b), what, c.at(v), v, wanted, c.topic)
}

// group reads what a webhook sends, or an object that is an alert itself.
func (c *codec) group(v value) error {
	var alerts, leftOut, labels value
	has := false
	for w := within(v); w.next(); {
		switch string(w.key) {
		case "alerts":
			alerts, has = w.value, true
		case "commonLabels":
			c.shared = w.value
		case "truncatedAlerts":
			leftOut = w.value
		case "labels":
			labels = w.value
		}
	}
	if !has {
		if labels.absent() {
			return pipeline.Errorf("alertmanager.shape", "alert notification of %d bytes has neither alerts nor labels: check what writes to topic %s", len(c.b), c.topic)
		}
		c.shared = nil
		return c.alert(v)
	}
	if !c.shared.absent() && c.shared.first() != '{' {
		return c.misshapen("commonLabels", c.shared, "an object")
	}
	if !alerts.absent() {
		if alerts.first() != '[' {
			return c.misshapen("alerts", alerts, "an array")
		}
		if err := c.alerts(alerts); err != nil {
			return err
		}
	}
	if leftOut.absent() {
		return nil
	}
	n, err := strconv.Atoi(string(leftOut))
	if err != nil || n < 0 {
		return c.misshapen("truncatedAlerts", leftOut, "a number of alerts")
	}
	c.lost[truncated] = min(n, c.limits.points)
	return nil
}

func (c *codec) alerts(v value) error {
	for w := within(v); w.next(); {
		if w.value.first() != '{' {
			return c.misshapen("an alert", w.value, "an object")
		}
		if err := c.alert(w.value); err != nil {
			return err
		}
	}
	return nil
}

// alert makes the row of an alert.
func (c *codec) alert(v value) error {
	if c.rows++; c.rows > c.limits.points {
		return pipeline.Errorf("alertmanager.limit.points", "alert notification has more alerts than max_points %d (reached at byte %d of %d): send smaller groups or raise it", c.limits.points, c.at(v), len(c.b))
	}
	var labels, status, starts, ends value
	for w := within(v); w.next(); {
		switch string(w.key) {
		case "labels":
			labels = w.value
		case "status":
			status = w.value
		case "startsAt":
			starts = w.value
		case "endsAt":
			ends = w.value
		}
	}
	if labels.first() != '{' {
		return c.misshapen("an alert's labels", labels, "an object")
	}
	start, end := timeOf(starts), timeOf(ends)
	firing, lose := c.fires(status, end)
	when, lose := c.when(firing, start, end, lose)
	if lose != kept {
		c.lost[lose]++
		return nil
	}
	series, err := c.series(labels)
	if err != nil {
		return err
	}
	if series == refused {
		c.lost[seriesLimit]++
		return nil
	}
	number := 0.0
	if firing {
		number = 1
	}
	c.out.Point(series, when, max(start, 0), number)
	return nil
}

// unreadable is a time that is there and can't be read. 0 is none.
const unreadable = -1

// timeOf returns a time as Unix nanoseconds. Go's zero time, the beginning of the year 1 in some zone, stands for none.
func timeOf(v value) int64 {
	if v.absent() {
		return 0
	}
	s := v.text()
	if len(s) == 0 || bytes.HasPrefix(s, []byte("0001-01-01")) || bytes.HasPrefix(s, []byte("0000-12-31")) {
		return 0
	}
	if ns, ok := moment.Parse(s, v.first() != '"', 0); ok {
		return ns
	}
	return unreadable
}

// fires says whether an alert fires, or why that is not known.
func (c *codec) fires(status value, end int64) (bool, loss) {
	word := status
	if status.first() == '{' {
		word = nil
		for w := within(status); w.next(); {
			if string(w.key) == "state" {
				word = w.value
			}
		}
	}
	if word.absent() {
		switch {
		case end <= 0:
			return true, kept
		case c.recordTime == 0:
			return false, noTime
		}
		return end > c.recordTime, kept
	}
	switch s := word.text(); {
	case bytes.EqualFold(s, []byte("firing")), bytes.EqualFold(s, []byte("active")), bytes.EqualFold(s, []byte("suppressed")), bytes.EqualFold(s, []byte("unprocessed")):
		return true, kept
	case bytes.EqualFold(s, []byte("resolved")):
		return false, kept
	}
	return false, noValue
}

// when returns the time of an alert's point, or why it has none.
func (c *codec) when(firing bool, start, end int64, lose loss) (int64, loss) {
	own := start
	if !firing {
		own = end
	}
	when := c.recordTime
	if c.own && own != 0 || when == 0 {
		when = own
	}
	switch {
	case lose != kept:
	case when == unreadable:
		lose = timeRange
	case when == 0:
		if when = c.recordTime; when == 0 {
			lose = noTime
		}
	}
	return when, lose
}
