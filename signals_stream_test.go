package ginoidc_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// received collects what OnSignal receives.
type received struct {
	mu  sync.Mutex
	all []ginoidc.Signal
}

func (r *received) hook(_ context.Context, s ginoidc.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, s)
	return nil
}

func (r *received) types() (types []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.all {
		types = append(types, s.Type)
	}
	return types
}

// queue keeps a token with this jti for the next poll.
func queue(a *testapp.App, jti, event string, subject map[string]any) {
	a.T.Helper()
	a.OP.Queue(jti, signal(a, event, subject, nil, func(claims map[string]any) { claims["jti"] = jti }))
}

// TestSetUpSignals: the stream is created and then updated, its verification event comes back and is accepted, also by
// another instance with the same secrets, and its status can be asked for.
func TestSetUpSignals(t *testing.T) {
	var got received
	a := signalApp(t, got.hook)
	other := signalApp(t, got.hook, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Transport = a.OP.Transport()
	})
	if _, err := a.Auth.SignalStatus(t.Context()); err == nil || !strings.Contains(err.Error(), "SetUpSignals") {
		t.Errorf("status without a stream: %v", err)
	}
	for range 2 {
		stream, err := a.Auth.SetUpSignals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if stream.ID != "stream-1" || stream.Status != "enabled" || stream.Reason != "" || len(stream.Events) != 4 ||
			!slices.Contains(stream.Events, ginoidc.SignalSessionRevoked) {
			t.Errorf("%+v", stream)
		}
	}
	delivery := a.OP.Stream()["delivery"].(map[string]any)
	if delivery["endpoint_url"] != testapp.URL+"/auth/signals" || delivery["authorization_header"] != authorization {
		t.Errorf("%v", delivery)
	}
	for i, to := range []*testapp.App{a, other} {
		signalAccepted(t, push(to, a.OP.QueuedTokens()[i]))
	}
	if want := []string{ginoidc.SignalVerification, ginoidc.SignalVerification}; !slices.Equal(got.types(), want) {
		t.Errorf("OnSignal received %q", got.types())
	}
	a.OP.SetStreamStatus("paused")
	stream, err := a.Auth.SignalStatus(t.Context())
	if err != nil || stream.Status != "paused" || stream.ID != "stream-1" {
		t.Errorf("%+v, %v", stream, err)
	}
}

// TestSignalStreamErrors: what keeps the stream from being set up.
func TestSignalStreamErrors(t *testing.T) {
	plain := testapp.New(t)
	_, err := plain.Auth.SetUpSignals(t.Context())
	_, statusErr := plain.Auth.SignalStatus(t.Context())
	for _, err := range []error{err, statusErr, plain.Auth.PollSignals(t.Context())} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("without Signals: %v", err)
		}
	}
	pushed := signalApp(t, nil)
	if err := pushed.Auth.PollSignals(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("PollSignals without Poll: %v", err)
	}
	for _, endpoint := range []fakeop.Endpoint{
		fakeop.SignalDiscovery, fakeop.SignalStream, fakeop.SignalStatus, fakeop.SignalVerification,
	} {
		a := signalApp(t, nil)
		a.OP.Intercept(endpoint, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
		if s, err := a.Auth.SetUpSignals(t.Context()); s != nil || !errors.Is(err, ginoidc.ErrProviderUnavailable) {
			t.Errorf("%s is down: %+v, %v", endpoint, s, err)
		}
	}
}

// polling returns an app that polls, with a session of alice and of bob.
func polling(t *testing.T, hook func(context.Context, ginoidc.Signal) error, change ...testapp.Change) *testapp.App {
	t.Helper()
	return signalApp(t, hook, append([]testapp.Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Signals.Poll = 10 * time.Second
	}}, change...)...)
}

// pollUntil lets the apps poll for a time, and checks that PollSignals ends with its context.
func pollUntil(t *testing.T, limit time.Duration, apps ...*testapp.App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var all sync.WaitGroup
	for _, a := range apps {
		all.Go(func() {
			if err := a.Auth.PollSignals(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("PollSignals: %v", err)
			}
		})
	}
	all.Wait()
}

// TestPollSignals: two instances fetch what waits, each event once; bad tokens are refused with a code, and more events
// than one poll returns are fetched at once. Case 335.
func TestPollSignals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got received
		var r recorder
		shared := state.NewMemory(0)
		one := polling(t, got.hook, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.OnEvent = shared, r.receive })
		other := polling(t, got.hook, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State, c.Providers[0].Transport = shared, one.OP.Transport()
		})
		alice, bob := one.Browser(), one.Browser()
		alice.MustSignIn("alice")
		bob.MustSignIn("bob")
		stream, err := one.Auth.SetUpSignals(t.Context())
		if err != nil || one.OP.Stream()["delivery"].(map[string]any)["method"] != "urn:ietf:rfc:8936" {
			t.Fatalf("%+v, %v", stream, err)
		}
		queue(one, "j1", ginoidc.SignalSessionRevoked, one.OP.UserSubject("alice"))
		one.OP.Queue("j2", "garbage")
		for i := range 60 {
			queue(one, "more-"+string(rune('a'+i)), ginoidc.SignalSessionRevoked, one.OP.UserSubject("mallory"))
		}
		pollUntil(t, 9*time.Second, one, other)
		if left, refused := one.OP.Queued(); len(left) != 0 || len(refused) != 1 || refused["j2"] != "invalid_request" {
			t.Errorf("left %q, refused %v", left, refused)
		}
		if alice.WhoAmI() != "" || bob.WhoAmI() != "bob" {
			t.Errorf("%q and %q are signed in", alice.WhoAmI(), bob.WhoAmI())
		}
		if types := got.types(); len(types) != 62 || !slices.Contains(types, ginoidc.SignalVerification) {
			t.Errorf("OnSignal received %d: %q", len(types), types)
		}
		queue(one, "j1", ginoidc.SignalSessionRevoked, one.OP.UserSubject("alice")) // sent again
		pollUntil(t, 9*time.Second, other)
		if left, _ := one.OP.Queued(); len(left) != 0 || len(got.types()) != 62 {
			t.Errorf("a second delivery: left %q, %d calls", left, len(got.types()))
		}
	})
}

// TestPollsTakeTurns: of the instances that share State, one polls at a time.
func TestPollsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := state.NewMemory(0)
		change := func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared }
		one := polling(t, nil, change)
		other := polling(t, nil, change, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].Transport = one.OP.Transport()
		})
		if _, err := one.Auth.SetUpSignals(t.Context()); err != nil {
			t.Fatal(err)
		}
		var polls, now, most atomic.Int32
		one.OP.Intercept(fakeop.SignalPoll, func(w http.ResponseWriter, _ *http.Request) {
			polls.Add(1)
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(2 * time.Second)
			now.Add(-1)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"sets":{}}`))
		})
		pollUntil(t, time.Minute, one, other)
		if polls.Load() != 6 || most.Load() != 1 {
			t.Errorf("%d polls, up to %d at a time", polls.Load(), most.Load())
		}
	})
}

// TestPollOfAnotherStream: after a poll has failed, the stream is looked up again.
func TestPollOfAnotherStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := polling(t, nil)
		a.OP.OnStream(func(stream map[string]any) {
			stream["delivery"].(map[string]any)["endpoint_url"] = testapp.Issuer + "/old"
		})
		if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(5 * time.Second)
			a.OP.OnStream(nil)
			if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		pollUntil(t, 15*time.Second, a)
		if left, _ := a.OP.Queued(); len(left) != 0 {
			t.Errorf("left %q", left)
		}
	})
}

// TestPollPanic: a panic in Token or OnSessionEnd is reported, and polling goes on.
func TestPollPanic(t *testing.T) {
	for name, change := range map[string]func(*ginoidc.Config, func()){
		"Token": func(c *ginoidc.Config, trouble func()) {
			c.Providers[0].Signals.Token = func(context.Context) (string, error) {
				trouble()
				return fakeop.SignalToken, nil
			}
		},
		"OnSessionEnd": func(c *ginoidc.Config, trouble func()) {
			c.OnSessionEnd = func(context.Context, ginoidc.SessionEnd) { trouble() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				panics := 0
				a := polling(t, nil, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.OnEvent = r.receive
					change(c, func() {
						if panics > 0 {
							panics--
							panic(name)
						}
					})
				})
				if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
					t.Fatal(err)
				}
				queue(a, "j1", ginoidc.SignalSessionRevoked, a.OP.UserSubject("alice"))
				panics = 1
				pollUntil(t, 15*time.Second, a)
				if left, refused := a.OP.Queued(); len(left) != 0 || len(refused) != 0 || panics != 0 {
					t.Errorf("left %q, refused %v, %d panics to come", left, refused, panics)
				}
				if !strings.Contains(summary(r.take()), "provider") {
					t.Error("no event")
				}
			})
		})
	}
}

// TestPollOutage: while the transmitter does not respond, polling reports it and goes on. An event that OnSignal failed
// on, or panicked, stays with the transmitter. Case 339.
func TestPollOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures int
		var r recorder
		a := polling(t, func(_ context.Context, s ginoidc.Signal) error {
			switch failures++; failures {
			case 1:
				return errors.New("database down")
			case 2:
				panic("database down")
			}
			return nil
		}, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
		pollUntil(t, time.Second, a)
		if events := r.take(); len(events) != 1 || events[0].Name != ginoidc.EventProvider {
			t.Errorf("without a stream: %v", events)
		}
		if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.OP.Intercept(fakeop.SignalPoll, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
		pollUntil(t, 25*time.Second, a)
		const twice = "provider; provider provider_status" // the response, and what it means
		if got := summary(r.take()); got != twice+"; "+twice+"; "+twice {
			t.Errorf("the transmitter is down: %s", got)
		}
		a.OP.Intercept(fakeop.SignalPoll, nil)
		pollUntil(t, 5*time.Second, a)
		if left, refused := a.OP.Queued(); len(left) != 1 || len(refused) != 0 {
			t.Errorf("OnSignal failed: left %q, refused %v", left, refused)
		}
		pollUntil(t, 15*time.Second, a)
		if left, refused := a.OP.Queued(); len(left) != 0 || len(refused) != 0 || failures != 3 {
			t.Errorf("back again: left %q, refused %v after %d calls", left, refused, failures)
		}
	})
}
