package plant

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// Scenario is a story that a system goes through. What exactly happens, when and how much depends on
// the seed.
type Scenario struct {
	Name, Summary string
	// Duration is how long the story lasts. A system can be simulated beyond it; the load goes on.
	Duration time.Duration
	// Calm is the time before which nothing happens in any seed.
	Calm time.Duration

	write func(r *rand.Rand, cfg *Config) script
}

// FaultKind says what goes wrong.
type FaultKind string

const (
	// Burst multiplies the demand by Fault.Size.
	Burst FaultKind = "burst"
	// Stall freezes an instance: it takes requests and does not work.
	Stall FaultKind = "stall"
	// IOErrors makes the share Fault.Size of the database's queries fail.
	IOErrors FaultKind = "io_errors"
)

// Fault is something that goes wrong from outside: the truth that a diagnosis is compared with.
type Fault struct {
	Kind      FaultKind
	Entity    string
	At, Until time.Duration
	Size      float64
}

// script is a scenario with all chance taken out.
type script struct {
	base   float64 // users a second
	peak   time.Duration
	climb  float64 // share of base that is still missing at the start
	full   time.Duration
	faults []Fault
}

const (
	dailySwing = 0.3
	burstEdge  = 10 * time.Second
)

// rate is the demand in users a second, without its random movement.
func (s *script) rate(t time.Duration) float64 {
	phase := 2 * math.Pi * (t - s.peak).Seconds() / day.Seconds()
	rate := s.base * (1 - dailySwing*(1-math.Cos(phase))/2)
	if t < s.full {
		rate *= 1 - s.climb*(1-t.Seconds()/s.full.Seconds())
	}
	for _, f := range s.faults {
		if f.Kind == Burst && t >= f.At && t < f.Until {
			edge := min(t-f.At, f.Until-t, burstEdge)
			rate *= 1 + (f.Size-1)*edge.Seconds()/burstEdge.Seconds()
		}
	}
	return rate
}

// Scenarios returns all scenarios, in the order in which one would tell them.
func Scenarios() []Scenario {
	return []Scenario{
		{
			Name:     "quiet",
			Summary:  "a working day: the load rises and falls and has small bursts, and nothing comes near a limit",
			Duration: 60 * time.Minute, Calm: 60 * time.Minute, write: quiet,
		},
		{
			Name:     "ceiling",
			Summary:  "a burst pushes the database past its knee; queues and retries keep it there, and more servers jam it further",
			Duration: 70 * time.Minute, Calm: 24 * time.Minute, write: ceiling,
		},
		{
			Name:     "blip",
			Summary:  "an instance freezes or the database's disk fails some reads for about a minute, and all heals by itself",
			Duration: 60 * time.Minute, Calm: 24 * time.Minute, write: blip,
		},
	}
}

// Lookup returns the scenario of that name (plant.scenario.unknown).
func Lookup(name string) (Scenario, error) {
	all := Scenarios()
	names := make([]string, len(all))
	for i, s := range all {
		if s.Name == name {
			return s, nil
		}
		names[i] = s.Name
	}
	return Scenario{}, pipeline.Errorf("plant.scenario.unknown",
		"plant: there is no scenario %q: choose one of %s", name, strings.Join(names, ", "))
}

// between draws uniformly from low to high.
func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

func minutes(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// vary gives each seed a slightly different system and a demand that is the given share of what its
// database can do at best.
func vary(r *rand.Rand, cfg *Config, low, high float64) (base float64) {
	db := &cfg.Database
	db.Demand = time.Duration(float64(db.Demand) * between(r, 0.95, 1.05))
	return between(r, low, high) * db.Throughput(db.Knee())
}

func quiet(r *rand.Rand, cfg *Config) script {
	base := vary(r, cfg, 0.45, 0.58)
	return script{
		base: base, peak: minutes(between(r, -300, 300)),
		climb: between(r, 0, 0.2), full: minutes(between(r, 20, 50)),
	}
}

func ceiling(r *rand.Rand, cfg *Config) script {
	base := vary(r, cfg, 0.55, 0.61)
	at := minutes(between(r, 24, 29))
	return script{
		base: base, peak: minutes(between(r, 30, 60)),
		climb: between(r, 0.1, 0.2), full: at - 2*time.Minute,
		faults: []Fault{{
			Kind: Burst, Entity: entityWeb, At: at, Until: at + seconds(between(r, 70, 130)),
			Size: between(r, 1.9, 2.3),
		}},
	}
}

// blip keeps far enough from the knee that neither the retries of a fault nor the backlog that an
// instance brings along when it wakes can push the database past it.
func blip(r *rand.Rand, cfg *Config) script {
	at := minutes(between(r, 24, 32))
	f := Fault{At: at, Until: at + seconds(between(r, 60, 90))}
	var base float64
	if r.IntN(2) == 0 {
		f.Kind, f.Entity, f.Size = Stall, instanceName(r.IntN(cfg.App.Instances)), 1
		base = vary(r, cfg, 0.36, 0.42)
	} else {
		f.Kind, f.Entity, f.Size = IOErrors, entityDatabase, between(r, 0.2, 0.33)
		base = vary(r, cfg, 0.38, 0.45)
	}
	return script{
		base: base, peak: minutes(between(r, -120, 180)),
		climb: between(r, 0, 0.15), full: minutes(between(r, 10, 20)),
		faults: []Fault{f},
	}
}
