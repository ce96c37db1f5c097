package memorystore

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"
)

const shards = 64 // so that requests seldom wait for each other

// digest stands for a key. Keys have 256 random bits of an id, and the seeds never leave the process: collisions can be
// neither forced nor expected.
type digest [2]uint64

// memory is a store.Backend.
type memory struct {
	seeds  [2]maphash.Seed
	start  time.Time // of the clock, which is monotonic: setting the host's clock ends nothing early
	log    *slog.Logger
	warned atomic.Int64 // when the last warning was, on that clock
	shards [shards]shard
}

func newMemory(maxBytes int) *memory {
	m := &memory{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, start: time.Now()}
	for i := range m.shards {
		m.shards[i] = shard{limit: maxBytes / shards, at: map[digest]place{}}
	}
	return m
}

func (m *memory) now() int64 { return int64(time.Since(m.start)) }

// find returns the shard of the key, locked.
func (m *memory) find(key string) (*shard, digest) {
	d := digest{maphash.String(m.seeds[0], key), maphash.String(m.seeds[1], key)}
	s := &m.shards[d[0]%shards]
	s.mu.Lock()
	return s, d
}

// Load implements store.Backend.
func (m *memory) Load(_ context.Context, key string) (text string, ok bool, err error) {
	shared, ok := m.Peek(key)
	return string(shared), ok, nil
}

// Peek implements store.InProcess.
func (m *memory) Peek(key string) (text []byte, ok bool) {
	s, d := m.find(key)
	defer s.mu.Unlock()
	return s.get(d, m.now())
}

// Save implements store.Backend.
func (m *memory) Save(_ context.Context, key, text string, life time.Duration, replace bool) (bool, error) {
	now := m.now()
	s, d := m.find(key)
	defer s.mu.Unlock()
	if _, lives := s.get(d, now); replace && !lives {
		return false, nil
	}
	ended, ok := s.put(d, text, now, now+int64(life))
	if !ok {
		return false, &sizeError{len(text), s.limit / 2}
	}
	if ended > 0 {
		m.warn(ended)
	}
	return true, nil
}

// Delete implements store.Backend.
func (m *memory) Delete(_ context.Context, key string) error {
	s, d := m.find(key)
	defer s.mu.Unlock()
	delete(s.at, d)
	return nil
}

func (m *memory) usage() (sessions, bytes int) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		sessions, bytes = sessions+len(s.at), bytes+s.used()
		s.mu.Unlock()
	}
	return sessions, bytes
}

// warn tells the operator that MaxBytes is too small for the number of users.
func (m *memory) warn(ended int) {
	now, last := m.now(), m.warned.Load()
	if last != 0 && now-last < int64(time.Minute) || !m.warned.CompareAndSwap(last, max(1, now)) {
		return
	}
	m.log.Warn("memorystore: sessions ended before their time because the memory is full: set MaxBytes higher",
		"sessions", ended)
}

// sizeError means that a session is too large for the memory.
type sizeError struct{ size, limit int }

func (e *sizeError) Error() string {
	return fmt.Sprintf("a session of %d bytes, limit %d", e.size, e.limit)
}

// TooLarge says by how much.
func (e *sizeError) TooLarge() (size, limit int) { return e.size, e.limit }
