package provider_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const accessType = "urn:ietf:params:oauth:token-type:access_token"

// forms records the token requests, and answers them.
func forms(op *scriptedOP, seen *[]url.Values, status int, answer object) {
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			op.t.Error(err)
		}
		*seen = append(*seen, r.PostForm)
		jsonAnswer(status, answer)(w, r)
	})
}

// TestRefreshFor: the refresh token of a session brings a token for another API, and only what a session needs is kept.
// A refusal may mean that API alone, so it does not end the session.
func TestRefreshFor(t *testing.T) {
	want := provider.TokenRequest{Resource: "https://api.example", Scopes: []string{"read", "write"}}
	for name, tt := range map[string]struct {
		status     int
		answer     object
		kept       string // the refresh token
		generation uint64
		err        error
		code       string
	}{
		"the same refresh token": {200, refreshAnswer(nil), "rt/1 +", 0, nil, ""},
		"another one":            {200, refreshAnswer(object{"refresh_token": "rt2"}), "rt2", 1, nil, ""},
		"not granted":            {400, object{"error": "invalid_grant"}, "", 0, provider.ErrNotGranted, ""},
		"another refusal":        {400, object{"error": "invalid_client"}, "", 0, nil, "invalid_client"},
		"no token":               {200, object{"token_type": "Bearer"}, "", 0, nil, "no_access_token"},
	} {
		t.Run(name, func(t *testing.T) {
			op, seen := newOP(t), []url.Values(nil)
			forms(op, &seen, tt.status, tt.answer)
			old := oldTokens()
			token, kept, err := op.client().RefreshFor(t.Context(), old, "alice", want)
			if len(seen) != 1 || seen[0].Get("grant_type") != "refresh_token" || seen[0].Get("scope") != "read write" ||
				seen[0].Get("resource") != "https://api.example" || seen[0].Has("audience") {
				t.Errorf("sent %v", seen)
			}
			if tt.kept == "" {
				failed := (*provider.Error)(nil)
				if token != nil || kept != nil || err == nil || errors.Is(err, provider.ErrNotGranted) != (tt.err != nil) ||
					tt.err != nil && errors.Is(err, provider.ErrRefused) ||
					tt.code != "" && (!errors.As(err, &failed) || failed.Code != tt.code) {
					t.Errorf("%v, %v, %v", token, kept, err)
				}
				return
			}
			if err != nil || token.AccessToken != "at2" || token.Scope != "read write" || token.RefreshToken != "" ||
				token.Nonce != "" {
				t.Errorf("%+v, %v", token, err)
			}
			if kept.RefreshToken != tt.kept || kept.AccessToken != "at1" || kept.Nonce != nonce ||
				kept.Generation != tt.generation {
				t.Errorf("kept %+v", kept)
			}
			if old.RefreshToken != "rt/1 +" {
				t.Error("the old tokens have changed")
			}
		})
	}
}

// TestTokenRequestKey: requests for the same token have one key, whatever the order of the scopes.
func TestTokenRequestKey(t *testing.T) {
	one := provider.TokenRequest{Resource: "r", Scopes: []string{"b", "a", "b"}}
	for _, tt := range []struct {
		request provider.TokenRequest
		same    bool
	}{
		{provider.TokenRequest{Resource: "r", Scopes: []string{"a", "b"}}, true},
		{provider.TokenRequest{Audience: "r", Scopes: []string{"a", "b"}}, false},
		{provider.TokenRequest{Resource: "r", Scopes: []string{"a"}}, false},
		{provider.TokenRequest{}, false},
	} {
		if same := one.Key() == tt.request.Key(); same != tt.same {
			t.Errorf("%+v: %t", tt.request, same)
		}
	}
	if one.Scopes[0] != "b" {
		t.Error("the scopes of the caller have changed")
	}
}

// TestExchangeToken: the token of the sign-in is exchanged for one of another API (RFC 8693), bound as it is. No
// refusal ends the session.
func TestExchangeToken(t *testing.T) {
	exchanged := func(change object) object {
		return merge(object{"access_token": "at2", "token_type": "Bearer", "issued_token_type": accessType}, change)
	}
	for name, tt := range map[string]struct {
		status int
		answer object
		kind   provider.Kind
		code   string // "": accepted
	}{
		"exchanged":      {200, exchanged(object{"refresh_token": "rt", "scope": "read"}), 0, ""},
		"refused":        {400, object{"error": "invalid_grant"}, provider.Invalid, "invalid_grant"},
		"overloaded":     {503, nil, provider.Unavailable, "provider_status"},
		"no token":       {200, exchanged(object{"access_token": nil}), provider.Invalid, "no_access_token"},
		"no type":        {200, exchanged(object{"issued_token_type": nil}), provider.Invalid, "bad_token_type"},
		"a refresh one":  {200, exchanged(object{"issued_token_type": accessType + "x"}), provider.Invalid, "bad_token_type"},
		"no text":        {200, exchanged(object{"issued_token_type": 1}), provider.Invalid, "bad_token_type"},
		"bound to a key": {200, exchanged(object{"token_type": "DPoP"}), provider.Invalid, "bad_token_type"},
	} {
		t.Run(name, func(t *testing.T) {
			op, seen := newOP(t), []url.Values(nil)
			forms(op, &seen, tt.status, tt.answer)
			want := provider.TokenRequest{Audience: "api", Scopes: []string{"read"}}
			got, err := op.client().ExchangeToken(t.Context(), bearer(), want)
			if sent := (url.Values{
				"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {"at"},
				"subject_token_type": {accessType}, "requested_token_type": {accessType}, "audience": {"api"}, "scope": {"read"},
			}); len(seen) != 1 || seen[0].Encode() != sent.Encode() {
				t.Errorf("sent %v", seen)
			}
			if tt.code != "" {
				wantError(t, err, tt.kind, tt.code)
			} else if err != nil || got.AccessToken != "at2" || got.RefreshToken != "" || got.Scope != "read" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	op := newOP(t)
	op.serve(discoveryPath, textAnswer(503, "", ""))
	_, err := op.client().ExchangeToken(t.Context(), bearer(), provider.TokenRequest{})
	wantError(t, err, provider.Unavailable, "provider_status")
	op = newOP(t)
	op.serve(tokenPath, textAnswer(302, "", ""))
	_, err = op.client().ExchangeToken(t.Context(), bearer(), provider.TokenRequest{})
	wantError(t, err, provider.Invalid, "redirect")
}

// TestExchangedTokenIsBound to the key of the sign-in, or to a new one if that has none.
func TestExchangedTokenIsBound(t *testing.T) {
	op := newOP(t)
	var keys []string
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, fmt.Sprint(proof(t, r)["jwk"]))
		jsonAnswer(200, object{
			"access_token": "at", "token_type": "DPoP", "id_token": "x.y.z", "issued_token_type": accessType,
		})(w, r)
	})
	p := op.client(dpop)
	bound, err := p.Exchange(t.Context(), "c", "v")
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []*provider.Tokens{bound, bearer()} {
		got, err := p.ExchangeToken(t.Context(), subject, provider.TokenRequest{})
		if err != nil || got.TokenType != "DPoP" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if len(keys) != 3 || keys[1] != keys[0] || keys[2] == keys[0] {
		t.Errorf("proofs by %q", keys)
	}
}
