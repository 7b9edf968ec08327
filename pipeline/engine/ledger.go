package engine

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
)

// Reasons for which a row does not go on; those of operators and codecs add to them.
const (
	lostUndecodable = "undecodable"
	lostLate        = "late"
	lostFuture      = "future"
	lostRepeat      = "repeat"
	lostGap         = "retention_gap"
	lostCorrupt     = "corrupt"
	lostSeriesLimit = "series_limit"
)

// Account is the loss ledger of one lane: In = On + Held + the sum of Lost.
type Account = snapshot.Account

// ledger is the account of one lane's rows: each row that came in went on, is held, or was lost for a reason. It is part of
// the lane's state. It belongs to the lane's goroutine; the metrics it feeds may be read by any.
type ledger struct {
	account Account
	// silent keeps the metrics from counting again what is replayed.
	silent bool

	// newIn and newOn are rows that the metrics do not know yet: they are told once for many records (publish).
	newIn, newOn int

	rowsIn, rowsOn prometheus.Counter
	rowsOff        func(reason string) prometheus.Counter
	ended          func(operator, reason string) prometheus.Counter
}

func newLedger(m *pipeline.Metrics, stage pipeline.Stage, source, lane string) *ledger {
	rows := m.Counter("rows_total", "Rows by stage and source: in, on (passed on) and lost by reason.", "stage", "source", "way", "reason")
	ended := m.Counter("operator_rows_lost_total", "Rows that ended in an operator, by reason.", "stage", "operator", "reason")
	return &ledger{
		account: Account{Stage: string(stage), Source: source, Lane: lane, Lost: map[string]int64{}, Operators: map[string]map[string]int64{}},
		rowsIn:  rows.WithLabelValues(string(stage), source, "in", ""),
		rowsOn:  rows.WithLabelValues(string(stage), source, "on", ""),
		rowsOff: func(reason string) prometheus.Counter {
			return rows.WithLabelValues(string(stage), source, "lost", reason)
		},
		ended: func(operator, reason string) prometheus.Counter {
			return ended.WithLabelValues(string(stage), operator, reason)
		},
	}
}

func (l *ledger) count(c prometheus.Counter, rows int) {
	if !l.silent {
		c.Add(float64(rows))
	}
}

// take counts rows that came in.
func (l *ledger) take(rows int) {
	l.account.In += int64(rows)
	if !l.silent {
		l.newIn += rows
	}
}

// pass counts rows that went on.
func (l *ledger) pass(rows int) {
	l.account.On += int64(rows)
	if !l.silent {
		l.newOn += rows
	}
}

// publish tells the metrics of the rows that came in and went on since the last time.
func (l *ledger) publish() {
	if l.newIn > 0 {
		l.rowsIn.Add(float64(l.newIn))
	}
	if l.newOn > 0 {
		l.rowsOn.Add(float64(l.newOn))
	}
	l.newIn, l.newOn = 0, 0
}

// lose counts rows that end at the lane's door.
func (l *ledger) lose(reason string, rows int) {
	if rows == 0 {
		return
	}
	l.account.Lost[reason] += int64(rows)
	l.count(l.rowsOff(reason), rows)
}

// refuse counts rows that a source could not make columns of: they came in and end.
func (l *ledger) refuse(reason string, rows int) {
	l.take(rows)
	l.lose(reason, rows)
}

// end counts rows that had gone on and ended in an operator.
func (l *ledger) end(operator, reason string, rows int) {
	if rows == 0 {
		return
	}
	if l.account.Operators[operator] == nil {
		l.account.Operators[operator] = map[string]int64{}
	}
	l.account.Operators[operator][reason] += int64(rows)
	l.count(l.ended(operator, reason), rows)
}

// balance says whether conservation holds (invariant I1) at the lane's door, where held rows wait.
func (l *ledger) balance(held int) bool {
	a := l.account
	a.Held = int64(held)
	return a.Balanced()
}

// copy returns the account as it is now.
func (l *ledger) copy(held int) Account {
	a := l.account
	a.Held = int64(held)
	a.Lost = maps.Clone(a.Lost)
	a.Operators = make(map[string]map[string]int64, len(l.account.Operators))
	for op, lost := range l.account.Operators {
		a.Operators[op] = maps.Clone(lost)
	}
	return a
}

// restore goes on from an account that was stored. Whose it is stays as it is.
func (l *ledger) restore(a Account) {
	l.account.In, l.account.On = a.In, a.On
	l.account.Lost, l.account.Operators = map[string]int64{}, map[string]map[string]int64{}
	maps.Copy(l.account.Lost, a.Lost)
	for op, lost := range a.Operators {
		l.account.Operators[op] = maps.Clone(lost)
	}
}

// addAccount adds the account of one more lane of a source. Whose the sum is stays as it is.
func addAccount(sum, a *Account) {
	sum.In, sum.On, sum.Held = sum.In+a.In, sum.On+a.On, sum.Held+a.Held
	for reason, n := range a.Lost {
		sum.Lost[reason] += n
	}
	for op, lost := range a.Operators {
		if sum.Operators[op] == nil {
			sum.Operators[op] = map[string]int64{}
		}
		for reason, n := range lost {
			sum.Operators[op][reason] += n
		}
	}
}
