package ginoidc

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// Token is an access token of the signed-in user, with which the app calls other services.
type Token struct {
	AccessToken string
	Type        string    // "Bearer" or "DPoP"; only Client can use a DPoP token
	Expiry      time.Time // zero if the provider did not send it
	Scopes      []string  // the granted scopes; nil if the provider did not send them
}

// Token returns the access token of the signed-in user and refreshes it if it is about to expire. It requires
// Config.KeepTokens. Call it before the response is written, because a refreshed token may be kept in a cookie.
//
// Concurrent requests share one refresh, on all instances that share State, so refresh token rotation works. The error
// is [ErrUnauthenticated] if nobody is signed in, or if the provider refuses the refresh, which ends the session;
// [ErrNoToken] if the session has no usable token; and [ErrProviderUnavailable] if the provider does not respond and
// the token has expired, which does not end the session. An unusable response of the provider has the code
// "provider_error" (see [Denial]) and does not end the session either.
func (a *Auth) Token(c *gin.Context) (*Token, error) { return a.TokenFor(c, TokenRequest{}) }

// Client returns a client whose requests carry the user's access token, as a bearer token or with a DPoP proof. Use it
// only during this request, and only for hosts that may have the token, over https or on loopback. It presents
// Provider.ClientCertificate to the provider and to Provider.CertificateOrigins. It follows redirects as http.Client
// does, but sends neither token nor certificate to another origin. The errors are those of [Auth.Token].
func (a *Auth) Client(c *gin.Context) (*http.Client, error) { return a.ClientFor(c, TokenRequest{}) }

// Transport returns the Transport of [Auth.Client], for code with its own client, such as a
// [net/http/httputil.ReverseProxy] in front of another API. A proxy has to remove the app's cookies from the requests
// that it forwards. The errors are those of [Auth.Token].
func (a *Auth) Transport(c *gin.Context) (http.RoundTripper, error) {
	client, err := a.Client(c)
	if err != nil {
		return nil, err
	}
	return client.Transport, nil
}

// UserInfoURL returns the provider's userinfo endpoint, to which [Auth.Client] can send requests, or "" if there is
// none. The error is [ErrProviderUnavailable] if the provider's metadata cannot be fetched.
func (a *Auth) UserInfoURL(ctx context.Context) (string, error) {
	rp := a.providers.Only()
	if req := requestIn(ctx, a.core); rp == nil && req != nil {
		if s, err := req.ownSession(ctx); err == nil {
			rp = relyingPartyOf(&s.Record)
		}
	}
	if rp == nil {
		return "", errNoProvider
	}
	metadata, err := rp.Client.Metadata(requestContext(ctx))
	if err != nil {
		return "", translated(err)
	}
	return metadata.UserinfoEndpoint, nil
}

// tokenTransport adds the token to requests.
type tokenTransport struct {
	provider *provider.Provider
	tokens   *provider.Tokens
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.provider.Send(r, t.tokens, t.next)
}

// resourceTransport returns the transport of a Client. It trusts the same roots as calls to the provider, and presents
// the client certificate only to the provider and to CertificateOrigins.
func (rp *relyingParty) resourceTransport() http.RoundTripper {
	roots, certificate := rp.settings.RootCAs, rp.settings.ClientCertificate
	plain := http.DefaultTransport
	if roots != nil {
		plain = resourceTransport(provider.TLSConfig(roots, nil))
	}
	if certificate == nil {
		return plain
	}
	certified := resourceTransport(provider.TLSConfig(roots, certificate))
	return rp.Client.Certified(plain, certified, rp.settings.CertificateOrigins)
}

// resourceTransport returns a transport with this TLS configuration and the timeouts of http.DefaultTransport.
func resourceTransport(config *tls.Config) http.RoundTripper {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}

// freshTokens returns the kept tokens of the session, refreshed if they are about to expire.
func (req *request) freshTokens(c *gin.Context) (*provider.Tokens, error) {
	s, err := req.ownSession(c)
	if err != nil {
		return nil, err
	}
	if err := req.loadTokens(s); err != nil {
		return nil, err
	}
	switch {
	case refresh.Usable(req.tokens), req.refreshed && time.Until(req.tokens.Expiry) > 0:
		// A token that expires within moments of its refresh is not refreshed again.
		return req.tokens, nil
	}
	old := req.tokens
	fresh, err := req.refreshTokens(c, s, old)
	if err != nil && time.Until(old.Expiry) > 0 && !errors.Is(err, ErrUnauthenticated) {
		return old, nil // still valid for a moment
	}
	req.tokens, req.refreshed = fresh, err == nil
	return fresh, err
}

// loadTokens makes the kept tokens of the session those of the request.
func (req *request) loadTokens(s *session.Session) (err error) {
	if !req.auth.config.KeepTokens {
		return errTokensOff
	}
	if req.tokens == nil {
		if req.tokens, err = req.keptTokens(s); err == nil && req.tokens == nil {
			err = ErrNoToken
		}
	}
	return err
}

// keptTokens returns the tokens of the session; nil, nil if there are none.
func (req *request) keptTokens(s *session.Session) (*provider.Tokens, error) {
	data, err := req.auth.sessions.LoadTokens(req.httpNow(), s)
	if err != nil {
		return nil, translated(err)
	}
	tokens, _ := provider.DecodeTokens(data) // nil if there are none or another version wrote them
	return tokens, nil
}

// refreshTokens refreshes the tokens and keeps the new ones with the session.
func (req *request) refreshTokens(c *gin.Context, s *session.Session, old *provider.Tokens) (*provider.Tokens, error) {
	if err := checkNotWritten(c); err != nil {
		return nil, err
	}
	fresh, err := relyingPartyOf(&s.Record).refresher.Refresh(req, &s.Record, old)
	if err != nil {
		return nil, req.refreshFailed(c, err)
	}
	return fresh, req.updateTokens(c, s, fresh)
}

// refreshFailed deletes the session's cookies if it has ended: the provider refused the refresh, or the user has signed
// out in the meantime.
func (req *request) refreshFailed(c *gin.Context, err error) error {
	a, err := req.auth, translated(err)
	if errors.Is(err, ErrUnauthenticated) {
		if err := req.setCookies(c, func(h http.Header) error { return a.sessions.Destroy(h, req.httpNow()) }); err != nil {
			a.emit(req, events.Event{Kind: events.CookiesNotDeleted, Err: err})
		}
		req.replace(nil)
	}
	return err
}

// updateTokens keeps fresh with the session.
func (req *request) updateTokens(c *gin.Context, s *session.Session, fresh *provider.Tokens) error {
	err := req.setCookies(c, func(h http.Header) error {
		return req.auth.sessions.UpdateTokens(h, req.httpNow(), s, fresh.Encode())
	})
	if errors.Is(err, session.ErrGone) { // the user has signed out in the meantime
		relyingPartyOf(&s.Record).refresher.Revoke(req, &s.Record, fresh)
		return ErrUnauthenticated
	}
	return translated(err)
}

// tokensToRevoke returns the tokens to revoke when s, the session of the browser, ends, if they can be read, and its
// record.
func (req *request) tokensToRevoke(s *session.Session) (*session.Record, *provider.Tokens) {
	a := req.auth
	if s == nil || !a.config.keepsTokens() {
		return nil, nil
	}
	tokens, err := req.keptTokens(s)
	if err != nil {
		a.emit(req, events.Event{Kind: events.TokensNotRevoked, Subject: s.Subject, Err: err})
	}
	return &s.Record, tokens
}

// revoke revokes tokens of a session that has ended, if there are any.
func (req *request) revoke(of *session.Record, tokens *provider.Tokens) {
	if tokens != nil {
		relyingPartyOf(of).refresher.Revoke(req, of, tokens)
	}
}

// newRefresher connects the refresher with sessions: if the provider refuses a refresh, the session ends, and if the
// user signs out during a refresh, the new tokens are revoked.
func newRefresher(rp *relyingParty, values shared.Values, lifetime time.Duration) *refresh.Refresher {
	return refresh.New(refresh.Config{
		Provider: rp.Client, Values: values, Audience: rp.Audience, Timeout: rp.settings.Timeout, Log: rp.log,
		Lifetime: lifetime,
		Ended: func(ctx context.Context, r *session.Record) (bool, error) {
			return rp.ledger.Ended(ctx, rp.ledger.RefOf(r))
		},
		End: func(ctx context.Context, r *session.Record, refusal error) error {
			rp.emit(ctx, events.Event{Kind: events.RefreshRefused, Subject: r.Subject, SID: r.SID, Err: refusal})
			return rp.ledger.End(ctx, r, string(EndedByRefresh))
		},
		Report: func(ctx context.Context, e refresh.Event, r *session.Record, err error) {
			kind := map[refresh.Event]events.Kind{
				refresh.Refreshed: events.TokensRefreshed, refresh.Unchecked: events.RefreshUnchecked,
				refresh.NotShared: events.RefreshNotShared, refresh.NotRevoked: events.TokensNotRevoked,
				refresh.LeaseNotReleased: events.LeaseNotReleased,
			}[e]
			rp.emit(ctx, events.Event{Kind: kind, Subject: r.Subject, SID: r.SID, Err: err})
		},
	})
}

// tokensToKeep returns the tokens of a sign-in in the form in which a session keeps them, or nil if it keeps none.
func (c *Config) tokensToKeep(tokens *provider.Tokens) []byte {
	if tokens == nil || !c.keepsTokens() {
		return nil
	}
	return tokens.Encode()
}
