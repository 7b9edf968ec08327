package engine

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
)

// keeper keeps the states of a process's lanes: it finds what they begin with, and saves them now and then and at the end.
type keeper struct {
	store       snapshot.Store
	cluster     broker.Cluster
	times       timesTopic
	interval    time.Duration
	fingerprint string
	logger      *slog.Logger
	seconds     prometheus.Observer
	pauses      prometheus.Observer
	restores    prometheus.Observer
	bytes       prometheus.Counter
	saves       *prometheus.CounterVec

	mu    sync.Mutex
	lanes map[string]*kept // by lane
}

// kept is what the keeper knows of a lane's stored snapshots.
type kept struct {
	slot      int // the next one to write
	position  int64
	watermark int64
	saved     time.Time // by whoever saved it
	changes   uint64    // of the lane when its state was asked for
	// times is an offset of the lane's partition of the time topic that nothing lies behind but what the lane knows or what
	// a later owner wrote: the end of the partition before this process was given the lane, or since then at a moment of which a
	// commit has proved that it still had it. A process that lost a lane without knowing may save it once more, and an offset
	// that it asked for then would hide what the new owner took from the clock.
	times int64
}

// origin is how a lane without state of its own begins.
type origin struct {
	lane      string
	tp        broker.TopicPartition
	committed int64 // -1 for none
	first     int64 // the first offset of the partition that is still there
	// snapshots are those at or before the committed position, the newest first.
	snapshots []*snapshot.Snapshot
	ahead     int64 // the position of the newest one behind the committed position, 0 if there is none
	// clock is what the lane took from the clock since the oldest of them.
	clock   []clockRecord
	times   int64 // as in kept
	refused error
}

// ends returns where the lanes' partitions of the time topic end.
func (k *keeper) ends(ctx context.Context, lanes []string) (map[string]int64, error) {
	ends, err := k.times.ends(ctx, k.cluster, lanes)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, lane := range lanes {
		out[lane] = ends[k.times.partition(lane)]
	}
	return out, nil
}

// allEnds returns where all partitions of the time topic end.
func (k *keeper) allEnds(ctx context.Context) (map[broker.TopicPartition]int64, error) {
	tps := k.times.all()
	if len(tps) == 0 {
		return nil, nil
	}
	bounds, err := k.cluster.Bounds(ctx, tps)
	if err != nil {
		return nil, err
	}
	ends := map[broker.TopicPartition]int64{}
	for tp, b := range bounds {
		ends[tp] = b.End
	}
	return ends, nil
}

// find fills in what lanes begin with.
func (k *keeper) find(ctx context.Context, origins []*origin) error {
	if len(origins) == 0 {
		return nil
	}
	var tps []broker.TopicPartition
	for _, o := range origins {
		tps = append(tps, o.tp)
	}
	bounds, err := k.cluster.Bounds(ctx, tps)
	if err != nil {
		return err
	}
	at := map[string]int64{}
	for _, o := range origins {
		at[o.lane] = o.committed
	}
	stored, err := k.store.Newest(ctx, at)
	if err != nil {
		return err
	}
	from := map[string]int64{}
	for _, o := range origins {
		o.first = bounds[o.tp].Start
		k.choose(o, stored[o.lane])
		for _, s := range o.snapshots {
			if have, ok := from[o.lane]; !ok || s.Times < have {
				from[o.lane] = s.Times
			}
		}
	}
	clocks, err := k.times.read(ctx, k.cluster, from)
	if err != nil {
		return err
	}
	for _, o := range origins {
		o.clock = clocks[o.lane]
	}
	return nil
}

// choose takes from what lies in a lane's slots the snapshots that it may begin with.
func (k *keeper) choose(o *origin, found []snapshot.Stored) {
	for _, f := range found {
		if f.Manifest.Position > o.committed {
			o.ahead = max(o.ahead, f.Manifest.Position)
		}
		switch {
		case f.Err != nil:
			k.logger.Error("a stored snapshot is damaged, so it is not used", "lane", o.lane, "slot", f.Slot, "error", f.Err)
			k.saves.WithLabelValues("damaged").Inc()
			o.refused = f.Err // if there is no other: to begin without state would be a silent loss
		case f.Snapshot == nil: // not read: an older one, or of an earlier life of the lane
		case o.committed < 0 || f.Position <= o.committed:
			o.snapshots = append(o.snapshots, f.Snapshot)
		}
	}
	// What is of no use is overwritten first: it may become of use, and be wrong, once the lane comes past it.
	usable := slices.DeleteFunc(slices.Clone(found), func(f snapshot.Stored) bool { return f.Err != nil || !slices.Contains(o.snapshots, f.Snapshot) })
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lanes[o.lane] = &kept{slot: snapshot.Next(usable), position: -1, times: o.times}
}

// restored notes which snapshot a lane began with.
func (k *keeper) restored(o *origin, s *snapshot.Snapshot) {
	level, note := slog.LevelInfo, "a lane goes on from its snapshot"
	if s.Fingerprint != k.fingerprint && s.Position != o.committed {
		level, note = slog.LevelWarn, "a lane goes on from the snapshot of another configuration or version, and what it has done since is replayed as this one would have done it"
	}
	k.logger.Log(context.Background(), level, note, "lane", o.lane, "snapshot", s.Position, "committed", o.committed)
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.lanes[o.lane]
	at.position, at.watermark, at.saved = s.Position, s.Watermark, s.Written
	if now := time.Now(); at.saved.After(now) {
		at.saved = now // by another machine's clock
	}
}

// savesAtOnce bounds how many snapshots are written at the same time.
const savesAtOnce = 4

// first saves the lanes that began without a snapshot, before they have done anything: so there is always one to go back to.
func (k *keeper) first(ctx context.Context, lanes map[broker.TopicPartition]*laneRun) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(savesAtOnce)
	for _, r := range sorted(lanes) {
		if !r.fresh {
			continue
		}
		g.Go(func() error {
			// Both slots: what may lie there is of another life of the lane.
			for range snapshot.Slots {
				f, err := r.lane.freeze()
				if err != nil {
					return err
				}
				if err := k.write(ctx, r.name, &captured{frozen: f, position: r.position()}, time.Now()); err != nil {
					return err
				}
			}
			r.fresh = false
			return nil
		})
	}
	return g.Wait()
}

// lastLimit bounds the saving of states at the end of a process.
const lastLimit = 15 * time.Second

// last saves the states of lanes that have ended with all their work committed. What can't be saved is replayed at the next start,
// but a missing right is an error: without it no state would ever be saved.
func (k *keeper) last(ctx context.Context, lanes []*laneRun) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLimit)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(savesAtOnce)
	for _, r := range lanes {
		g.Go(func() error {
			f, err := r.frozen()
			if err != nil {
				return err
			}
			if k.stands(r.name, r.position(), f.watermark) {
				f.release()
				return nil
			}
			return k.write(ctx, r.name, &captured{frozen: f, position: r.position()}, time.Now())
		})
	}
	err := g.Wait()
	if broker.Denied(err) {
		return err
	}
	if err != nil {
		k.logger.Warn("the states of some lanes were not saved at the end, so the next start replays more", "error", err)
	}
	return nil
}

// stands says whether the lane's newest snapshot is of that position and time.
func (k *keeper) stands(lane string, position, watermark int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.lanes[lane]
	return at != nil && at.position == position && at.watermark == watermark
}

// write writes a state into the lane's next slot, and gives it up.
func (k *keeper) write(ctx context.Context, lane string, c *captured, start time.Time) error {
	defer c.release()
	k.mu.Lock()
	at := k.lanes[lane]
	slot, times := at.slot, at.times
	k.mu.Unlock()
	m := snapshot.Manifest{
		Lane: lane, Position: c.position, Watermark: c.watermark, Timed: c.watermark != unknownTime, Times: times,
		Fingerprint: k.fingerprint, Written: time.Now().UTC(), Account: c.account,
	}
	names := make([]string, len(c.parts))
	for i, p := range c.parts {
		names[i] = p.name
	}
	s, err := snapshot.New(m, names, func(name string, w io.Writer) error {
		return c.parts[slices.Index(names, name)].write(w)
	})
	if err != nil {
		return err
	}
	if err := k.store.Save(ctx, slot, s); err != nil {
		k.saves.WithLabelValues("failed").Inc()
		return err
	}
	k.saves.WithLabelValues("saved").Inc()
	k.seconds.Observe(time.Since(start).Seconds())
	k.pauses.Observe(c.pause.Seconds())
	k.bytes.Add(float64(s.Bytes))
	k.mu.Lock()
	defer k.mu.Unlock()
	*at = kept{slot: (slot + 1) % snapshot.Slots, position: c.position, watermark: c.watermark, saved: time.Now(), times: max(times, at.times)}
	return nil
}

// run saves the states of the stages' lanes, each once an interval.
func (k *keeper) run(ctx context.Context, stages []*stageRun) error {
	tick := time.NewTicker(min(k.interval, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if ctx.Err() != nil {
			return nil // both may be ready
		}
		due := k.due(stages)
		if len(due) == 0 {
			continue
		}
		names := make([]string, len(due))
		for i, r := range due {
			names[i] = r.name
		}
		// Asked before the states are frozen: what a lane takes from the clock after that lies behind.
		ends, err := k.ends(ctx, names)
		if err != nil {
			if ctx.Err() == nil {
				k.logger.Error("the states of lanes were not saved", "lanes", names, "error", err)
			}
			continue
		}
		g := errgroup.Group{}
		g.SetLimit(savesAtOnce)
		for _, r := range due {
			g.Go(func() error {
				err := k.saveLive(ctx, r, ends[r.name])
				if broker.Denied(err) {
					return err
				}
				if err != nil && ctx.Err() == nil {
					// Not fatal: the older snapshot is still there, and a restart replays more.
					k.logger.Error("the state of a lane was not saved", "lane", r.name, "error", err)
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
}

// due returns the lanes whose snapshots are old, the oldest first.
func (k *keeper) due(stages []*stageRun) []*laneRun {
	type aged struct {
		*laneRun
		saved time.Time
	}
	var old []aged
	for _, s := range stages {
		_, lanes := s.current()
		for _, r := range lanes {
			if saved, ok := k.old(r); ok {
				old = append(old, aged{r, saved})
			}
		}
	}
	slices.SortStableFunc(old, func(a, b aged) int { return cmp.Or(a.saved.Compare(b.saved), cmp.Compare(a.name, b.name)) })
	out := make([]*laneRun, len(old))
	for i := range old {
		out[i] = old[i].laneRun
	}
	return out
}

// old says whether a lane's snapshot is too old, and since when it is there. One of a lane that has not changed is still good.
func (k *keeper) old(r *laneRun) (saved time.Time, ok bool) {
	changes := r.changed()
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.lanes[r.name]
	if !r.live.Load() || at == nil || time.Since(at.saved) < k.interval {
		return time.Time{}, false
	}
	if at.changes == changes {
		at.saved = time.Now()
		return time.Time{}, false
	}
	return at.saved, true
}

// captureLimit is how long a lane may take to its next step, and the commit behind it.
const captureLimit = 30 * time.Second

// saveLive saves the state of a lane at work. times is where its partition of the time topic ended before.
func (k *keeper) saveLive(ctx context.Context, r *laneRun, times int64) error {
	ctx, cancel := context.WithTimeout(ctx, captureLimit)
	defer cancel()
	start := time.Now()
	changes := r.changed()
	req := r.capture()
	select {
	case c := <-req.done:
		if c == nil {
			return nil // the lane has ended, or its state is asked for already
		}
		if c.proven {
			k.advance(r.name, times)
		}
		if err := k.write(ctx, r.name, c, start); err != nil {
			return err
		}
		k.note(r.name, changes)
		return nil
	case <-ctx.Done():
		r.forgo()
		if c := <-req.done; c != nil {
			c.release()
		}
		return pipeline.Errorf("state.capture", "lane %s came to no committed step within %s: it stands still, or commits do not come through; its older snapshot is still there", r.name, captureLimit)
	}
}

// advance notes that the process still had the lane when its partition of the time topic ended there.
func (k *keeper) advance(lane string, times int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at := k.lanes[lane]; at != nil {
		at.times = max(at.times, times)
	}
}

// note says what the lane had done when its newest snapshot was asked for.
func (k *keeper) note(lane string, changes uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at := k.lanes[lane]; at != nil {
		at.changes = changes
	}
}
