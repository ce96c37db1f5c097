package recipes_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// mistake is what somebody got wrong, here or at Keycloak, and what the command says of it.
type mistake struct {
	realm func(s *surgery) // changes the realm
	env   map[string]string
	code  string   // of the finding, "" if all is well
	fix   []string // what the fix names
}

func mistakes() map[string]mistake {
	client := func(change map[string]any) func(*surgery) {
		return func(s *surgery) { maps.Copy(s.client(), change) }
	}
	attribute := func(name, value string) func(*surgery) {
		return func(s *surgery) { s.attributes()[name] = value }
	}
	env := func(pairs ...string) map[string]string {
		set := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			set[pairs[i]] = pairs[i+1]
		}
		return set
	}
	return map[string]mistake{
		"none": {},
		"a slash behind the issuer": {env: env("OIDC_ISSUER", "{issuer}/"), code: "issuer_slash",
			fix: []string{"OIDC_ISSUER", "{issuer}"}},
		"no such realm": {env: env("OIDC_ISSUER", "{issuer}-x"), code: "discovery_not_found",
			fix: []string{"OIDC_ISSUER", "realm"}},
		"nothing listens": {env: env("OIDC_ISSUER", "http://127.0.0.1:1/realms/shop"), code: "discovery_unreachable",
			fix: []string{"the host and the port of OIDC_ISSUER"}},
		"another secret": {env: env("OIDC_CLIENT_SECRET", "SECRET-of-another-client"), code: "client_refused",
			fix: []string{"OIDC_CLIENT_SECRET"}},
		"another authentication method": {realm: client(map[string]any{"clientAuthenticatorType": "client-jwt"}),
			code: "client_refused", fix: []string{"OIDC_CLIENT_AUTH_METHOD", "client_secret_basic"}},
		"no secret": {env: env("OIDC_CLIENT_SECRET", "", "OIDC_CLIENT_AUTH_METHOD", "none"), code: "client_refused",
			fix: []string{"OIDC_CLIENT_SECRET", "public client"}},
		"a redirect URI that is not registered": {
			realm: client(map[string]any{"redirectUris": []any{"http://localhost:8080/callback"}}),
			code:  "redirect_uri_refused", fix: []string{"http://localhost:8080/auth/callback", "client shop"}},
		"the same, pushed": {env: env("OIDC_ROUTE_PREFIX", "/login", "OIDC_USE_PAR", "true"),
			code: "redirect_uri_refused", fix: []string{"http://localhost:8080/login/callback", "client shop"}},
		"another client id": {env: env("OIDC_CLIENT_ID", "shopp"), code: "client_unknown", fix: []string{"OIDC_CLIENT_ID"}},
		"a disabled client": {realm: client(map[string]any{"enabled": false}), code: "client_unknown",
			fix: []string{"enabled"}},
		"no standard flow": {realm: client(map[string]any{"standardFlowEnabled": false}), code: "flow_refused",
			fix: []string{"standard flow"}},
		"an unknown scope": {env: env("OIDC_SCOPES", "openid profile grouops"), code: "scope_refused",
			fix: []string{"OIDC_SCOPES", "grouops"}},
		"PKCE of another kind": {realm: attribute("pkce.code.challenge.method", "plain"), code: "pkce_refused",
			fix: []string{"S256"}},
		"PKCE is required": {realm: attribute("pkce.code.challenge.method", "S256")},
		"pushed requests are required": {realm: attribute("require.pushed.authorization.requests", "true"),
			code: "par_required", fix: []string{"OIDC_USE_PAR"}},
		"another algorithm": {env: env("OIDC_SIGNING_ALGS", "ES256"), code: "algorithm_without_key",
			fix: []string{"OIDC_SIGNING_ALGS"}},
		"a provider in the future": {realm: func(s *surgery) { s.frontEnd(5 * time.Minute) }, code: "clock_skew",
			fix: []string{"clock"}},
		"DPoP is required": {realm: attribute("dpop.bound.access.tokens", "true"), code: "dpop_refused",
			fix: []string{"OIDC_DPOP"}},
		"a post-logout redirect URI that is not registered": {
			realm: attribute("post.logout.redirect.uris", "http://localhost:8080/bye"), code: "sign_out_refused",
			fix: []string{"http://localhost:8080/ ", "client shop"}},
		"http in a network": {env: env("OIDC_APP_URL", "http://app.example.com"), code: "config",
			fix: []string{"https://app.example.com"}},
	}
}

// surgery is one visit of the command to a realm with a mistake.
type surgery struct {
	*shop
	issuer string
}

// frontEnd puts a proxy in front of Keycloak, whose clock is ahead. Keycloak itself does not say what time it is.
func (s *surgery) frontEnd(ahead time.Duration) {
	at, err := url.Parse(s.keycloak.URL)
	if err != nil {
		s.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.ModifyResponse = func(resp *http.Response) error {
		resp.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		return nil
	}
	server := httptest.NewServer(proxy)
	s.Cleanup(server.Close)
	s.realm["attributes"] = map[string]any{"frontendUrl": server.URL}
	s.issuer = strings.Replace(s.issuer, s.keycloak.URL, server.URL, 1)
}

// TestKeycloakDoctor: each mistake is named, with its fix, and nothing else is called an error.
func TestKeycloakDoctor(t *testing.T) {
	keycloak, command := start.RunKeycloak(t), start.BuildCommand(t)
	for name, tt := range mistakes() {
		t.Run(name, func(t *testing.T) {
			s := &surgery{shop: &shop{T: t, keycloak: keycloak, realm: realmFile(t, "http://localhost:8080")}}
			s.name = "shop-" + strings.ToLower(rand.Text())
			s.realm["realm"], s.issuer = s.name, keycloak.URL+"/realms/"+s.name
			if tt.realm != nil {
				tt.realm(s)
			}
			keycloak.Admin(t, http.MethodPost, "", s.realm, nil)
			tt.compare(s, s.examine(command, tt.env))
		})
	}
}

// compare checks that the mistake, and nothing else, is found.
func (m mistake) compare(s *surgery, found []ginoidc.Finding) {
	s.Helper()
	mistakes := 0
	for _, f := range found {
		if f.Severity == ginoidc.SeverityOK || slices.Contains(expected(), f.Code) {
			continue
		}
		s.Logf("%s %s: %s\n→ %s", f.Severity, f.Code, f.Seen, f.Fix)
		if mistakes++; f.Code != m.code {
			s.Errorf("the code is %s, want %s", f.Code, m.code)
		}
		for _, part := range m.fix {
			if part = strings.ReplaceAll(part, "{issuer}", s.issuer); !strings.Contains(f.Fix, part) {
				s.Errorf("the fix does not name %s", part)
			}
		}
	}
	if mistakes != min(len(m.code), 1) {
		s.Errorf("%d mistakes", mistakes)
	}
}

// expected returns the warnings of every app here: it is at plain http, and a scope with a typing error is not listed
// either.
func expected() []string { return []string{"cookies_insecure", "scope_not_listed"} }

// examine runs the command with the settings of the app, changed by env.
func (s *surgery) examine(command start.Command, env map[string]string) []ginoidc.Finding {
	s.Helper()
	client := s.client()
	settings := map[string]string{
		"OIDC_ISSUER": s.issuer, "OIDC_CLIENT_ID": client["clientId"].(string),
		"OIDC_CLIENT_SECRET": client["secret"].(string), "OIDC_COOKIE_SECRET": rand.Text() + rand.Text(),
		"OIDC_APP_URL": "http://localhost:8080",
	}
	maps.Copy(settings, env)
	var list []string
	for name, value := range settings {
		list = append(list, name+"="+strings.ReplaceAll(value, "{issuer}", s.issuer))
	}
	return command.Doctor(s, list, []string{settings["OIDC_CLIENT_SECRET"], settings["OIDC_COOKIE_SECRET"]})
}
