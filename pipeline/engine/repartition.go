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
	from  *residence
	topic plan.Topic
	group func(*pipeline.Series) string
	// places has the partition of each series, by ordinal.
	places []int32
	rows   []rows
	// named is the encoder's.
	named *named
}

// rows are some of a lane's rows on their way to the columns topic. They are not changed any more; any goroutine may read them.
type rows struct {
	named  *named
	kind   pipeline.Kind
	table  pipeline.SeriesList
	places []int32 // by ordinal
	series []uint32
	time   []int64
	start  []int64
	value  []float64

	severity []uint8
	body     *array.Binary
}

func (s *surroundings) newRepartition(series *residence, topic plan.Topic, group func(*pipeline.Series) string) *repartition {
	return &repartition{surroundings: s, from: series, topic: topic, group: group, named: &named{}}
}

// feed implements rear. The columns of a batch of decoded rows are Go's own memory, so what is kept of them stays.
func (r *repartition) feed(b pipeline.Batch) error {
	defer b.Release()
	r.from.touch(b)
	table := r.from.table
	for n := len(r.places); n < table.Len(); n++ {
		r.places = append(r.places, broker.PartitionOf([]byte(r.group(table.At(uint32(n)))), r.topic.Partitions))
	}
	out := rows{named: r.named, kind: b.Kind, table: table.All(), places: r.places[:len(r.places):len(r.places)],
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

// hold implements rear: rows that wait for a commit have the table that they came with.
func (r *repartition) hold(func(uint32)) {}

// follow implements rear.
func (r *repartition) follow(*residence, []uint32) error {
	r.places, r.named = nil, &named{}
	return nil
}

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

// columnsEncoder makes the messages of the columns topic. One goroutine at a time.
type columnsEncoder struct {
	topic plan.Topic
	kinds [2][]messagePart // of points and of logs, by partition
	// number counts the messages begun.
	number uint64
	done   []broker.Message
}

// messagePart gathers the rows of one partition.
type messagePart struct {
	schemas.Rows
	number uint64
	size   int
}

// named remembers, by ordinal, in the dictionary of which message a lane's series was named last, and where.
type named struct {
	message []uint64
	entry   []int32
}

func newColumnsEncoder(topic plan.Topic) *columnsEncoder {
	e := &columnsEncoder{topic: topic}
	for k, kind := range []pipeline.Kind{pipeline.Points, pipeline.Logs} {
		e.kinds[k] = make([]messagePart, topic.Partitions)
		for p := range e.kinds[k] {
			e.kinds[k][p].Kind = kind
		}
	}
	return e
}

// messages encodes rows of several lanes: for each partition and kind one message, more when there are many rows. It
// comes before all else that the lanes have to write in a commit; what lanes say of their time holds all the more then.
func (e *columnsEncoder) messages(all []rows) ([]broker.Message, error) {
	defer func() { e.done = nil }()
	for _, parts := range e.kinds {
		for i := range all {
			if all[i].kind == parts[0].Kind {
				if err := e.add(parts, &all[i]); err != nil {
					return nil, err
				}
			}
		}
		for p := range parts {
			if err := e.flush(&parts[p], int32(p)); err != nil {
				return nil, err
			}
		}
	}
	return e.done, nil
}

// messageBytes bounds a message, by an estimate, well below what a topic takes.
const messageBytes = 512 << 10

func (e *columnsEncoder) add(parts []messagePart, r *rows) error {
	if n := r.table.Len() - len(r.named.entry); n > 0 {
		r.named.entry, r.named.message = append(r.named.entry, make([]int32, n)...), append(r.named.message, make([]uint64, n)...)
	}
	for i, s := range r.series {
		p := &parts[r.places[s]]
		if p.size > messageBytes {
			if err := e.flush(p, r.places[s]); err != nil {
				return err
			}
		}
		if len(p.Series) == 0 {
			e.begin(p)
		}
		if r.named.message[s] != p.number {
			r.named.message[s], r.named.entry[s] = p.number, p.name(r.table.At(uint32(s)))
		}
		p.Series = append(p.Series, r.named.entry[s])
		p.Time = append(p.Time, r.time[i])
		if p.Kind == pipeline.Points {
			p.Start, p.Value = append(p.Start, r.start[i]), append(p.Value, r.value[i])
			p.size += 28
			continue
		}
		p.Severity, p.Bytes = append(p.Severity, r.severity[i]), append(p.Bytes, r.body.Value(i)...)
		p.Offset = append(p.Offset, int32(len(p.Bytes)))
		p.size += 17 + r.body.ValueLen(i)
	}
	return nil
}

// begin begins a message in what the one before used.
func (e *columnsEncoder) begin(p *messagePart) {
	e.number++
	p.number, p.size = e.number, 0
	r := &p.Rows
	r.Dictionary, r.Entry, r.Series, r.Time = r.Dictionary[:0], append(r.Entry[:0], 0), r.Series[:0], r.Time[:0]
	r.Start, r.Value, r.Severity, r.Bytes, r.Offset = r.Start[:0], r.Value[:0], r.Severity[:0], r.Bytes[:0], append(r.Offset[:0], 0)
}

// name adds a series to the dictionary and returns its place.
func (p *messagePart) name(s *pipeline.Series) int32 {
	before := len(p.Dictionary)
	p.Dictionary = schemas.AppendSeries(p.Dictionary, s)
	p.Entry = append(p.Entry, int32(len(p.Dictionary)))
	p.size += len(p.Dictionary) - before + 4
	return int32(len(p.Entry) - 2)
}

// flush makes a message of a partition's rows.
func (e *columnsEncoder) flush(p *messagePart, partition int32) error {
	if len(p.Series) == 0 {
		return nil
	}
	body, err := schemas.EncodeRows(&p.Rows)
	if err != nil {
		return err
	}
	e.done = append(e.done, broker.Message{Topic: e.topic.Name, Partition: partition, Value: body,
		Headers: []pipeline.Header{{Key: schemas.HeaderKind, Value: []byte(p.Kind.String())}}})
	p.Series = p.Series[:0]
	return nil
}
