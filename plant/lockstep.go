package plant

import (
	"context"

	"github.com/homeostat/homeostat/pipeline"
)

// Pipeline is what a rig is run in lockstep with; engine.Local is one.
type Pipeline interface {
	// Write carries a record through the pipeline.
	Write(pipeline.Record) error
	// Watch is told of each record that the pipeline writes.
	Watch(func(pipeline.Record))
	Finish() error
}

// Lockstep runs the rig to the end of its scenario together with a pipeline, in one goroutine on the simulated clock: what
// the pipeline decides on an interval's telemetry is done before the next interval begins. remediations is the topic of
// the commands. The same rig and pipeline give the same records, byte for byte. each, if not nil, is called after
// each interval.
func Lockstep(ctx context.Context, r *Rig, p Pipeline, remediations string, each func()) error {
	var commands []pipeline.Record
	p.Watch(func(rec pipeline.Record) {
		if rec.Topic == remediations {
			commands = append(commands, rec)
		}
	})
	obey := func() error {
		for len(commands) > 0 {
			c := commands[0]
			commands = commands[1:]
			results, err := r.Handle(ctx, c)
			if err != nil {
				return err
			}
			for _, res := range results {
				if err := p.Write(res); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for !r.Done() {
		if err := ctx.Err(); err != nil {
			return err
		}
		records, err := r.Step()
		if err != nil {
			return err
		}
		for _, rec := range records {
			if err := p.Write(rec); err != nil {
				return err
			}
			if err := obey(); err != nil {
				return err
			}
		}
		if each != nil {
			each()
		}
	}
	return p.Finish()
}

// Alone runs the rig to the end of its scenario without anybody who acts: the twin that others are compared with.
func Alone(ctx context.Context, r *Rig) error {
	for !r.Done() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := r.Step(); err != nil {
			return err
		}
	}
	return nil
}
