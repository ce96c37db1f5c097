package redisstate

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// An owner's sessions are a sorted set by the time they end, in Unix milliseconds on the clock of Redis, which all
// instances share. Each script touches only that key. Scripts that write also remove expired entries and let the key
// live as long as its longest entry.
const (
	clock = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`
	trim = `redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local longest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
if longest then redis.call('PEXPIREAT', KEYS[1], longest) end
`
	tidy = trim + `return 0`

	// ZADD comes first: a full Redis refuses it, but would not if the script had written something before.
	enlistScript = clock + `redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
` + tidy

	delistScript = clock + `redis.call('ZREM', KEYS[1], ARGV[1])
` + tidy

	listedScript = clock + `return redis.call('ZRANGEBYSCORE', KEYS[1], now + 1, '+inf')`
)

// Enlist remembers for ttl that session belongs to owner. A second call for the same pair replaces its ttl. Of more
// than 1,000 sessions of one owner, those that end soonest are dropped.
func (s *Store) Enlist(ctx context.Context, owner, session string, ttl time.Duration) error {
	err := s.ofOwner(ctx, enlistScript, owner, session,
		strconv.FormatInt(ttl.Milliseconds(), 10), strconv.Itoa(state.MaxListed)).Error()
	if err != nil {
		return fmt.Errorf("redisstate: enlist a session: %w", err)
	}
	return nil
}

// Delist forgets a session of owner. It is idempotent.
func (s *Store) Delist(ctx context.Context, owner, session string) error {
	if err := s.ofOwner(ctx, delistScript, owner, session).Error(); err != nil {
		return fmt.Errorf("redisstate: delist a session: %w", err)
	}
	return nil
}

// Listed returns owner's sessions that have not expired, in no particular order.
func (s *Store) Listed(ctx context.Context, owner string) ([]string, error) {
	sessions, err := s.ofOwner(ctx, listedScript, owner).AsStrSlice()
	if err != nil {
		return nil, fmt.Errorf("redisstate: list sessions: %w", err)
	}
	return sessions, nil
}

// ofOwner runs a script on an owner's sessions. The scripts are idempotent.
func (s *Store) ofOwner(ctx context.Context, script, owner string, args ...string) rueidis.RedisResult {
	return s.eval(ctx, script, s.server.Prefix+"i:"+owner, args...)
}
