package redisstate_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

const (
	newSecret = "a new secret of thirty-two bytes"
	oldSecret = "an old secret of 32 bytes or so."
	name      = "__Host-session"
)

// options returns complete attributes.
func options(maxAge int) *gsessions.Options {
	return &gsessions.Options{Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// newStore is connected to f by pipes.
func newStore(t testing.TB, f *fake, secrets ...string) *redisstate.Store {
	t.Helper()
	return configured(t, redisstate.Config{Client: f.client(t), Secrets: append(secrets, newSecret)[:max(1, len(secrets))]})
}

func configured(t testing.TB, cfg redisstate.Config) *redisstate.Store {
	t.Helper()
	store, err := redisstate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func request(cookies ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return r
}

// pair returns the one cookie that h sets, as a browser sends it.
func pair(t testing.TB, h http.Header) string {
	t.Helper()
	if len(h["Set-Cookie"]) != 1 {
		t.Fatalf("cookies set: %q", h["Set-Cookie"])
	}
	pair, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	return pair
}

// saved returns the cookie of a record.
func saved(t testing.TB, store *redisstate.Store, record string) string {
	t.Helper()
	h := http.Header{}
	if err := store.SaveRecord(h, request(), name, []byte(record), options(60)); err != nil {
		t.Fatal(err)
	}
	return pair(t, h)
}

func wantRecord(t testing.TB, store *redisstate.Store, r *http.Request, want string) {
	t.Helper()
	record, _, err := store.LoadRecord(r, name)
	if string(record) != want || (record == nil) != (want == "") || err != nil {
		t.Errorf("LoadRecord = %q, %v; want %q", record, err, want)
	}
}

func TestConformance(t *testing.T) {
	var server *fake // that of the store made last
	newStore := func(t *testing.T) sessions.Store {
		server = newFake()
		store := configured(t, redisstate.Config{URL: server.listen(t), Secrets: []string{newSecret}})
		t.Cleanup(store.Close)
		return store
	}
	sessiontest.Conformance(t, newStore, sessiontest.Caps{
		Unbounded: true,
		Break:     func(*testing.T) { server.set(func() { server.down = true }) },
	})
}

func TestNewRefuses(t *testing.T) {
	const hidden = "hunter2"
	client := newFake().client(t)
	good := []string{newSecret}
	for _, tt := range []struct {
		name  string
		cfg   redisstate.Config
		wants []string
	}{
		{"nothing", redisstate.Config{}, []string{"no secret", "URL is not of the form"}},
		{"an empty secret", redisstate.Config{Client: client, Secrets: []string{newSecret, ""}}, []string{"secret 2 of 2 is empty"}},
		{"a short secret", redisstate.Config{Client: client, Secrets: []string{hidden}}, []string{"secret 1 of 1 has 7 bytes"}},
		{"a negative timeout", redisstate.Config{Client: client, Secrets: good, Timeout: -1}, []string{"Timeout"}},
		{"two servers", redisstate.Config{Client: client, URL: "redis://localhost", Secrets: good}, []string{"both URL and Client"}},
		{"another scheme", redisstate.Config{URL: "http://u:hunter2@localhost", Secrets: good}, []string{"URL"}},
		{"no URL at all", redisstate.Config{URL: "redis://u:hunter2@local host", Secrets: good}, []string{"URL"}},
		{"a bad query", redisstate.Config{URL: "redis://localhost?hunter2=%zz", Secrets: good}, []string{"URL"}},
		{"no number of a database", redisstate.Config{URL: "redis://localhost/hunter2", Secrets: good}, []string{"URL"}},
		{"a negative database", redisstate.Config{URL: "redis://localhost/-1", Secrets: good}, []string{"URL"}},
		{"certificates unverified", redisstate.Config{URL: "rediss://localhost?skip_verify", Secrets: good}, []string{"URL"}},
		{"several servers", redisstate.Config{URL: "redis://localhost?addr=other:6379", Secrets: good}, []string{"URL"}},
		{"Sentinel", redisstate.Config{URL: "redis://localhost?master_set=m", Secrets: good}, []string{"URL"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := redisstate.New(tt.cfg)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("error tells a secret: %v", err)
			}
		})
	}
}

// An app must come up while Redis is down, and work when it is back (case 250).
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
		if record, _, err := store.LoadRecord(request(cookie), name); err == nil {
			t.Errorf("LoadRecord while Redis is down = %q and no error", record)
		}
	}
}

// With rediss:// nothing goes out in clear.
func TestTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first := make(chan byte, 1)
	go func() {
		var b [1]byte
		if conn, err := l.Accept(); err == nil {
			io.ReadFull(conn, b[:])
			conn.Close()
		}
		first <- b[0]
	}()
	store := configured(t, redisstate.Config{URL: "rediss://:password@" + l.Addr().String(), Secrets: []string{newSecret}})
	t.Cleanup(store.Close)
	if b := <-first; b != 0x16 { // a TLS handshake, RFC 8446 section 5.1
		t.Errorf("the first byte is %#x", b)
	}
}

// calls is everything that asks Redis.
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
		"Once": func(ctx context.Context, _ http.Header) error {
			_, err := store.Once(ctx, "key", time.Hour)
			return err
		},
		"Lease": func(ctx context.Context, _ http.Header) error {
			_, _, err := store.Lease(ctx, "key", time.Hour)
			return err
		},
	}
}

// cases 246, 247, 249: no answer is an error in time, and never "none".
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
		store := configured(t, redisstate.Config{Client: server.client(t), Secrets: []string{newSecret}, Timeout: 300 * time.Millisecond})
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

// idCookie is a cookie as the store makes them.
const idCookie = name + "=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// A sign-out is carried out, although the browser that asked for it has gone.
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

// The app's own client stays open.
func TestClose(t *testing.T) {
	server := newFake()
	borrowed, own := newStore(t, server), configured(t, redisstate.Config{URL: server.listen(t), Secrets: []string{newSecret}})
	for _, store := range []*redisstate.Store{borrowed, own} {
		store.Close()
	}
	if err := borrowed.Ping(t.Context()); err != nil {
		t.Errorf("the app's client after Close: %v", err)
	}
	if err := own.Ping(t.Context()); err == nil {
		t.Error("our client answers after Close")
	}
}
