package state

import (
	"hash/maphash"
	"maps"
	"sync/atomic"
	"time"
)

const (
	shards     = 64 // so that sweeping a shard, the longest hold of a lock, takes about a millisecond at a million entries
	purgeEvery = time.Minute
)

// A digest stands for a key, which makes entries small and free of pointers, so the garbage collector does not scan
// them. Keys are cryptographic hashes already, so nobody chooses their bytes, and the seeds of these 128 bits never
// leave the process: collisions can be neither forced nor expected.
type digest [2]uint64

// common holds what all tables of a Memory share.
type common struct {
	seeds [2]maphash.Seed
	start time.Time // of the table's clock, which is monotonic: setting the host's clock expires nothing early
	quota           // of entries in all shards, expired ones included
}

func (c *common) setUp(limit int) {
	c.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	c.start, c.limit = time.Now(), int64(limit)
}

func (c *common) digest(key string) digest {
	return digest{maphash.String(c.seeds[0], key), maphash.String(c.seeds[1], key)}
}

func (c *common) now() int64 { return int64(time.Since(c.start)) }

// until returns when an entry made at now expires. The longest ttl neither overflows nor means never.
func (c *common) until(now int64, ttl time.Duration) int64 {
	return now + min(int64(ttl), never-1-now)
}

// quota is a limited amount of room.
type quota struct {
	limit int64
	count atomic.Int64
}

// counted takes room, or returns it if more is negative. It reports false if there is none left.
func (q *quota) counted(more int) bool {
	if q.count.Add(int64(more)) > q.limit && more > 0 {
		q.count.Add(-int64(more))
		return false
	}
	return true
}

// fitted moves what is in m to a map of its size.
func fitted[V any](m map[digest]V) map[digest]V {
	smaller := make(map[digest]V, len(m))
	maps.Copy(smaller, m)
	return smaller
}
