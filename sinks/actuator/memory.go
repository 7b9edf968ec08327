package actuator

import (
	"context"
	"sync"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// Memory keeps claims as long as the process lives: for tests and simulated systems. The zero value is empty.
type Memory struct {
	mu      sync.Mutex
	entries map[string]Entry
	token   int64
}

// Lookup implements Claims.
func (m *Memory) Lookup(_ context.Context, key string) (Entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	return e, ok, nil
}

// Claim implements Claims.
func (m *Memory) Claim(_ context.Context, c Claim) (Entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, won := m.claimable(c)
	if won {
		m.put(e)
	}
	return e, won, nil
}

// Done implements Claims.
func (m *Memory) Done(_ context.Context, key string, token int64, final schemas.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.endable(key, token)
	if err != nil {
		return err
	}
	e.Final = &final
	m.put(e)
	return nil
}

// claimable returns the entry that the claim would make, or the one that stands against it.
func (m *Memory) claimable(c Claim) (Entry, bool) {
	if have, ok := m.entries[c.Key]; ok && (have.Final != nil || have.Token != c.Over) {
		return have, false
	}
	return Entry{Claim: c, Token: m.token + 1}, true
}

func (m *Memory) endable(key string, token int64) (Entry, error) {
	e, ok := m.entries[key]
	if !ok || e.Final != nil || e.Token != token {
		return e, pipeline.Errorf("claims.lost", "claim %d of key %s is not open: it was ended or taken over by another", token, key)
	}
	return e, nil
}

func (m *Memory) put(e Entry) {
	if m.entries == nil {
		m.entries = map[string]Entry{}
	}
	m.entries[e.Claim.Key] = e
	m.token = max(m.token, e.Token)
}
