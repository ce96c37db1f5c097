package state

import (
	"hash/maphash"
	"maps"
	"sync/atomic"
	"time"
)

const (
	shards     = 64 // so that a purge, the longest hold of a lock, is done in about a millisecond for a million entries
	purgeEvery = time.Minute
)

// A digest stands for a key, which makes entries small and free of pointers: the garbage collector does not look at
// them. Keys are cryptographic hashes already, so nobody chooses their bytes, and the seeds of these 128 bits never
// leave the process: two keys do not meet by design, and by chance not in the life of the universe.
type digest [2]uint64

// common is what the tables of a Memory have in common.
type common struct {
	seeds [2]maphash.Seed
	start time.Time // of the table's clock, which is monotonic: setting the host's clock ends nothing early
	quota           // of entries in all shards, passed ones included
}

func (c *common) setUp(limit int) {
	c.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	c.start, c.limit = time.Now(), int64(limit)
}

func (c *common) digest(key string) digest {
	return digest{maphash.String(c.seeds[0], key), maphash.String(c.seeds[1], key)}
}

func (c *common) now() int64 { return int64(time.Since(c.start)) }

// until is when an entry of now passes. The longest ttl neither wraps nor is never.
func (c *common) until(now int64, ttl time.Duration) int64 {
	return now + min(int64(ttl), never-1-now)
}

// quota is room for so much and no more.
type quota struct {
	limit int64
	count atomic.Int64
}

// counted takes room for more, or gives it back when more is negative. There may be none to take.
func (q *quota) counted(more int) bool {
	if q.count.Add(int64(more)) > q.limit && more > 0 {
		q.count.Add(-int64(more))
		return false
	}
	return true
}

// fitted moves what is in m into a map of its size.
func fitted[V any](m map[digest]V) map[digest]V {
	smaller := make(map[digest]V, len(m))
	maps.Copy(smaller, m)
	return smaller
}
