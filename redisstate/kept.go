package redisstate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

var errTooLarge = errors.New("redisstate: a value to keep is larger than 16,384 bytes")

// Keep remembers value, of at most 16,384 bytes, for ttl under key, and replaces what was kept there. A ttl of 0 or
// less forgets it. Redis stores the value as it is: the caller must seal anything confidential. After an error it may
// or may not be kept.
func (s *Store) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if len(value) > state.MaxValue {
		return errTooLarge
	}
	key = s.server.Prefix + "k:" + key
	err := s.do(ctx, func(b rueidis.Builder) rueidis.Completed {
		if ttl <= 0 {
			return b.Del().Key(key).Build().ToRetryable()
		}
		return b.Set().Key(key).Value(value).PxMilliseconds(milliseconds(ttl)).Build().ToRetryable()
	}).Error()
	if err != nil {
		return fmt.Errorf("redisstate: keep a value: %w", err)
	}
	return nil
}

// Kept returns what was kept under key. ok is false if there is nothing that has not expired. An error means that Redis
// did not respond: it is then unknown whether there is something.
func (s *Store) Kept(ctx context.Context, key string) (value string, ok bool, err error) {
	value, err = s.get(ctx, s.server.Prefix+"k:"+key)
	if rueidis.IsRedisNil(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("redisstate: look for a kept value: %w", err)
	}
	return value, true, nil
}
