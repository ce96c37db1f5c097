package fakeop_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// fields returns the fields of the form_post page.
func (r answer) fields() url.Values {
	fields := make(url.Values)
	for _, m := range hiddenField.FindAllStringSubmatch(r.text, -1) {
		fields.Add(m[1], html.UnescapeString(m[2]))
	}
	return fields
}

// Every response mode carries the same parameters; the .jwt modes only inside one signed JWT (JARM, 2.1 and 2.3).
func TestResponseModes(t *testing.T) {
	tests := map[string]struct{ jwt, post bool }{
		"": {}, "query": {}, "form_post": {post: true},
		"jwt": {jwt: true}, "query.jwt": {jwt: true}, "form_post.jwt": {jwt: true, post: true},
	}
	for mode, tt := range tests {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, fakeop.Config{})
				params := func(fields url.Values) map[string]any {
					if !tt.jwt {
						params := make(map[string]any)
						for name := range fields {
							params[name] = fields.Get(name)
						}
						return params
					}
					if len(fields) != 1 || len(fields["response"]) != 1 {
						t.Fatalf("in addition to the JWT: %v", fields)
					}
					if _, ok := a.signedPayload(fields.Get("response")); !ok {
						t.Error("the signature is bad")
					}
					return part(t, fields.Get("response"), 1)
				}
				jwtClaims := map[string]any{"aud": nil, "exp": nil}
				if tt.jwt {
					jwtClaims = map[string]any{"aud": "app", "exp": float64(time.Now().Add(10 * time.Minute).Unix())}
				}
				c := changes{"response_mode": {mode}, "prompt": {"none"}}
				got := a.get(a.authURL(c))
				fields := got.location().Query()
				if tt.post {
					fields = got.fields()
				}
				refused := params(fields)
				has(t, refused, map[string]any{"error": "login_required", "iss": a.idp.Issuer(), "state": "the-state"})
				has(t, refused, jwtClaims)

				response, err := a.idp.ApproveResponse(a.authURL(c), "alice")
				if err != nil || (response.Method == http.MethodPost) != tt.post || (response.URL == redirectURI) != tt.post {
					t.Fatalf("%+v, %v", response, err)
				}
				if fields = response.Form; !tt.post {
					fields = queryOf(t, response.URL)
				}
				allowed := params(fields)
				has(t, allowed, map[string]any{"error": nil, "iss": a.idp.Issuer(), "state": "the-state"})
				has(t, allowed, jwtClaims)
				a.redeem(text(allowed, "code")).refused(t, "")
				denied, err := a.idp.Deny(a.authURL(c), "access_denied")
				if err != nil || text(params(queryOf(t, denied)), "error") != "access_denied" {
					t.Errorf("denied: %s, %v", denied, err)
				}
			})
		})
	}
}
