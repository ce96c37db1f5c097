package ginoidc

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// Token is an access token of the signed-in user, to call other services with.
type Token struct {
	AccessToken string
	Type        string    // "Bearer", or "DPoP": then only Client can use it
	Expiry      time.Time // zero when the provider does not say
	Scopes      []string  // as granted; nil when the provider did not say
}

// Token returns the access token of the signed-in user, refreshed if it is about to expire. It needs Config.KeepTokens.
// Call it before the response is written, since a refreshed token has to be kept.
//
// Requests that come at once, to whichever instance that shares State, make one refresh. The error is
// [ErrUnauthenticated] when nobody is signed in, or when the provider refuses the refresh, which ends the session;
// [ErrNoToken] when the session has no token that is of use; [ErrProviderUnavailable] when the provider cannot be reached
// and the token has expired, and the session lives on. An answer of the provider that cannot be used has the code
// "provider_error" (see [Denial]), and the session lives on too.
func (a *Auth) Token(c *gin.Context) (*Token, error) {
	tokens, err := a.requestOf(c).freshTokens(c)
	if err != nil {
		return nil, err
	}
	return &Token{tokens.AccessToken, tokens.TokenType, tokens.Expiry, strings.Fields(tokens.Scope)}, nil
}

// Client returns a client whose requests carry the user's access token, as a bearer token or with proof by DPoP. Use it for
// this request only, and for hosts that may have the token, over https or on loopback. It shows Provider.ClientCertificate to
// the provider and to Provider.CertificateOrigins. It follows redirects as http.Client does, and takes neither token nor
// certificate to another origin by one. The errors are those of Token.
func (a *Auth) Client(c *gin.Context) (*http.Client, error) {
	tokens, err := a.requestOf(c).freshTokens(c)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &tokenTransport{a.provider, tokens, a.resources}}, nil
}

// Transport is the Transport of [Auth.Client], for code that brings its own client, such as a
// [net/http/httputil.ReverseProxy] in front of another API. A proxy has to take the app's cookies off the requests that
// it passes on.
func (a *Auth) Transport(c *gin.Context) (http.RoundTripper, error) {
	client, err := a.Client(c)
	if err != nil {
		return nil, err
	}
	return client.Transport, nil
}

// UserInfoURL is the provider's userinfo endpoint, for a Client to ask; "" when it has none.
func (a *Auth) UserInfoURL(ctx context.Context) (string, error) {
	metadata, err := a.provider.Metadata(requestContext(ctx))
	if err != nil {
		return "", translated(err)
	}
	return metadata.UserinfoEndpoint, nil
}

// tokenTransport puts the token into requests.
type tokenTransport struct {
	provider *provider.Provider
	tokens   *provider.Tokens
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.provider.Send(r, t.tokens, t.next)
}

// resourceTransport carries the calls of a Client. It trusts what the calls to the provider trust, and shows the client
// certificate to the provider and to CertificateOrigins alone.
func (a *core) resourceTransport() http.RoundTripper {
	roots, certificate := a.config.idp().RootCAs, a.config.idp().ClientCertificate
	plain := http.DefaultTransport
	if roots != nil {
		plain = resourceTransport(provider.TLSConfig(roots, nil))
	}
	if certificate == nil {
		return plain
	}
	certified := resourceTransport(provider.TLSConfig(roots, certificate))
	return a.provider.Certified(plain, certified, a.config.idp().CertificateOrigins)
}

func resourceTransport(config *tls.Config) http.RoundTripper {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}

// freshTokens returns the kept tokens of the session, fresh enough to be used.
func (req *request) freshTokens(c *gin.Context) (*provider.Tokens, error) {
	s, err := req.ownSession(c)
	if err != nil {
		return nil, err
	}
	if !req.auth.config.KeepTokens {
		return nil, errTokensOff
	}
	if req.tokens == nil {
		if req.tokens, err = req.keptTokens(s); err != nil {
			return nil, err
		}
	}
	switch {
	case req.tokens == nil:
		return nil, ErrNoToken
	case refresh.Usable(req.tokens), req.refreshed && time.Until(req.tokens.Expiry) > 0: // issued for moments only
		return req.tokens, nil
	}
	old := req.tokens
	fresh, err := req.refreshTokens(c, s, old)
	if err != nil && time.Until(old.Expiry) > 0 && !errors.Is(err, ErrUnauthenticated) {
		return old, nil // still good for a moment
	}
	req.tokens, req.refreshed = fresh, err == nil
	return fresh, err
}

// keptTokens opens the tokens of the session; nil, nil when there are none.
func (req *request) keptTokens(s *session.Session) (*provider.Tokens, error) {
	data, err := req.auth.sessions.LoadTokens(req.httpNow(), s)
	if err != nil {
		return nil, translated(err)
	}
	tokens, _ := provider.DecodeTokens(data) // of another version, or none: nil
	return tokens, nil
}

// refreshTokens gets new tokens for old ones and keeps them with the session.
func (req *request) refreshTokens(c *gin.Context, s *session.Session, old *provider.Tokens) (*provider.Tokens, error) {
	a := req.auth
	if err := checkNotWritten(c); err != nil {
		return nil, err
	}
	fresh, err := a.refresher.Refresh(req, &s.Record, old)
	err = translated(err)
	if errors.Is(err, ErrUnauthenticated) { // ended by the provider, or signed out meanwhile
		if err := req.setCookies(c, func(h http.Header) error { return a.sessions.Destroy(h, req.httpNow()) }); err != nil {
			a.emit(req, event{kind: eventCookiesNotDeleted, err: err})
		}
		req.replace(nil)
	}
	if err != nil {
		return nil, err
	}
	switch err := req.setCookies(c, func(h http.Header) error {
		return a.sessions.UpdateTokens(h, req.httpNow(), s, fresh.Encode())
	}); {
	case errors.Is(err, session.ErrGone): // signed out meanwhile, case 170
		a.refresher.Revoke(req, &s.Record, fresh)
		return nil, ErrUnauthenticated
	case err != nil:
		return nil, translated(err)
	}
	return fresh, nil
}

// tokensToRevoke returns the tokens that end with the session of the request, as far as they can be read, and its record.
func (req *request) tokensToRevoke() (*session.Record, *provider.Tokens) {
	a, s := req.auth, req.identity.session
	if s == nil || !a.config.KeepTokens {
		return nil, nil
	}
	tokens, err := req.keptTokens(s)
	if err != nil {
		a.emit(req, event{kind: eventTokensNotRevoked, subject: s.Subject, err: err})
	}
	return &s.Record, tokens
}

// newRefresher connects tokens with their sessions: a refusal of the provider ends the session, and a sign-out in the
// meantime revokes new tokens.
func newRefresher(a *core) *refresh.Refresher {
	return refresh.New(refresh.Config{
		Provider: a.provider, Values: a.values, Audience: a.audience, Timeout: a.config.idp().Timeout, Log: a.log,
		Ended: func(ctx context.Context, r *session.Record) (bool, error) {
			return a.ledger.Ended(ctx, a.ledger.RefOf(r))
		},
		End: func(ctx context.Context, r *session.Record, refusal error) error {
			a.emit(ctx, event{kind: eventRefreshRefused, subject: r.Subject, sid: r.SID, err: refusal})
			return a.endListed(ctx, a.ledger.RefOf(r), SessionEnd{Subject: r.Subject, SID: r.SID, Reason: EndedByRefresh})
		},
		Report: func(ctx context.Context, e refresh.Event, r *session.Record, err error) {
			kind := map[refresh.Event]eventKind{
				refresh.Refreshed: eventTokensRefreshed, refresh.Unchecked: eventRefreshUnchecked,
				refresh.NotShared: eventRefreshNotShared, refresh.NotRevoked: eventTokensNotRevoked,
				refresh.LeaseNotReleased: eventLeaseNotReleased,
			}[e]
			a.emit(ctx, event{kind: kind, subject: r.Subject, sid: r.SID, err: err})
		},
	})
}

// tokensToKeep returns what a session keeps of the tokens of a sign-in, nil for nothing.
func (c *Config) tokensToKeep(tokens *provider.Tokens) []byte {
	if tokens == nil || !c.KeepTokens {
		return nil
	}
	return tokens.Encode()
}
