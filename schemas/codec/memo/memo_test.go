package memo

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestMemo(t *testing.T) {
	m := New()
	for i := range uint32(10_000) {
		key := fmt.Appendf(nil, "key %d", i/3)
		if _, _, ok := m.Find(i%3, key); ok {
			t.Fatalf("found %d before it was added", i)
		}
		_, hash, _ := m.Find(i%3, key)
		m.Add(hash, i%3, key, i)
	}
	for i := range uint32(10_000) {
		if v, _, ok := m.Find(i%3, fmt.Appendf(nil, "key %d", i/3)); !ok || v != i {
			t.Fatalf("found %d, %v for %d", v, ok, i)
		}
	}
	if _, _, ok := m.Find(3, []byte("key 1")); ok {
		t.Fatal("found another owner's key")
	}
	_, hash, _ := m.Find(0, nil)
	m.Add(hash, 0, nil, 7)
	if v, _, ok := m.Find(0, []byte{}); !ok || v != 7 {
		t.Fatal("the empty key is not found")
	}
}

// TestMemoComparesWhatHashesEqual gives keys that differ the hash of the key that is looked for.
func TestMemoComparesWhatHashesEqual(t *testing.T) {
	m := New()
	_, hash, _ := m.Find(1, []byte("a"))
	m.Add(hash, 1, []byte("b"), 2)
	m.Add(hash, 2, []byte("a"), 3)
	m.Add(hash, 1, []byte("aa"), 4)
	if v, _, ok := m.Find(1, []byte("a")); ok {
		t.Fatalf("took another key for it: %d", v)
	}
	m.Add(hash, 1, []byte("a"), 5)
	if v, _, ok := m.Find(1, []byte("a")); !ok || v != 5 {
		t.Fatalf("%d, %v behind three that hash equal", v, ok)
	}
}

// Whatever order keys come in, what is foretold is never taken for what is there.
func TestMemoInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	m, want := New(), map[string]uint32{}
	order := random.Perm(3000)
	for round := range 40 {
		switch {
		case round%5 == 4:
			order = random.Perm(3000)
		case round%5 == 2: // some are missing, some come twice
			for range 200 {
				order[random.IntN(len(order))] = random.IntN(3000 + 50*round)
			}
		}
		for _, k := range order {
			owner, key := uint32(k%3), fmt.Appendf(nil, "key %d", k/3)
			full := fmt.Sprint(owner, string(key))
			v, hash, ok := m.Find(owner, key)
			if known, there := want[full]; ok != there || ok && v != known {
				t.Fatalf("round %d: found %d, %v for %s, which is %d, %v", round, v, ok, full, known, there)
			}
			if !ok {
				want[full] = random.Uint32()
				m.Add(hash, owner, key, want[full])
			}
		}
	}
	if m.Len() != len(want) {
		t.Errorf("%d keys of %d", m.Len(), len(want))
	}
}

// Pairs in any order, and in one order again and again.
func TestPairs(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 2))
	p, want := NewPairs(), map[[2]uint32]uint32{}
	order := random.Perm(5000)
	for round := range 40 {
		if round%5 == 4 {
			order = random.Perm(5000)
		}
		for range round % 3 * 100 { // some are missing, some come twice
			order[random.IntN(len(order))] = random.IntN(5000 + 50*round)
		}
		for _, k := range order {
			key := [2]uint32{uint32(k / 70), uint32(k % 70)}
			v, ok := p.Find(key[0], key[1])
			if known, there := want[key]; ok != there || ok && v != known {
				t.Fatalf("round %d: found %d, %v for %v, which is %d, %v", round, v, ok, key, known, there)
			}
			if ok {
				continue
			}
			n := uint32(p.Len())
			want[key] = random.Uint32()
			p.Add(key[0], key[1], want[key])
			if a, b := p.Key(n); a != key[0] || b != key[1] {
				t.Fatalf("key %d is %d, %d, not %v", n, a, b, key)
			}
		}
	}
	if p.Len() != len(want) {
		t.Errorf("%d keys of %d", p.Len(), len(want))
	}
}

// In one order again and again each key is where it is foretold.
func TestPairsForetell(t *testing.T) {
	p := NewPairs()
	for round := range 4 {
		for k := range uint32(5000) {
			foretold := p.next
			if v, ok := p.Find(k/7, k%7); !ok {
				p.Add(k/7, k%7, k)
			} else if v != k || round > 1 && (p.last != foretold || p.luck != most) {
				t.Fatalf("round %d: key %d is %d and was not foretold", round, k, v)
			}
		}
	}
}

// In one order again and again nothing is hashed: the luck holds.
func TestMemoForetells(t *testing.T) {
	m := New()
	for round := range 4 {
		for k := range 5000 {
			key := fmt.Appendf(nil, "key %d", k)
			_, hash, ok := m.Find(0, key)
			if !ok {
				m.Add(hash, 0, key, uint32(k))
			} else if round > 1 && hash != 0 {
				t.Fatalf("round %d: key %d was looked for by its hash", round, k)
			}
		}
	}
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		for _, order := range []string{"same", "random"} {
			b.Run(fmt.Sprint(n, "/", order), func(b *testing.B) {
				m, keys := New(), make([][]byte, n)
				for k := range keys {
					keys[k] = fmt.Appendf(nil, "http.response.status_code=%d", k)
					_, hash, _ := m.Find(0, keys[k])
					m.Add(hash, 0, keys[k], uint32(k))
				}
				if order == "random" {
					rand.New(rand.NewPCG(1, 1)).Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
				}
				at := rand.New(rand.NewPCG(2, 1))
				b.ResetTimer()
				for i := range b.N {
					k := i % n
					if order == "random" {
						k = at.IntN(n)
					}
					if _, _, ok := m.Find(0, keys[k]); !ok {
						b.Fatal("lost")
					}
				}
			})
		}
	}
}

// TestForetold holds what is foretold against what Find finds.
func TestForetold(t *testing.T) {
	m, all := New(), New()
	keys := [][]byte{[]byte("a"), []byte("ab"), []byte("abc"), []byte("b"), {}}
	for i, key := range keys {
		_, hash, _ := m.Find(1, key)
		m.Add(hash, 1, key, uint32(10+i))
		_, hash, _ = all.Find(1, key)
		all.Add(hash, 1, key, uint32(10+i))
	}
	hits := 0
	for i := range 1000 {
		at := i % len(keys)
		if i >= 500 {
			at = i * i % 7 % len(keys)
		}
		b := append(bytes.Clone(keys[at]), "xyz"[:i%4]...)
		n := m.Foretold(1, b)
		if m.Foretold(2, b) != 0 {
			t.Fatal("another owner's key is foretold")
		}
		if n == 0 {
			m.Find(1, keys[at])
			continue
		}
		hits++
		got := m.Take()
		want, _, ok := all.Find(1, b[:n])
		if !ok || got != want {
			t.Fatalf("%q: %d is taken for the first %d bytes, Find says %d, %v", b, got, n, want, ok)
		}
	}
	if hits < 300 {
		t.Errorf("only %d of 1,000 keys were foretold", hits)
	}
}
