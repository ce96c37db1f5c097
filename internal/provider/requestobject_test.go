package provider_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

func signing(key *provider.PrivateKey) func(*provider.Config) {
	return func(c *provider.Config) { c.SignRequests, c.ClientKey = true, key }
}

// RFC 9101 section 5: the whole request is in the request object, and the plain parameters agree with it.
func TestSignedAuthorizationURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKey(t)
		op := newOP(t)
		op.serve(discoveryPath, document(object{"authorization_endpoint": issuer + "/a?tenant=x"}))
		p := op.client(signing(parsed(t, key, "", "mine")), func(c *provider.Config) { c.ResponseMode = "form_post" })
		request := provider.AuthRequest{State: "st", Nonce: "no", Verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
			Params: url.Values{"prompt": {"login"}, "max_age": {"600"}}}
		seen := map[string]bool{}
		for range 2 {
			got, err := p.AuthorizationURL(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			u, _ := url.Parse(got)
			query := u.Query()
			token := query.Get("request")
			want := url.Values{"tenant": {"x"}, "client_id": {clientID}, "response_type": {"code"}, "scope": {"openid profile"},
				"request": {token}}
			if !reflect.DeepEqual(query, want) {
				t.Errorf("got %v", query)
			}
			header, claims := opened(t, token, "ES256", key.Public())
			if !reflect.DeepEqual(header, object{"alg": "ES256", "kid": "mine", "typ": "oauth-authz-req+jwt"}) {
				t.Errorf("header %v", header)
			}
			seen[claims["jti"].(string)] = true
			rest := wantOwnClaims(t, claims) // no sub: RFC 9101 section 10.8
			if want := (object{"client_id": clientID, "response_type": "code", "response_mode": "form_post",
				"scope":        "openid profile",
				"redirect_uri": "https://app.example/auth/callback", "state": "st", "nonce": "no", "code_challenge_method": "S256",
				"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "prompt": "login", "max_age": 600.0,
			}); !reflect.DeepEqual(rest, want) {
				t.Errorf("claims %v", rest)
			}
		}
		if len(seen) != 2 {
			t.Error("the same request object twice")
		}
	})
}

// Values have the types of the specifications; what is not such a value, or is a claim of the object itself, is
// refused.
func TestRequestObjectClaims(t *testing.T) {
	key := newKey(t)
	p := newOP(t).client(signing(parsed(t, key, "", "")))
	asked := object{"id_token": object{"acr": object{"essential": true, "value": 1e20}}}
	for name, test := range map[string]struct {
		values []string
		want   any
	}{
		"max_age":  {[]string{"0"}, 0.0},
		"max_age ": {[]string{"007"}, "007"},
		"MAX_AGE":  {[]string{"600"}, "600"},
		"resource": {[]string{"https://a.example", "https://b.example"},
			[]any{"https://a.example", "https://b.example"}},
		"audience":      {[]string{"https://a.example"}, "https://a.example"},
		"claims":        {[]string{`{"id_token":{"acr":{"essential":true,"value":1e20}}}`}, asked},
		"login_hint":    {[]string{`<a&b>"` + "\u2028"}, `<a&b>"` + "\u2028"},
		"ui_locales":    {[]string{""}, ""},
		"nonce":         {[]string{"1"}, "1"},
		"acr_values":    {[]string{`{"a":1}`}, `{"a":1}`},
		"id_token_hint": {[]string{"600"}, "600"},
	} {
		token, err := p.SignRequest(url.Values{name: test.values})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, claims := opened(t, token, "ES256", key.Public())
		if !reflect.DeepEqual(claims[name], test.want) {
			t.Errorf("%s is %#v, want %#v", name, claims[name], test.want)
		}
	}
	for _, bad := range [][2]string{
		{"max_age", "soon"}, {"max_age", "-1"}, {"max_age", ""}, {"max_age", "1e3"}, {"max_age", "2147483648"},
		{"claims", "null"}, {"claims", "[]"}, {"claims", ""}, {"claims", `{"a":1,"a":2}`}, {"claims", `{} {}`},
		// cases 6, 80
		{"iss", "x"}, {"aud", "x"}, {"sub", clientID}, {"exp", "99999999999"}, {"nbf", "0"}, {"iat", "0"}, {"jti", "x"},
	} {
		_, err := p.SignRequest(url.Values{bad[0]: {bad[1]}})
		if err == nil {
			t.Errorf("signed %s=%s", bad[0], bad[1])
			continue
		}
		wantError(t, err, provider.Misconfigured, "parameter_conflict")
		contains(t, err.Error(), `"`+bad[0]+`"`)
	}
}

// A client that cannot sign sends no request, and none is sent unsigned.
func TestRequestsAreNotSentUnsigned(t *testing.T) {
	for name, key := range map[string]*provider.PrivateKey{"no key": nil,
		"a key for decryption": parsed(t, newKey(t), "ECDH-ES", "")} {
		got, err := newOP(t).client(signing(key)).AuthorizationURL(t.Context(),
			provider.AuthRequest{State: "s", Nonce: "n", Verifier: "v"})
		if wantError(t, err, provider.Misconfigured, "client_key"); got != "" {
			t.Errorf("%s: %s", name, got)
		}
		contains(t, err.Error(), "no key to sign with")
	}
}

// RFC 9101 section 10.8: neither of the two JWTs can be used as the other.
func TestRequestObjectIsNoAssertion(t *testing.T) {
	key := newKey(t)
	op := newOP(t)
	p := op.client(signing(parsed(t, key, "", "")), func(c *provider.Config) { c.AuthMethod = "private_key_jwt" })
	var assertion string
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		assertion = r.PostForm.Get("client_assertion")
		textAnswer(200, "application/json", goodAnswer+"}")(w, r)
	})
	if _, err := p.Exchange(t.Context(), "c", "v"); err != nil {
		t.Fatal(err)
	}
	request, err := p.SignRequest(url.Values{"scope": {"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	header, claims := opened(t, request, "ES256", key.Public())
	otherHeader, otherClaims := opened(t, assertion, "ES256", key.Public())
	if _, sub := claims["sub"]; sub || otherClaims["sub"] != clientID ||
		strings.EqualFold(header["typ"].(string), otherHeader["typ"].(string)) {
		t.Errorf("%v %v, %v %v", header, claims, otherHeader, otherClaims)
	}
}
