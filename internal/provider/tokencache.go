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
	maxCachedBytes  = 8 << 20 // of raw tokens; decoded, they take several times as much
)

// CacheStats holds statistics of a token cache. Hits and Misses count since the start.
type CacheStats struct {
	Entries      int
	Hits, Misses uint64
}

// tokenKey is a verified token itself, because hashing it would take longer than all the rest of a request with a token
// that was seen before. Of tokens that anyone may have made up it is the SHA-256, so that keys have the same size.
type tokenKey string

func hashed(raw string) tokenKey {
	sum := sha256.Sum256([]byte(raw))
	return tokenKey(sum[:])
}

// verdict is the result of checking a token: one of token and err is nil.
type verdict struct {
	token *AccessToken
	err   error
	until time.Time // wall clock, since exp is
}

// tokenCache caches verdicts for a limited time, bounded in number and bytes. It has two generations: when the young
// one is full it replaces the old one, so an entry survives if it is used before that happens.
type tokenCache struct {
	maxTokens, maxBytes int

	mu           sync.Mutex
	keys         *keySet // the entries were verified with these; nil if they do not depend on keys
	young, old   map[tokenKey]cached
	bytes        int // of young
	hits, misses uint64
}

type cached struct {
	verdict
	size int
}

// get returns a verdict that is still valid.
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
	if !time.Now().Before(entry.until) { // in the year 1 if there is none
		c.misses++
		return verdict{}, false
	}
	c.hits++
	return entry.verdict, true
}

// put caches a verdict on a token of size bytes that was verified with keys, which may be nil.
func (c *tokenCache) put(key tokenKey, v verdict, size int, keys *keySet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turnTo(keys)
	if time.Now().Before(v.until) {
		c.add(key, cached{v, size})
	}
}

// add makes room if necessary.
func (c *tokenCache) add(key tokenKey, entry cached) {
	if len(c.young) >= c.maxTokens/2 || c.bytes+entry.size > c.maxBytes/2 {
		c.young, c.old, c.bytes = nil, c.young, 0
	}
	if c.young == nil {
		c.young = make(map[tokenKey]cached)
	}
	c.bytes += entry.size - c.young[key].size
	c.young[key] = entry
}

// follow reports whether the entries were verified with the current keys, and drops them otherwise: a key that is
// gone may have been withdrawn because it leaked.
func (c *tokenCache) follow(current *keySet) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turnTo(current)
}

// turnTo is follow with the lock held.
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

// equal reports whether two key sets hold the same keys in the same order.
func (s *keySet) equal(other *keySet) bool {
	return slices.Equal(s.issuers, other.issuers) && slices.EqualFunc(s.keys, other.keys, func(a, b jose.JSONWebKey) bool {
		key, ok := a.Key.(interface{ Equal(crypto.PublicKey) bool })
		return ok && a.KeyID == b.KeyID && a.Algorithm == b.Algorithm && key.Equal(b.Key)
	})
}

// AccessTokenCache returns statistics of the cache of verified JWT access tokens.
func (p *Provider) AccessTokenCache() CacheStats { return p.access.verified.stats() }
