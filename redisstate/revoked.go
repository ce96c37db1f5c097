package redisstate

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// Revoked returns for each key, in order, when it was ended, or the zero time. It takes one round trip, and none if the
// keys are those of the session that the same request has just loaded.
func (s *Store) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	at, err := s.server.Revoked(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("redisstate: look for revocations: %w", err)
	}
	s.watchPolicy(ctx)
	return at, nil
}

// Revoked implements store.Joint.
func (b backend) Revoked(ctx context.Context, keys []string) ([]time.Time, error) {
	texts, err := b.values(ctx, b.revocations(nil, keys))
	if err != nil {
		return nil, err
	}
	return times(texts)
}

// LoadRevoked implements store.Joint.
func (b backend) LoadRevoked(ctx context.Context, key string,
	revocations []string) (text string, ok bool, at []time.Time, err error) {
	texts, err := b.values(ctx, b.revocations([]string{key}, revocations))
	if err != nil {
		return "", false, nil, err
	}
	at, err = times(texts[1:])
	return texts[0], err == nil && texts[0] != "", at, err
}

func (b backend) revocations(keys, revocations []string) []string {
	for _, key := range revocations {
		keys = append(keys, b.server.Prefix+"r:"+key)
	}
	return keys
}

// values returns the values of the keys in one round trip, "" for what is not there. One server takes one command for
// all of them. A cluster would require the keys on one node, so it gets one command each, as does a client of the app's
// own.
func (b backend) values(ctx context.Context, keys []string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil // which MGET refuses
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	client, err := b.connection.get(ctx)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(keys))
	if b.connection.oneServer {
		replies, err := client.Do(ctx, client.B().Mget().Key(keys...).Build()).ToArray()
		if err == nil && len(replies) != len(keys) {
			err = fmt.Errorf("%d replies to %d keys", len(replies), len(keys))
		}
		for i := 0; i < len(keys) && err == nil; i++ {
			texts[i], _, err = found(replies[i].ToString())
		}
		return texts, err
	}
	cmds := make([]rueidis.Completed, len(keys))
	for i, key := range keys {
		cmds[i] = client.B().Get().Key(key).Build()
	}
	for i, result := range client.DoMulti(ctx, cmds...) {
		text, _, err := found(result.ToString())
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	return texts, nil
}

func times(texts []string) ([]time.Time, error) {
	at := make([]time.Time, len(texts))
	for i, text := range texts {
		if text == "" {
			continue
		}
		us, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the time of a revocation: %w", err)
		}
		at[i] = time.UnixMicro(us).UTC()
	}
	return at, nil
}
