package provider

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// TransmitterConfig describes a transmitter of security events (OpenID Shared Signals Framework 1.0). It is expected to
// be valid.
type TransmitterConfig struct {
	// Issuer is the iss of the transmitter's tokens.
	Issuer string

	// Audience lists the values that aud may have.
	Audience []string

	// SigningAlgs lists the only algorithms that tokens may be signed with; empty means RS256. Symmetric algorithms never
	// verify.
	SigningAlgs []string

	// MaxAge is the age from which on a token is refused, which bounds how long its jti has to be remembered.
	// ClockTolerance is the tolerated clock skew between this host and the transmitter.
	MaxAge, ClockTolerance time.Duration

	// Token returns the access token for the stream and for polling; nil if neither is used.
	Token func(context.Context) (string, error)

	// As in [Config].
	Timeout   time.Duration
	Transport http.RoundTripper
	RootCAs   *x509.CertPool
	Logger    *slog.Logger
	Report    func(context.Context, Event)
	Observe   func(context.Context, Call)
}

// Transmitter is safe for concurrent use.
type Transmitter struct {
	issuer            string
	audience, algs    []string
	maxAge, tolerance time.Duration
	token             func(context.Context) (string, error)
	report            func(context.Context, Event)
	backend           *backend
	metadata          cache[transmitterMetadata]
	keys              cache[keySet]
}

// NewTransmitter returns a Transmitter. It does not call the transmitter.
func NewTransmitter(cfg TransmitterConfig) *Transmitter {
	t := &Transmitter{
		issuer: cfg.Issuer, audience: slices.Clone(cfg.Audience),
		algs: slices.Clone(cfg.SigningAlgs), maxAge: cfg.MaxAge, tolerance: cfg.ClockTolerance, token: cfg.Token,
		report: cfg.Report,
	}
	if len(t.algs) == 0 {
		t.algs = []string{"RS256"}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if t.report == nil {
		t.report = logTo(cfg.Logger)
	}
	limits := defaultLimits(cmp.Or(cfg.Timeout, defaultTimeout))
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport(cfg.RootCAs, nil, limits)
	}
	t.backend = newBackend(transport, limits, t.report)
	t.backend.observe = cfg.Observe
	t.metadata.start(t.fetchMetadata, limits, cfg.Logger)
	t.keys.start(t.fetchKeys, limits, cfg.Logger)
	return t
}

// transmitterMetadata is the part of the transmitter's configuration that a receiver uses (Shared Signals Framework
// section 7.1). Endpoints are "" if there are none.
type transmitterMetadata struct {
	jwksURI                             string
	configuration, status, verification string
	criticalMembers                     []string
}

const opTransmitter = "transmitter configuration"

func (t *Transmitter) fetchMetadata(ctx context.Context) (*transmitterMetadata, error) {
	a, err := t.backend.get(ctx, opTransmitter, wellKnown(t.issuer))
	if err == nil {
		var m *transmitterMetadata
		if m, err = parseTransmitter(a.body, t.issuer); err == nil {
			return m, nil
		}
	}
	t.report(ctx, Event{
		Level: slog.LevelError, Text: "the configuration of the signal transmitter cannot be read",
		Attrs: []slog.Attr{slog.String("issuer", t.issuer)}, Err: err,
	})
	return nil, err
}

// wellKnown returns the address of the transmitter's configuration: unlike that of OpenID Connect Discovery, the
// well-known part comes before the path of the issuer (Shared Signals Framework section 7.2).
func wellKnown(issuer string) string {
	const name = "/.well-known/ssf-configuration"
	u, err := url.Parse(issuer)
	if err != nil { // reported when it is requested
		return issuer
	}
	u.Path, u.RawPath = name+strings.TrimSuffix(u.Path, "/"), ""
	return u.String()
}

func parseTransmitter(body []byte, issuer string) (*transmitterMetadata, error) {
	object, err := decodeObject(body, maxBody)
	if err != nil {
		return nil, invalid(opTransmitter, "bad_document", "%w", err)
	}
	doc := document(object)
	if got, _ := doc.text("issuer"); got != issuer {
		return nil, issuerMismatch(issuer, got)
	}
	m := &transmitterMetadata{criticalMembers: doc.list("critical_subject_members")}
	if doc.has("critical_subject_members") && m.criticalMembers == nil {
		return nil, invalid(opTransmitter, "bad_document", "critical_subject_members is not a list")
	}
	var problems [4]error
	m.jwksURI, problems[0] = doc.endpoint("jwks_uri", true)
	m.configuration, problems[1] = doc.endpoint("configuration_endpoint", false)
	m.status, problems[2] = doc.endpoint("status_endpoint", false)
	m.verification, problems[3] = doc.endpoint("verification_endpoint", false)
	if err := errors.Join(problems[:]...); err != nil {
		return nil, invalid(opTransmitter, "bad_endpoint", "%w", err)
	}
	return m, nil
}

func (t *Transmitter) fetchKeys(ctx context.Context) (*keySet, error) {
	metadata, err := t.metadata.get(ctx)
	if err != nil {
		return nil, err
	}
	a, err := t.backend.get(ctx, opKeys, metadata.jwksURI)
	if err == nil {
		var keys *keySet
		if keys, err = parseKeySet(a.body, t.backend.limits.keys); err == nil {
			return keys, nil
		}
	}
	t.report(ctx, Event{Level: slog.LevelError, Text: "fetching the keys of the signal transmitter failed", Err: err})
	return nil, err
}
