package plant

// ring is a bounded first-in first-out queue of jobs.
type ring struct {
	jobs    []int32
	head, n int
}

func newRing(most int) ring { return ring{jobs: make([]int32, max(most, 1))} }

func (r *ring) push(job int32) {
	r.jobs[(r.head+r.n)%len(r.jobs)] = job
	r.n++
}

func (r *ring) pop() int32 {
	job := r.jobs[r.head]
	r.head = (r.head + 1) % len(r.jobs)
	r.n--
	return job
}
