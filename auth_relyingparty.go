package ginoidc

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
	"github.com/seed-d65cea4d/ginoidc/internal/routes"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/signals"
)

// relyingParty is the app as a client of one identity provider. It has all that is this provider's alone: settings,
// keys, users, and what ended their sessions. What the app has once, whatever the provider, is in core.
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

// newRelyingParty makes the relying party of the provider that settings describe. names has the names of the settings.
// It calls the provider through client or, if that is nil, through one of its own.
func newRelyingParty(
	a *core, settings *Provider, names settings.Names, client *provider.Provider,
) (*relyingParty, error) {
	rp := &relyingParty{
		reporter: a.reporter.of(settings.Name), settings: *settings, names: names,
		shape: settings.claimShape(), keepIDToken: a.config.KeepIDToken, groups: claims.Watch{Guarded: &a.groupsGuarded},
	}
	rp.Party = relyingparty.New(relyingparty.Config{
		Name: settings.Name, Issuer: settings.Issuer, ClientID: settings.ClientID, Several: a.providers.Several,
		Routes:       strings.TrimSuffix(a.config.AppURL, "/") + a.routes.Prefix,
		AccessTokens: settings.Audience != "", Introspects: settings.Introspection != "",
		Tokens: bearer.Checker{
			Site: a.targets, Certificates: a.certificates, Nonces: a.proofNonces,
			BoundOnly: settings.RequireBoundTokens, NeedsNonce: settings.RequireDPoPNonce,
		},
		MarkUsed: a.state.MarkUsed,
	}, rp)
	if client == nil {
		cfg, err := rp.clientConfig()
		if err != nil {
			return nil, err
		}
		cfg.Report, cfg.Observe = rp.events.EmitProvider, rp.events.CallObserver()
		client = provider.New(cfg)
	}
	rp.Use(client)
	rp.ledger = newRoster(&a.config, a.state, rp.Audience, settings.Signals.stepsUp(), a.ledger.Labels, rp.reporter)
	rp.refresher = newRefresher(rp, a.values, a.config.SessionLifetime)
	rp.checker = newChecker(rp, &a.config, a.values, a.hooks)
	rp.resources = rp.resourceTransport()
	var err error
	rp.signals, err = newSignalReceiver(a, rp)
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

// relyingParties finds the relying party for whatever is at hand.
type relyingParties struct {
	*reporter
	relyingparty.Set[*relyingParty]
}

// makeParties makes the relying parties of the configuration. Those of Config.FindProvider are made when they are first
// needed, and no provider is called before that.
func makeParties(a *core, variables map[string]string) error {
	cfg := &a.config
	a.providers.Several = cfg.severalProviders()
	for i := range cfg.Providers {
		names := settings.Names{Variables: variables, Path: settings.ProviderPath(i)}
		rp, err := newRelyingParty(a, &cfg.Providers[i], names, nil)
		if err != nil {
			return err
		}
		a.providers.Add(rp)
	}
	if cfg.FindProvider != nil {
		a.providers.FindBy(func(ctx context.Context, name string, earlier *relyingParty) (*relyingParty, error) {
			return findParty(ctx, a, name, earlier)
		}, func(unused *relyingParty) { unused.Client.CloseIdle() }, a.log)
	}
	return nil
}

// findParty makes the relying party of a provider that Config.FindProvider returns. If the provider is as it was, the
// client with its metadata, keys and connections is kept.
func findParty(ctx context.Context, a *core, name string, earlier *relyingParty) (*relyingParty, error) {
	found, err := a.config.FindProvider(ctx, name)
	if err != nil {
		return nil, err
	}
	names := settings.Names{Path: fmt.Sprintf("FindProvider(%q).", name)}
	if err := found.prepareFound(name, names.Path); err != nil {
		a.emit(ctx, events.Event{Kind: events.ProviderInvalid, Provider: name, Err: err})
		return nil, err
	}
	var client *provider.Provider
	if earlier != nil && earlier.settings.sameClient(&found) {
		client = earlier.Client
	}
	return newRelyingParty(a, &found, names, client)
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

// ofPath returns the relying party of a callback, whose path names it if there are several.
func (ps *relyingParties) ofPath(
	c *gin.Context, requestOf func(*gin.Context) *request,
) (*relyingParty, error) {
	if only := ps.Only(); only != nil {
		return only, nil
	}
	return ps.Kept(requestOf(c), nameInPath(c))
}
