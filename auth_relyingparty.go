package ginoidc

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
	"github.com/seed-d65cea4d/ginoidc/internal/routes"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/signals"
)

// relyingParty is the app as a client of one identity provider. It has all that is this provider's alone: settings,
// keys, users, and what ended their sessions. What the app has once, whatever the provider, is in core: a user of one
// provider must never be taken for one of another, so nothing about users is shared.
type relyingParty struct {
	*reporter
	*relyingparty.Party
	settings Provider
	names    settings.Names

	shape  *claims.Shape
	groups claims.Watch

	ledger      roster.Roster
	signals     *signals.Receiver // nil without Provider.Signals
	refresher   *refresh.Refresher
	checker     *recheck.Checker  // nil without re-checks
	resources   http.RoundTripper // for calls with an access token
	keepIDToken string
}

// relyingParties makes and finds the relying parties of an app. The fields are what all of them have in common.
type relyingParties struct {
	*reporter
	relyingparty.Set[*relyingParty]
	config  *Config
	hooks   hooks
	state   SharedState
	values  shared.Values
	labels  revocation.Labels
	tokens  bearer.Checker // without what the settings of a provider say
	routes  string         // the address below which the plugin has its routes
	guarded *atomic.Bool   // a guard requires groups
}

// newParty makes the relying party of the provider that settings describe. names has the names of the settings. It
// calls the provider through client or, if that is nil, through one of its own.
func (ps *relyingParties) newParty(
	settings *Provider, names settings.Names, client *provider.Provider,
) (*relyingParty, error) {
	rp := &relyingParty{
		reporter: ps.reporter.of(settings.Name), settings: *settings, names: names,
		shape: settings.claimShape(), keepIDToken: ps.config.KeepIDToken, groups: claims.Watch{Guarded: ps.guarded},
	}
	cfg := relyingparty.Config{
		Name: settings.Name, Issuer: settings.Issuer, ClientID: settings.ClientID, Several: ps.Several, Routes: ps.routes,
		AccessTokens: settings.Audience != "", Introspects: settings.Introspection != "", Tokens: ps.tokens,
		MarkUsed: ps.state.MarkUsed,
	}
	cfg.Tokens.BoundOnly, cfg.Tokens.NeedsNonce = settings.RequireBoundTokens, settings.RequireDPoPNonce
	rp.Party = relyingparty.New(cfg, rp)
	if client == nil {
		cfg, err := rp.clientConfig()
		if err != nil {
			return nil, err
		}
		cfg.Report, cfg.Observe = rp.events.EmitProvider, rp.events.CallObserver()
		client = provider.New(cfg)
	}
	rp.Use(client)
	rp.ledger = newRoster(ps.config, ps.state, rp.Audience, settings.Signals.stepsUp(), ps.labels, rp.reporter)
	rp.refresher = newRefresher(rp, ps.values, ps.config.SessionLifetime)
	rp.checker = newChecker(rp, ps.config, ps.values, ps.hooks)
	rp.resources = client.ResourceTransport(settings.RootCAs, settings.ClientCertificate, settings.CertificateOrigins)
	var err error
	rp.signals, err = newSignalReceiver(rp, ps.config, ps.state, ps.values, ps.hooks)
	return rp, err
}

// clientConfig returns the configuration of a client of the provider, which reports nothing.
func (rp *relyingParty) clientConfig() (provider.Config, error) {
	cfg, err := rp.settings.values().ClientConfig()
	cfg.RedirectURL = rp.URL("/callback")
	cfg.Restricted = rp.settings.found
	cfg.KeyIDSetting, cfg.Logger = rp.names.Of("ClientKeyID"), rp.log
	return cfg, err
}

// addConfigured makes the relying parties of the configuration. Those of Config.FindProvider are made when they are
// first needed, and no provider is called before that: an app starts while its providers are down.
func (ps *relyingParties) addConfigured(variables map[string]string) error {
	for i := range ps.config.Providers {
		names := settings.Names{Variables: variables, Path: settings.ProviderPath(i)}
		rp, err := ps.newParty(&ps.config.Providers[i], names, nil)
		if err != nil {
			return err
		}
		ps.Add(rp)
	}
	if ps.config.FindProvider != nil {
		ps.FindBy(ps.find, func(unused *relyingParty) { unused.Client.CloseIdle() }, ps.log)
	}
	return nil
}

// find makes the relying party of a provider that Config.FindProvider returns. If the provider is as it was, the client
// with its metadata, keys and connections is kept. Settings that are invalid are reported: users only learn that they
// cannot sign in, and the customer who made the mistake cannot read the app's log.
func (ps *relyingParties) find(ctx context.Context, name string, earlier *relyingParty) (*relyingParty, error) {
	found, err := ps.config.FindProvider(ctx, name)
	if err != nil {
		return nil, err
	}
	names := settings.Names{Path: fmt.Sprintf("FindProvider(%q).", name)}
	if err := found.prepareFound(name, names.Path); err != nil {
		ps.emit(ctx, events.Event{Kind: events.ProviderInvalid, Provider: name, Err: err})
		return nil, err
	}
	settings.RequestMaxAge(found.SignInParameters, ps.config.MaxAuthAge)
	var client *provider.Provider
	if earlier != nil && earlier.settings.sameClient(&found) {
		client = earlier.Client
	}
	return ps.newParty(&found, names, client)
}

// prepareFound completes the settings of a provider found at run time, and returns their problems.
func (p *Provider) prepareFound(name, path string) error {
	settings.CopyLists(p)
	p.found = true
	p.Name = cmp.Or(p.Name, name)
	p.GroupsPrefix = cmp.Or(p.GroupsPrefix, p.Name+":")
	p.setDefaults()
	found := &settings.Problems{Path: path}
	if p.Name != name {
		found.Add("Name", fmt.Sprintf("is %q", p.Name), "return the provider of the name, or ErrUnknownProvider")
	}
	values := p.values()
	values.Check(found)
	values.CheckFound(found)
	return configErrors(found.All, nil)
}

// sameClient reports whether a client made for p serves for q too: they differ at most in what the client does not use.
// It compares all other fields, so a field that is added later makes for a new client rather than a wrong one.
func (p *Provider) sameClient(q *Provider) bool {
	if !p.RootCAs.Equal(q.RootCAs) || !relyingparty.SameTransport(p.Transport, q.Transport) {
		return false
	}
	a, b := *p, *q
	for _, one := range []*Provider{&a, &b} {
		one.RootCAs, one.Transport, one.GroupsResolver = nil, nil, nil
	}
	return reflect.DeepEqual(a, b)
}

// ForgetProvider makes the next use of a provider ask [Config].FindProvider again. Call it, on every instance, when the
// app has changed or removed the provider: otherwise that takes effect within a minute.
func (a *Auth) ForgetProvider(name string) { a.providers.Forget(name) }

// relyingPartyOf returns the one that a session was started with.
func relyingPartyOf(r *session.Record) *relyingParty {
	return r.Party.Of.(*relyingParty)
}

// partyOf finds the party of a session, and reports a session whose provider is not configured any longer.
func (ps *relyingParties) partyOf(ctx context.Context, name string, head []byte) (*session.Party, error) {
	party, err := ps.OfSession(ctx, name, head)
	if party == nil && err == nil && name != "" {
		ps.emit(ctx, events.Event{Kind: events.ProviderGone, Provider: name})
	}
	return party, err
}

// nameInPath returns the name below one of the plugin's routes, such as "google" in "/auth/callback/google".
func nameInPath(c *gin.Context) string { return strings.TrimPrefix(c.Param(routes.BelowParam), "/") }

// ofPath returns the relying party of a callback, whose path names it if there are several. Nothing else of the request
// says it, since anyone can write a response.
func (ps *relyingParties) ofPath(
	c *gin.Context, requestOf func(*gin.Context) *request,
) (*relyingParty, error) {
	if only := ps.Only(); only != nil {
		return only, nil
	}
	return ps.Kept(requestOf(c), nameInPath(c))
}

// TokenStats counts access tokens that were checked before, so that checking them again costs little. Entries is the
// present size of the cache, Hits and Misses count since the start.
type TokenStats struct {
	Entries int    `json:"entries"`
	Hits    uint64 `json:"hits"`
	Misses  uint64 `json:"misses"`
}

// AccessTokenStats returns the statistics of JWTs and of introspected tokens together, for metrics. Few hits mean that
// clients ask for a new token for every request.
func (a *Auth) AccessTokenStats() TokenStats { return TokenStats(a.providers.TokenStats()) }

// resourceMetadata has the route with the metadata of the app, which clients of its API read (RFC 9728).
type resourceMetadata struct {
	bearer.Metadata
	denier *denier
}

// mountMetadata registers the route of the metadata, unless the app has none. It is at the root of the host, outside of
// a group at the base path. The metadata names the one way to send a token that the app reads: one in a URL would end
// up in logs.
func mountMetadata(a *Auth, r gin.IRouter) {
	pattern := a.routes.Metadata
	if pattern == "" {
		return
	}
	if group, ok := r.(interface{ BasePath() string }); ok {
		pattern = bearer.Above(group.BasePath(), pattern)
	}
	m := &resourceMetadata{bearer.Metadata{
		Resource: a.config.Resource, AuthorizationServers: a.providers.AuthorizationServers(),
		BearerMethods: []string{"header"}, ProofAlgs: provider.ProofAlgs(),
		CertificateBound: a.tokens.Certificates.Header != "",
	}, &a.denier}
	r.Any(pattern, m.show)
}

// show is a method, by which guards recognize a handler of the plugin.
func (m *resourceMetadata) show(c *gin.Context) {
	if !m.Serve(c.Writer, c.Request) {
		m.denier.fail(c, "", outcome.ErrMethod)
	}
}
