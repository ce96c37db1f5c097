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

// Times are stored as Unix microseconds. The scripts do what no single command can do atomically.
const (
	// The later time and the longer ttl win, in whatever order the calls arrive.
	revokeScript = `local at = tonumber(redis.call('GET', KEYS[1]) or 0)
local ttl = redis.call('PTTL', KEYS[1])
return redis.call('SET', KEYS[1], string.format('%.0f', math.max(at, ARGV[1])), 'PX', math.max(ttl, ARGV[2]))`

	// Used keys are a sorted set by the time they expire, like a list of sessions, and bounded like one. A full set drops
	// what expires soonest, and so still accepts new keys.
	onceScript = clock + `local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if ends and tonumber(ends) > now then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
` + trim + `return 1`

	// A lease that has passed to another holder is not released.
	releaseScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`
)

// Revoke remembers that key was ended at that time, for ttl. An earlier time never replaces a later one. The precision
// is a microsecond. With Config.WaitReplicas, an error may also mean that too few replicas have acknowledged it.
func (s *Store) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	args := []string{strconv.FormatInt(at.UnixMicro(), 10), strconv.FormatInt(milliseconds(ttl), 10)}
	var err error
	if s.replicas > 0 {
		err = s.evalOnReplicas(ctx, revokeScript, s.server.Prefix+"r:"+key, args...)
	} else {
		err = s.eval(ctx, revokeScript, s.server.Prefix+"r:"+key, args...).Error()
	}
	if err != nil {
		return fmt.Errorf("redisstate: revoke: %w", err)
	}
	return nil
}

// MarkUsed reports whether key is new, and remembers it for ttl: it returns true exactly once among all instances.
// About a million keys that begin with the same byte are remembered, in at most about 120 MB; of more, those that
// expire soonest are forgotten. After an error the key may or may not be remembered.
func (s *Store) MarkUsed(ctx context.Context, key string, ttl time.Duration) (first bool, err error) {
	n, err := s.do(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Eval().Script(onceScript).Numkeys(1).Key(s.seenKey(key)).
			Arg(key, strconv.FormatInt(milliseconds(ttl), 10), strconv.Itoa(maxSeen)).Build()
	}).AsInt64() // never retried: the second command would find what the first has set
	if err != nil {
		return false, fmt.Errorf("redisstate: once: %w", err)
	}
	return n == 1, nil
}

const (
	seenSets = 256  // per kind of key, so that each is short and they spread over all nodes of a cluster
	maxSeen  = 4096 // keys in each set
)

// seenKey returns the set that a key belongs to, by its kind and a hash of it.
func (s *Store) seenKey(key string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(key)) // never fails
	return fmt.Sprintf("%so:%.1s%02x", s.server.Prefix, key, hash.Sum32()%seenSets)
}

// Lease takes the key for ttl. If ok is false, another holder has it. release returns it if it is still ours, and is
// never nil if ok is true. A holder that dies without release holds it until ttl has passed.
func (s *Store) Lease(ctx context.Context, key string,
	ttl time.Duration) (release func(context.Context) error, ok bool, err error) {
	key = s.server.Prefix + "l:" + key
	token := rand.Text()
	ok, err = s.setIfAbsent(ctx, key, token, ttl)
	if err != nil {
		return nil, false, fmt.Errorf("redisstate: lease: %w", err)
	}
	if !ok {
		return nil, false, nil
	}
	return func(ctx context.Context) error {
		if err := s.eval(ctx, releaseScript, key, token).Error(); err != nil {
			return fmt.Errorf("redisstate: release a lease: %w", err)
		}
		return nil
	}, true, nil
}

// setIfAbsent is never retried: the second command would find what the first has set.
func (s *Store) setIfAbsent(ctx context.Context, key, value string, ttl time.Duration) (bool, error) {
	err := s.do(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Set().Key(key).Value(value).Nx().PxMilliseconds(milliseconds(ttl)).Build()
	}).Error()
	if rueidis.IsRedisNil(err) {
		return false, nil
	}
	return err == nil, err
}

// milliseconds returns at least 1: Redis refuses an expiry of 0.
func milliseconds(d time.Duration) int64 { return max(1, d.Milliseconds()) }
