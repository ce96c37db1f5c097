package relyingparty_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
)

// member is a Party with what an app knows of it.
type member struct {
	*relyingparty.Party
	released int
}

func release(m *member) { m.released++ }

// down is the transport of a provider that does not respond.
type down struct{}

func (down) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

// newMember returns a member of an app with several providers.
func newMember(cfg relyingparty.Config, through http.RoundTripper) *member {
	m := &member{}
	cfg.Several = true
	m.Party = relyingparty.New(cfg, m)
	var allow func(context.Context, string) (bool, error)
	if strings.Contains(cfg.Issuer, provider.TenantMarker) {
		allow = func(context.Context, string) (bool, error) { return true, nil }
	}
	m.Use(provider.New(provider.Config{
		AllowTenant: allow,
		Issuer:      cfg.Issuer, ClientID: cfg.ClientID, Transport: through, Timeout: time.Second,
		AccessTokens: provider.AccessTokenConfig{Audience: "https://api.example", Issuer: cfg.Issuer},
		Report:       func(context.Context, provider.Event) {}, Logger: slog.New(slog.DiscardHandler),
	}))
	return m
}

// up returns the transport of a provider that responds.
func up(t *testing.T, issuer string) http.RoundTripper {
	t.Helper()
	op, err := fakeop.New(fakeop.Config{Issuer: issuer, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return op.Transport()
}

// two returns the set of an app with two providers, and its members.
func two() (set *relyingparty.Set[*member], a, b *member) {
	set = &relyingparty.Set[*member]{Several: true}
	a = newMember(relyingparty.Config{Name: "a", Issuer: "https://a.example", ClientID: "app-a"}, down{})
	b = newMember(relyingparty.Config{Name: "b", Issuer: "https://b.example", ClientID: "app-b"}, down{})
	set.Add(a)
	set.Add(b)
	return set, a, b
}
