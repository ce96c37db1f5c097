package relyingparty_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// TestParty: what each of several providers has of its own, and that the only one of an app is not named.
func TestParty(t *testing.T) {
	cfg := relyingparty.Config{
		Name: "a", Issuer: "https://a.example/realm", ClientID: "app", Routes: "https://app.example/auth",
	}
	p := relyingparty.New(cfg, "of the app")
	if p.URL("/callback") != "https://app.example/auth/callback" || p.AttemptName() != "" {
		t.Errorf("the only one: %s, %q", p.URL("/callback"), p.AttemptName())
	}
	if p.Origin != "https://a.example" || p.Audience != "https://a.example/realm app " || p.Session.Of != "of the app" {
		t.Errorf("%q, %q, %v", p.Origin, p.Audience, p.Session.Of)
	}
	if p := relyingparty.New(relyingparty.Config{Issuer: "https://a.example/%zz"}, nil); p.Origin != "" {
		t.Errorf("an issuer that is no URL has the origin %q", p.Origin)
	}
	cfg.Several = true
	p = relyingparty.New(cfg, nil)
	if p.URL("/callback") != "https://app.example/auth/callback/a" || p.AttemptName() != "a" {
		t.Errorf("one of several: %s, %q", p.URL("/callback"), p.AttemptName())
	}
}

// TestMarkUsed: what was used at one provider was not used at another, and a state that does not respond says nothing.
func TestMarkUsed(t *testing.T) {
	used, lives := map[string]bool{}, time.Duration(0)
	state := func(_ context.Context, key string, ttl time.Duration) (bool, error) {
		first := !used[key]
		used[key], lives = true, ttl
		return first, nil
	}
	a := relyingparty.New(relyingparty.Config{Issuer: "https://a.example", MarkUsed: state}, nil)
	b := relyingparty.New(relyingparty.Config{Issuer: "https://b.example", MarkUsed: state}, nil)
	for _, step := range []struct {
		of   *relyingparty.Party
		kind byte
		name string
		want bool
	}{
		{a, shared.KindProof, "1", true}, {a, shared.KindProof, "1", false}, {a, shared.KindProof, "2", true},
		{a, shared.KindAttempt, "1", true}, {b, shared.KindProof, "1", true},
	} {
		if first, err := step.of.MarkUsed(t.Context(), step.kind, step.name, time.Minute); first != step.want || err != nil {
			t.Errorf("%+v: %t, %v", step, first, err)
		}
	}
	if lives != time.Minute {
		t.Errorf("kept for %s", lives)
	}
	if first, err := a.Tokens.MarkUsed(t.Context(), "1", time.Minute); first || err != nil {
		t.Errorf("DPoP proofs are marked elsewhere: %t, %v", first, err)
	}
	broken := errors.New("connection reset")
	c := relyingparty.New(relyingparty.Config{
		MarkUsed: func(context.Context, string, time.Duration) (bool, error) { return true, broken },
	}, nil)
	if first, err := c.MarkUsed(t.Context(), shared.KindProof, "1", time.Minute); first ||
		!errors.Is(err, shared.ErrUnavailable) || !errors.Is(err, broken) {
		t.Errorf("%t, %v", first, err)
	}
}

// panics is the transport of an app with a fault.
type panics struct{}

func (panics) RoundTrip(*http.Request) (*http.Response, error) { panic("of the app") }

// TestRequireMetadata: users wait for a provider that does not respond; a fault of the app is another error.
func TestRequireMetadata(t *testing.T) {
	cfg := relyingparty.Config{Name: "a", Issuer: "https://a.example"}
	if err := newMember(cfg, up(t, cfg.Issuer)).RequireMetadata(t.Context()); err != nil {
		t.Error(err)
	}
	if err := newMember(cfg, up(t, "https://a.example/other")).RequireMetadata(t.Context()); !errors.Is(
		err, relyingparty.ErrUnavailable) {
		t.Errorf("metadata of another issuer: %v", err)
	}
	if err := newMember(cfg, down{}).RequireMetadata(t.Context()); !errors.Is(err, relyingparty.ErrUnavailable) {
		t.Error(err)
	}
	err := newMember(cfg, panics{}).RequireMetadata(t.Context())
	if errors.Is(err, relyingparty.ErrUnavailable) || !errors.As(err, new(*flight.PanicError)) {
		t.Error(err)
	}
}

// TestSameTransport: identical transports only, without looking into them.
func TestSameTransport(t *testing.T) {
	one, other := &http.Transport{}, &http.Transport{}
	for _, test := range []struct {
		a, b http.RoundTripper
		want bool
	}{
		{nil, nil, true}, {one, one, true}, {down{}, down{}, true},
		{one, other, false}, {one, nil, false}, {nil, one, false}, {one, down{}, false},
		{incomparable{}, incomparable{}, false},
	} {
		if got := relyingparty.SameTransport(test.a, test.b); got != test.want {
			t.Errorf("%T, %T: %t", test.a, test.b, got)
		}
	}
}

// incomparable is a transport of a type that cannot be compared.
type incomparable struct{ _ []int }

func (incomparable) RoundTrip(*http.Request) (*http.Response, error) { return nil, nil }
