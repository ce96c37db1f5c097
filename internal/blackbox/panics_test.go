package blackbox_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// faulty has all code that an app can pass to the plugin. The named function panics.
type faulty struct {
	*state.Memory
	http.RoundTripper
	slog.Handler
	name string
}

func (f *faulty) at(name string) {
	if f.name == name {
		panic("fault of the app")
	}
}

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	f.at("Transport " + r.URL.Path)
	return f.RoundTripper.RoundTrip(r)
}

func (f *faulty) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "tokens refreshed") || strings.Contains(r.Message, "signed in") ||
		strings.Contains(r.Message, "panic in code") {
		f.at("Logger")
	}
	return f.Handler.Handle(ctx, r)
}

func (f *faulty) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	f.at("State.Lease")
	release, ok, err := f.Memory.Lease(ctx, key, ttl)
	return func(ctx context.Context) error {
		if ok {
			_ = release(ctx)
		}
		f.at("release")
		return nil
	}, ok, err
}

func (f *faulty) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	f.at("State.Keep")
	return f.Memory.Keep(ctx, key, value, ttl)
}

func (f *faulty) Kept(ctx context.Context, key string) (string, bool, error) {
	f.at("State.Kept")
	return f.Memory.Kept(ctx, key)
}

func (f *faulty) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	f.at("State.Revoked")
	return f.Memory.Revoked(ctx, keys...)
}

// TestPanicsOfTheApp: if code of the app panics on a goroutine without a recovery, within a refresh or a fetch that
// many requests share, these requests fail. The process does not crash, the panic is logged once with its stack, and
// the refreshed tokens are not lost.
func TestPanicsOfTheApp(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int // of the request that meets the panic
		after  int // of the next request, without the panic
	}{
		{"Transport /token", 500, 200},
		{"State.Lease", 500, 200},
		{"State.Kept", 500, 200},
		{"State.Revoked", 200, 200}, // this and the next are called after the refresh
		{"State.Keep", 200, 200},
		{"release", 500, 200},
		{"Logger", 500, 200},
		{"OnSessionEnd", 500, 401}, // after a refused refresh
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logs := &bytes.Buffer{}
				f := &faulty{Memory: state.NewMemory(0), Handler: slog.NewJSONHandler(logs, nil)}
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, op *fakeop.Config) {
					c.State, c.Providers[0].Transport, c.Logger = f, f, slog.New(f)
					c.OnSessionEnd = func(context.Context, ginoidc.SessionEnd) { f.at("OnSessionEnd") }
				})
				f.RoundTripper = a.OP.Transport()
				b := a.Browser()
				b.MustSignIn("alice")
				time.Sleep(5 * time.Minute)
				switch f.name = tt.name; tt.name {
				case "OnSessionEnd":
					a.OP.Misbehave(fakeop.RefreshInvalidGrant)
				case "State.Revoked": // also called before, where a recovery sees the panic
					f.name = ""
					a.OP.OnRefreshAnswer(func(map[string]any) { f.name = tt.name })
				}
				if r := b.Fetch("/token"); r.StatusCode != tt.status || tt.status == 500 && r.JSON(t)["error"] != "internal" {
					t.Errorf("%d %s", r.StatusCode, r.Body)
				}
				want := 1
				if tt.name == "Logger" { // the panic cannot be logged
					want = 0
				}
				if n := strings.Count(logs.String(), "panic in code of the app"); n != want || n > 0 &&
					!strings.Contains(logs.String(), "faulty).at") {
					t.Errorf("logged %d times\n%s", n, logs)
				}
				f.name = ""
				a.OP.Misbehave()
				a.OP.OnRefreshAnswer(nil)
				for range 2 {
					if r := b.Fetch("/token"); r.StatusCode != tt.after || a.OP.Refreshes() > 1 {
						t.Errorf("once it is fixed: %d %s after %d refreshes", r.StatusCode, r.Body, a.OP.Refreshes())
					}
				}
			})
		})
	}
}

func (f *faulty) MarkUsed(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	f.at("State.MarkUsed")
	return f.Memory.MarkUsed(ctx, key, ttl)
}

func (f *faulty) Enlist(ctx context.Context, owner, session string, ttl time.Duration) error {
	f.at("State.Enlist")
	return f.Memory.Enlist(ctx, owner, session, ttl)
}

// TestPanicsInCallback: an exchange runs for all requests with the same response. If it panics, they fail, nobody is
// signed in, and the next sign-in works.
func TestPanicsInCallback(t *testing.T) {
	for _, name := range []string{
		"Transport /token", "Transport /userinfo", "State.MarkUsed", "State.Enlist", "GroupsResolver", "OnSignIn", "Logger",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logs := &bytes.Buffer{}
				f := &faulty{Memory: state.NewMemory(0), Handler: slog.NewJSONHandler(logs, nil)}
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.State, c.Providers[0].Transport, c.Logger = f, f, slog.New(f)
					c.Providers[0].GroupsResolver = func(context.Context, *ginoidc.User, string) ([]string, error) {
						f.at("GroupsResolver")
						return nil, nil
					}
					c.OnSignIn = func(context.Context, *ginoidc.PendingSignIn) error {
						f.at("OnSignIn")
						return nil
					}
				})
				f.RoundTripper = a.OP.Transport()
				b := a.Browser()
				callback := b.Start("/auth/signin", "alice")
				f.name = name
				if r := b.Navigate(callback); r.StatusCode != http.StatusInternalServerError ||
					!strings.Contains(r.Body, "Something went wrong") {
					t.Errorf("%d %s", r.StatusCode, r.Body)
				}
				want := 1
				if name == "Logger" {
					want = 0
				}
				if n := strings.Count(logs.String(), "panic in code of the app"); n != want ||
					strings.Contains(logs.String(), testapp.ClientSecret) {
					t.Errorf("logged %d times\n%s", n, logs)
				}
				f.name = ""
				if b.WhoAmI() != "" {
					t.Error("somebody is signed in")
				}
				b.MustSignIn("alice")
			})
		})
	}
}

// TestPanickingTransport: a transport that panics while metadata and keys are fetched, for a route that needs them and
// in the background.
func TestPanickingTransport(t *testing.T) {
	for _, path := range []string{string(fakeop.Discovery), string(fakeop.JWKS)} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &faulty{name: "Transport " + path}
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Transport = f })
				f.RoundTripper = a.OP.Transport()
				token, err := a.OP.LogoutToken("alice", "", nil)
				if err != nil {
					t.Fatal(err)
				}
				if r := a.PostBackChannel("logout_token=" + token); r.StatusCode != 500 || r.JSON(t)["error"] != "internal" {
					t.Errorf("back-channel logout: %d %s", r.StatusCode, r.Body)
				}
				b := a.Browser()
				if path == string(fakeop.Discovery) {
					if r := b.Navigate("/auth/signin"); r.StatusCode != 500 {
						t.Errorf("sign-in: %d", r.StatusCode)
					}
				} else if r := b.SignIn("alice"); r.StatusCode != 500 {
					t.Errorf("callback: %d", r.StatusCode)
				}
				if err := a.Auth.Ready(t.Context()); err == nil {
					t.Error("ready")
				}
				f.name = ""
				time.Sleep(time.Second)
				b.MustSignIn("alice")
				for _, old := range []time.Duration{2 * time.Hour, 48 * time.Hour} {
					time.Sleep(old)
					f.name = "Transport " + path
					b.MustSignIn("alice")
					synctest.Wait()
					f.name = ""
				}
				if err := a.Auth.Ready(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
