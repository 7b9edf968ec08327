package plant

import (
	"strconv"
	"time"
)

// Severity is a log line's, as OpenTelemetry spells it.
type Severity string

const (
	Info  Severity = "INFO"
	Warn  Severity = "WARN"
	Error Severity = "ERROR"
)

// Field is an attribute of a log line: a text if Text is not empty, a number otherwise.
type Field struct {
	Key    string
	Number float64
	Text   string
}

// Line is a log line that an entity wrote.
type Line struct {
	Time     time.Time
	Entity   string
	Severity Severity
	Message  string
	Fields   []Field
}

// lineKind is a kind of line that could come with every request; each entity writes at most one of a
// kind in a second and says in the next how many it kept to itself.
type lineKind uint8

const (
	lineTimeout lineKind = iota
	lineRefused
	lineQueueFull
	linePoolExhausted
	lineQueryFailed
	lineRequestFailed
	lineSlowQuery
	lineKinds
)

// slowQuery is how long a query takes that the database writes a line about.
const slowQuery = 500 * time.Millisecond

type log struct {
	lines []Line
	// The counters at the last periodic lines.
	admitted, refused, queries int64
	queryTime                  time.Duration
}

// limiter is an entity's account of the lines it keeps to itself.
type limiter [lineKinds]limited

type limited struct {
	written    bool
	at         time.Duration
	suppressed int64
}

// may says whether a line may be written and how many were not since the last.
func (l *limiter) may(kind lineKind, now time.Duration) (suppressed int64, ok bool) {
	k := &l[kind]
	if k.written && now-k.at < time.Second {
		k.suppressed++
		return 0, false
	}
	suppressed = k.suppressed
	*k = limited{written: true, at: now}
	return suppressed, true
}

func (s *System) write(entity string, severity Severity, message string, fields ...Field) {
	s.log.lines = append(s.log.lines, Line{s.since(s.now), entity, severity, message, fields})
}

func number[N int | int64](key string, n N) Field { return Field{Key: key, Number: float64(n)} }
func text(key, value string) Field                { return Field{Key: key, Text: value} }
func millis(d time.Duration) int64                { return d.Round(time.Millisecond).Milliseconds() }
func mean(sum time.Duration, n int64) time.Duration {
	if n == 0 {
		return 0
	}
	return sum / time.Duration(n)
}

// writePeriodic writes the lines that every entity writes every LogInterval. A frozen instance writes
// nothing.
func (s *System) writePeriodic() {
	l := &s.log
	b := &s.balancer
	s.write(entityBalancer, Info, "forwarded "+itoa(b.admitted-l.admitted)+" requests, refused "+itoa(b.refused-l.refused),
		number("in_flight", b.inFlight))
	l.admitted, l.refused = b.admitted, b.refused
	for _, in := range s.instances {
		if in.phase == Stopped || in.phase == Starting || in.frozen {
			continue
		}
		n, sum := in.finished-in.logged.finished, in.residence-in.logged.residence
		s.write(in.name, Info, "served "+itoa(n)+" requests, mean "+itoa(millis(mean(sum, n)))+" ms",
			number("threads", in.threads), number("queue", in.queue.n))
		in.logged = in.instanceCounts
	}
	db := &s.database
	n, sum := db.done-l.queries, db.time-l.queryTime
	s.write(entityDatabase, Info, "executed "+itoa(n)+" queries, mean "+itoa(millis(mean(sum, n)))+" ms",
		number("active", db.len()))
	l.queries, l.queryTime = db.done, db.time
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func (s *System) logTimeout(in *instance) {
	if n, ok := s.balancer.limiter.may(lineTimeout, s.now); ok {
		s.write(entityBalancer, Error, "client closed the connection before "+in.name+" answered",
			text("upstream", in.name), number("waited_ms", millis(s.cfg.Clients.Timeout)), number("suppressed", n))
	}
}

func (s *System) logRefused() {
	if n, ok := s.balancer.limiter.may(lineRefused, s.now); ok {
		s.write(entityBalancer, Warn, "request refused: "+itoa(int64(s.balancer.inFlight))+" in flight",
			number("limit", s.balancer.limit), number("suppressed", n))
	}
}

func (s *System) logQueueFull(in *instance) {
	if n, ok := in.limiter.may(lineQueueFull, s.now); ok {
		s.write(in.name, Error, "queue full: request rejected",
			number("queue", in.queue.n), number("suppressed", n))
	}
}

func (s *System) logPoolExhausted(in *instance) {
	if n, ok := in.limiter.may(linePoolExhausted, s.now); ok {
		s.write(in.name, Warn, "no free database connection: "+itoa(int64(in.waiting.n))+" threads wait",
			number("connections", in.connections), number("suppressed", n))
	}
}

func (s *System) logQueryFailed(in *instance) {
	if n, ok := s.database.limiter.may(lineQueryFailed, s.now); ok {
		s.write(entityDatabase, Error, "could not read from disk: input/output error", number("suppressed", n))
	}
	if n, ok := in.limiter.may(lineQueryFailed, s.now); ok {
		s.write(in.name, Error, "query failed: "+entityDatabase+" reports an input/output error",
			text("peer", entityDatabase), number("suppressed", n))
	}
}

func (s *System) logRequestFailed(in *instance) {
	if n, ok := in.limiter.may(lineRequestFailed, s.now); ok {
		s.write(in.name, Error, "request failed: unexpected value", number("suppressed", n))
	}
}

func (s *System) logSlowQuery(took time.Duration, in *instance) {
	if took < slowQuery {
		return
	}
	if n, ok := s.database.limiter.may(lineSlowQuery, s.now); ok {
		s.write(entityDatabase, Warn, "slow query: "+itoa(millis(took))+" ms",
			text("client", in.name), number("active", s.database.len()), number("suppressed", n))
	}
}

func (s *System) logStopping(in *instance) { s.write(in.name, Info, "stopping") }

func (s *System) logStarted(in *instance) { s.write(in.name, Info, "started") }

func (s *System) logResumed(in *instance, after time.Duration) {
	s.write(in.name, Warn, "all threads were paused for "+itoa(millis(after))+" ms")
}

func (s *System) logLimit(limit int) {
	s.write(entityBalancer, Info, "admission limit set", number("limit", limit))
}
