package ginoidc

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

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

// errTokenRequest is a TokenRequest that no provider can fulfill: a mistake in the code of the app.
var errTokenRequest = outcome.Misuse("ginoidc: TokenRequest")

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
	return &http.Client{Transport: &tokenTransport{rp.Client, tokens, rp.resources}}, nil
}

// check returns an error for a request that no provider can fulfill.
func (r TokenRequest) check() error {
	resource, err := url.Parse(r.Resource)
	switch {
	case r.Resource != "" && (err != nil || !resource.IsAbs() || strings.Contains(r.Resource, "#")):
		return fmt.Errorf("%w: Resource is not an absolute URI without a fragment", errTokenRequest)
	case slices.ContainsFunc(r.Scopes, func(s string) bool { return !settings.IsScopeToken(s) }):
		return fmt.Errorf("%w: Scopes are not single words", errTokenRequest)
	case r.Audience != "" && !r.Exchange:
		return fmt.Errorf("%w: Audience is set without Exchange", errTokenRequest)
	case r.Exchange && r.Resource == "" && r.Audience == "" && len(r.Scopes) == 0:
		return fmt.Errorf("%w: Exchange names neither an API nor scopes", errTokenRequest)
	}
	return nil
}

// tokensFor returns an access token for this user, and the provider that issued it.
func (req *request) tokensFor(c *gin.Context, want TokenRequest) (*provider.Tokens, *relyingParty, error) {
	if err := want.check(); err != nil {
		return nil, nil, err
	}
	if want.Exchange {
		return req.exchangedTokens(c, want)
	}
	s, err := req.ownSession(c)
	if err != nil {
		return nil, nil, err
	}
	rp := relyingPartyOf(&s.Record)
	if want.Resource == "" && len(want.Scopes) == 0 {
		tokens, err := req.freshTokens(c)
		return tokens, rp, err
	}
	tokens, err := req.requestedTokens(c, rp, s, want.ofProvider())
	return tokens, rp, err
}

// ofProvider returns the parameters of the request to the provider.
func (r TokenRequest) ofProvider() provider.TokenRequest {
	return provider.TokenRequest{Resource: r.Resource, Audience: r.Audience, Scopes: r.Scopes}
}

// requestedTokens returns an access token that the refresh token of the session gives, and keeps the new refresh token
// with the session.
func (req *request) requestedTokens(
	c *gin.Context, rp *relyingParty, s *session.Session, want provider.TokenRequest,
) (*provider.Tokens, error) {
	if err := req.loadTokens(s); err != nil {
		return nil, err
	}
	if token, err := rp.refresher.Kept(req, &s.Record, want); token != nil || err != nil {
		return token, translated(err)
	}
	if err := checkNotWritten(c); err != nil {
		return nil, err
	}
	token, tokens, err := rp.refresher.For(req, &s.Record, req.tokens, want)
	if err != nil {
		return nil, req.refreshFailed(c, err)
	}
	if tokens != nil && *tokens != *req.tokens {
		if err := req.updateTokens(c, s, tokens); err != nil {
			return nil, err
		}
		req.tokens = tokens
	}
	return token, nil
}

// exchangedTokens exchanges the access token of the session, or the one that authenticates the request.
func (req *request) exchangedTokens(c *gin.Context, want TokenRequest) (*provider.Tokens, *relyingParty, error) {
	id, err := req.identify(c)
	if err != nil {
		return nil, nil, err
	}
	rp, subject, err := req.tokensToExchange(c, id)
	if err != nil {
		return nil, nil, err
	}
	tokens, err := rp.refresher.Exchange(req, subject, want.ofProvider())
	return tokens, rp, translated(err)
}

// tokensToExchange returns the tokens of the user, and the provider that issued them.
func (req *request) tokensToExchange(c *gin.Context, id identity) (*relyingParty, *provider.Tokens, error) {
	if by := id.access; by != nil {
		return by.rp, &provider.Tokens{AccessToken: by.raw}, nil
	}
	s, err := id.ownSession()
	if err != nil {
		return nil, nil, err
	}
	tokens, err := req.freshTokens(c)
	return relyingPartyOf(&s.Record), tokens, err
}
