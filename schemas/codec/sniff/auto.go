package sniff

import (
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// Auto is the word in the configuration that has a source's codec found out.
const Auto = "auto"

// Spec describes the word auto as if it were a codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Auto,
		Doc: "Finds out at the first start which codec understands the source's topic, and keeps to it: the answer is stored with the pipeline's state and changed by a person only " +
			"(homeostat state codec, or a codec written here). What is mixed, ambiguous or unknown ends the run with what was seen.",
		Emits:   []pipeline.Kind{pipeline.Points, pipeline.Logs},
		Version: 1,
		Settings: []pipeline.Setting{
			{Name: "candidates", Type: pipeline.List, Default: []any{}, Doc: "The codecs to choose from; none means all that can be told without a person.", Example: "[otlp_metrics, otlp_logs]",
				Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "A codec's word."}}},
		},
	}
}

// Register adds the word auto to a registry of components. What it makes decodes nothing: whoever runs a source with it asks Sniff, and
// takes the codec that was found.
func Register(r *pipeline.Registry) {
	r.AddCodec(Spec(), func(s pipeline.Settings) (pipeline.Codec, error) {
		for _, name := range s.Texts("candidates") {
			if !slices.Contains(Candidates(), name) {
				return nil, &pipeline.SettingFault{Path: "candidates", Err: pipeline.Errorf("sniff.candidate", "%q is no codec that can be found out: choose among %s, or write it as the source's codec", name, strings.Join(Candidates(), ", "))}
			}
		}
		return undecided{}, nil
	})
}

// Candidates lists the words of the codecs that Sniff tries, the most special ones first.
func Candidates() []string {
	var out []string
	for _, c := range candidates() {
		if !slices.Contains(out, c.codec) {
			out = append(out, c.codec)
		}
	}
	return out
}

// undecided stands for a codec that nobody has found out yet.
type undecided struct{}

// Decode implements pipeline.Codec.
func (undecided) Decode(rec *pipeline.Record, _ *pipeline.Columns) error {
	return pipeline.Errorf("sniff.undecided", "codec auto of topic %s is not decided here, which a run over Kafka does: name the codec", rec.Topic)
}
