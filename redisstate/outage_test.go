package redisstate_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// An app must start while Redis is down, and work when it is back (case 250).
func TestHeals(t *testing.T) {
	server := newFake()
	server.set(func() { server.down = true })
	store := configured(t, redisstate.Config{URL: server.listen(t), Secrets: []string{newSecret}})
	t.Cleanup(store.Close)
	if err := store.Ping(t.Context()); err == nil {
		t.Error("Ping while Redis is down: no error")
	}
	for range 20 {
		server.set(func() { server.down = false })
		cookie := saved(t, store, "alice")
		wantRecord(t, store, request(cookie), "alice")
		server.set(func() { server.down = true })
		server.set(func() { server.dials = 0 })
		if record, _, err := store.LoadRecord(request(cookie), name); err == nil {
			t.Errorf("LoadRecord while Redis is down = %q and no error", record)
		}
		dials := 0
		server.set(func() { dials, server.down = server.dials, false })
		if dials > 2 {
			t.Fatalf("%d attempts while Redis is down", dials)
		}
		wantRecord(t, store, request(cookie), "alice")
		server.set(func() { server.down = true }) // the connection ends while nobody uses it
		server.set(func() { server.down = false })
		if err := store.SaveRecord(http.Header{}, request(cookie), name, []byte("alice"), options(60)); err != nil {
			t.Errorf("after a restart: %v", err)
		}
	}
}

// A connection that is lost silently, while many requests use it, is abandoned.
func TestHealsFromSilence(t *testing.T) {
	server := newFake()
	store := configured(t,
		redisstate.Config{URL: server.listen(t), Secrets: []string{newSecret}, Timeout: 100 * time.Millisecond})
	t.Cleanup(store.Close)
	var wg sync.WaitGroup
	crowd := func() {
		for range 50 {
			wg.Go(func() { _ = store.Ping(t.Context()) })
		}
		wg.Wait()
	}
	crowd()
	server.set(func() { server.silent = true })
	crowd()
	server.set(func() { server.silent = false })
	for store.Ping(t.Context()) != nil { // for ever, if the dead connection is still used
		time.Sleep(10 * time.Millisecond)
	}
}

// New does not wait longer than a command does.
func TestNewWhileRedisIsSilent(t *testing.T) {
	server := newFake()
	server.set(func() { server.silent = true })
	start := time.Now()
	store := configured(t,
		redisstate.Config{URL: server.listen(t), Secrets: []string{newSecret}, Timeout: 50 * time.Millisecond})
	store.Close()
	if took := time.Since(start); took >= 5*time.Second { // the client's own limit
		t.Errorf("New took %v", took)
	}
}

// calls is every call that uses Redis.
func calls(store *redisstate.Store, cookie string) map[string]func(context.Context, http.Header) error {
	with := func(ctx context.Context) *http.Request { return request(cookie).WithContext(ctx) }
	return map[string]func(context.Context, http.Header) error{
		"Ping": func(ctx context.Context, _ http.Header) error { return store.Ping(ctx) },
		"LoadRecord": func(ctx context.Context, _ http.Header) error {
			_, _, err := store.LoadRecord(with(ctx), name)
			return err
		},
		"SaveRecord": func(ctx context.Context, h http.Header) error {
			return store.SaveRecord(h, with(ctx), name, []byte("x"), options(60))
		},
		"SaveRecord of a new one": func(ctx context.Context, h http.Header) error {
			return store.SaveRecord(h, request().WithContext(ctx), name, []byte("x"), options(60))
		},
		"DeleteRecord": func(ctx context.Context, h http.Header) error {
			return store.DeleteRecord(h, with(ctx), name, options(-1))
		},
		"New": func(ctx context.Context, _ http.Header) error {
			_, err := store.New(with(ctx), name)
			return err
		},
		"Revoke": func(ctx context.Context, _ http.Header) error {
			return store.Revoke(ctx, "key", time.Now(), time.Hour)
		},
		"Revoked": func(ctx context.Context, _ http.Header) error {
			_, err := store.Revoked(ctx, "key", "other")
			return err
		},
		"MarkUsed": func(ctx context.Context, _ http.Header) error {
			_, err := store.MarkUsed(ctx, "key", time.Hour)
			return err
		},
		"Lease": func(ctx context.Context, _ http.Header) error {
			_, _, err := store.Lease(ctx, "key", time.Hour)
			return err
		},
		"Keep": func(ctx context.Context, _ http.Header) error {
			return store.Keep(ctx, "key", "value", time.Hour)
		},
		"Keep with no ttl": func(ctx context.Context, _ http.Header) error { return store.Keep(ctx, "key", "", 0) },
		"Kept": func(ctx context.Context, _ http.Header) error {
			_, _, err := store.Kept(ctx, "key")
			return err
		},
		"Enlist": func(ctx context.Context, _ http.Header) error {
			return store.Enlist(ctx, "owner", "session", time.Hour)
		},
		"Delist": func(ctx context.Context, _ http.Header) error { return store.Delist(ctx, "owner", "session") },
		"Listed": func(ctx context.Context, _ http.Header) error {
			_, err := store.Listed(ctx, "owner")
			return err
		},
	}
}

// cases 246, 247, 249: no response is an error within the timeout, and never "none".
func TestOutage(t *testing.T) {
	for what, fail := range map[string]func(*fake){
		"no connection":  func(f *fake) { f.down = true },
		"silence":        func(f *fake) { f.silent = true },
		"still loading":  func(f *fake) { f.refusal = "LOADING Redis is loading the dataset in memory" },
		"wrong password": func(f *fake) { f.refusal = "NOAUTH Authentication required." },
		"a full memory":  func(f *fake) { f.refusal = "OOM command not allowed when used memory > 'maxmemory'." },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newFake()
				store := newStore(t, server)
				release, _, err := store.Lease(t.Context(), "mine", time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				all := calls(store, saved(t, store, "alice"))
				all["release"] = func(ctx context.Context, _ http.Header) error { return release(ctx) }
				server.set(func() { fail(server) })
				for call, do := range all {
					h := http.Header{}
					start := time.Now()
					if err := do(t.Context(), h); err == nil {
						t.Errorf("%s: no error", call)
					}
					if took := time.Since(start); took > time.Second {
						t.Errorf("%s took %v", call, took)
					}
					if len(h) != 0 {
						t.Errorf("%s wrote %q", call, h)
					}
				}
			})
		})
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFake()
		store := configured(t,
			redisstate.Config{Client: server.client(t), Secrets: []string{newSecret}, Timeout: 300 * time.Millisecond})
		server.set(func() { server.silent = true })
		for call, do := range calls(store, idCookie) {
			start := time.Now()
			if err := do(t.Context(), http.Header{}); err == nil || time.Since(start) != 300*time.Millisecond {
				t.Errorf("%s: %v after %v", call, err, time.Since(start))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			start = time.Now()
			if err := do(ctx, http.Header{}); err == nil || time.Since(start) != 100*time.Millisecond && call != "DeleteRecord" {
				t.Errorf("%s with a context of 100 ms: %v after %v", call, err, time.Since(start))
			}
			cancel()
		}
	})
}

// idCookie is a cookie in the store's format.
const idCookie = name + "=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// A sign-out is carried out even if the browser that requested it has disconnected.
func TestDeleteRecordOfCanceledRequest(t *testing.T) {
	store := newStore(t, newFake())
	cookie := saved(t, store, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.DeleteRecord(http.Header{}, request(cookie).WithContext(ctx), name, options(-1)); err != nil {
		t.Fatal(err)
	}
	wantRecord(t, store, request(cookie), "")
}
