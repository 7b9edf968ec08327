package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// decoding reads some of the newest records of each source with its codec, and tells what can't be used and whose it is.
func decoding(ctx context.Context, e *examination) {
	for _, i := range e.there() {
		s := e.sampled(ctx, i)
		subject := "source " + s.source.Name
		n := len(s.records)
		switch {
		case s.err != nil:
			e.failed(subject, s.err, "see what the error says; homeostat tap "+s.source.Topic+" -c "+e.File+" reads the topic, too")
			continue
		case s.unavailable != nil:
			e.failed(subject, s.unavailable, "until then lanes of this source wait; nothing is lost")
			continue
		case n == 0:
			e.warn(subject, "see that its producers run and write to "+s.source.Topic, "its topic holds no record")
			continue
		case s.source.Codec == nil:
			continue
		case s.source.Codec.Undecided():
			e.skip(subject, "codec: auto, and none is pinned yet: the first run finds it out; homeostat init says what it would be")
			continue
		}
		e.undecodable(s, subject, n)
		e.lostRows(s, subject)
	}
}

// tolerable is the share of records that may be undecodable for a warning to do: above it the codec is probably the wrong one.
const tolerable = 0.5

func (e *examination) undecodable(s *sample, subject string, n int) {
	bad := s.undecodable()
	if bad == 0 {
		e.ok(subject, "all of %s are read by codec %s: %s of %d series", plural(n, "newest record"), s.source.Codec.Name, plural(s.rows, "row"), len(s.series))
		return
	}
	var parts []string
	for _, k := range s.kinds()[:min(3, len(s.bad))] {
		who, of := most(k.producers)
		part := fmt.Sprintf("%d %s", k.records, k.code)
		if of == k.records {
			part += ", all of " + who
		} else {
			part += fmt.Sprintf(", %d of them of %s", of, who)
		}
		if all := s.producers[who]; all > 0 && float64(of)/float64(all) < 1 {
			part += fmt.Sprintf(", which has %d good ones", all-of)
		}
		parts = append(parts, part)
	}
	first := s.kinds()[0]
	text := fmt.Sprintf("%s of %d newest records can't be decoded: %s; for instance partition %d offset %d: %v", percent(bad, n), n, strings.Join(parts, "; "), first.at.Partition, first.at.First, first.example)
	if float64(bad) > tolerable*float64(n) {
		e.fault(subject, "see whether codec: "+s.source.Codec.Name+" is what the producers of "+s.source.Topic+" write; homeostat tap "+s.source.Topic+" -n 3 shows records", "%s", text)
		return
	}
	who, _ := most(first.producers)
	e.warn(subject, "mend what "+who+" writes; meanwhile such records are dead letters, with their reason", "%s", text)
}

// lostRows tells of rows of readable records that can't be used.
func (e *examination) lostRows(s *sample, subject string) {
	lost := 0
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(s.lost)) {
		lost += s.lost[reason]
		parts = append(parts, fmt.Sprintf("%d %s", s.lost[reason], reason))
	}
	if lost*100 > s.rows+lost {
		e.warn(subject, "see the reasons in the documentation of codec "+s.source.Codec.Name+", and the producers' settings", "%s of the rows in readable records can't be used: %s", percent(lost, s.rows+lost), strings.Join(parts, ", "))
	}
}
