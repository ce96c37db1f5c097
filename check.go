package ginoidc

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/doctor"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// Finding is one result of [Auth.Check].
type Finding struct {
	// Code is stable, such as "redirect_uri_refused". docs/doctor.md lists all codes.
	Code string `json:"code"`
	// Severity is [SeverityOK], [SeverityWarning] or [SeverityError].
	Severity string `json:"severity"`
	// Provider is the name of the provider that it is about. It is empty in an app with one, and for the app itself.
	Provider string `json:"provider,omitempty"`
	// Seen is what was found, in words for an operator. It may quote the provider.
	Seen string `json:"seen"`
	// Fix is what to do. It is empty for SeverityOK.
	Fix string `json:"fix,omitempty"`
}

// Values of [Finding].Severity.
const (
	SeverityOK      = "ok"
	SeverityWarning = "warning" // sign-ins may work
	SeverityError   = "error"   // sign-ins fail, or something that the app relies on is not so
)

// Check compares the configuration with the providers of Config.Providers as they are now, or with that of
// [Auth.ForProvider], and tries out Store and State. It is for a person who sets the app up, for a job of a deployment,
// and for a page of operators, not for each request: it makes about six calls to each provider, among them a token
// request with a made-up code, which the provider refuses, and an authorization request without a user.
//
// The calls follow the rules of all calls to the provider: no redirect is followed, and time and size are limited. No
// finding has a secret. They quote the provider, so show them to operators only. The command cmd/ginoidc prints them:
// see docs/doctor.md.
func (a *Auth) Check(ctx context.Context) []Finding {
	ctx = requestContext(ctx)
	parties := a.providers.Fixed()
	if a.provider != "" {
		rp, err := a.providers.Kept(ctx, a.provider)
		if err != nil {
			return []Finding{{
				Code: "provider_unknown", Severity: SeverityError, Provider: a.provider, Seen: err.Error(),
				Fix: "name a provider of Config.Providers, or one that Config.FindProvider finds",
			}}
		}
		parties = []*relyingParty{rp}
	}
	found := a.checkApp(ctx)
	for _, rp := range parties {
		found = append(found, rp.check(ctx, a.core)...)
	}
	all := make([]Finding, len(found))
	for i, f := range found {
		all[i] = Finding(f)
	}
	return all
}

// checkApp looks at the cookies, the store and the state.
func (a *Auth) checkApp(ctx context.Context) []doctor.Finding {
	names := settings.Names{}
	if rp := a.providers.First(); rp != nil {
		names.Variables = rp.names.Variables
	}
	app := doctor.App{
		URL: a.AppURL(), CookieName: a.markers.Name, Path: a.markers.Path, SameSite: a.config.SameSite,
		InCookies: session.InCookies(a.config.Store), StoreError: a.sessions.Ready(ctx),
		OwnState: a.config.State != nil, StateError: shared.RoundTrip(ctx, a.state), Unsupported: a.config.lacksMethods,
		Setting: names.Short,
	}
	for _, rp := range a.providers.Fixed() {
		app.PostsBack = app.PostsBack || rp.mode().FormPost()
	}
	for _, of := range []any{a.config.State, a.config.Store} {
		if redis, ok := of.(interface {
			MaxMemoryPolicy(ctx context.Context) (string, error)
		}); ok && (app.Policy == "" || app.Policy == doctor.NoEviction) {
			app.Policy, app.PolicyErr = redis.MaxMemoryPolicy(ctx)
		}
	}
	return app.Findings()
}

// check asks the provider, by a client of its own: what is cached says nothing of the provider now, and what goes wrong
// is a finding and no event.
func (rp *relyingParty) check(ctx context.Context, a *core) []doctor.Finding {
	s := doctor.Settings{
		Issuer: rp.settings.Issuer, ClientID: rp.settings.ClientID, AuthMethod: rp.settings.ClientAuthMethod,
		RedirectURL: rp.URL("/callback"), SignedOutURL: a.signOuts.target, ResponseMode: rp.settings.ResponseMode,
		Scopes: rp.settings.Scopes, Algs: rp.settings.SigningAlgs, ClockTolerance: rp.settings.ClockTolerance,
		GroupsClaim: rp.settings.groupsMember(), NeedsGroups: rp.needsGroups(),
		NeedsUserInfo: !rp.settings.SkipUserInfo, KeepsTokens: a.config.keepsTokens(),
		DropsIDToken: rp.keepIDToken == Never,
		Introspects:  rp.settings.Introspection != "", Setting: rp.names.Short,
	}
	if a.providers.Several {
		s.Name = rp.settings.Name
	}
	cfg, err := rp.clientConfig()
	if err != nil { // New would have found it
		return []doctor.Finding{{
			Code: "config", Severity: doctor.Error, Provider: s.Name, Seen: err.Error(), Fix: "correct the setting",
		}}
	}
	if cfg.ClientKey != nil {
		s.KeyID = cfg.ClientKey.KeyID()
	}
	cfg.Report = func(context.Context, provider.Event) {}
	cfg.Logger = slog.New(slog.DiscardHandler)
	client := provider.New(cfg)
	defer client.CloseIdle()
	probe := client.Probe(ctx, maps.Clone(rp.settings.SignInParameters), a.signOuts.params(rp, rand.Text(), nil))
	return doctor.Provider(s, probe, time.Now())
}

// needsGroups reports whether users of the provider seem to need groups in its tokens.
func (rp *relyingParty) needsGroups() bool {
	named := rp.settings.GroupsClaim != "groups" || len(rp.settings.GroupsPath) > 0
	return rp.settings.GroupsResolver == nil && (named || rp.groups.Guarded.Load())
}

// groupsMember returns the claim that has the groups, without the path below it.
func (p *Provider) groupsMember() string {
	if len(p.GroupsPath) > 0 {
		return p.GroupsPath[0]
	}
	if strings.Contains(p.GroupsClaim, "://") { // such as "https://example.com/groups"
		return p.GroupsClaim
	}
	member, _, _ := strings.Cut(p.GroupsClaim, ".")
	return member
}
