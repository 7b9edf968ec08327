package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// by says what a producer is known by.
type by uint8

const (
	byNothing by = iota
	byHeader
	byKey
	byClient
	byPartition
	byLabel
)

// String returns the word that metrics have for it.
func (b by) String() string {
	return [...]string{"", "header", "key", "client", "partition", "label"}[b]
}

// identity is who wrote a record, as far as can be told. Its text is borrowed.
type identity struct {
	by   by
	text []byte
}

func (i identity) same(other identity) bool {
	return i.by == other.by && bytes.Equal(i.text, other.text)
}

// longestName bounds a producer's name in metrics, in bytes.
const longestName = 120

// String returns the name as metrics have it: what is no text is written in hexadecimal digits, and what is long is cut.
func (i identity) String() string {
	switch i.by {
	case byClient:
		return strconv.FormatUint(binary.BigEndian.Uint64(i.text), 10)
	case byPartition:
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(i.text)), 10)
	}
	short := i.text[:min(len(i.text), longestName)]
	for len(short) < len(i.text) && len(short) > longestName-utf8.UTFMax && !utf8.Valid(short) {
		short = short[:len(short)-1] // a character that was cut in two
	}
	if s := string(short); utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	return "0x" + hex.EncodeToString(i.text[:min(len(i.text), longestName/2-1)])
}

// whoseHeaders are headers that name one of several producers, in the order in which they are believed. Headers that name a
// kind of producer are not among them: the twenty collectors of a fleet say the same there.
var whoseHeaders = []string{"producer", "client.id", "host.name", "hostname", "host", "ce_source"}

// whose tells who wrote a record. It belongs to a lane.
type whose struct {
	rule  string // the setting producer of the source, up to its colon
	name  string // of the header or label
	keyed bool
	room  [8]byte
}

// newWhose reads the setting.
func newWhose(setting string, keyed bool) whose {
	rule, name, _ := strings.Cut(setting, ":")
	return whose{rule: rule, name: name, keyed: keyed}
}

// of returns who wrote a record, whose first row is of that series; nil if it has none. The result is good until the next call.
func (w *whose) of(rec *pipeline.Record, series *pipeline.Series) identity {
	switch w.rule {
	case "header":
		if v, ok := rec.Header(w.name); ok {
			return identity{byHeader, v}
		}
	case "label":
		if series != nil {
			if v := series.Labels.Get(w.name); v != "" {
				return identity{byLabel, []byte(v)}
			}
		}
	case "key":
		if rec.Key != nil {
			return identity{byKey, rec.Key}
		}
		return w.partition(rec)
	case "client":
		if rec.Producer > 0 {
			return w.client(rec)
		}
		return w.partition(rec)
	case "partition":
		return w.partition(rec)
	}
	return w.guess(rec)
}

// guess takes what a record has, the surest first: a header that names its producer, the key if producers were promised to key by
// entity, the producer's id that brokers give to each idempotent client, any key, and the partition.
func (w *whose) guess(rec *pipeline.Record) identity {
	best := len(whoseHeaders)
	var value []byte
	for i := range rec.Headers {
		if at := slices.Index(whoseHeaders[:best], rec.Headers[i].Key); at >= 0 && len(rec.Headers[i].Value) > 0 {
			best, value = at, rec.Headers[i].Value
		}
	}
	switch {
	case value != nil:
		return identity{byHeader, value}
	case w.keyed && len(rec.Key) > 0:
		return identity{byKey, rec.Key}
	case rec.Producer > 0:
		return w.client(rec)
	case len(rec.Key) > 0:
		return identity{byKey, rec.Key}
	}
	return w.partition(rec)
}

func (w *whose) client(rec *pipeline.Record) identity {
	binary.BigEndian.PutUint64(w.room[:], uint64(rec.Producer-1))
	return identity{byClient, w.room[:8]}
}

func (w *whose) partition(rec *pipeline.Record) identity {
	binary.BigEndian.PutUint32(w.room[:], uint32(rec.Partition))
	return identity{byPartition, w.room[:4]}
}

// ProducerOf returns a function that tells who wrote a record of a source, in the words that a run's metrics have for it. series is
// that of the record's first row, nil if it has none. It is for one goroutine.
func ProducerOf(src *plan.Source) func(rec *pipeline.Record, series *pipeline.Series) (by, producer string) {
	w := newWhose(src.Producer, src.Keyed)
	return func(rec *pipeline.Record, series *pipeline.Series) (by, producer string) {
		who := w.of(rec, series)
		return who.by.String(), who.String()
	}
}
