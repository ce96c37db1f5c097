package redisstate_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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

// newStore returns a store connected to f by pipes.
func newStore(t testing.TB, f *fake, secrets ...string) *redisstate.Store {
	t.Helper()
	return configured(t,
		redisstate.Config{Client: f.client(t), Secrets: append(secrets, newSecret)[:max(1, len(secrets))]})
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
		{"an empty secret", redisstate.Config{Client: client, Secrets: []string{newSecret, ""}},
			[]string{"secret 2 of 2 is empty"}},
		{"a short secret", redisstate.Config{Client: client, Secrets: []string{hidden}},
			[]string{"secret 1 of 1 has 7 bytes"}},
		{"a negative timeout", redisstate.Config{Client: client, Secrets: good, Timeout: -1}, []string{"Timeout"}},
		{"two servers", redisstate.Config{Client: client, URL: "redis://localhost", Secrets: good},
			[]string{"both URL and Client"}},
		{"another scheme", redisstate.Config{URL: "http://u:hunter2@localhost", Secrets: good}, []string{"URL"}},
		{"no URL at all", redisstate.Config{URL: "redis://u:hunter2@local host", Secrets: good}, []string{"URL"}},
		{"a bad query", redisstate.Config{URL: "redis://localhost?hunter2=%zz", Secrets: good}, []string{"URL"}},
		{"database not a number", redisstate.Config{URL: "redis://localhost/hunter2", Secrets: good}, []string{"URL"}},
		{"a negative database", redisstate.Config{URL: "redis://localhost/-1", Secrets: good}, []string{"URL"}},
		{"certificates unverified", redisstate.Config{URL: "rediss://localhost?skip_verify", Secrets: good}, []string{"URL"}},
		{"several servers", redisstate.Config{URL: "redis://localhost?addr=other:6379", Secrets: good}, []string{"URL"}},
		{"a negative number of replicas", redisstate.Config{Client: client, Secrets: good, WaitReplicas: -1},
			[]string{"WaitReplicas"}},
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
				t.Errorf("error reveals a secret: %v", err)
			}
		})
	}
}

// With rediss:// nothing is sent unencrypted.
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

// The app's own client stays open.
func TestClose(t *testing.T) {
	server := newFake()
	borrowed, own := newStore(t, server),
		configured(t, redisstate.Config{URL: server.listen(t), Secrets: []string{newSecret}})
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
