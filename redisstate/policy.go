package redisstate

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// noEviction is the only policy with which a full Redis refuses writes. With any other it drops existing keys, such as
// those that record a sign-out.
const noEviction = "noeviction"

// policyWatch checks the maxmemory-policy once, as soon as Redis responds.
type policyWatch struct {
	log  *slog.Logger
	done atomic.Bool
	next atomic.Int64 // the earliest time, in Unix seconds
}

// policyPause is how long the check waits after Redis did not respond.
const policyPause = time.Minute

// watchPolicy warns about a policy that loses sign-outs. It never causes an error.
func (s *Store) watchPolicy(ctx context.Context) {
	w := &s.policy
	now, next := time.Now().Unix(), w.next.Load()
	if w.done.Load() || now < next || !w.next.CompareAndSwap(next, now+int64(policyPause/time.Second)) {
		return
	}
	switch policy, err := s.MaxMemoryPolicy(ctx); {
	case errors.Is(err, errPolicyUnknown):
		w.log.DebugContext(ctx,
			"redisstate: Redis does not report its maxmemory-policy, which must be noeviction", "error", err)
	case err != nil:
		return // it is down; check again later
	case policy != noEviction:
		w.log.WarnContext(ctx,
			"redisstate: a full Redis evicts keys under its maxmemory-policy, which signs users in again after a sign-out: "+
				"set it to noeviction", "maxmemory_policy", policy)
	}
	w.done.Store(true)
}

// errPolicyUnknown means that a server responds and does not report its policy.
var errPolicyUnknown = errors.New("redisstate: Redis does not report its maxmemory-policy")

// MaxMemoryPolicy returns the maxmemory-policy of Redis, which must be noeviction: with any other, a full Redis drops
// keys, such as those that record a sign-out. Of several servers with different policies it returns one that is not
// noeviction.
func (s *Store) MaxMemoryPolicy(ctx context.Context) (string, error) {
	client, err := s.connection.get(ctx)
	if err != nil {
		return "", err
	}
	var unknown error
	for _, node := range client.Nodes() {
		policy, err := s.policyOf(ctx, node)
		_, answered := rueidis.IsRedisErr(err)
		switch {
		case err != nil && !answered:
			return "", err
		case policy == "":
			unknown = errors.Join(errPolicyUnknown, err)
		case policy != noEviction:
			return policy, nil
		}
	}
	if unknown != nil {
		return "", unknown
	}
	return noEviction, nil
}

// policyOf asks one server. Hosted Redis services forbid CONFIG more often than INFO.
func (s *Store) policyOf(ctx context.Context, node rueidis.Client) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	info, err := node.Do(ctx, node.B().Info().Section("memory").Build()).ToString()
	for line := range strings.Lines(info) {
		if policy, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:"); ok {
			return policy, nil
		}
	}
	if _, answered := rueidis.IsRedisErr(err); err != nil && !answered {
		return "", err
	}
	settings, err := node.Do(ctx, node.B().ConfigGet().Parameter("maxmemory-policy").Build()).AsStrMap()
	return settings["maxmemory-policy"], err
}
