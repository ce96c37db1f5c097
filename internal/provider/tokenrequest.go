package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	opExchange = "token exchange"

	grantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeAccessToken    = "urn:ietf:params:oauth:token-type:access_token"
)

// ErrNotGranted means that the grant of the user does not cover an access token, or has ended: the provider does not
// say which.
var ErrNotGranted = errors.New("the grant does not cover this access token, or has ended")

// TokenRequest describes an access token that is not that of the sign-in.
type TokenRequest struct {
	Resource string   // the URI of the API (RFC 8707 section 2); "" for the default one
	Audience string   // the name of the API at the provider (RFC 8693 section 2.1), for an exchange only
	Scopes   []string // empty: the provider decides
}

// form returns the parameters of the token request.
func (r TokenRequest) form() url.Values {
	form := url.Values{}
	for name, value := range map[string]string{
		"resource": r.Resource, "audience": r.Audience, "scope": strings.Join(r.Scopes, " "),
	} {
		if value != "" {
			form.Set(name, value)
		}
	}
	return form
}

// Key returns a text that two requests share only if they ask for the same token.
func (r TokenRequest) Key() string {
	r.Scopes = slices.Compact(slices.Sorted(slices.Values(r.Scopes)))
	return r.form().Encode()
}

// RefreshFor redeems the refresh token of old for another access token, as [Provider.Refresh] does for a new one of the
// same kind, with the same duties of the caller. It returns that token alone, and old with the refresh token that is
// now valid.
//
// A provider that refuses with invalid_grant may only mean this access token, so the error is ErrNotGranted and not
// ErrRefused, with which the session ends.
func (p *Provider) RefreshFor(
	ctx context.Context, old *Tokens, subject string, want TokenRequest,
) (token, kept *Tokens, err error) {
	fresh, _, err := p.refresh(ctx, old, subject, want)
	if refusal := (*Error)(nil); errors.As(err, &refusal) && refusal.Code == "invalid_grant" {
		return nil, nil, errors.Join(ErrNotGranted, refusal.Err)
	}
	if err != nil {
		return nil, nil, err
	}
	renewed := *old
	renewed.RefreshToken = fresh.RefreshToken
	if renewed.RefreshToken != old.RefreshToken {
		renewed.Generation++
	}
	return fresh.alone(), &renewed, nil
}

// ExchangeToken exchanges the access token of subject for one with which this client acts for the same user at another
// API (RFC 8693). The new token is bound to the key of subject, or to a new one if this client uses DPoP. Whatever the
// reason for which the provider refuses, it is no ErrRefused.
func (p *Provider) ExchangeToken(ctx context.Context, subject *Tokens, want TokenRequest) (*Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	key := subject.key
	if key == nil {
		if key, err = p.newKey(); err != nil {
			return nil, err
		}
	}
	form := want.form()
	form.Set("grant_type", grantTokenExchange)
	form.Set("subject_token", subject.AccessToken)
	form.Set("subject_token_type", typeAccessToken)
	form.Set("requested_token_type", typeAccessToken)
	a, err := p.postProved(ctx, opExchange, metadata.TokenEndpoint, form, key, subject.AccessToken)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		refusal := p.refused(ctx, opExchange, a)
		refusal.Kind = Invalid
		return nil, refusal
	}
	tokens, doc, err := readTokens(opExchange, a, key, time.Now())
	if err != nil {
		return nil, err
	}
	if issued, err := doc.text("issued_token_type"); err != nil || issued != typeAccessToken {
		return nil, invalid(opExchange, "bad_token_type", "issued_token_type is %s", excerpt(issued))
	}
	return tokens.alone(), nil
}

// alone returns the access token without what belongs to the sign-in.
func (t *Tokens) alone() *Tokens {
	return &Tokens{AccessToken: t.AccessToken, TokenType: t.TokenType, Scope: t.Scope, Expiry: t.Expiry, key: t.key}
}
