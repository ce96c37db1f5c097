// Package relyingparty is the app as a client of identity providers: what belongs to one of several, and which of them
// a name, a session, a token or a request is about.
package relyingparty

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/origin"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// ErrUnavailable means that the provider does not respond.
var ErrUnavailable = errors.New("ginoidc: the provider cannot be reached")

// Config says what a Party needs of the app.
type Config struct {
	Name             string // of the provider
	Issuer, ClientID string
	Several          bool   // the app can have more than one provider
	Routes           string // the address below which the plugin has its routes

	AccessTokens bool           // those of the provider are accepted
	Introspects  bool           // the provider is asked about tokens that are not JWTs
	Tokens       bearer.Checker // without what a Party knows itself

	// MarkUsed is that of the shared state.
	MarkUsed func(ctx context.Context, key string, ttl time.Duration) (first bool, err error)
}

// Party is the app as a client of one identity provider. It has what is this provider's alone, whatever the app has
// once.
type Party struct {
	Config
	Client   *provider.Provider
	Audience shared.Audience // of its sessions and attempts: issuer and client
	Session  *session.Party  // its sessions
	Origin   string          // of the issuer
}

// New returns a Party without a client. Its sessions lead to of.
func New(cfg Config, of any) *Party {
	p := &Party{Config: cfg, Audience: AudienceOf(cfg.Issuer, cfg.ClientID)}
	if issuer, err := url.Parse(cfg.Issuer); err == nil {
		p.Origin = origin.Of(issuer)
	}
	p.Session = session.NewParty(string(p.Audience), of)
	p.Tokens.MarkUsed = func(ctx context.Context, name string, ttl time.Duration) (bool, error) {
		return p.MarkUsed(ctx, shared.KindProof, name, ttl)
	}
	return p
}

// Use makes p call the provider through client.
func (p *Party) Use(client *provider.Provider) { p.Client, p.Tokens.Provider = client, client }

// AudienceOf returns the audience of sessions that the provider's users have. A session is valid only for the issuer
// and client with which it began, so a cookie of another app with the same secrets opens nothing here.
func AudienceOf(issuer, clientID string) shared.Audience {
	return shared.Audience(issuer + " " + clientID + " ")
}

// Of returns p, so that what embeds a Party is a [Member].
func (p *Party) Of() *Party { return p }

// AttemptName returns the name of the provider in attempts of sign-ins, which is "" in an app with one.
func (p *Party) AttemptName() string {
	if !p.Several {
		return ""
	}
	return p.Name
}

// URL returns the address of one of the plugin's routes, such as "/callback", for this provider. Each of several has
// one of its own, so that the path says whose response it is, whatever the response says itself: no response of one can
// pass for that of another (mix-up; RFC 9700, section 4.4.2.2).
func (p *Party) URL(route string) string {
	if !p.Several {
		return p.Routes + route
	}
	return p.Routes + route + "/" + p.Name
}

// RequireMetadata returns an error if the provider's metadata cannot be had. Users can only wait then, whatever the
// cause, so it is ErrUnavailable. A panic of the app's transport is not the provider's fault and stays what it is.
func (p *Party) RequireMetadata(ctx context.Context) error {
	_, err := p.Client.Metadata(ctx)
	if ofProvider := (*provider.Error)(nil); errors.As(err, &ofProvider) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// MarkUsed remembers for ttl that something of this provider was used, such as a logout token, and reports whether it
// is the first time. kind is that of the key.
func (p *Party) MarkUsed(ctx context.Context, kind byte, name string, ttl time.Duration) (bool, error) {
	first, err := p.Config.MarkUsed(ctx, shared.Key(kind, p.Audience.Hash(name)), ttl)
	if err != nil {
		return false, fmt.Errorf("%w: %w", shared.ErrUnavailable, err)
	}
	return first, nil
}

// SameTransport reports whether a and b are identical. It does not look into them: one that is in use changes at any
// time, so that would be a data race.
func SameTransport(a, b http.RoundTripper) bool {
	if a == nil {
		return b == nil
	}
	return reflect.ValueOf(a).Comparable() && a == b // b has the type of a, or they differ
}

// manyTenants is the group of the parties whose issuer many tenants share, each with an issuer of its own.
const manyTenants = ""

// issuerGroup returns the group in which a party is found by the issuer of a token.
func (p *Party) issuerGroup() string {
	if strings.Contains(p.Issuer, provider.TenantMarker) {
		return manyTenants
	}
	return p.Issuer
}
