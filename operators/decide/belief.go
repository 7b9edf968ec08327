package decide

import "github.com/homeostat/homeostat/schemas"

// experience is what the judge found about one action for one signature.
type experience struct{ Yes, No float64 }

// belief is the mean of the Beta distribution with the prior's mean and weight after the experience, and how many
// observations it is worth.
func (x experience) belief(success, weight float64) (mean, worth float64) {
	worth = weight + x.Yes + x.No
	if worth == 0 {
		return success, 0
	}
	return (success*weight + x.Yes) / worth, worth
}

func key(signature, action string) string { return signature + "\x00" + action }

// learn takes in a verdict. Void and inconclusive teach nothing.
func (d *Decide) learn(j *schemas.Judgement) {
	x := d.state.Experience[key(j.Signature, j.Action)]
	switch j.Verdict {
	case schemas.Supported:
		x.Yes++
	case schemas.Refuted, schemas.Harmful:
		x.No++
	default:
		return
	}
	d.state.Experience[key(j.Signature, j.Action)] = x
}
