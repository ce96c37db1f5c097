package fakeop

import (
	"context"
	"crypto/rand"
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

// TB is the part of *testing.T the helpers need, so that this package does not import testing.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Endpoint is one of the provider's endpoints: its path below the issuer.
type Endpoint string

// The endpoints. Elsewhere counts requests that no client should ever make: to the target of redirects a client must
// not follow, and to every other host through [Provider.Transport].
const (
	Discovery     Endpoint = "/.well-known/openid-configuration"
	JWKS          Endpoint = "/jwks"
	Authorize     Endpoint = "/authorize"
	Token         Endpoint = "/token"
	UserInfo      Endpoint = "/userinfo"
	EndSession    Endpoint = "/endsession"
	PAR           Endpoint = "/par"
	Revocation    Endpoint = "/revoke"
	Introspection Endpoint = "/introspect"
	Elsewhere     Endpoint = "/elsewhere"
)

const (
	codeLife    = time.Minute
	idTokenLife = time.Hour
	refreshLife = 30 * 24 * time.Hour
	ssoLife     = 24 * time.Hour
	maxBody     = 1 << 20
)

// Provider is an OpenID provider; it is an http.Handler and safe for
// concurrent use.
type Provider struct {
	cfg    Config
	issuer string // as configured, perhaps with a trailing slash
	root   string // issuer without the trailing slash; endpoints are below it
	path   string // the path of root
	log    *slog.Logger
	pages  *template.Template
	faults map[Misbehaviour]hooks

	sessions  vault[*session]
	pushed    vault[url.Values]
	codes     vault[credential]
	access    vault[credential]
	described vault[map[string]any] // access tokens, as introspection knows them
	refresh   vault[credential]
	seen      vault[struct{}] // the jti of assertions and DPoP proofs
	signals   transmitter

	mu          sync.Mutex
	users       []User
	keys        []signingKey // newest first; the newest signs
	nonce       string       // of DPoP proofs
	counts      map[Endpoint]int
	misbehaving []hooks
	unknown     []Misbehaviour // requested, but not in the table
	own         hooks          // set by OnIDToken and its siblings, and Intercept
}

// New returns a provider that does not listen: mount it as a handler, or reach it through [Provider.Transport]. It
// returns an error if the issuer is not an http or https URL, an algorithm or method is unknown, or a key is missing or
// unsuitable.
func New(cfg Config) (*Provider, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	u, err := url.Parse(cfg.Issuer)
	if err != nil {
		return nil, err
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
		nonce:  rand.Text(),
	}
	p.faults = p.misbehaviours()
	return p, nil
}

// Listen starts a provider on a free loopback port, for programs such as an
// example app. stop ends it and closes its connections.
func Listen(cfg Config) (p *Provider, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("test provider: listen: %w", err)
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
		_ = listener.Close() // the server closes it only once Serve runs
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

// Issuer returns the issuer identifier, byte for byte as in the provider's tokens.
func (p *Provider) Issuer() string { return p.issuer }

// Count returns how many requests an endpoint has received.
func (p *Provider) Count(e Endpoint) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[e]
}

// ServeHTTP serves every endpoint.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint, _ := p.locate(r)
	serve, methods := p.handler(endpoint)
	if serve == nil {
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
	case PAR:
		return p.par, []string{http.MethodPost}
	case Revocation:
		return p.revocation, []string{http.MethodPost}
	case Introspection:
		return p.introspection, []string{http.MethodPost}
	case Elsewhere:
		return http.NotFound, both
	}
	return p.signalHandler(e)
}

func (p *Provider) signalHandler(e Endpoint) (serve http.HandlerFunc, methods []string) {
	switch e {
	case SignalDiscovery:
		return p.signalDiscovery, []string{http.MethodGet}
	case SignalStream:
		return p.signalStream, []string{http.MethodGet, http.MethodPost, http.MethodPatch}
	case SignalStatus:
		return p.signalStatus, []string{http.MethodGet}
	case SignalVerification:
		return p.signalVerification, []string{http.MethodPost}
	case SignalPoll:
		return p.signalPoll, []string{http.MethodPost}
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
	_ = json.NewEncoder(w).Encode(v) // fails only if the client disconnected
}
