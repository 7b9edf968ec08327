package snapshot

import (
	"cmp"
	"context"
	"slices"
)

// Store is where snapshots lie. Its methods may be called by any goroutine, Save for one lane by one at a time.
type Store interface {
	// Save writes a snapshot into a slot of its lane, over what was there, and returns when it will survive a crash.
	Save(ctx context.Context, slot int, s *Snapshot) error
	// Load returns what lies in the slots of lanes, by lane, the newest first and damaged ones last. No lanes means all.
	Load(ctx context.Context, lanes ...string) (map[string][]Stored, error)
	// Remove takes away what lies in all slots of a lane, damaged or not. Nobody may run the lane meanwhile.
	Remove(ctx context.Context, lane string) error
}

// sorted puts the newest first: the highest position, of equal ones the latest watermark, then the last written.
func sorted(found []Stored) []Stored {
	slices.SortFunc(found, func(a, b Stored) int {
		whole := func(s *Stored) int {
			if s.Err != nil {
				return 1
			}
			return 0
		}
		return cmp.Or(whole(&a)-whole(&b), cmp.Compare(b.Manifest.Position, a.Manifest.Position),
			cmp.Compare(b.Manifest.Watermark, a.Manifest.Watermark), b.Manifest.Written.Compare(a.Manifest.Written))
	})
	return found
}

// Next returns the slot that a lane's next snapshot goes to: one that is empty or damaged, else that of the oldest.
func Next(found []Stored) int {
	taken := [Slots]bool{}
	for _, s := range found {
		if s.Err == nil && s.Slot >= 0 && s.Slot < Slots {
			taken[s.Slot] = true
		}
	}
	for slot, t := range taken {
		if !t {
			return slot
		}
	}
	oldest := found[0]
	for _, s := range found {
		if s.Err == nil {
			oldest = s
		}
	}
	return oldest.Slot
}
