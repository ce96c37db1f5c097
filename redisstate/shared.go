package redisstate

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// Times lie in Redis as Unix microseconds. The scripts are for what one command can not do in one step.
const (
	// The later time and the longer life win, in whatever order the calls arrive.
	revokeScript = `local at = tonumber(redis.call('GET', KEYS[1]) or 0)
local ttl = redis.call('PTTL', KEYS[1])
return redis.call('SET', KEYS[1], string.format('%.0f', math.max(at, ARGV[1])), 'PX', math.max(ttl, ARGV[2]))`

	// What was seen is a sorted set by the time it ends, as a list of sessions is, and bounded like one. What is full
	// drops what ends soonest, and so takes what comes.
	onceScript = clock + `local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if ends and tonumber(ends) > now then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
` + trim + `return 1`

	// A lease that has passed on to somebody else is not taken from him.
	releaseScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`
)

// Revoke remembers that key was ended at that time, for ttl. A later time wins over an earlier one, which
// never lowers it. The precision is a microsecond.
func (s *Store) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	cmd := s.client.B().Eval().Script(revokeScript).Numkeys(1).Key(s.prefix+"r:"+key).
		Arg(strconv.FormatInt(at.UnixMicro(), 10), strconv.FormatInt(milliseconds(ttl), 10)).Build()
	if err := s.do(ctx, cmd.ToRetryable()).Error(); err != nil {
		return fmt.Errorf("redisstate: revoke: %w", err)
	}
	return nil
}

// Revoked returns for each key, in order, when it was ended; the zero time where it was not. It takes one
// round trip.
func (s *Store) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	cmds := make([]rueidis.Completed, len(keys)) // not MGET, of which a cluster demands that all keys lie together
	for i, key := range keys {
		cmds[i] = s.client.B().Get().Key(s.prefix + "r:" + key).Build()
	}
	ended := make([]time.Time, len(keys))
	for i, result := range s.client.DoMulti(ctx, cmds...) {
		switch us, err := result.AsInt64(); {
		case err == nil:
			ended[i] = time.UnixMicro(us).UTC()
		case !rueidis.IsRedisNil(err):
			return nil, fmt.Errorf("redisstate: look for revocations: %w", err)
		}
	}
	s.watchPolicy(ctx)
	return ended, nil
}

// MarkUsed reports whether key is new, and remembers it for ttl: true exactly once, whichever instance asks. Of
// the keys that begin with the same byte about a million are remembered, some 120 MB at most; of more, those
// that end soonest are forgotten. After an error the key may be remembered or not.
func (s *Store) MarkUsed(ctx context.Context, key string, ttl time.Duration) (first bool, err error) {
	cmd := s.client.B().Eval().Script(onceScript).Numkeys(1).Key(s.seenKey(key)).
		Arg(key, strconv.FormatInt(milliseconds(ttl), 10), strconv.Itoa(maxSeen)).Build()
	n, err := s.do(ctx, cmd).AsInt64() // never sent twice: the second of two would find what the first has set
	if err != nil {
		return false, fmt.Errorf("redisstate: once: %w", err)
	}
	return n == 1, nil
}

const (
	seenSets = 256  // of one kind of keys, so that each is short and they lie on all nodes of a cluster
	maxSeen  = 4096 // keys in one of them
)

// seenKey is the set that a key belongs to, by its kind and a hash of it.
func (s *Store) seenKey(key string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(key)) // never fails
	return fmt.Sprintf("%so:%.1s%02x", s.prefix, key, hash.Sum32()%seenSets)
}

// Lease takes the key for ttl. With ok=false somebody else holds it. release gives it back if it is still
// ours, and is never nil when ok is true. Whoever is gone without a release holds it until ttl has passed.
func (s *Store) Lease(ctx context.Context, key string,
	ttl time.Duration) (release func(context.Context) error, ok bool, err error) {
	key = s.prefix + "l:" + key
	token := rand.Text()
	ok, err = s.setIfAbsent(ctx, key, token, ttl)
	if err != nil {
		return nil, false, fmt.Errorf("redisstate: lease: %w", err)
	}
	if !ok {
		return nil, false, nil
	}
	return func(ctx context.Context) error {
		cmd := s.client.B().Eval().Script(releaseScript).Numkeys(1).Key(key).Arg(token).Build()
		if err := s.do(ctx, cmd.ToRetryable()).Error(); err != nil {
			return fmt.Errorf("redisstate: release a lease: %w", err)
		}
		return nil
	}, true, nil
}

// setIfAbsent is never sent twice: the second of two would find what the first has set.
func (s *Store) setIfAbsent(ctx context.Context, key, value string, ttl time.Duration) (bool, error) {
	cmd := s.client.B().Set().Key(key).Value(value).Nx().PxMilliseconds(milliseconds(ttl)).Build()
	err := s.do(ctx, cmd).Error()
	if rueidis.IsRedisNil(err) {
		return false, nil
	}
	return err == nil, err
}

// milliseconds is at least 1: Redis refuses a life of nothing.
func milliseconds(d time.Duration) int64 { return max(1, d.Milliseconds()) }
