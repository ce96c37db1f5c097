package ginoidctest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// TB is the part of *testing.T the helpers need, so that this package imports
// no test framework.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Config describes a provider with one client. The zero value is useful.
type Config struct {
	// Issuer is the provider's URL, with or without a path; default
	// "https://idp.example". For Start and Listen it is empty or a path, since
	// the listener decides the rest.
	Issuer string
	// ClientID and ClientSecret name the one client; defaults "app" and "secret".
	ClientID, ClientSecret string
	// Public makes it a client without a secret (token endpoint method "none").
	Public bool
	// RedirectURIs and PostLogoutRedirectURIs are compared exactly; while a list
	// is empty, every absolute URI is taken.
	RedirectURIs, PostLogoutRedirectURIs []string
	// Users can sign in; default DemoUsers().
	Users []User
	// SigningAlg signs ID tokens: "RS256" (default), "ES256" or "EdDSA".
	SigningAlg string
	// GroupsInUserInfoOnly keeps groups and organizations out of the ID token.
	GroupsInUserInfoOnly bool
	// Logger hears refused requests, without secrets or tokens; default: nobody.
	Logger *slog.Logger
}

// Endpoint is one of the provider's addresses: its path below the issuer.
type Endpoint string

// The endpoints. Elsewhere is where no client should ever ask: the target of
// redirects a client must not follow, and every other host asked for through
// [Provider.Transport].
const (
	Discovery  Endpoint = "/.well-known/openid-configuration"
	JWKS       Endpoint = "/jwks"
	Authorize  Endpoint = "/authorize"
	Token      Endpoint = "/token"
	UserInfo   Endpoint = "/userinfo"
	EndSession Endpoint = "/endsession"
	Elsewhere  Endpoint = "/elsewhere"
)

const (
	codeLife    = time.Minute
	tokenLife   = time.Hour
	refreshLife = 30 * 24 * time.Hour
	ssoLife     = 24 * time.Hour
	maxBody     = 1 << 20
)

// Provider is an OpenID provider; it is an http.Handler and safe for
// concurrent use.
type Provider struct {
	cfg    Config
	issuer string // as configured, perhaps with a trailing slash
	root   string // issuer without the trailing slash; endpoints hang below it
	path   string // the path of root
	log    *slog.Logger
	pages  *template.Template
	faults map[Misbehaviour]hooks

	sessions vault[*session]
	codes    vault[*grant]
	access   vault[*grant]
	refresh  vault[*grant]

	mu          sync.Mutex
	users       []User
	keys        []signingKey // newest first; the newest signs
	counts      map[Endpoint]int
	misbehaving []hooks
	unknown     []Misbehaviour // asked for, but not in the table
	own         hooks          // set by OnIDToken and its siblings, and Intercept
}

// New makes a provider that listens nowhere: mount it as a handler, or reach it
// through [Provider.Transport]. It fails on an issuer that is no http or https
// URL and on an unknown SigningAlg.
func New(cfg Config) (*Provider, error) {
	if cfg.Issuer == "" {
		cfg.Issuer = "https://idp.example"
	}
	u, err := url.Parse(cfg.Issuer)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("ginoidctest: Issuer %q is not an http or https URL without query and fragment", cfg.Issuer)
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "app"
	}
	switch {
	case cfg.Public:
		cfg.ClientSecret = ""
	case cfg.ClientSecret == "":
		cfg.ClientSecret = "secret"
	}
	if cfg.SigningAlg == "" {
		cfg.SigningAlg = "RS256"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Users == nil {
		cfg.Users = DemoUsers()
	}
	key, err := firstKey(cfg.SigningAlg)
	if err != nil {
		return nil, err
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	p := &Provider{
		cfg:    cfg,
		issuer: cfg.Issuer,
		root:   strings.TrimSuffix(cfg.Issuer, "/"),
		path:   strings.TrimSuffix(u.Path, "/"),
		log:    cfg.Logger,
		pages:  pages,
		users:  slices.Clone(cfg.Users),
		keys:   []signingKey{key},
		counts: make(map[Endpoint]int),
	}
	p.faults = p.misbehaviours()
	return p, nil
}

// Listen starts a provider on a free loopback port, for programs such as an
// example app. stop ends it and closes its connections.
func Listen(cfg Config) (p *Provider, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("ginoidctest: listen: %w", err)
	}
	cfg.Issuer = "http://" + listener.Addr().String() + cfg.Issuer
	p, err = New(cfg)
	if err != nil {
		return nil, nil, errors.Join(err, listener.Close())
	}
	server := newServer(p, p.log)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("test provider stopped", "error", err)
		}
	}()
	return p, func() {
		_ = server.Close()
		_ = listener.Close() // which the server only does once Serve runs
	}, nil
}

// Start is [Listen] for tests: the provider ends with the test.
func Start(tb TB, cfg Config) *Provider {
	tb.Helper()
	p, stop, err := Listen(cfg)
	if err != nil {
		tb.Fatalf("starting the test provider: %v", err)
		return nil
	}
	tb.Cleanup(stop)
	return p
}

// Issuer is the provider's issuer identifier, byte for byte as in its tokens.
func (p *Provider) Issuer() string { return p.issuer }

// Count tells how many requests came to an endpoint.
func (p *Provider) Count(e Endpoint) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[e]
}

// ServeHTTP answers for every endpoint.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, below := strings.CutPrefix(r.URL.Path, p.path)
	endpoint := Endpoint(path)
	serve, methods := p.handler(endpoint)
	if !below || serve == nil {
		http.NotFound(w, r)
		return
	}
	p.count(endpoint)
	if fault := p.intercepted(endpoint); fault != nil {
		serve = fault
	} else if !slices.Contains(methods, r.Method) {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	w.Header().Set("Cache-Control", "no-store")
	serve(w, r)
}

func (p *Provider) handler(e Endpoint) (serve http.HandlerFunc, methods []string) {
	read, both := []string{http.MethodGet, http.MethodHead}, []string{http.MethodGet, http.MethodPost}
	switch e {
	case Discovery:
		return p.discovery, read
	case JWKS:
		return p.jwks, read
	case Authorize:
		return p.authorize, both
	case Token:
		return p.token, []string{http.MethodPost}
	case UserInfo:
		return p.userInfo, both
	case EndSession:
		return p.endSession, both
	case Elsewhere:
		return http.NotFound, both
	}
	return nil, nil
}

func (p *Provider) count(e Endpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[e]++
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody to tell
}
