package members

import (
	"errors"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/pipeline"
)

// Part is what is alike in detectors of groups: they embed it, and are its Judge. One goroutine uses it.
type Part struct {
	Members *Table
	Alarm   *alarm.Table
	// Release is the score below which a window is calm.
	Release float64
	// Tells says that scores are asked for; then the Judge appends them to Told.
	Tells bool
	Told  []pipeline.Score
	// Now is the window that is judged.
	Now gather.Span

	judge Judge
}

// NewPart reads the settings that all of them have; rules are the entries of series, in order. key is that of New.
func NewPart(s pipeline.Settings, j Judge, key func(b []byte, s *pipeline.Series) ([]byte, bool)) (p Part, rules []pipeline.Settings, err error) {
	a, alarmErr := alarm.Read(s)
	watch, rules, err := choose.ReadRules(s)
	return Part{Members: New(watch, key), Alarm: alarm.New(a), Release: s.Float("release"), Tells: s.Bool("scores"), judge: j}, rules, errors.Join(alarmErr, err)
}

// Open implements pipeline.Detector.
func (p *Part) Open(env *pipeline.Env) error {
	p.Members.Open(env)
	p.Alarm.Use(env.Series)
	return nil
}

// Heed implements pipeline.Heeder.
func (p *Part) Heed(c *pipeline.Change) { p.Alarm.Heed(c) }

// Detect implements pipeline.Detector.
func (p *Part) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	p.Told = p.Told[:0]
	return p.Members.Detect(w, p.judge, found), nil
}

// Conclude implements pipeline.Concluder.
func (p *Part) Conclude(t int64, found []pipeline.Finding) ([]pipeline.Finding, error) {
	p.Told = p.Told[:0]
	return p.Members.Conclude(t, p.judge, found), nil
}

// Judged implements pipeline.Concluder.
func (p *Part) Judged() (start, end int64) { return p.Members.Judged() }

// Scores implements pipeline.Scorer.
func (p *Part) Scores() []pipeline.Score { return p.Told }

// Begin implements Judge.
func (p *Part) Begin(of gather.Span, found []pipeline.Finding) []pipeline.Finding {
	p.Now = of
	return p.Alarm.Begin(of.Start, of.End, found)
}

// Hold implements pipeline.Holder: a window has to be judged, and a finding that is open has to be closed.
func (p *Part) Hold(hold func(uint32)) {
	p.Members.Hold(hold)
	p.Alarm.Hold(hold)
}
