package fakeop_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// The PAR endpoint refuses at once what the authorization endpoint refuses, and the client must authenticate (RFC 9126,
// 2.1).
func TestPAR(t *testing.T) {
	tests := map[string]struct {
		changes changes
		header  http.Header
		want    string
	}{
		"right":                 {nil, nil, ""},
		"basic":                 {changes{"client_secret": nil}, basic("app", "secret"), ""},
		"several resources":     {changes{"resource": {"https://api.example", "urn:api"}}, nil, ""},
		"another secret":        {changes{"client_secret": {"x"}}, nil, "invalid_client"},
		"no secret":             {changes{"client_secret": nil}, nil, "invalid_client"},
		"no client_id":          {changes{"client_id": nil, "client_secret": nil}, basic("app", "secret"), "invalid_request"},
		"two secrets":           {nil, basic("app", "secret"), "invalid_request"},
		"a request_uri":         {changes{"request_uri": {"urn:ietf:params:oauth:request_uri:x"}}, nil, "invalid_request"},
		"a request object":      {changes{"request": {"x"}}, nil, "request_not_supported"},
		"unregistered redirect": {changes{"redirect_uri": {redirectURI + "/"}}, nil, "invalid_request"},
		"no redirect":           {changes{"redirect_uri": nil}, nil, "invalid_request"},
		"repeated":              {changes{"nonce": {"a", "b"}}, nil, "invalid_request"},
		"no openid":             {changes{"scope": {"email"}}, nil, "invalid_scope"},
		"token flow":            {changes{"response_type": {"token"}}, nil, "unsupported_response_type"},
		"no PKCE":               {changes{"code_challenge": nil}, nil, "invalid_request"},
		"fragment":              {changes{"response_mode": {"fragment.jwt"}}, nil, "invalid_request"},
		"odd resource":          {changes{"resource": {"/api"}}, nil, "invalid_target"},
		"odd claims":            {changes{"claims": {"{"}}, nil, "invalid_request"},
		"odd max_age":           {changes{"max_age": {"x"}}, nil, "invalid_request"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, fakeop.Config{RedirectURIs: []string{redirectURI}})
			got := a.push(tt.changes, tt.header)
			got.refused(t, tt.want)
			uri := text(got.object, "request_uri")
			if tt.want != "" {
				if uri != "" {
					t.Errorf("and yet there is %s", uri)
				}
				return
			}
			if got.StatusCode != 201 || !strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") ||
				got.object["expires_in"] != 60.0 ||
				got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %s", got.StatusCode, got.text)
			}
		})
	}
}

// A request_uri is valid for one visit of one client within a minute (RFC 9126, 2.2 and 4); otherwise the user sees a
// page.
func TestRequestURI(t *testing.T) {
	tests := map[string]struct {
		wait   time.Duration
		change changes
		want   bool
	}{
		"right":        {},
		"just in time": {wait: 59 * time.Second},
		"others ignored": {change: changes{
			"redirect_uri": {"https://evil.example"}, "scope": {"x"}, "response_mode": {"x"}, "request": {"x"}, "nonce": {
				"a", "b",
			},
		}},
		"a minute later":  {wait: time.Minute, want: true},
		"another client":  {change: changes{"client_id": {"x"}}, want: true},
		"no client":       {change: changes{"client_id": nil}, want: true},
		"unknown":         {change: changes{"request_uri": {"urn:ietf:params:oauth:request_uri:x"}}, want: true},
		"without its urn": {change: changes{"request_uri": {"cut"}}, want: true},
		"of the client's": {change: changes{"request_uri": {"https://app.example/request"}}, want: true},
		"empty":           {change: changes{"request_uri": {""}}, want: true},
		"twice in one":    {change: changes{"request_uri": {"same", "same"}}, want: true},
		"client_id twice": {change: changes{"client_id": {"app", "app"}}, want: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, fakeop.Config{RedirectURIs: []string{redirectURI}})
				query := queryOf(t, a.pushed(nil))
				uri := query.Get("request_uri")
				time.Sleep(tt.wait)
				target := a.url(fakeop.Authorize) + "?" + tt.change.to(query).Encode()
				target = strings.ReplaceAll(target, "=same", "="+url.QueryEscape(uri))
				target = strings.ReplaceAll(target, "=cut", "="+uri[strings.LastIndex(uri, ":")+1:])
				callback, err := a.idp.Approve(target, "alice")
				if (err != nil) != tt.want {
					t.Fatalf("Approve: %q, %v", callback, err)
				}
				if tt.want {
					if got := a.get(target); got.StatusCode != 400 || got.Header.Get("Location") != "" {
						t.Errorf("%d to %q, want a page", got.StatusCode, got.Header.Get("Location"))
					}
					return
				}
				a.redeem(codeOf(callback)).refused(t, "")
				if again, err := a.idp.Approve(target, "alice"); err == nil {
					t.Errorf("used again: %q", again)
				}
			})
		})
	}
}

// People may take longer than a minute at the log-in page, and its form is valid once, too.
func TestPushedLogInPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{RequirePAR: true})
		target := a.pushed(changes{"login_hint": {"bob"}})
		f := logInForm(t, a.get(target))
		if f.hinted != "bob" || strings.Contains(f.action, "redirect_uri") {
			t.Errorf("hinted %q at %s", f.hinted, f.action)
		}
		if got := a.get(target); got.StatusCode != 400 {
			t.Errorf("the page once more: %d", got.StatusCode)
		}
		time.Sleep(9 * time.Minute)
		callback := a.press(f, "subject", "bob")
		got := part(t, text(a.redeem(callback.Get("code")).object, "id_token"), 1)
		if got["sub"] != "bob" || callback.Get("state") != "the-state" {
			t.Errorf("signed in as %v with %v", got["sub"], callback)
		}
		if got := a.do(http.MethodPost, f.action, url.Values{"subject": {"bob"}}, nil); got.StatusCode != 400 {
			t.Errorf("the form once more: %d", got.StatusCode)
		}
		if silent := a.get(a.pushed(changes{"prompt": {"none"}})); silent.location().Query().Get("code") == "" {
			t.Errorf("silent: %d to %s", silent.StatusCode, silent.location())
		}
		f = logInForm(t, a.get(a.pushed(changes{"prompt": {"login"}})))
		if got := a.press(f, "cancel", "1"); got.Get("error") != "access_denied" {
			t.Errorf("cancelled: %v", got)
		}
	})
}

// A provider that requires one form of request sends the app an error for another.
func TestRequiredForms(t *testing.T) {
	par, signed := keyed(), keyed()
	par.RequirePAR, signed.RequireRequestObject = true, true
	both := par
	both.RequireRequestObject = true
	for name, tt := range map[string]struct {
		cfg                                 fakeop.Config
		plain, pushed, object, pushedObject bool // which may sign in
	}{
		"anything": {keyed(), true, true, true, true},
		"pushed":   {par, false, true, false, true},
		"signed":   {signed, false, false, true, true},
		"both":     {both, false, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, tt.cfg)
			has(t, a.get(a.url(fakeop.Discovery)).object, map[string]any{
				"pushed_authorization_request_endpoint": a.url(fakeop.PAR),
				"require_pushed_authorization_requests": tt.cfg.RequirePAR,
				"require_signed_request_object":         tt.cfg.RequireRequestObject,
			})
			object := func() changes { return changes{"request": {jws(t, jose.ES256, ecKey(), nil, a.requestObject())}} }
			for what, try := range map[string]struct {
				target string
				want   bool
			}{"plain": {a.authURL(nil), tt.plain}, "object": {a.authURL(object()), tt.object}} {
				_, err := a.idp.Approve(try.target, "alice")
				if (err == nil) != try.want {
					t.Errorf("%s: %v", what, err)
				}
				if got := a.get(try.target).location().Query().Get("error"); !try.want && got != "invalid_request" {
					t.Errorf("%s: the app hears %q", what, got)
				}
			}
			for what, try := range map[string]struct {
				changes changes
				want    bool
			}{"pushed": {nil, tt.pushed}, "pushed object": {object(), tt.pushedObject}} {
				got := a.push(try.changes, nil)
				if !try.want {
					got.refused(t, "invalid_request")
				} else if _, err := a.idp.Approve(a.requestURL(text(got.object, "request_uri")), "alice"); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// A request can be pushed by any kind of client, and in each mode.
func TestPushedClients(t *testing.T) {
	for name, cfg := range map[string]fakeop.Config{
		"public":          {Public: true, RequirePAR: true},
		"private_key_jwt": {ClientAuthMethod: "private_key_jwt", ClientKey: ecKey().Public(), RequirePAR: true},
	} {
		for _, mode := range []string{"query", "form_post", "jwt", "form_post.jwt"} {
			a := newApp(t, cfg)
			c := changes{"client_secret": nil, "response_mode": {mode}}
			if !cfg.Public {
				maps.Copy(c, a.byAssertion())
				c["client_id"] = []string{"app"}
			}
			response, err := a.idp.ApproveResponse(a.pushed(c), "alice")
			if err != nil || (response.Method == "POST") != strings.HasPrefix(mode, "form_post") {
				t.Errorf("%s, %s: %+v, %v", name, mode, response, err)
			}
		}
	}
}
