package fakeop_test

import (
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

const (
	tokenExchange   = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
)

// exchanging returns a valid token exchange request.
func exchanging(token string) changes {
	return changes{
		"grant_type": {tokenExchange}, "code": nil, "code_verifier": nil, "redirect_uri": nil,
		"subject_token": {token}, "subject_token_type": {accessTokenType}, "audience": {"billing"},
	}
}

// TestExchange: a valid access token is exchanged for one of the same user for another API, and nothing else.
func TestExchange(t *testing.T) {
	a := newApp(t, fakeop.Config{JWTAccessTokens: true})
	access, refresh := a.signIn("alice").tokens()
	got := a.token(exchanging(access), nil)
	issued, more := got.tokens()
	claims := part(t, issued, 1)
	if got.StatusCode != 200 || text(got.object, "issued_token_type") != accessTokenType || more != "" ||
		got.object["id_token"] != nil || claims["sub"] != "alice" || claims["aud"] != "billing" {
		t.Errorf("%d %v: %v", got.StatusCode, got.object, claims)
	}
	for name, tt := range map[string]struct {
		token string
		c     changes
		code  string
	}{
		"an unknown token":  {"x", nil, "invalid_request"},
		"a refresh token":   {refresh, nil, "invalid_request"},
		"another type":      {access, changes{"subject_token_type": {"urn:x"}}, "invalid_request"},
		"for another type":  {access, changes{"requested_token_type": {"urn:x"}}, "invalid_request"},
		"more scopes":       {access, changes{"scope": {"admin"}}, "invalid_scope"},
		"relative resource": {access, changes{"resource": {"/api"}}, "invalid_target"},
	} {
		c := exchanging(tt.token)
		for key, value := range tt.c {
			c[key] = value
		}
		if got := a.token(c, nil); got.StatusCode != 400 || text(got.object, "error") != tt.code {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.text)
		}
	}
	public := newApp(t, fakeop.Config{Public: true})
	c := exchanging("x")
	c["client_secret"] = nil
	public.token(c, nil).refused(t, "unauthorized_client")
}

// TestNarrowRefresh: a refresh may ask for fewer scopes and one of the resources. The next refresh token has them all,
// and a request for more does not use up the refresh token.
func TestNarrowRefresh(t *testing.T) {
	a := newApp(t, fakeop.Config{JWTAccessTokens: true})
	const one, two = "https://one.example", "https://two.example"
	code := a.approve("alice", changes{"resource": {one, two}, "scope": {"openid offline_access email"}}).Get("code")
	_, refresh := a.token(changes{"code": {code}}, nil).tokens()
	next := func(c changes) answer {
		all := changes{
			"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "code": nil, "code_verifier": nil, "redirect_uri": nil,
		}
		for key, value := range c {
			all[key] = value
		}
		return a.token(all, nil)
	}
	next(changes{"scope": {"admin"}}).refused(t, "invalid_scope")
	next(changes{"resource": {"https://three.example"}}).refused(t, "invalid_target")
	narrow := next(changes{"scope": {"email"}, "resource": {two}})
	access, refresh2 := narrow.tokens()
	if claims := part(t, access, 1); claims["aud"] != two || claims["scope"] != "email" ||
		text(narrow.object, "scope") != "email" {
		t.Errorf("%v: %v", narrow.object, claims)
	}
	refresh = refresh2
	access, _ = next(nil).tokens()
	if claims := part(t, access, 1); claims["scope"] != "openid offline_access email" {
		t.Errorf("after a narrow one: %v", claims)
	}
}
