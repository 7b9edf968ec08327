package broker

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/segmentio/kafka-go"
)

// stickyBalancer shares out partition numbers: partitions of all topics with one number go to one member, so that what
// belongs together by key stays together. Members keep what they had as far as the shares are even.
//
// A member tells what it had, and in which generation, with its subscription; when two members claim a number, the later
// generation wins.
type stickyBalancer struct {
	mu         sync.Mutex
	generation int32
	numbers    []int32
}

// own notes what this member has been given.
func (b *stickyBalancer) own(generation int32, assigned []TopicPartition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.generation, b.numbers = generation, b.numbers[:0]
	for _, tp := range assigned {
		b.numbers = append(b.numbers, tp.Partition)
	}
	slices.Sort(b.numbers)
	b.numbers = slices.Compact(b.numbers)
}

// ProtocolName is what all members of a group must have in common.
func (b *stickyBalancer) ProtocolName() string { return "homeostat-sticky-1" }

// UserData is the generation and the partition numbers of this member.
func (b *stickyBalancer) UserData() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data := binary.BigEndian.AppendUint32(nil, uint32(b.generation))
	for _, n := range b.numbers {
		data = binary.BigEndian.AppendUint32(data, uint32(n))
	}
	return data, nil
}

// claim is one member's word that it had a number.
type claim struct {
	generation int32
	member     int
}

// AssignGroups is called on the member that leads the group.
func (b *stickyBalancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	members = slices.Clone(members)
	slices.SortFunc(members, func(x, y kafka.GroupMember) int { return cmp.Compare(x.ID, y.ID) })
	assigned := make(kafka.GroupMemberAssignments, len(members))
	for _, m := range members {
		assigned[m.ID] = map[string][]int{}
	}
	if len(members) == 0 {
		return assigned
	}
	topics := map[int][]string{} // by partition number
	for _, p := range partitions {
		topics[p.ID] = append(topics[p.ID], p.Topic)
	}
	numbers := make([]int, 0, len(topics))
	for n := range topics {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for i, of := range share(numbers, claims(members), len(members)) {
		to := assigned[members[i].ID]
		for _, n := range of {
			for _, topic := range topics[n] {
				to[topic] = append(to[topic], n)
			}
		}
	}
	return assigned
}

// claims reads what members had.
func claims(members []kafka.GroupMember) map[int]claim {
	had := map[int]claim{}
	for i, m := range members {
		data := m.UserData
		if len(data) < 4 {
			continue
		}
		generation := int32(binary.BigEndian.Uint32(data))
		for data = data[4:]; len(data) >= 4; data = data[4:] {
			n := int(binary.BigEndian.Uint32(data))
			if old, ok := had[n]; !ok || generation > old.generation {
				had[n] = claim{generation, i}
			}
		}
	}
	return had
}

// share gives each member its even share of numbers: first what it had, then what is left over.
func share(numbers []int, had map[int]claim, members int) [][]int {
	shares := make([][]int, members)
	least, larger := len(numbers)/members, len(numbers)%members
	var left []int
	for _, n := range numbers {
		c, ok := had[n]
		switch {
		case ok && len(shares[c.member]) < least:
			shares[c.member] = append(shares[c.member], n)
		case ok && larger > 0 && len(shares[c.member]) == least:
			shares[c.member] = append(shares[c.member], n)
			larger--
		default:
			left = append(left, n)
		}
	}
	for i := range shares {
		most := least
		for len(left) > 0 && len(shares[i]) < most {
			shares[i] = append(shares[i], left[0])
			left = left[1:]
		}
	}
	for i := range shares {
		if len(left) > 0 && larger > 0 && len(shares[i]) == least {
			shares[i] = append(shares[i], left[0])
			left, larger = left[1:], larger-1
		}
		slices.Sort(shares[i])
	}
	return shares
}
