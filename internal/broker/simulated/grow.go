package simulated

import (
	"slices"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
)

// Grow adds partitions to a topic until it has that many. Groups that read it share it out anew, as their members do once
// they see it.
func (k *Kafka) Grow(name string, partitions int) {
	k.mu.Lock()
	t := k.byName[name]
	for i := len(t.partitions); i < partitions; i++ {
		t.partitions = append(t.partitions, &partition{TopicPartition: broker.TopicPartition{Topic: name, Partition: int32(i)}})
	}
	k.mu.Unlock()
	k.note("grow", name, strconv.Itoa(partitions))
	for _, g := range k.groups {
		if len(g.members) > 0 && slices.Contains(g.members[0].of.cfg.Topics, name) {
			g.begin(time.Now())
		}
	}
}

// Has says whether there is a topic of that name.
func (k *Kafka) Has(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.byName[name] != nil
}
