package ginoidc

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
	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/directory"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/origin"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/signals"
)

// relyingParty is the app as a client of one identity provider. It has all that is this provider's alone: settings,
// keys, users, and what ended their sessions. What the app has once, whatever the provider, is in core.
type relyingParty struct {
	*reporter
	settings Provider
	names    settingNames
	client   *provider.Provider
	audience shared.Audience // of its sessions and attempts: issuer and client
	party    *session.Party  // its sessions
	origin   string          // of the issuer

	attemptName string // the name in attempts, "" in an app with one provider
	shape       *claims.Shape
	groups      claims.Watch

	state       SharedState
	ledger      sessionLedger
	signals     *signals.Receiver // nil without Provider.Signals
	refresher   *refresh.Refresher
	tokens      *bearer.Checker   // access tokens of requests to the app
	checker     *recheck.Checker  // nil without re-checks
	resources   http.RoundTripper // for calls with an access token
	keepIDToken string
}

// audienceOf returns the audience of sessions that the provider's users have. A session is valid only for the issuer
// and client with which it began, so a cookie of another app with the same secrets opens nothing here.
func audienceOf(p *Provider) shared.Audience {
	return shared.Audience(p.Issuer + " " + p.ClientID + " ")
}

// newRelyingParty creates a client of the provider that settings describe, unless there is one already. names has the
// names of the settings.
func newRelyingParty(
	a *core, settings *Provider, names settingNames, client *provider.Provider,
) (*relyingParty, error) {
	rp := &relyingParty{
		reporter: a.reporter.of(settings.Name), client: client, settings: *settings, names: names,
		audience: audienceOf(settings), state: a.state,
		shape: settings.claimShape(), keepIDToken: a.config.KeepIDToken, groups: claims.Watch{Guarded: &a.groupsGuarded},
	}
	if issuer, err := url.Parse(settings.Issuer); err == nil {
		rp.origin = origin.Of(issuer)
	}
	if a.providers.several {
		rp.attemptName = settings.Name
	}
	rp.party = session.NewParty(string(rp.audience), rp)
	if err := rp.makeClient(a); err != nil {
		return nil, err
	}
	rp.ledger = sessionLedger{newLedger(a, rp.audience, settings.Signals.stepsUp()), rp.reporter}
	rp.refresher = newRefresher(rp, a.values.Values, a.config.SessionLifetime)
	rp.checker = newChecker(rp, &a.config, a.values.Values, a.hooks)
	rp.resources = rp.resourceTransport()
	rp.tokens = &bearer.Checker{
		Provider: rp.client, Site: a.targets, Certificates: a.certificates, Nonces: a.proofNonces,
		BoundOnly: settings.RequireBoundTokens, NeedsNonce: settings.RequireDPoPNonce,
		MarkUsed: func(ctx context.Context, name string, ttl time.Duration) (bool, error) {
			return rp.markUsed(ctx, shared.KindProof, name, ttl)
		},
	}
	var err error
	rp.signals, err = newSignalReceiver(a, rp)
	return rp, err
}

// makeClient creates the client of the provider. Each of several has a redirect URI of its own, so that no response of
// one can pass for that of another (RFC 9700, section 4.4.2.2).
func (rp *relyingParty) makeClient(a *core) error {
	if rp.client != nil {
		return nil
	}
	cfg, err := rp.clientConfig(a)
	if err != nil {
		return err
	}
	cfg.Report, cfg.Observe = rp.events.EmitProvider, rp.events.CallObserver()
	rp.client = provider.New(cfg)
	return nil
}

// clientConfig returns the configuration of a client of the provider, which reports nothing.
func (rp *relyingParty) clientConfig(a *core) (provider.Config, error) {
	cfg, err := rp.settings.client()
	cfg.RedirectURL = rp.ownURL(a, "/callback")
	cfg.Restricted, cfg.AllowPrivate = rp.settings.found, rp.settings.AllowPrivateAddresses
	cfg.KeyIDSetting, cfg.Logger = rp.names.of("ClientKeyID"), a.log
	return cfg, err
}

// ownURL returns the URL of a route. With several providers each has one of its own, so that the path says whose
// response it is, whatever the response says itself.
func (rp *relyingParty) ownURL(a *core, route string) string {
	at := strings.TrimSuffix(a.config.AppURL, "/") + a.routes.Prefix + route
	if a.providers.several {
		at += "/" + rp.settings.Name
	}
	return at
}

// requireMetadata returns an error if the provider's metadata cannot be had. Users can only wait then, whatever the
// cause, so it is 503. A panic of the app's Transport is not the provider's fault and keeps its own status.
func (rp *relyingParty) requireMetadata(ctx context.Context) error {
	_, err := rp.client.Metadata(ctx)
	if ofProvider := (*provider.Error)(nil); errors.As(err, &ofProvider) {
		return fmt.Errorf("%w: %w", ErrProviderUnavailable, err)
	}
	return err
}

// markUsed remembers for ttl that something of this provider was used, such as a logout token, and reports whether it
// is the first time. kind is that of the key.
func (rp *relyingParty) markUsed(ctx context.Context, kind byte, name string, ttl time.Duration) (bool, error) {
	first, err := rp.state.MarkUsed(ctx, shared.Key(kind, rp.audience.Hash(name)), ttl)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrSessionStore, err)
	}
	return first, nil
}

// makeParties makes the relying parties of the configuration. Those of Config.FindProvider are made when they are first
// needed, and no provider is called before that.
func makeParties(a *core, variables map[string]string) error {
	cfg := &a.config
	a.providers.several, a.providers.byName = cfg.severalProviders(), map[string]*relyingParty{}
	for i := range cfg.Providers {
		rp, err := newRelyingParty(a, &cfg.Providers[i], settingNames{variables, settings.ProviderPath(i)}, nil)
		if err != nil {
			return err
		}
		a.providers.fixed = append(a.providers.fixed, rp)
		a.providers.byName[rp.settings.Name] = rp
	}
	if cfg.FindProvider != nil {
		find := func(ctx context.Context, name string, old *relyingParty) (*relyingParty, error) {
			return findParty(ctx, a, name, old)
		}
		a.providers.found = directory.New(directory.Config[*relyingParty]{
			Find: find, Drop: func(rp *relyingParty) { rp.client.CloseIdle() },
			Group: (*relyingParty).issuerGroup, Log: a.log,
		})
	}
	return nil
}

// findParty makes the relying party of a provider that Config.FindProvider returns. If the provider is as it was, the
// client with its metadata, keys and connections is kept.
func findParty(ctx context.Context, a *core, name string, old *relyingParty) (*relyingParty, error) {
	settings, err := a.config.FindProvider(ctx, name)
	if errors.Is(err, ErrUnknownProvider) {
		return nil, fmt.Errorf("%w: %w", directory.ErrUnknown, err)
	}
	if err != nil {
		return nil, err
	}
	names := settingNames{path: fmt.Sprintf("FindProvider(%q).", name)}
	if err := settings.prepareFound(name, names.path); err != nil {
		a.emit(ctx, events.Event{Kind: events.ProviderInvalid, Provider: name, Err: err})
		return nil, err
	}
	var client *provider.Provider
	if old != nil && old.settings.sameClient(&settings) {
		client = old.client
	}
	rp, err := newRelyingParty(a, &settings, names, client)
	if err == nil && old != nil && client == nil {
		old.client.CloseIdle()
	}
	return rp, err
}

// prepareFound completes the settings of a provider found at run time, and returns their problems.
func (p *Provider) prepareFound(name, path string) error {
	settings.CopyLists(p)
	p.found = true
	setDefault(&p.Name, name)
	setDefault(&p.GroupsPrefix, p.Name+":")
	p.setDefaults()
	found := &settings.Problems{Path: path}
	if p.Name != name {
		found.Add("Name", fmt.Sprintf("is %q", p.Name), "return the provider of the name, or ErrUnknownProvider")
	}
	values := p.toCheck()
	values.Check(found)
	values.CheckFound(found)
	return configErrors(found.All, nil)
}

// sameClient reports whether a client made for p serves for q too: they differ at most in what the client does not use.
// It compares all other fields, so a field that is added later makes for a new client rather than a wrong one.
func (p *Provider) sameClient(q *Provider) bool {
	if !p.RootCAs.Equal(q.RootCAs) || !sameTransport(p.Transport, q.Transport) {
		return false
	}
	a, b := *p, *q
	for _, one := range []*Provider{&a, &b} {
		one.RootCAs, one.Transport, one.GroupsResolver = nil, nil, nil
	}
	return reflect.DeepEqual(a, b)
}

// sameTransport reports whether a and b are identical. It does not look into them: one that is in use changes at any
// time, so that would be a data race.
func sameTransport(a, b http.RoundTripper) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// ForgetProvider makes the next use of a provider ask [Config].FindProvider again. Call it, on every instance, when the
// app has changed or removed the provider: otherwise that takes effect within a minute.
func (a *Auth) ForgetProvider(name string) {
	if a.providers.found != nil {
		a.providers.found.Forget(name)
	}
}
