package ginoidc

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/authresponse"
	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/clientcert"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/dpopnonce"
	"github.com/seed-d65cea4d/ginoidc/internal/exchange"
	"github.com/seed-d65cea4d/ginoidc/internal/marker"
	"github.com/seed-d65cea4d/ginoidc/internal/origin"
	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
	"github.com/seed-d65cea4d/ginoidc/internal/routes"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/update"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Auth signs users in and guards routes. It is made by [New], never changes and is safe for concurrent use.
type Auth struct {
	*core
	denier   denier
	provider string // of calls that name none: see ForProvider
}

// core is the state that an Auth shares with those that With derives from it. What belongs to one identity provider is
// in relyingParty.
type core struct {
	*reporter
	hooks     hooks
	config    Config
	routes    routes.Paths
	targets   returnto.Site
	providers relyingParties
	sessions  *session.Manager
	attempts  *attempt.Jar
	links     signin.Links
	signIns   signIns
	signOuts  signOuts
	landing   landing
	pages     *ownPages
	state     SharedState
	oneServer bool // keeps the sessions and the state: see store.OneRound
	values    shared.Values
	updates   update.Updates
	ledger    roster.Roster // of the users of all providers
	origin    web.CrossOrigin
	markers   marker.Cookies
	recent    marker.Recent
	tokens    bearer.Checker // of a provider's, except for what its settings say
	exchanges *exchange.Group

	browsersOnly  bool        // the session is the only way to be signed in
	groupsGuarded atomic.Bool // a guard requires groups
	silent        atomic.Bool // SilentSignIn is in use
}

// New validates cfg and returns every problem at once, joined, each a [ConfigError]. It makes no call to the provider,
// so an app starts while its provider is down. It calls each method of State once, for a second at most in total, to
// learn which ones it supports.
func New(cfg Config) (*Auth, error) {
	names := cfg.variableNames() // before the defaults, which no variable set
	cfg = cfg.withDefaults()
	cfg.env.Warn(cfg.Logger)
	if cfg.State != nil {
		cfg.lacksMethods = shared.Probed(cfg.State)
	}
	if err := cfg.validate(names); err != nil {
		return nil, err
	}
	cfg.warnOfState()
	app, err := url.Parse(cfg.AppURL)
	if err != nil {
		return nil, fmt.Errorf("ginoidc: AppURL: %w", err)
	}
	a := &core{config: cfg, reporter: newReporter(&cfg)}
	a.hooks = hooks{a.reporter, &a.config}
	memory := state.NewMemory(0)
	if a.state = memory; cfg.State != nil {
		a.state = shared.LocalFallback{Whole: cfg.State, Memory: memory}
		a.oneServer = reflect.TypeOf(cfg.State).Kind() == reflect.Pointer && any(cfg.State) == any(cfg.Store)
	}
	a.providers.reporter = a.reporter
	a.routes, a.targets = cfg.values().Site(app)
	a.routes.Metadata = bearer.MetadataPath(cfg.Resource)
	a.config.DefaultReturnTo = cmp.Or(cfg.DefaultReturnTo, a.routes.Base+"/")
	a.config.PostSignOutURL = cmp.Or(cfg.PostSignOutURL, strings.TrimSuffix(cfg.AppURL, "/")+"/")
	if a.origin, err = web.NewCrossOrigin(origin.Of(app), cfg.TrustedOrigins, cfg.CrossOriginRoutes); err != nil {
		return nil, err
	}
	if err := build(a, app, names); err != nil {
		return nil, err
	}
	return &Auth{core: a, denier: denier{
		reporter: a.reporter, handlers: cfg.AbortHandlers, links: a.links, targets: a.targets, routes: a.routes,
		challenges: bearer.Challenges{
			Realm: a.targets.Origin, Tokens: a.providers.AcceptsTokens(), Metadata: a.routes.Metadata, Nonces: a.tokens.Nonces,
		},
		home: a.config.DefaultReturnTo, providers: &a.providers, requestOf: a.requestOf, pages: a.pages,
	}}, nil
}

// build creates the parts of a that need a valid configuration, each after those that it needs itself.
func build(a *core, app *url.URL, variables map[string]string) (err error) {
	secure := app.Scheme == "https"
	for _, part := range []func(*core, bool) error{makeSessions, makeSealed} {
		if err := part(a, secure); err != nil {
			return fmt.Errorf("ginoidc: CookieSecrets: %w", err)
		}
	}
	cfg := &a.config
	a.tokens.Certificates, err = clientcert.New(cfg.CertificateHeader, cfg.CertificateFormat, cfg.CertificateProxies)
	if err != nil {
		return fmt.Errorf("ginoidc: CertificateProxies: %w", err)
	}
	if a.pages, err = newOwnPages(&a.config, a.reporter); err != nil {
		return err
	}
	a.landing = landing{cfg.strict(), a.pages}
	at := strings.TrimSuffix(cfg.AppURL, "/") + a.routes.Prefix
	a.signOuts = signOuts{
		attempts: a.attempts, target: cfg.PostSignOutURL, home: cfg.DefaultReturnTo, page: at + routes.SignedOutPath,
	}
	ps := &a.providers
	a.signIns = signIns{
		reporter: a.reporter, config: cfg, parties: ps, sessions: a.sessions, markers: a.markers, recent: a.recent,
		origin: a.origin, pages: a.pages, reader: newSignInReader(cfg, a.routes.SignIn, a.links, a.targets.Rule),
		starter: signin.Starter{Attempts: a.attempts, Home: cfg.DefaultReturnTo, Log: a.log},
	}
	ps.config, ps.hooks, ps.state, ps.values, ps.labels = cfg, a.hooks, a.state, a.values, a.ledger.Labels
	ps.tokens, ps.routes, ps.guarded, ps.Several = a.tokens, at, &a.groupsGuarded, cfg.severalProviders()
	if err := ps.addConfigured(variables); err != nil {
		return err
	}
	a.browsersOnly = len(cfg.Authenticators) == 0 && !ps.AcceptsTokens()
	return nil
}

// makeSessions creates what keeps sessions and sign-in attempts. Without Config.Store sessions are in sealed cookies.
func makeSessions(a *core, secure bool) (err error) {
	cfg := &a.config
	if cfg.Store == nil {
		if cfg.Store, err = cookiestore.New(cookiestore.Config{Secrets: cfg.CookieSecrets}); err != nil {
			return err
		}
	}
	if cfg.State == nil && session.InCookies(cfg.Store) {
		a.log.Info("ginoidc: sign-outs are remembered by this process alone, and a restart forgets them: " +
			"copies of cookies are valid again then. See docs/sessions.md")
	}
	name, root := cookie.Prefixed(cfg.CookieName, secure, a.routes.Base)
	a.markers = marker.Cookies{Name: name, Path: root, Secure: secure}
	a.sessions, err = session.New(session.Config{
		Store: cfg.Store, Secrets: cfg.CookieSecrets, Name: name, Path: root, Secure: secure, SameSite: cfg.sameSite(),
		Idle: cfg.SessionIdle, Lifetime: cfg.SessionLifetime, AuthAge: cfg.authAge(), RecheckEvery: cfg.RecheckEvery,
		Parties: a.providers.partyOf, Logger: a.log,
	})
	if err != nil {
		return err
	}
	a.attempts, err = attempt.New(attempt.Config{ // in cookies that only the plugin's own routes get
		Secrets: cfg.CookieSecrets, CookieName: name, Secure: secure,
		Path:      cookie.Below(name, a.routes.Base+a.routes.Prefix),
		CrossSite: len(cfg.Providers) > 0 && authresponse.Mode(cfg.Providers[0].ResponseMode).FormPost(),
		Audience:  cfg.audience(), Life: cfg.AttemptLife,
	})
	return err
}

// makeSealed creates what seals texts that leave the process, in the shared state, links, nonces and a cookie.
func makeSealed(a *core, secure bool) error {
	cfg := &a.config
	seals, err := sealed.NewAll(cfg.CookieSecrets, cfg.audience())
	if err != nil {
		return err
	}
	a.values = shared.Values{State: a.state, Seal: seals.Kept}
	a.exchanges = exchange.New(exchange.Config{
		Values: a.values, Sessions: a.sessions, Events: a.events, Log: a.log,
		Alone: cfg.State == nil || len(cfg.unsupported(shared.LeaseMethods())) > 0,
	})
	a.updates = update.Updates{
		Values: a.values, Sessions: a.sessions, DropIDToken: cfg.KeepIDToken == Auto, Events: a.events, Log: a.log,
	}
	labels := revocation.Labels{Values: a.values, Make: cfg.SessionLabel, Lifetime: cfg.SessionLifetime, Log: a.log}
	a.ledger = newRoster(cfg, a.state, "", false, labels, a.reporter)
	a.links = signin.Links{Route: a.routes.SignIn, Seal: seals.Parameters}
	a.tokens = bearer.Checker{Site: a.targets, Nonces: dpopnonce.Issuer{Seal: seals.Proofs}}
	a.recent = marker.Recent{
		Name: cfg.CookieName, Path: a.routes.SignIn, Secure: secure, SameSite: cfg.sameSite(), Seal: seals.Recent,
		Idle: cfg.SessionIdle,
	}
	return nil
}

// With returns an Auth that shares everything with a, except that the non-nil handlers of h replace those of a. Use it
// for routes that are to answer denied requests in another way:
//
//	api := auth.With(ginoidc.AbortHandlers{Forbidden: noEntry})
//	router.Group("/api", api.RequireGroups("admin"))
func (a *Auth) With(h AbortHandlers) *Auth {
	d := a.denier
	d.handlers = h.or(d.handlers)
	return &Auth{core: a.core, denier: d, provider: a.provider}
}

// ForProvider returns an Auth whose calls about users and signals, such as [Auth.UserSessions], [Auth.EndUserSessions]
// and [Auth.SetUpSignals], concern the provider of this name, and so does [Auth.Ready]. An app with several providers
// needs it there: a subject identifies a user together with the issuer only.
//
//	err := auth.ForProvider(u.Provider).EndUserSessions(ctx, u.Subject)
func (a *Auth) ForProvider(name string) *Auth {
	return &Auth{core: a.core, denier: a.denier, provider: name}
}

// Ready reports whether users can sign in. It returns nil if the provider's metadata is known, or that of one of
// several providers, and the session store and State respond. Providers found at run time do not count. The error is
// [ErrProviderUnavailable] or [ErrSessionStore]; its text is meant for operators: an issuer mismatch, for example,
// names both issuers.
//
// After [Auth.ForProvider] it reports the same about that provider, so that an operator learns of one that cannot be
// used while others can.
func (a *Auth) Ready(ctx context.Context) error {
	ctx = requestContext(ctx)
	if err := a.providers.Ready(ctx, a.provider, a.log); err != nil {
		return translated(err)
	}
	if err := a.sessions.Ready(ctx); err != nil {
		return translated(err)
	}
	return a.ledger.Ready(ctx, shared.Probe)
}
