package plant

import "time"

// timers is the event list: an indexed binary heap, so that a timer can be moved or cleared and the
// list never holds stale events. Equal times fire in the order in which they were set.
type timers struct {
	heap []timer
	pos  []int32 // by id; -1: not set
	seq  uint64
}

type timer struct {
	at  time.Duration
	seq uint64
	id  int32
}

func (a timer) before(b timer) bool {
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// grow makes room for the ids below n.
func (t *timers) grow(n int) {
	for len(t.pos) < n {
		t.pos = append(t.pos, -1)
	}
}

// set makes id fire at that time, instead of when it was to fire before.
func (t *timers) set(id int32, at time.Duration) {
	t.seq++
	e := timer{at: at, seq: t.seq, id: id}
	i := t.pos[id]
	if i < 0 {
		t.heap = append(t.heap, e)
		t.up(len(t.heap)-1, e)
		return
	}
	if e.before(t.heap[i]) {
		t.up(int(i), e)
	} else {
		t.down(int(i), e)
	}
}

func (t *timers) clear(id int32) {
	i := int(t.pos[id])
	if i < 0 {
		return
	}
	t.pos[id] = -1
	last := len(t.heap) - 1
	e := t.heap[last]
	t.heap = t.heap[:last]
	if i == last {
		return
	}
	if i > 0 && e.before(t.heap[(i-1)/2]) {
		t.up(i, e)
	} else {
		t.down(i, e)
	}
}

// up and down put e where it belongs, starting from the hole at i.
func (t *timers) up(i int, e timer) {
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(t.heap[parent]) {
			break
		}
		t.put(i, t.heap[parent])
		i = parent
	}
	t.put(i, e)
}

func (t *timers) down(i int, e timer) {
	for {
		child := 2*i + 1
		if child >= len(t.heap) {
			break
		}
		if child+1 < len(t.heap) && t.heap[child+1].before(t.heap[child]) {
			child++
		}
		if !t.heap[child].before(e) {
			break
		}
		t.put(i, t.heap[child])
		i = child
	}
	t.put(i, e)
}

func (t *timers) put(i int, e timer) {
	t.heap[i] = e
	t.pos[e.id] = int32(i)
}
