package store_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// case 250: what was acknowledged is there after each kill, for the right session, and errors end with the outage.
func TestRedisStateKilled(t *testing.T) {
	const kills, clients = 20, 8
	server := newRedisServer(t, "--appendonly", "yes", "--appendfsync", "always")
	store := newRedisState(t, redisstate.Config{URL: "redis://" + server.addr})
	awaitPing(t, store)

	var saved, loads, errors atomic.Int64
	var lost, crossed atomic.Int64
	stop := make(chan struct{})
	kept := make([]map[string]sessiontest.Browser, clients)
	var wg sync.WaitGroup
	for i := range clients {
		kept[i] = map[string]sessiontest.Browser{}
		wg.Go(func() {
			var subjects []string
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				subject := fmt.Sprintf("user %d of client %d", n, i)
				if browser, err := save(store, sessiontest.Browser{}.Request(), subject); err != nil {
					errors.Add(1)
				} else {
					saved.Add(1)
					kept[i][subject] = browser
					subjects = append(subjects, subject)
				}
				if len(subjects) == 0 {
					continue
				}
				subject = subjects[rand.IntN(len(subjects))]
				switch record, _, err := store.LoadRecord(kept[i][subject].Request(), cookieName); {
				case err != nil:
					errors.Add(1)
				case record == nil:
					lost.Add(1)
				case string(record) != subject:
					crossed.Add(1)
				default:
					loads.Add(1)
				}
			}
		})
	}
	for range kills {
		server.kill(t)
		awaitMore(t, &errors, 1000)
		server.start(t)
		awaitMore(t, &saved, 50) // no request that began before is still under way
		before := errors.Load()
		awaitMore(t, &saved, 200)
		if n := errors.Load() - before; n > 0 {
			t.Errorf("%d errors while the server is up", n)
		}
	}
	close(stop)
	wg.Wait()
	for i := range kept {
		for subject, browser := range kept[i] {
			if record, _, err := store.LoadRecord(browser.Request(), cookieName); err != nil || string(record) != subject {
				t.Errorf("%s: %q, %v", subject, record, err)
				lost.Add(1)
			}
		}
	}
	t.Logf("%d kills: %d sessions acknowledged, %d loaded, %d lost, %d crossed; %d errors while down",
		kills, saved.Load(), loads.Load(), lost.Load(), crossed.Load(), errors.Load())
	if lost.Load() != 0 || crossed.Load() != 0 || saved.Load() < kills || loads.Load() < kills {
		t.Error("sessions were lost or crossed, or none was made")
	}
}

func awaitMore(t *testing.T, counter *atomic.Int64, more int64) {
	t.Helper()
	until := counter.Load() + more
	eventually(t, func() (int64, error) {
		if n := counter.Load(); n < until {
			return 0, fmt.Errorf("%d, waiting for %d", n, until)
		}
		return until, nil
	})
}

func awaitPing(t *testing.T, store *redisstate.Store) {
	t.Helper()
	eventually(t, func() (struct{}, error) { return struct{}{}, store.Ping(t.Context()) })
}

// case 249: a server that hangs is an error within the timeout, however many requests wait, and it works again
// afterwards.
func TestRedisStateStalled(t *testing.T) {
	server := newRedisServer(t, "--appendonly", "no")
	store := newRedisState(t, redisstate.Config{URL: "redis://" + server.addr})
	awaitPing(t, store)
	browser, err := save(store, sessiontest.Browser{}.Request(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	for _, waiting := range []int{1, 500, 3000} {
		server.signal(t, syscall.SIGSTOP)
		var longest atomic.Int64
		var wg sync.WaitGroup
		for range waiting {
			wg.Go(func() {
				begun := time.Now()
				if record, _, err := store.LoadRecord(browser.Request(), cookieName); err == nil {
					t.Errorf("LoadRecord = %q", record)
				}
				took := int64(time.Since(begun))
				for old := longest.Load(); took > old && !longest.CompareAndSwap(old, took); old = longest.Load() {
				}
			})
		}
		wg.Wait()
		server.signal(t, syscall.SIGCONT)
		t.Logf("%d wait: the longest %v", waiting, time.Duration(longest.Load()))
		if limit := 3 * time.Second; time.Duration(longest.Load()) > limit { // one second, and a busy machine
			t.Errorf("%d wait: the longest %v", waiting, time.Duration(longest.Load()))
		}
		awaitPing(t, store)
		if record, _, err := store.LoadRecord(browser.Request(), cookieName); string(record) != "alice" || err != nil {
			t.Errorf("afterwards: LoadRecord = %q, %v", record, err)
		}
	}
}

// case 251
func TestRedisStateFlushed(t *testing.T) {
	server := newRedisServer(t, "--appendonly", "no")
	client := server.client(t, "", 0)
	store := newRedisState(t, redisstate.Config{URL: "redis://" + server.addr})
	browser, err := save(store, sessiontest.Browser{}.Request(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	command(t, client, "FLUSHALL")
	if record, _, err := store.LoadRecord(browser.Request(), cookieName); record != nil || err != nil {
		t.Errorf("LoadRecord = %q, %v", record, err)
	}
	if _, err := save(store, sessiontest.Browser{}.Request(), "alice"); err != nil {
		t.Error(err)
	}
}
