package redisstate

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// noEviction is the one policy with which a full Redis refuses what comes. With any other it drops what it has, such as
// that somebody has signed out.
const noEviction = "noeviction"

// policyWatch looks at the maxmemory-policy once, as soon as Redis answers.
type policyWatch struct {
	log  *slog.Logger
	done atomic.Bool
	next atomic.Int64 // no earlier than this, in Unix seconds
}

// policyPause is how long a Redis that does not answer is not asked again.
const policyPause = time.Minute

// watchPolicy warns of a policy that loses sign-outs. Nothing fails by it.
func (s *Store) watchPolicy(ctx context.Context) {
	w := &s.policy
	now, next := time.Now().Unix(), w.next.Load()
	if w.done.Load() || now < next || !w.next.CompareAndSwap(next, now+int64(policyPause/time.Second)) {
		return
	}
	for _, node := range s.client.Nodes() {
		policy, err := s.policyOf(ctx, node)
		_, answered := rueidis.IsRedisErr(err)
		switch {
		case err != nil && !answered:
			return // it is down, and asked again
		case policy == "":
			w.log.DebugContext(ctx,
				"redisstate: Redis does not tell its maxmemory-policy, which has to be noeviction", "error", err)
		case policy != noEviction:
			w.log.WarnContext(ctx,
				"redisstate: a full Redis drops keys by its maxmemory-policy, so that who has signed out is signed in again: "+
					"set it to noeviction", "maxmemory_policy", policy)
			w.done.Store(true)
			return
		}
	}
	w.done.Store(true)
}

// policyOf asks one server. Hosted ones forbid CONFIG more often than INFO.
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
