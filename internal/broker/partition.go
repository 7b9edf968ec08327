package broker

import "sync"

// murmur2 is the 32-bit hash MurmurHash2 by Austin Appleby (public domain), with the seed that Java clients of Kafka
// partition by, so that equal keys meet in one partition whoever wrote them.
func murmur2(key []byte) uint32 {
	const m, seed = 0x5bd1e995, 0x9747b28c
	h := uint32(seed) ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h = h*m ^ k
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(key[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}

// PartitionOf returns the partition that a key belongs to, as Java clients choose it.
func PartitionOf(key []byte, partitions int) int32 {
	return int32((murmur2(key) & 0x7fffffff) % uint32(partitions))
}

// roundRobin hands out partitions of topics in turn.
type roundRobin struct {
	mu   sync.Mutex
	next map[string]int
}

func (r *roundRobin) pick(topic string, partitions int) int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = map[string]int{}
	}
	n := r.next[topic]
	r.next[topic] = n + 1
	return int32(n % partitions)
}
