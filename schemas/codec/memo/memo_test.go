package memo

import (
	"fmt"
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
