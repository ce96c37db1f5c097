package bench

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// ownWrites is how often a value is written and read again.
const ownWrites = 20_000

// cachingClient returns a client that keeps replies, and hears from Redis which of them are no longer true.
func cachingClient(t testing.TB, addr string) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{addr}, ForceSingleClient: true, PipelineMultiplex: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// caching says why redisstate does not cache what it reads: how often a cached reply is older than a write that has
// been answered.
func (r *report) caching(t *testing.T, addr string) {
	one, other := cachingClient(t, addr), cachingClient(t, addr)
	own, _ := stale(t, one, func(ctx context.Context, key, value string) error {
		return one.Do(ctx, one.B().Set().Key(key).Value(value).Build()).Error()
	})
	// Redis sends the invalidation before the reply to the next command of the connection.
	tracked, _ := stale(t, one, func(ctx context.Context, key, value string) error {
		for _, reply := range one.DoMulti(ctx, one.B().Set().Key(key).Value(value).Build(), one.B().Ping().Build()) {
			if err := reply.Error(); err != nil {
				return err
			}
		}
		return nil
	})
	others, longest := stale(t, one, func(ctx context.Context, key, value string) error {
		return other.Do(ctx, other.B().Set().Key(key).Value(value).Build()).Error()
	})
	cached, asked := lookups(t, one)
	r.print("### Client-side caching\n\nTried, and not used. Of %d values that were written and read again at once, so "+
		"many reads were stale:\n\n| | stale | longest, µs |\n| --- | ---: | ---: |\n"+
		"| written by the same process | %d | |\n"+
		"| by the same process, which waits for the invalidation | %d | |\n"+
		"| by another process | %d | %.0f |\n\n", ownWrites, own, tracked, others, micro(longest))
	r.print("The seven keys of a guarded request take %.1f µs from the cache, and %.1f µs from Redis.\n\n"+
		"A process can wait for the invalidation of what it writes itself. It cannot wait for the other processes: a "+
		"sign-out would\nbe answered while they still let the user in, for as long as the invalidation is under way, and "+
		"while the connection of\none of them hangs, until it gives up. Without the cache, a sign-out that is answered "+
		"ends the session everywhere.\n\n", micro(cached), micro(asked))
}

// stale writes values and reads each at once from the cache of client. It returns how many reads had an earlier value,
// and how long the longest did.
func stale(
	t *testing.T, client rueidis.Client, write func(ctx context.Context, key, value string) error,
) (n int, longest time.Duration) {
	t.Helper()
	ctx := t.Context()
	for i := range ownWrites {
		key, value := fmt.Sprintf("stale:%d", i%7), strconv.Itoa(i)
		if err := write(ctx, key, value); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for first := true; ; first = false {
			got, err := client.DoCache(ctx, client.B().Get().Key(key).Cache(), time.Hour).ToString()
			if err != nil {
				t.Fatal(err)
			}
			if got == value {
				break
			}
			if first {
				n++
			}
			longest = max(longest, time.Since(began))
		}
	}
	return n, longest
}

// lookups returns how long the keys of a guarded request take from the cache and from Redis.
func lookups(t *testing.T, client rueidis.Client) (cached, asked time.Duration) {
	t.Helper()
	ctx, keys := t.Context(), make([]string, 7)
	for i := range keys {
		keys[i] = fmt.Sprintf("stale:%d", i)
	}
	fromCache := func() {
		all := make([]rueidis.CacheableTTL, len(keys))
		for i, key := range keys {
			all[i] = rueidis.CT(client.B().Get().Key(key).Cache(), time.Hour)
		}
		for _, reply := range client.DoMultiCache(ctx, all...) {
			if err := reply.Error(); err != nil {
				t.Fatal(err)
			}
		}
	}
	fromRedis := func() {
		if err := client.Do(ctx, client.B().Mget().Key(keys...).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	cached, asked = time.Hour, time.Hour
	for range *rounds {
		cached, asked = min(cached, each(100, fromCache)), min(asked, each(20, fromRedis))
	}
	return cached, asked
}

// each returns how long a call takes.
func each(n int, call func()) time.Duration {
	began := time.Now()
	for range n {
		call()
	}
	return time.Since(began) / time.Duration(n)
}
