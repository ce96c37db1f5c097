package exchange_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/exchange"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// instances returns the groups of n instances that share a state, unless each is alone.
func instances(t *testing.T, n int, alone bool) []*exchange.Group {
	t.Helper()
	seal, err := sealed.New("kept values", []string{strings.Repeat("secret", 6)}, "app")
	if err != nil {
		t.Fatal(err)
	}
	memory := state.NewMemory(0)
	all := make([]*exchange.Group, n)
	for i := range all {
		all[i] = exchange.New(exchange.Config{
			Values: shared.Values{State: memory, Seal: seal}, Alone: alone, Log: slog.New(slog.DiscardHandler),
			Events: &events.Reporter{
				Log: slog.New(slog.DiscardHandler), OnEvent: func(_ context.Context, e events.Event) { t.Error(e) },
			},
		})
	}
	return all
}

// response returns a response that starts no session, so that results need no session store.
func response(code string) exchange.Response {
	return exchange.Response{
		State: "state", Code: code, Verifier: "verifier", Limit: 10 * time.Second, Links: true,
		Request: httptest.NewRequest("GET", "/auth/callback", nil),
	}
}

// TestDo: requests that bring a response while it is redeemed share the result, on one instance and on several. A later
// one redeems itself, which is refused as a replay. Case 29.
func TestDo(t *testing.T) {
	for _, tt := range []struct {
		name      string
		alone     bool
		codes     []string // of the requests to two instances in turn
		exchanges int32
	}{
		{"one instance", false, []string{"c", "", "c"}, 1},
		{"two instances", false, []string{"c", "c", "c", "c"}, 1},
		{"two codes", false, []string{"c", "d"}, 2},
		{"instances that share nothing", true, []string{"c", "c", "c"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				groups := instances(t, 2, tt.alone)
				var exchanges atomic.Int32
				redeem := func(_ context.Context, leave func(*exchange.Result)) *exchange.Result {
					exchanges.Add(1)
					time.Sleep(time.Second)
					result := &exchange.Result{Cookies: []string{"a=1", "b=2"}, Err: errors.New("forbidden"), Code: "forbidden"}
					leave(result)
					return result
				}
				var requests sync.WaitGroup
				for i, code := range tt.codes {
					if code == "" {
						continue
					}
					requests.Go(func() {
						got, err := groups[i%2].Do(t.Context(), response(code), redeem)
						if err != nil || got.Code != "forbidden" || !slices.Equal(got.Cookies, []string{"a=1", "b=2"}) {
							t.Errorf("%d: %+v, %v", i, got, err)
						}
					})
				}
				requests.Wait()
				if n := exchanges.Load(); n != tt.exchanges {
					t.Errorf("%d exchanges, want %d", n, tt.exchanges)
				}
				if _, err := groups[0].Do(t.Context(), response("c"), redeem); err != nil || exchanges.Load() != tt.exchanges+1 {
					t.Errorf("a late request: %d exchanges, %v", exchanges.Load(), err)
				}
			})
		})
	}
}

// TestDisconnect: the exchange continues for the others when the browser of the first request disconnects.
func TestDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := instances(t, 1, false)[0]
		ctx, disconnect := context.WithCancel(t.Context())
		redeem := func(ctx context.Context, leave func(*exchange.Result)) *exchange.Result {
			time.Sleep(time.Second)
			result := &exchange.Result{Err: ctx.Err()}
			leave(result)
			return result
		}
		go func() {
			if _, err := group.Do(ctx, response("c"), redeem); !errors.Is(err, context.Canceled) {
				t.Errorf("the first: %v", err)
			}
		}()
		synctest.Wait()
		disconnect()
		if result, err := group.Do(t.Context(), response("c"), redeem); err != nil || result.Err != nil {
			t.Errorf("the second: %+v, %v", result, err)
		}
	})
}

// TestLeftBeforePanic: a panic after the attempt was consumed is an error here, and a result for other instances.
func TestLeftBeforePanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := instances(t, 2, false)
		go func() {
			redeem := func(_ context.Context, leave func(*exchange.Result)) *exchange.Result {
				time.Sleep(time.Second)
				defer leave(&exchange.Result{Code: "internal"})
				panic("a hook of the app")
			}
			if _, err := groups[0].Do(t.Context(), response("c"), redeem); err == nil {
				t.Error("no error")
			}
		}()
		synctest.Wait()
		again := func(context.Context, func(*exchange.Result)) *exchange.Result {
			t.Error("redeemed twice")
			return &exchange.Result{}
		}
		result, err := groups[1].Do(t.Context(), response("c"), again)
		if err != nil || result.Code != "internal" {
			t.Errorf("%+v, %v", result, err)
		}
	})
}

// TestOutage: whichever call of the shared state fails, either the code is not redeemed and the request is told so, or
// its result is not lost.
func TestOutage(t *testing.T) {
	all := 1
	for call := 0; call <= all; call++ {
		group, outage, reported := instances(t, 1, false)[0], testapp.NewOutage(), 0
		group.Values.State = outage
		group.Events.OnEvent = func(_ context.Context, e events.Event) {
			if reported++; e.Kind != events.LeaseNotReleased {
				t.Errorf("call %d: %v", call, e)
			}
		}
		outage.Begin(call)
		exchanges := 0
		redeem := func(_ context.Context, leave func(*exchange.Result)) *exchange.Result {
			exchanges++
			result := &exchange.Result{Cookies: []string{"a=1"}}
			leave(result)
			return result
		}
		result, err := group.Do(t.Context(), response("c"), redeem)
		calls, method := outage.End()
		if call == 0 {
			all = calls
		}
		refused := err == nil && errors.Is(result.Err, shared.ErrUnavailable) && exchanges == 0
		served := err == nil && result.Err == nil && exchanges == 1
		if !refused && !served || reported > 1 || call == all && reported != 1 {
			t.Errorf("call %d, of %s: %+v, %v after %d exchanges, %d reports", call, method, result, err, exchanges, reported)
		}
	}
}

// TestKeptOutage: an instance that waited, and then cannot read the result of the other one, does not redeem the code
// again.
func TestKeptOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := instances(t, 2, false)
		memory, ok := groups[0].Values.State.(*state.Memory)
		if !ok {
			t.Fatal("the state is another one")
		}
		groups[1].Values.State = unreadable{memory}
		redeem := func(_ context.Context, leave func(*exchange.Result)) *exchange.Result {
			time.Sleep(time.Second)
			result := &exchange.Result{Cookies: []string{"a=1"}}
			leave(result)
			return result
		}
		go func() { _, _ = groups[0].Do(t.Context(), response("c"), redeem) }()
		synctest.Wait()
		result, err := groups[1].Do(t.Context(), response("c"), redeem)
		if err != nil || !errors.Is(result.Err, shared.ErrUnavailable) {
			t.Errorf("%+v, %v", result, err)
		}
	})
}

// unreadable is a state whose kept values cannot be read.
type unreadable struct{ *state.Memory }

func (unreadable) Kept(context.Context, string) (string, bool, error) {
	return "", false, testapp.ErrOutage
}
