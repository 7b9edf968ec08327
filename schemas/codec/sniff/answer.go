package sniff

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// Err says of a topic or file what keeps the answer from being found; nil if it is. What to do is part of it.
func (a *Answer) Err(origin string) error {
	switch a.Verdict {
	case Found:
		return nil
	case Empty:
		return pipeline.Errorf("sniff.empty", "%s has no record that could be looked at (%d tombstones): start its producer, or name the codec yourself", origin, a.Tombstones)
	case Mixed:
		return pipeline.Errorf("sniff.mixed", "%s holds records of several formats, and none of the codecs understands them all: %s: give each producer a topic of its own, or name one codec, which makes the others' records dead letters", origin, a.list(a.parts()))
	case Ambiguous:
		return pipeline.Errorf("sniff.ambiguous", "%s can be read in more than one way: %s: name the one that is meant", origin, a.list([]part{{&a.Scores[0], a.Scores[0].Understood}, {&a.Scores[1], a.Scores[1].Understood}}))
	case Registry:
		return pipeline.Errorf("sniff.registry", "%s holds records in Confluent's framing (%d of %d, schema %s), which only a schema registry can tell the format of: if they are Avro write codec: {avro: {registry: {url: …}}}", origin, a.Framed, a.Records, numbers(a.Schemas))
	case Own:
		return pipeline.Errorf("sniff.own", "%s holds events of Homeostat itself, which are no telemetry: name a topic of the producers", origin)
	}
	if len(a.Scores) == 0 {
		return pipeline.Errorf("sniff.unknown", "none of the codecs understands %s: %d records were tried with %s: name a codec with settings that fit (json_metrics and json_logs take any names of fields), or change the producer's format", origin, a.Records, strings.Join(a.Candidates, ", "))
	}
	return pipeline.Errorf("sniff.unknown", "none of the codecs understands enough of %s: %s; %d of %d nobody: name a codec with settings that fit, or see what writes the others", origin, a.list(a.parts()), a.Left, a.Records)
}

// list says how much each of some candidates understands.
func (a *Answer) list(parts []part) string {
	var out []string
	for _, p := range parts {
		out = append(out, fmt.Sprintf("%s %d of %d", p.Name(), p.records, a.Records))
	}
	return strings.Join(out, ", ")
}

func numbers(ids []uint32) string {
	var out []string
	for i, id := range ids {
		if i == 5 {
			out = append(out, "…")
			break
		}
		out = append(out, fmt.Sprint(id))
	}
	return strings.Join(out, ", ")
}

// Name is the codec's word, with the preset if one makes the difference.
func (s *Score) Name() string {
	switch {
	case s.Settings.Has("preset"):
		return s.Codec + " (" + s.Settings.Text("preset") + ")"
	case s.Settings != nil:
		return s.Codec + " (cloudevents)"
	}
	return s.Codec
}

// Evidence says in one line what speaks for the answer that was found, and what comes next.
func (a *Answer) Evidence() string {
	s := a.Best
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d records understood, %s of %d series", s.Understood, a.Records, s.rows(), s.Series)
	if s.Quiet > 0 {
		fmt.Fprintf(&b, ", %d records without rows", s.Quiet)
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Lost)) {
		fmt.Fprintf(&b, ", %d lost as %s", s.Lost[reason], reason)
	}
	if a.Tombstones > 0 {
		fmt.Fprintf(&b, ", %d tombstones", a.Tombstones)
	}
	if len(a.Scores) < 2 {
		return b.String() + "; no other codec understands any"
	}
	next := a.Scores[1]
	fmt.Fprintf(&b, "; next %s, %d of %d", next.Name(), next.Understood, a.Records)
	return b.String()
}

// rows says how much was decoded.
func (s *Score) rows() string {
	switch {
	case s.Logs == 0:
		return fmt.Sprintf("%d points", s.Points)
	case s.Points == 0:
		return fmt.Sprintf("%d log records", s.Logs)
	}
	return fmt.Sprintf("%d points and %d log records", s.Points, s.Logs)
}
