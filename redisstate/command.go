package redisstate

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/rueidis"
)

// do sends the command that build returns, which must use the builder of the client: one for a cluster differs. The
// client returns when the context of a command ends, whatever its connection does.
func (s *Store) do(ctx context.Context, build func(rueidis.Builder) rueidis.Completed) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	client, err := s.connection.get(ctx)
	if err != nil {
		return rueidis.NewErrorResult(err)
	}
	return client.Do(ctx, build(client.B()))
}

// get returns the value of a key.
func (s *Store) get(ctx context.Context, key string) (string, error) {
	return s.do(ctx, func(b rueidis.Builder) rueidis.Completed { return b.Get().Key(key).Build() }).ToString()
}

// eval runs an idempotent script on one key.
func (s *Store) eval(ctx context.Context, script, key string, args ...string) rueidis.RedisResult {
	return s.do(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Eval().Script(script).Numkeys(1).Key(key).Arg(args...).Build().ToRetryable()
	})
}

var errReplicas = errors.New("too few replicas have acknowledged it")

// evalOnReplicas is eval that waits for replicas.
func (s *Store) evalOnReplicas(ctx context.Context, script, key string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	client, err := s.connection.get(ctx)
	if err != nil {
		return err
	}
	do := func(c rueidis.DedicatedClient) error { return s.evalAndWait(ctx, c, script, key, args...) }
	err = client.Dedicated(do)
	if _, refused := rueidis.IsRedisErr(err); err == nil || refused || errors.Is(err, errReplicas) || ctx.Err() != nil {
		return err
	}
	return client.Dedicated(do) // the connection had broken while it was idle
}

// evalAndWait uses one connection: Redis counts the replicas that have what this connection wrote.
func (s *Store) evalAndWait(ctx context.Context, c rueidis.DedicatedClient, script, key string, args ...string) error {
	eval := c.B().Eval().Script(script).Numkeys(1).Key(key).Arg(args...).Build()
	if err := c.Do(ctx, eval).Error(); err != nil {
		return err
	}
	wait := c.B().Wait().Numreplicas(int64(s.replicas)).Timeout(milliseconds(s.timeout * 3 / 4)).Build()
	n, err := c.Do(ctx, wait).AsInt64()
	if err == nil && n < int64(s.replicas) {
		err = fmt.Errorf("%w: %d of %d", errReplicas, n, s.replicas)
	}
	return err
}
