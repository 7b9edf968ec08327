package main

import (
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/report"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
)

// picture is what the flags of backtest say of its report.
type picture struct {
	path, labels string
	series       int
	made         *report.Report
}

func (p *picture) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.path, "report", "", "also write an HTML page of series, bands, findings and scores, which needs no network")
	cmd.Flags().StringVar(&p.labels, "labels", "", "what is known to have been abnormal, for the report: JSON lines with start and end in Unix seconds, or NAB's windows")
	cmd.Flags().IntVar(&p.series, "report-series", 40, "the most series that the report draws, those with findings first")
}

// watch puts an operator that looks at all windows at the end of detect, and asks the detectors for their scores, unless a pipeline
// exports windows: then its files would have more in them than without a report.
func (p *picture) watch(of *plan.Plan, input string) error {
	if p.path == "" {
		return nil
	}
	var labels []report.Label
	if p.labels != "" {
		var err error
		if labels, err = report.ReadLabels(p.labels, input); err != nil {
			return err
		}
	}
	p.made = report.New("Backtest of "+of.Pipeline+" over "+input, max(1, p.series), labels)
	chain := of.Detect.Operators
	if !slices.ContainsFunc(chain, func(o plan.Operator) bool { return o.Entry.Spec.Name == "export" }) {
		for _, o := range chain {
			if slices.ContainsFunc(o.Entry.Spec.Settings, func(s pipeline.Setting) bool { return s.Name == pipeline.ScoresSetting().Name }) {
				o.Settings[pipeline.ScoresSetting().Name] = true
			}
		}
	}
	spec := pipeline.Spec{Name: "report", Stage: pipeline.Detect, Consumes: []pipeline.Kind{pipeline.Windows}, Accepts: pipeline.Accepts{Overlapping: true, Irregular: true, Revised: true}}
	of.Detect.Operators = append(chain, plan.Operator{Name: "report", Settings: pipeline.Settings{}, Entry: pipeline.OperatorEntry{
		Spec: spec, New: func(pipeline.Settings) (pipeline.Operator, error) { return p.made.Operator(), nil }}})
	return nil
}

// event takes one event of the pipeline.
func (p *picture) event(e *schemas.Event) error {
	if p.made == nil || e.Type != schemas.TypeFinding {
		return nil
	}
	return p.made.Finding(e)
}

// write writes the page.
func (p *picture) write() (err error) {
	if p.made == nil {
		return nil
	}
	f, err := os.Create(p.path)
	if err == nil {
		err = p.made.Write(f)
		if closed := f.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		return pipeline.Errorf("report.write", "the report can't be written: %w: choose another --report", err)
	}
	return nil
}
