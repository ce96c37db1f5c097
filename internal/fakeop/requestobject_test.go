package fakeop_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// A request object is accepted only if everything about it is valid (RFC 9101, 6), at both endpoints.
func TestRequestObject(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix() // in a bubble
	const invalid = "invalid_request_object"
	tests := map[string]struct {
		claims, header object
		key            any
		alg            jose.SignatureAlgorithm
		outside        changes
		want           string
	}{
		"right":              {},
		"typed":              {header: object{"typ": "oauth-authz-req+jwt"}},
		"typed JWT":          {header: object{"typ": "JWT"}},
		"an hour":            {claims: object{"nbf": now - 3599, "exp": now + 1}},
		"a whole hour ahead": {claims: object{"exp": now + 3600}},
		"others are ignored": {
			outside: changes{"scope": {"x"}, "state": {"x"}, "redirect_uri": {"https://evil.example"}, "code_challenge": nil},
		},

		"no nbf":             {claims: object{"nbf": nil}, want: invalid},
		"nbf in the future":  {claims: object{"nbf": now + 1}, want: invalid},
		"nbf long ago":       {claims: object{"nbf": now - 3601, "exp": now + 1}, want: invalid},
		"no exp":             {claims: object{"exp": nil}, want: invalid},
		"expired":            {claims: object{"exp": now}, want: invalid},
		"over an hour ahead": {claims: object{"exp": now + 3601}, want: invalid},
		"over an hour long":  {claims: object{"nbf": now - 1800, "exp": now + 1801}, want: invalid},
		"iat in the future":  {claims: object{"iat": now + 1}, want: invalid},
		"another iss":        {claims: object{"iss": "x"}, want: invalid},
		"no iss":             {claims: object{"iss": nil}, want: invalid},
		"sub is the client":  {claims: object{"sub": "app"}, want: invalid},
		"aud is a list":      {claims: object{"aud": []string{"https://idp.example"}}, want: invalid},
		"aud is an endpoint": {claims: object{"aud": "https://idp.example/par"}, want: invalid},
		"no aud":             {claims: object{"aud": nil}, want: invalid},
		"no client_id":       {claims: object{"client_id": nil}, want: invalid},
		"another client_id":  {claims: object{"client_id": "x"}, want: invalid},
		"request inside":     {claims: object{"request": "x"}, want: invalid},
		"request_uri inside": {claims: object{"request_uri": "urn:x"}, want: invalid},
		"boolean parameter":  {claims: object{"prompt": true}, want: invalid},
		"null parameter":     {claims: object{"prompt": json.RawMessage("null")}, want: invalid},
		"assertion":          {header: object{"typ": "client-authentication+jwt"}, want: invalid},
		"another kid":        {header: object{"kid": "two"}, want: invalid},
		"another key":        {key: otherKey(), want: invalid},
		"HS256":              {key: []byte(longSecret), alg: jose.HS256, want: invalid},
		"twice":              {outside: changes{"request": {"x", "x"}}, want: "invalid_request"},
		"redirect elsewhere": {claims: object{"redirect_uri": "https://evil.example"}, want: "invalid_request"},
		"no openid":          {claims: object{"scope": "email"}, want: "invalid_scope"},
		"two nonces":         {claims: object{"nonce": []string{"a", "b"}}, want: "invalid_request"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := keyed()
				cfg.RedirectURIs, cfg.ClientKeyID, cfg.ClientSecret = []string{redirectURI}, "one", longSecret
				a := newApp(t, cfg)
				if tt.key == nil {
					tt.key, tt.alg = ecKey(), jose.ES256
				} else if tt.alg == "" {
					tt.alg = jose.ES256
				}
				c := changes{
					"request": {jws(t, tt.alg, tt.key, object{"kid": "one"}.with(tt.header), a.requestObject().with(tt.claims))},
				}
				maps.Copy(c, tt.outside)
				target := a.authURL(c)
				c["client_secret"] = []string{longSecret}
				a.push(c, nil).refused(t, tt.want)

				callback, err := a.idp.Approve(target, "alice")
				if (err == nil) != (tt.want == "") || err == nil && !strings.Contains(callback, "state=the-state") {
					t.Errorf("Approve: %q, %v", callback, err)
				}
				if got := a.get(target); tt.want == "invalid_request_object" &&
					(got.StatusCode != 400 || got.Header.Get("Location") != "") {
					t.Errorf("%d to %q, want a page", got.StatusCode, got.Header.Get("Location"))
				}
			})
		})
	}
}

// alg none is not a signature, and a duplicate member is ambiguous.
func TestForgedRequestObject(t *testing.T) {
	a := newApp(t, keyed())
	claims := string(must(json.Marshal(a.requestObject())))
	for name, raw := range map[string]string{
		"none": unsecured(a.requestObject()),
		"duplicate": jws(t, jose.ES256, ecKey(), nil,
			strings.Replace(claims, "{", `{"redirect_uri":"https://evil.example",`, 1)),
		"twin":  jws(t, jose.ES256, ecKey(), nil, a.requestObject().with(object{"aud": nil, "Aud": a.idp.Issuer()})),
		"empty": "",
		"text":  "x.y.z",
	} {
		a.push(changes{"request": {raw}}, nil).refused(t, "invalid_request_object")
		if _, err := a.idp.Approve(a.authURL(changes{"request": {raw}}), "alice"); err == nil {
			t.Errorf("%s: approved", name)
		}
	}
	good := jws(t, jose.ES256, ecKey(), nil, a.requestObject())
	if _, err := a.idp.Approve(a.authURL(changes{"request": {good}, "client_id": {"x"}}), "alice"); err == nil {
		t.Error("another client_id outside")
	}
	c := changes{"request": {good}, "client_id": {"x"}, "client_secret": nil}
	a.push(c, basic("app", "secret")).refused(t, "invalid_request_object")
	nameless := jws(t, jose.ES256, ecKey(), nil, a.requestObject().with(object{"client_id": nil}))
	c = changes{"request": {nameless}, "client_id": nil, "client_secret": nil}
	a.push(c, basic("app", "secret")).refused(t, "invalid_request")
	if _, err := a.idp.Approve(a.authURL(changes{"request": {good, good}}), "alice"); err == nil {
		t.Error("two request objects")
	}
}

// Numbers, objects and lists become parameters; outside the object only client_id is needed at the authorization
// endpoint, and nothing at PAR.
func TestRequestObjectParameters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := keyed()
		cfg.ACRValues = []string{"silver", "gold"}
		a := newApp(t, cfg)
		raw := jws(t, jose.ES256, ecKey(), nil, a.requestObject().with(object{
			"max_age": 600, "resource": []string{"https://one.example", "https://two.example"},
			"claims": object{"id_token": object{"acr": object{"value": "gold"}}},
		}))
		alone := a.url(fakeop.Authorize) + "?" + url.Values{"client_id": {"app"}, "request": {raw}}.Encode()
		f := logInForm(t, a.get(alone))
		time.Sleep(4 * time.Minute) // the object is still good when the form comes back
		code := a.press(f, "subject", "alice").Get("code")
		got := a.token(changes{"code": {code}, "resource": {"https://two.example"}}, nil)
		has(t, part(t, text(got.object, "id_token"), 1), map[string]any{"acr": "gold", "nonce": "the-nonce"})

		for maxAge, silent := range map[int]bool{120: true, 30: false} {
			raw := jws(t, jose.ES256, ecKey(), nil, a.requestObject().with(object{"max_age": maxAge}))
			pushed := a.do("POST", a.url(fakeop.PAR), url.Values{"request": {raw}}, basic("app", "secret"))
			pushed.refused(t, "")
			time.Sleep(40 * time.Second)
			got := a.get(a.requestURL(text(pushed.object, "request_uri")))
			if got.location().Query().Has("code") != silent {
				t.Errorf("max_age %d: %d to %s", maxAge, got.StatusCode, got.location())
			}
		}
	})
}

// Whatever a request object signed by the client contains, nothing breaks and nobody is sent to an unregistered URI.
func FuzzRequestObject(f *testing.F) {
	f.Add(`{"client_id":"app","redirect_uri":"https://app.example/auth/callback","max_age":1e99,` +
		`"claims":{"id_token":{"acr":{"values":[null]}}}}`)
	f.Add(`{"resource":["https://api.example",{}],"nonce":[],"prompt":"none"}`)
	f.Add(`{"iss":"app","aud":["https://idp.example"],"exp":1e400}`)
	cfg := keyed()
	cfg.RedirectURIs = []string{redirectURI}
	idp, err := fakeop.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := appOf(t, idp, idp.Transport(), "")
		var members map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &members) != nil {
			return
		}
		claims := a.requestObject()
		for name, value := range members {
			claims[name] = value
		}
		target := a.authURL(changes{"request": {jws(t, jose.ES256, ecKey(), nil, claims)}})
		got := a.get(target)
		if to := got.Header.Get("Location"); got.StatusCode >= 500 || to != "" && !strings.HasPrefix(to, redirectURI+"?") {
			t.Errorf("%d to %q", got.StatusCode, to)
		}
	})
}
