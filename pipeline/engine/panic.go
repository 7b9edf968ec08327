package engine

import (
	"context"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/homeostat/homeostat/pipeline"
)

// An operator, a codec or a sink that panics must not end the process without words: who did it and at what is told, and
// what the lane had finished before is committed. The state of an operator that panicked is not to be trusted, so its lane
// ends; a codec has no state, so its record is a dead letter as any other that nobody can read.

// caught turns a panic of a component into an error; deferred around each call of one. The stack goes to the log.
func caught(log *slog.Logger, kind, name string, err *error) {
	v := recover()
	if v == nil {
		return
	}
	log.Error("a component panicked", "kind", kind, "name", name, "panic", v, "stack", string(debug.Stack()))
	*err = pipeline.Errorf("engine.panic", "the code of the %s panicked: %v: that is a fault in it, and the stack is in the log; run a version without it, or take the %s out of the configuration", kind, v, kind)
}

func (n *node) logger() *slog.Logger {
	if n.env == nil || n.env.Logger == nil {
		return slog.Default()
	}
	return n.env.Logger
}

// process calls the operator.
func (n *node) process(b pipeline.Batch, out pipeline.Emitter) (err error) {
	defer caught(n.logger(), "operator", n.name, &err)
	return n.op.Process(b, out)
}

// watermark tells the operator the time.
func (n *node) watermark(t int64, out pipeline.Emitter) (err error) {
	defer caught(n.logger(), "operator", n.name, &err)
	return n.watcher.Watermark(t, out)
}

// close closes the operator, in whatever state a panic left it. There is none if making it failed, or one before it.
func (n *node) close() (err error) {
	if n.op == nil {
		return nil
	}
	defer caught(n.logger(), "operator", n.name, &err)
	return n.op.Close()
}

// decodeRecord calls the source's codec.
func (l *detectLane) decodeRecord(rec *pipeline.Record) (err error) {
	defer caught(l.logger, "codec", l.in.source, &err)
	return l.in.codec.Decode(rec, l.cols)
}

// write hands a sink events.
func (s *namedSink) write(ctx context.Context, log *slog.Logger, b pipeline.Batch) (err error) {
	defer caught(log, "sink", s.name, &err)
	return s.sink.Write(ctx, b)
}

// flush makes a sink's events durable.
func (s *namedSink) flush(ctx context.Context) (err error) {
	defer caught(slog.Default(), "sink", s.name, &err)
	return s.sink.Flush(ctx)
}

// snapshot asks the operator for its state, restore gives it back.
func (n *node) snapshot(op pipeline.Snapshotter) (f pipeline.Frozen, err error) {
	defer caught(n.logger(), "operator", n.name, &err)
	return op.Snapshot()
}

func (n *node) restore(op pipeline.Snapshotter, r io.Reader) (err error) {
	defer caught(n.logger(), "operator", n.name, &err)
	return op.Restore(r)
}
