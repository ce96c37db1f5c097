package provider

import (
	"crypto"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxCachedTokens = 10_000
	maxCachedBytes  = 8 << 20 // of tokens, in the size that they came in
)

// CacheStats tells how a cache of tokens does. Hits and Misses count since the start.
type CacheStats struct {
	Entries      int
	Hits, Misses uint64
}

// tokenKey is the SHA-256 of a token: who reads this process's memory finds no token in the cache, and all keys are
// equally long however long the tokens are.
type tokenKey [sha256.Size]byte

// verdict is what became of a token: one of token and err is nil.
type verdict struct {
	token *AccessToken
	err   error
	until time.Time // on the wall clock: a token expires by it
}

// tokenCache remembers verdicts for a limited time, within limits of number and bytes. It has two generations: when
// the young one is full it becomes the old one, whose entries are forgotten, but for those asked for since. The zero
// value is ready.
type tokenCache struct {
	mu           sync.Mutex
	keys         *keySet // that the entries were verified with; nil: they do not depend on keys
	young, old   map[tokenKey]cached
	bytes        int // of young
	hits, misses uint64
}

type cached struct {
	verdict
	size int
}

// get finds a verdict that still holds.
func (c *tokenCache) get(key tokenKey) (verdict, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, found := c.young[key]
	if !found {
		if entry, found = c.old[key]; found {
			delete(c.old, key)
			c.add(key, entry)
		}
	}
	if !found || !time.Now().Before(entry.until) {
		c.misses++
		return verdict{}, false
	}
	c.hits++
	return entry.verdict, true
}

// put remembers a verdict about a token of size bytes that was verified with these keys; nil: without any.
func (c *tokenCache) put(key tokenKey, v verdict, size int, keys *keySet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turnTo(keys)
	if time.Now().Before(v.until) {
		c.add(key, cached{v, size})
	}
}

// add makes room if need be. An entry counts twice if it is in both generations, never more.
func (c *tokenCache) add(key tokenKey, entry cached) {
	if len(c.young) >= maxCachedTokens/2 || c.bytes+entry.size > maxCachedBytes/2 {
		c.young, c.old, c.bytes = nil, c.young, 0
	}
	if c.young == nil {
		c.young = make(map[tokenKey]cached)
	}
	c.bytes += entry.size - c.young[key].size
	c.young[key] = entry
}

// follow reports whether the entries were verified with the present keys, and forgets them otherwise: one of the keys
// may have been withdrawn because others know it.
func (c *tokenCache) follow(present *keySet) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turnTo(present)
}

func (c *tokenCache) turnTo(keys *keySet) (same bool) {
	same = c.keys == keys || c.keys != nil && keys != nil && c.keys.equal(keys)
	c.keys = keys
	if !same {
		c.young, c.old, c.bytes = nil, nil, 0
	}
	return same
}

func (c *tokenCache) stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return CacheStats{Entries: len(c.young) + len(c.old), Hits: c.hits, Misses: c.misses}
}

// equal reports whether two sets, fetched one after the other, have the same keys in the same order.
func (s *keySet) equal(other *keySet) bool {
	return slices.EqualFunc(s.keys, other.keys, func(a, b jose.JSONWebKey) bool {
		key, ok := a.Key.(interface{ Equal(crypto.PublicKey) bool })
		return ok && a.KeyID == b.KeyID && a.Algorithm == b.Algorithm && key.Equal(b.Key)
	})
}

// AccessTokenCache tells how the cache of verified JWT access tokens does.
func (p *Provider) AccessTokenCache() CacheStats { return p.access.verified.stats() }
