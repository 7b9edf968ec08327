package engine

import (
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
)

// repartition is the rear of a lane of ingest: it shares rows out over the columns topic by the series' group. They are not
// encoded here but when a commit takes them, all lanes' rows for one partition into one message.
type repartition struct {
	*surroundings
	table *pipeline.SeriesTable
	topic plan.Topic
	group func(*pipeline.Series) string
	// places has the partition of each series, by ordinal.
	places []int32
	rows   []rows
}

// rows are some of a lane's rows on their way to the columns topic. They are not changed any more; any goroutine may read them.
type rows struct {
	kind   pipeline.Kind
	table  []*pipeline.Series // by ordinal
	places []int32            // by ordinal
	series []uint32
	time   []int64
	start  []int64
	value  []float64

	severity []uint8
	body     *array.Binary
}

func (s *surroundings) newRepartition(table *pipeline.SeriesTable, topic plan.Topic, group func(*pipeline.Series) string) *repartition {
	return &repartition{surroundings: s, table: table, topic: topic, group: group}
}

// feed implements rear. The columns of a batch of decoded rows are Go's own memory, so what is kept of them stays.
func (r *repartition) feed(b pipeline.Batch) error {
	defer b.Release()
	for n := len(r.places); n < r.table.Len(); n++ {
		r.places = append(r.places, broker.PartitionOf([]byte(r.group(r.table.At(uint32(n)))), r.topic.Partitions))
	}
	out := rows{kind: b.Kind, table: r.table.All(), places: r.places[:len(r.places):len(r.places)],
		series: b.Record.Column(0).(*array.Uint32).Uint32Values(), time: b.Record.Column(1).(*array.Int64).Int64Values()}
	switch b.Kind {
	case pipeline.Points:
		out.start, out.value = b.Record.Column(pipeline.PointStart).(*array.Int64).Int64Values(), b.Record.Column(pipeline.PointValue).(*array.Float64).Float64Values()
	case pipeline.Logs:
		out.severity = b.Record.Column(pipeline.LogSeverity).(*array.Uint8).Uint8Values()
		out.body = b.Record.Column(pipeline.LogBody).(*array.Binary)
		out.body.Retain()
	}
	r.rows = append(r.rows, out)
	return nil
}

// leave implements rear: there are no events here.
func (r *repartition) leave(pipeline.Batch) error { return nil }

// watermark implements rear.
func (r *repartition) watermark(int64) error { return nil }

// collect implements rear: rows are taken apart from messages.
func (r *repartition) collect(pipeline.Position) []broker.Message { return nil }

// takeRows hands over the rows since the last time.
func (r *repartition) takeRows() []rows {
	out := r.rows
	r.rows = nil
	return out
}

// tell implements rear: every partition of the columns topic hears the lane's time.
func (r *repartition) tell(lane string, mark int64) []broker.Message {
	text, _ := markText(mark)
	messages := make([]broker.Message, r.topic.Partitions)
	headers := timeHeaders(lane, text, r.lanes.Load().columns)
	for p := range messages {
		messages[p] = broker.Message{Topic: r.topic.Name, Partition: int32(p), Key: []byte(lane), Value: []byte{}, Headers: headers}
	}
	return messages
}

// freeze, restore, randoms, setRandoms and close implement rear: where rows go follows from the series alone.
func (r *repartition) freeze(*frozen) error                          { return nil }
func (r *repartition) restore(*snapshot.Snapshot, int64, bool) error { return nil }
func (r *repartition) randoms() map[string][]byte                    { return nil }
func (r *repartition) setRandoms(map[string][]byte) error            { return nil }
func (r *repartition) close() error                                  { return nil }

// newColumnsMessages encodes rows of several lanes: for each partition and kind one message, more when there are many rows. It
// comes before all else that the lanes have to write in a commit; what lanes say of their time holds all the more then.
func newColumnsMessages(mem pipeline.Allocator, topic plan.Topic, all []rows) ([]broker.Message, error) {
	var out []broker.Message
	for _, kind := range []pipeline.Kind{pipeline.Points, pipeline.Logs} {
		m := &message{mem: mem, topic: topic, kind: kind, parts: make([]messagePart, topic.Partitions)}
		for i := range all {
			if all[i].kind != kind {
				continue
			}
			if err := m.add(&all[i]); err != nil {
				return nil, err
			}
		}
		for p := range m.parts {
			if err := m.flush(int32(p)); err != nil {
				return nil, err
			}
		}
		out = append(out, m.done...)
	}
	return out, nil
}

// message gathers rows by partition.
type message struct {
	mem   pipeline.Allocator
	topic plan.Topic
	kind  pipeline.Kind
	parts []messagePart
	done  []broker.Message
}

type messagePart struct {
	schemas.Rows
	index map[*pipeline.Series]int32 // in the dictionary
	size  int
}

// messageBytes bounds a message, by an estimate, well below what a topic takes.
const messageBytes = 512 << 10

func (m *message) add(r *rows) error {
	for i, s := range r.series {
		p := &m.parts[r.places[s]]
		if p.size > messageBytes {
			if err := m.flush(r.places[s]); err != nil {
				return err
			}
		}
		p.Series = append(p.Series, p.entry(r.table[s]))
		p.Time = append(p.Time, r.time[i])
		if m.kind == pipeline.Points {
			p.Start, p.Value = append(p.Start, r.start[i]), append(p.Value, r.value[i])
			p.size += 28
			continue
		}
		if len(p.Offset) == 0 {
			p.Offset = append(p.Offset, 0)
		}
		p.Severity, p.Bytes = append(p.Severity, r.severity[i]), append(p.Bytes, r.body.Value(i)...)
		p.Offset = append(p.Offset, int32(len(p.Bytes)))
		p.size += 17 + r.body.ValueLen(i)
	}
	return nil
}

// entry returns the place of a series in the dictionary.
func (p *messagePart) entry(s *pipeline.Series) int32 {
	at, ok := p.index[s]
	if !ok {
		if p.index == nil {
			p.index = map[*pipeline.Series]int32{}
		}
		at = int32(len(p.Dictionary))
		p.index[s] = at
		e := schemas.AppendSeries(nil, s)
		p.Dictionary = append(p.Dictionary, e)
		p.size += len(e) + 4
	}
	return at
}

// flush makes a message of a partition's rows.
func (m *message) flush(partition int32) error {
	p := &m.parts[partition]
	if len(p.Series) == 0 {
		return nil
	}
	p.Kind = m.kind
	body, err := schemas.EncodeRows(m.mem, &p.Rows)
	if err != nil {
		return err
	}
	m.done = append(m.done, broker.Message{Topic: m.topic.Name, Partition: partition, Value: body,
		Headers: []pipeline.Header{{Key: schemas.HeaderKind, Value: []byte(m.kind.String())}}})
	*p = messagePart{}
	return nil
}
