package exchange_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/exchange"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// steps returns steps that write down what they do.
func steps(done *[]string) exchange.Steps {
	return exchange.Steps{
		Consume: func(context.Context) error { *done = append(*done, "consume"); return nil },
		Redeem: func(context.Context) *exchange.Result {
			*done = append(*done, "redeem")
			return &exchange.Result{Cookies: []string{"session=1"}}
		},
		Cookies: []string{"attempt="},
	}
}

// TestRun: the attempt is consumed before the code is redeemed, and a replay does not reach the provider.
func TestRun(t *testing.T) {
	group, replay := instances(t, 1, true)[0], errors.New("used before")
	var done []string
	result, err := group.Run(t.Context(), response("c"), steps(&done))
	if err != nil || result.Err != nil || result.Code != "" || !slices.Equal(result.Cookies, []string{"session=1"}) ||
		!slices.Equal(done, []string{"consume", "redeem"}) {
		t.Errorf("%+v, %v after %q", result, err, done)
	}
	done = nil
	again := steps(&done)
	again.Consume = func(context.Context) error { return replay }
	result, err = group.Run(t.Context(), response("c"), again)
	if err != nil || result.Err != replay || result.Cookies != nil || done != nil {
		t.Errorf("a replay: %+v, %v after %q", result, err, done)
	}
	failing := steps(&done)
	failing.Redeem = func(context.Context) *exchange.Result { return &exchange.Result{Err: guard.ErrForbidden} }
	if result, err = group.Run(t.Context(), response("c"), failing); err != nil || result.Code != "forbidden" {
		t.Errorf("an error: %+v, %v", result, err)
	}
}

// TestRunLimit: an exchange has the time of its limit, including that for the shared state.
func TestRunLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := instances(t, 1, true)[0]
		var left []time.Duration
		measure := func(ctx context.Context) {
			deadline, _ := ctx.Deadline()
			left = append(left, time.Until(deadline))
			time.Sleep(time.Second)
		}
		_, err := group.Run(t.Context(), response("c"), exchange.Steps{
			Consume: func(ctx context.Context) error { measure(ctx); return nil },
			Redeem:  func(ctx context.Context) *exchange.Result { measure(ctx); return &exchange.Result{} },
		})
		if want := []time.Duration{10 * time.Second, 9 * time.Second}; err != nil || !reflect.DeepEqual(left, want) {
			t.Errorf("%v left, %v", left, err)
		}
	})
}

// TestRunPanics: after a panic the other instances get a result, which ends the attempt of their browsers too, and do
// not redeem the code again.
func TestRunPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := instances(t, 2, false)
		var done []string
		panicking := steps(&done)
		panicking.Redeem = func(context.Context) *exchange.Result {
			time.Sleep(time.Second)
			panic("of the app")
		}
		var first sync.WaitGroup
		first.Go(func() {
			if _, err := groups[0].Run(t.Context(), response("c"), panicking); !errors.As(err, new(*flight.PanicError)) {
				t.Error(err)
			}
		})
		defer first.Wait() // the context of a test ends with it
		synctest.Wait()
		result, err := groups[1].Run(t.Context(), response("c"), steps(&done))
		if err != nil || result.Code != "internal" || !errors.Is(result.Err, outcome.ErrInternal) ||
			!slices.Equal(result.Cookies, []string{"attempt="}) || !slices.Equal(done, []string{"consume"}) {
			t.Errorf("%+v, %v after %q", result, err, done)
		}
	})
}

// TestTokens: a code gives the claims of an ID token that is for this attempt, and tokens that remember its nonce.
func TestTokens(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	op, err := fakeop.New(fakeop.Config{Logger: quiet, Users: []fakeop.User{{Subject: "alice"}}})
	if err != nil {
		t.Fatal(err)
	}
	client := provider.New(provider.Config{
		Issuer: op.Issuer(), ClientID: "app", ClientSecret: "secret", AuthMethod: "client_secret_basic",
		RedirectURL: "https://app.example/auth/callback", Scopes: []string{"openid"}, Transport: op.Transport(),
		Timeout: 5 * time.Second, Report: func(context.Context, provider.Event) {}, Logger: quiet,
	})
	at := attempt.Attempt{
		State: "state", Nonce: "nonce", Verifier: "verifier-verifier-verifier-verifier-verifier",
		Purpose: attempt.Purpose{MaxAge: 3600},
	}
	code := func() string {
		location, err := client.AuthorizationURL(t.Context(), provider.AuthRequest{
			State: at.State, Nonce: at.Nonce, Verifier: at.Verifier, Params: url.Values{"max_age": {"3600"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		callback, err := op.Approve(location, "alice")
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(callback)
		return u.Query().Get("code")
	}
	claims, tokens, err := exchange.Tokens(t.Context(), client, code(), &at)
	if err != nil || claims["sub"] != "alice" || tokens.Nonce != "nonce" || tokens.AccessToken == "" {
		t.Fatalf("%v, %+v, %v", claims, tokens, err)
	}
	for name, edit := range map[string]func(*attempt.Attempt){
		"nonce":    func(at *attempt.Attempt) { at.Nonce = "another" },
		"verifier": func(at *attempt.Attempt) { at.Verifier = "another-another-another-another-another-ano" },
	} {
		other := at
		edit(&other)
		if _, _, err := exchange.Tokens(t.Context(), client, code(), &other); err == nil {
			t.Errorf("another %s is accepted", name)
		}
	}
	op.OnIDToken(func(claims map[string]any) { delete(claims, "auth_time") })
	if _, _, err := exchange.Tokens(t.Context(), client, code(), &at); !errors.Is(err, provider.ErrInvalidToken) {
		t.Errorf("max_age without auth_time: %v", err)
	}
	op.OnIDToken(func(claims map[string]any) { claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" })
	unasked := at
	unasked.MaxAge = -1
	if _, _, err := exchange.Tokens(t.Context(), client, code(), &unasked); !errors.Is(err, provider.ErrInvalidToken) {
		t.Errorf("the hash of another access token: %v", err)
	}
}
