package cluster_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// TestRedisClusterLosesNoRevocation: in a cluster of six processes, a primary is killed while 32 writers revoke. Every
// revocation that was acknowledged is there afterwards, because its replica had it.
func TestRedisClusterLosesNoRevocation(t *testing.T) {
	for name, program := range start.RedisPrograms(t) {
		t.Run(name, func(t *testing.T) { primaryKilled(t, start.RunRedisCluster(t, program, 3, true)) })
	}
}

const writers = 32

func primaryKilled(t *testing.T, cluster start.RedisCluster) {
	store, err := redisstate.New(redisstate.Config{
		URL: cluster.URL(), WaitReplicas: 1, Secrets: []string{"a secret of the end-to-end tests"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	at := time.Now().Truncate(time.Microsecond)
	var failed atomic.Int64
	acknowledged := make([][]string, writers)
	done := make(chan struct{})
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				key := fmt.Sprintf("%d-%d", w, i)
				if err := store.Revoke(t.Context(), key, at, time.Hour); err != nil {
					failed.Add(1)
					continue
				}
				acknowledged[w] = append(acknowledged[w], key)
			}
		})
	}
	period := time.Duration(start.Long(1, 10)) * time.Second
	time.Sleep(period)
	cluster.Primaries[1].Kill(t)
	alone := newWithoutReplicas(t, cluster.URL())
	awaitWrites(t, alone, at) // at the replica that took over
	time.Sleep(period)
	close(done)
	work.Wait()

	total, lost := 0, 0
	for _, keys := range acknowledged {
		for _, key := range keys {
			total++
			if got, err := alone.Revoked(t.Context(), key); err != nil || !got[0].Equal(at) {
				lost++
			}
		}
	}
	t.Logf("%d revocations acknowledged to %d writers, %d lost, %d errors", total, writers, lost, failed.Load())
	if lost != 0 || total < 1000 || failed.Load() == 0 {
		t.Error("revocations were lost, or the kill hit none")
	}
}

// newWithoutReplicas: the killed primary leaves one without a replica, which cannot acknowledge anything.
func newWithoutReplicas(t *testing.T, url string) *redisstate.Store {
	t.Helper()
	store, err := redisstate.New(redisstate.Config{URL: url, Secrets: []string{"a secret of the end-to-end tests"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// awaitWrites waits until keys of all nodes can be written.
func awaitWrites(t *testing.T, store *redisstate.Store, at time.Time) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for i := range 64 {
			if err = store.Revoke(t.Context(), fmt.Sprint("probe", i), at, time.Hour); err != nil {
				break
			}
		}
		if err == nil {
			return
		}
	}
	t.Fatal(err)
}
