package fakeop_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// revoke posts to the revocation endpoint as the default client.
func (a *app) revoke(token string, c changes, header http.Header) answer {
	a.t.Helper()
	return a.do(http.MethodPost, a.url(fakeop.Revocation), c.to(url.Values{
		"client_id": {a.id}, "client_secret": {"secret"}, "token": {token},
	}), header)
}

// Revoking a refresh token revokes the whole grant; revoking an access token revokes only that token.
func TestRevocation(t *testing.T) {
	hint := func(kind string) changes { return changes{"token_type_hint": {kind}} }
	type tokens struct{ oldAccess, access, oldRefresh, refresh string }
	refreshToken := func(of tokens) string { return of.refresh }
	accessToken := func(of tokens) string { return of.access }
	tests := map[string]struct {
		token                      func(tokens) string
		changes                    changes
		oldAccess, access, refresh bool // what stays good
	}{
		"refresh token":               {refreshToken, nil, false, false, false},
		"refresh token, with a hint":  {refreshToken, hint("refresh_token"), false, false, false},
		"refresh token, wrong hint":   {refreshToken, hint("access_token"), false, false, false},
		"refresh token, strange hint": {refreshToken, hint("x"), false, false, false},
		"access token":                {accessToken, nil, true, false, true},
		"access token, with a hint":   {accessToken, hint("access_token"), true, false, true},
		"access token, wrong hint":    {accessToken, hint("refresh_token"), true, false, true},
		"older access token":          {func(of tokens) string { return of.oldAccess }, nil, false, true, true},
		"spent refresh token":         {func(of tokens) string { return of.oldRefresh }, nil, true, true, true},
		"unknown token":               {func(tokens) string { return "x" }, nil, true, true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, fakeop.Config{})
			others, _ := a.signIn("alice").tokens()
			var of tokens
			of.oldAccess, of.oldRefresh = a.signIn("alice").tokens()
			of.access, of.refresh = a.refresh(of.oldRefresh).tokens()
			for range 2 { // the second time there is nothing left to do
				if got := a.revoke(tt.token(of), tt.changes, nil); got.StatusCode != 200 || got.text != "" {
					t.Errorf("%d %q", got.StatusCode, got.text)
				}
			}
			for token, good := range map[string]bool{of.oldAccess: tt.oldAccess, of.access: tt.access, others: true} {
				if status := a.userInfo(token).StatusCode; a.idp.Active(token) != good || (status == 200) != good {
					t.Errorf("access token: active %v, userinfo %d, want %v", a.idp.Active(token), status, good)
				}
			}
			if a.idp.Active(of.refresh) != tt.refresh {
				t.Errorf("refresh token active: %v", !tt.refresh)
			}
			if got := a.refresh(of.refresh); (got.StatusCode == 200) != tt.refresh {
				t.Errorf("refresh: %d %s", got.StatusCode, got.text)
			}
		})
	}
}

// Only the client can revoke, by the method it is registered for.
func TestRevocationAuthenticates(t *testing.T) {
	none := changes{"client_id": nil, "client_secret": nil}
	tests := map[string]struct {
		cfg     fakeop.Config
		changes changes
		header  http.Header
		want    string
	}{
		"post":           {},
		"basic":          {changes: none, header: basic("app", "secret")},
		"public":         {cfg: fakeop.Config{Public: true}, changes: changes{"client_secret": nil}},
		"nothing":        {changes: none, want: "invalid_client"},
		"wrong secret":   {changes: changes{"client_secret": {"x"}}, want: "invalid_client"},
		"basic and post": {header: basic("app", "secret"), want: "invalid_request"},
		"no token":       {changes: changes{"token": nil}, want: "invalid_request"},
		"empty token":    {changes: changes{"token": {""}}, want: "invalid_request"},
		"parameter repeated": {
			changes: changes{"token_type_hint": {"access_token", "access_token"}}, want: "invalid_request",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, tt.cfg)
			secret := changes{"code": {a.approve("alice", nil).Get("code")}}
			if tt.cfg.Public {
				secret["client_secret"] = nil
			}
			_, token := a.token(secret, nil).tokens()
			got := a.revoke(token, tt.changes, tt.header)
			got.refused(t, tt.want)
			if active := a.idp.Active(token); active != (tt.want != "") || a.idp.Count(fakeop.Revocation) != 1 {
				t.Errorf("%d %s; active: %v", got.StatusCode, got.text, active)
			}
			if text := strings.ToLower(got.text); strings.Contains(text, strings.ToLower(token)) {
				t.Errorf("the answer has the token: %s", text)
			}
		})
	}
}

func TestRevocationByAssertion(t *testing.T) {
	a := newApp(t, fakeop.Config{ClientAuthMethod: "private_key_jwt", ClientKey: ecKey().Public()})
	c := a.byAssertion()
	c["code"] = []string{a.approve("alice", nil).Get("code")}
	_, token := a.token(c, nil).tokens()
	a.revoke(token, nil, nil).refused(t, "invalid_client")
	if !a.idp.Active(token) {
		t.Fatal("revoked by nobody in particular")
	}
	a.revoke(token, a.byAssertion(), nil).refused(t, "")
	if a.idp.Active(token) {
		t.Error("not revoked")
	}
	metadata := a.get(a.url(fakeop.Discovery)).object
	has(t, metadata, map[string]any{
		"revocation_endpoint":                                   a.url(fakeop.Revocation),
		"revocation_endpoint_auth_methods_supported":            []any{"private_key_jwt"},
		"revocation_endpoint_auth_signing_alg_values_supported": metadata["token_endpoint_auth_signing_alg_values_supported"],
	})
}

// Whatever is posted, no token is revoked except the one that is named, and nothing breaks.
func FuzzRevocation(f *testing.F) {
	f.Add("token=x&client_id=app&client_secret=secret", "")
	f.Add("token=x&token_type_hint=refresh_token", "Basic YXBwOnNlY3JldA==")
	f.Add("token=&token=%zz;token_type_hint", "Basic Og==")
	var a *app
	var token string
	f.Fuzz(func(t *testing.T, body, authorization string) {
		if a == nil { // once, for signing takes time
			a = newApp(t, fakeop.Config{})
			_, token = a.signIn("alice").tokens()
		}
		r, err := http.NewRequest("POST", a.url(fakeop.Revocation), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", strings.Map(printable, authorization))
		resp, err := a.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if status := resp.StatusCode; status != 200 && status != 400 && status != 401 || !a.idp.Active(token) {
			t.Errorf("%q: %s; active: %v", body, resp.Status, a.idp.Active(token))
		}
	})
}
