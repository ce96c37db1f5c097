package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// Token is an access token of the signed-in user, with which the app calls other services.
type Token struct {
	AccessToken string
	Type        string    // "Bearer" or "DPoP"; only Client can use a DPoP token
	Expiry      time.Time // zero if the provider did not send it
	Scopes      []string  // the granted scopes; nil if the provider did not send them
}

// TokenRequest describes an access token for one of several APIs, each of which then gets a token that is of no use at
// the others. The zero value describes the access token of the sign-in.
type TokenRequest struct {
	// Resource is the URI of the API (RFC 8707). Example: "https://api.example.com". Most providers want it in
	// Provider.SignInParameters too, which may contain several.
	Resource string

	// Scopes is what the token may be used for: a part of Provider.Scopes. Default: what the provider decides.
	Scopes []string

	// Exchange gets the token by token exchange (RFC 8693) and not with the refresh token of the session. So it also works
	// for a request that an access token authenticates, which the app exchanges to act for the same user at the next API.
	Exchange bool

	// Audience is the name of the API at a provider that uses names and not URIs. Example: the client id of the API at
	// Keycloak. Refused: without Exchange.
	Audience string
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

// TokenFor is [Auth.Token] for another access token. It is kept in State until it expires, and concurrent requests on
// all instances share one call to the provider. A token that State cannot keep is logged and requested again each time.
//
// [ErrNoToken] also means that the user's grant does not cover the token. If the provider refuses an exchange, or does
// not know the resource, the code is "provider_error" (see [Denial]). Neither ends the session.
func (a *Auth) TokenFor(c *gin.Context, want TokenRequest) (*Token, error) {
	tokens, _, err := a.requestOf(c).tokensFor(c, want)
	if err != nil {
		return nil, err
	}
	return &Token{tokens.AccessToken, tokens.TokenType, tokens.Expiry, strings.Fields(tokens.Scope)}, nil
}

// ClientFor is [Auth.Client] with the access token of [Auth.TokenFor].
//
//	client, err := auth.ClientFor(c, ginoidc.TokenRequest{Resource: "https://calendar.example.com"})
func (a *Auth) ClientFor(c *gin.Context, want TokenRequest) (*http.Client, error) {
	tokens, rp, err := a.requestOf(c).tokensFor(c, want)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: rp.Client.Transport(tokens, rp.resources)}, nil
}

// errTokenRequest is a TokenRequest that no provider can fulfill: a mistake in the code of the app.
var errTokenRequest = outcome.Misuse("ginoidc: TokenRequest")

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

// tokensFor returns an access token for this user, and the provider that issued it.
func (req *request) tokensFor(c *gin.Context, want TokenRequest) (*provider.Tokens, *relyingParty, error) {
	of := provider.TokenRequest{Resource: want.Resource, Audience: want.Audience, Scopes: want.Scopes}
	if problem := settings.TokenRequestProblem(of, want.Exchange); problem != "" {
		return nil, nil, fmt.Errorf("%w: %s", errTokenRequest, problem)
	}
	if want.Exchange {
		return req.exchangedTokens(c, of)
	}
	s, err := req.ownSession(c)
	if err != nil {
		return nil, nil, err
	}
	tokens, err := req.sessionTokens(c, s, of)
	return tokens, relyingPartyOf(&s.Record), err
}

// sessionTokens returns an access token that the kept tokens of the session are or give. If the session has ended, its
// cookies are deleted: the provider refused the refresh, or the user has signed out in the meantime.
func (req *request) sessionTokens(
	c *gin.Context, s *session.Session, want provider.TokenRequest,
) (tokens *provider.Tokens, err error) {
	a, refresher := req.auth, relyingPartyOf(&s.Record).refresher
	if !a.config.KeepTokens {
		return nil, errTokensOff
	}
	carrier := refresh.Carrier{
		Sessions: a.sessions, Session: s, Request: req.httpNow(),
		Set:      func(set func(http.Header) error) error { return req.setCookies(c, set) },
		Writable: func() error { return checkNotWritten(c) },
	}
	if want.Resource == "" && len(want.Scopes) == 0 {
		tokens, err = req.kept.Fresh(req, refresher, carrier)
	} else {
		tokens, err = req.kept.For(req, refresher, carrier, want)
	}
	switch err = translated(err); {
	case errors.Is(err, session.ErrGone):
		return nil, ErrUnauthenticated
	case errors.Is(err, ErrUnauthenticated):
		if err := req.setCookies(c, func(h http.Header) error { return a.sessions.Destroy(h, req.httpNow()) }); err != nil {
			a.emit(req, events.Event{Kind: events.CookiesNotDeleted, Err: err})
		}
		req.replace(nil)
	}
	return tokens, err
}

// exchangedTokens exchanges the access token of the session, or the one that authenticates the request.
func (req *request) exchangedTokens(
	c *gin.Context, want provider.TokenRequest,
) (*provider.Tokens, *relyingParty, error) {
	id, err := req.identify(c)
	if err != nil {
		return nil, nil, err
	}
	var rp *relyingParty
	var subject *provider.Tokens
	if by := id.access; by != nil {
		rp, subject = by.rp, &provider.Tokens{AccessToken: by.raw}
	} else {
		s, err := id.ownSession()
		if err != nil {
			return nil, nil, err
		}
		rp = relyingPartyOf(&s.Record)
		if subject, err = req.sessionTokens(c, s, provider.TokenRequest{}); err != nil {
			return nil, nil, err
		}
	}
	tokens, err := rp.refresher.Exchange(req, subject, want)
	return tokens, rp, translated(err)
}

// tokensToRevoke returns the tokens to revoke when s, the session of the browser, ends, if they can be read, and its
// record.
func (req *request) tokensToRevoke(s *session.Session) (*session.Record, *provider.Tokens) {
	a := req.auth
	if s == nil || !a.config.keepsTokens() {
		return nil, nil
	}
	tokens, err := refresh.Load(a.sessions, req.httpNow(), s)
	if err != nil {
		a.emit(req, events.Event{Kind: events.TokensNotRevoked, Subject: s.Subject, Err: translated(err)})
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
		Provider: rp.Client, Values: values, Audience: rp.Audience, Name: rp.settings.Name, Timeout: rp.settings.Timeout,
		Lifetime: lifetime, Log: rp.log,
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
