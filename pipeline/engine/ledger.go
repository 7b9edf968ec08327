package engine

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/pipeline"
)

// Reasons for which a row does not go on; those of operators and codecs add to them.
const (
	lostUndecodable = "undecodable"
	lostLate        = "late"
	lostFuture      = "future"
	lostRepeat      = "repeat"
)

// ledger is the account of one lane's rows: each row that came in went on or was lost for a reason. It belongs to the
// lane's goroutine; the metrics it feeds may be read by any.
type ledger struct {
	in, on  int64
	lost    map[string]int64
	rowsIn  prometheus.Counter
	rowsOn  prometheus.Counter
	rowsOff func(reason string) prometheus.Counter
}

func newLedger(m *pipeline.Metrics, stage pipeline.Stage, source string) *ledger {
	rows := m.Counter("rows_total", "Rows by stage and source: in, on (passed on) and lost by reason.", "stage", "source", "way", "reason")
	return &ledger{
		lost:   map[string]int64{},
		rowsIn: rows.WithLabelValues(string(stage), source, "in", ""),
		rowsOn: rows.WithLabelValues(string(stage), source, "on", ""),
		rowsOff: func(reason string) prometheus.Counter {
			return rows.WithLabelValues(string(stage), source, "lost", reason)
		},
	}
}

// take counts rows that came in.
func (l *ledger) take(rows int) {
	l.in += int64(rows)
	l.rowsIn.Add(float64(rows))
}

// pass counts rows that went on.
func (l *ledger) pass(rows int) {
	l.on += int64(rows)
	l.rowsOn.Add(float64(rows))
}

// lose counts rows that end at the lane's door.
func (l *ledger) lose(reason string, rows int) {
	if rows == 0 {
		return
	}
	l.lost[reason] += int64(rows)
	l.rowsOff(reason).Add(float64(rows))
}

// refuse counts rows that a source could not make columns of: they came in and end.
func (l *ledger) refuse(reason string, rows int) {
	l.take(rows)
	l.lose(reason, rows)
}

// balance says whether conservation holds (invariant I1) at the lane's door, where held rows wait.
func (l *ledger) balance(held int) bool {
	sum := l.on + int64(held)
	for _, n := range l.lost {
		sum += n
	}
	return sum == l.in
}

// Account is the loss ledger of one source: In = On + the sum of Lost.
type Account struct {
	Source string           `json:"source"`
	In     int64            `json:"in"`
	On     int64            `json:"on"`
	Lost   map[string]int64 `json:"lost"`
}

func (l *ledger) account(source string) Account {
	a := Account{Source: source, In: l.in, On: l.on, Lost: map[string]int64{}}
	for reason, n := range l.lost {
		a.Lost[reason] = n
	}
	return a
}
