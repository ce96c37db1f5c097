package ginoidc_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestNoSwitches: no setting turns off the validation of signature, nonce, issuer or audience. Case 311.
func TestNoSwitches(t *testing.T) {
	fields := reflect.VisibleFields(reflect.TypeFor[ginoidc.Config]())
	for _, field := range append(fields, reflect.VisibleFields(reflect.TypeFor[ginoidc.Provider]())...) {
		for _, word := range []string{"Insecure", "Unsafe", "Danger", "Disable", "NoVerify"} {
			if strings.Contains(field.Name, word) {
				t.Errorf("the field %s", field.Name)
			}
		}
		if strings.HasPrefix(field.Name, "Skip") && field.Name != "SkipUserInfo" {
			t.Errorf("the field %s", field.Name)
		}
	}
}

// TestConstants: New accepts each constant in its field.
func TestConstants(t *testing.T) {
	key, _ := testKeys(t)
	type provider = ginoidc.Provider
	for _, p := range []provider{
		{ClientAuthMethod: ginoidc.ClientSecretBasic, ClientSecret: "s"},
		{ClientAuthMethod: ginoidc.ClientSecretPost, ClientSecret: "s"},
		{ClientAuthMethod: ginoidc.ClientSecretJWT, ClientSecret: testapp.ClientSecret + testapp.ClientSecret},
		{ClientAuthMethod: ginoidc.PrivateKeyJWT, ClientKey: key},
		{ClientAuthMethod: ginoidc.TLSClientAuth, ClientCertificate: &tls.Certificate{}},
		{ClientAuthMethod: ginoidc.SelfSignedTLSClientAuth, ClientCertificate: &tls.Certificate{}},
		{ClientAuthMethod: ginoidc.ClientAuthNone},
		{Profile: ginoidc.ProfileFAPI2, ClientKey: key},
		{ResponseMode: ginoidc.ResponseModeQuery, ClientSecret: "s"},
		{ResponseMode: ginoidc.ResponseModeFormPost, ClientSecret: "s"},
		{ResponseMode: ginoidc.ResponseModeQueryJWT, ClientSecret: "s"},
		{ResponseMode: ginoidc.ResponseModeFormPostJWT, ClientSecret: "s"},
		{PushedAuthorization: ginoidc.Auto, ClientSecret: "s"},
		{PushedAuthorization: ginoidc.Always, ClientSecret: "s"},
		{PushedAuthorization: ginoidc.Never, ClientSecret: "s"},
		{GroupsFormat: ginoidc.FormatList, OrganizationsFormat: ginoidc.FormatList, ClientSecret: "s"},
		{GroupsFormat: ginoidc.FormatSeparated, OrganizationsFormat: ginoidc.FormatSeparated, ClientSecret: "s"},
		{GroupsFormat: ginoidc.FormatKeys, OrganizationsFormat: ginoidc.FormatKeys, ClientSecret: "s"},
	} {
		c := validConfig()
		p.Issuer, p.ClientID = c.Providers[0].Issuer, c.Providers[0].ClientID
		c.Providers = []provider{p}
		checkProblems(t, c, nil)
	}
	for _, when := range []string{ginoidc.Auto, ginoidc.Always, ginoidc.Never} {
		c := validConfig()
		c.KeepIDToken = when
		checkProblems(t, c, nil)
	}
}

// TestLaterChanges: lists and parameters of a Config are copied, so that later changes to them have no effect.
func TestLaterChanges(t *testing.T) {
	audiences, parameters := []string{"other"}, url.Values{"audience": {"api"}}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].TrustedAudiences, c.Providers[0].SignInParameters = audiences, parameters
	})
	a.OP.OnIDToken(func(claims map[string]any) { claims["aud"], claims["azp"] = []string{"app", "other"}, "app" })
	audiences[0], parameters["audience"][0] = "changed", "changed"
	b := a.Browser()
	if location := b.Navigate("/auth/signin").Location(); !strings.Contains(location, "audience=api") {
		t.Errorf("the sign-in asks for %s", location)
	}
	b.MustSignIn("alice")
}

// TestCallersKeepTheirSlices: later changes to slices that the caller passed affect neither a guard nor the
// configuration.
func TestCallersKeepTheirSlices(t *testing.T) {
	groups, all, classes := []string{"admin"}, []string{"admin", "staff"}, []string{"gold"}
	scopes, claims, origins := []string{"openid", "email"}, []string{"sub"}, []string{"https://shop.example.net"}
	algs, audiences, params := []string{"ES256"}, []string{"project"}, url.Values{"audience": {"api"}}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Scopes, c.UserInfoClaims, c.ReturnOrigins = scopes, claims, origins
		p := &c.Providers[0]
		p.SigningAlgs, p.TrustedAudiences, p.SignInParameters = algs, audiences, params
	})
	a.Engine.GET("/any", a.Auth.RequireGroups(groups...), a.Protected)
	a.Engine.GET("/all", a.Auth.RequireAllGroups(all...), a.Protected)
	a.Engine.GET("/class", a.Auth.RequireACR(classes...), a.Protected)
	a.OP.OnIDToken(func(c map[string]any) { c["acr"], c["aud"], c["azp"] = "gold", []string{"app", "project"}, "app" })
	for _, list := range [][]string{groups, all, classes, scopes, claims, origins, algs, audiences, params["audience"]} {
		for i := range list {
			list[i] = "changed"
		}
	}
	b := a.Browser()
	sent := b.Navigate("/auth/signin").Location()
	if q := testapp.ParseURL(t, sent).Query(); q.Get("scope") != "openid email" || q.Get("audience") != "api" {
		t.Errorf("sign-in: %s", sent)
	}
	if r := b.Navigate(b.Start("/auth/signin?return_to=https://shop.example.net/cart",
		"alice")); r.Location() != "https://shop.example.net/cart" {
		t.Errorf("callback: %d to %q\n%s", r.StatusCode, r.Location(), a.Logs)
	}
	for _, path := range []string{"/any", "/all", "/class"} {
		if r := b.Fetch(path); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r := b.Fetch("/auth/userinfo"); r.Body != `{"sub":"alice"}` {
		t.Errorf("userinfo: %s", r.Body)
	}
}

func validConfig() ginoidc.Config {
	return ginoidc.Config{
		Providers:     []ginoidc.Provider{{Issuer: "https://idp.example", ClientID: "app", ClientSecret: "secret"}},
		AppURL:        testapp.URL,
		CookieSecrets: []string{testapp.CookieSecret},
		Logger:        slog.New(slog.DiscardHandler),
	}
}

// testKeys returns an EC and an RSA key in PEM.
func testKeys(t *testing.T) (ecKey, rsaKey []byte) {
	t.Helper()
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return testapp.PEM(ec), testapp.PEM(rs)
}

// problemsOf returns "Field VARIABLE" of each ConfigError, deduplicated.
func problemsOf(err error) []string {
	var found []string
	var walk func(error)
	walk = func(err error) {
		var problem *ginoidc.ConfigError
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
		} else if errors.As(err, &problem) && !slices.Contains(found, problem.Field+" "+problem.Variable) {
			found = append(found, problem.Field+" "+problem.Variable)
		}
	}
	walk(err)
	return found
}

// TestConfigProblems: New refuses every unsafe or meaningless setting of the app and names the field. Group T.
func TestConfigProblems(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*ginoidc.Config)
		want   []string // "Field VARIABLE", if there is a variable; empty for an accepted configuration
	}{
		{"valid", func(c *ginoidc.Config) {}, nil},
		{"nothing set", func(c *ginoidc.Config) { *c = ginoidc.Config{} }, // case 305, all at once
			[]string{"Providers ", "AppURL ", "CookieSecrets "}},
		{"two providers", func(c *ginoidc.Config) {
			c.Providers = append(c.Providers, ginoidc.Provider{Issuer: "http://b.example", ClientID: "app", ClientSecret: "s"})
		}, []string{"Providers[0].Name ", "Providers[1].Issuer ", "Providers[1].Name "}},
		{"http app", func(c *ginoidc.Config) { c.AppURL = "http://app.example.com" }, []string{"AppURL "}}, // case 307
		{"http app on loopback", func(c *ginoidc.Config) { c.AppURL = "http://localhost:8080" }, nil},
		{"http app on a name like loopback", func(c *ginoidc.Config) { c.AppURL = "http://localhost.evil.example" },
			[]string{"AppURL "}},
		{"app with a base path", func(c *ginoidc.Config) { c.AppURL = "https://example.com/app/" }, nil},
		{"app with dot segments", func(c *ginoidc.Config) { c.AppURL = "https://example.com/a/../b" }, []string{"AppURL "}},
		{"app with its default port", func(c *ginoidc.Config) {
			c.AppURL, c.DefaultReturnTo = "https://App.example.com:443", "https://app.example.com/x"
		}, nil},
		{"app with a user", func(c *ginoidc.Config) { c.AppURL = "https://u@example.com" }, []string{"AppURL "}},
		{"short secret", func(c *ginoidc.Config) { c.CookieSecrets = []string{testapp.CookieSecret, "short"} },
			[]string{"CookieSecrets "}}, // case 306
		{"zero secret", func(c *ginoidc.Config) { c.CookieSecrets = []string{strings.Repeat("\x00", 32)} },
			[]string{"CookieSecrets "}}, // case 306
		{"repeated secret", func(c *ginoidc.Config) { c.CookieSecrets = []string{strings.Repeat("correcthorse", 4)} },
			[]string{"CookieSecrets "}}, // case 306
		{"repeated secret of many letters", func(c *ginoidc.Config) {
			c.CookieSecrets = []string{strings.Repeat("abcdefghijklmnop", 2)}
		}, []string{"CookieSecrets "}},
		{"repeated secret, cut", func(c *ginoidc.Config) {
			c.CookieSecrets = []string{strings.Repeat("abcdefghijklm", 3)[:35]}
		}, []string{"CookieSecrets "}},
		{"secret of few letters", func(c *ginoidc.Config) {
			c.CookieSecrets = []string{"aabbabababbbaabababbabaabbabcbabab"}
		}, []string{"CookieSecrets "}},
		{"idle above lifetime", func(c *ginoidc.Config) { c.SessionIdle, c.SessionLifetime = 2*time.Hour, time.Hour },
			[]string{"SessionIdle "}},
		{"short lifetime alone", func(c *ginoidc.Config) { c.SessionLifetime = time.Hour }, nil},
		{"an authentication of no age", func(c *ginoidc.Config) { c.MaxAuthAge = time.Millisecond }, []string{"MaxAuthAge "}},
		{"a negative age", func(c *ginoidc.Config) { c.MaxAuthAge = -time.Hour }, []string{"MaxAuthAge "}},
		{"re-checks", func(c *ginoidc.Config) { c.RecheckEvery, c.RecheckInBackground = time.Minute, true }, nil},
		{"re-checks of no age", func(c *ginoidc.Config) { c.RecheckEvery = time.Millisecond }, []string{"RecheckEvery "}},
		{"re-checks never due", func(c *ginoidc.Config) { c.RecheckEvery, c.SessionLifetime = time.Hour, time.Minute },
			[]string{"RecheckEvery "}},
		{"re-checks with a negative grace", func(c *ginoidc.Config) { c.RecheckEvery, c.RecheckGrace = time.Minute, -1 },
			[]string{"RecheckGrace "}},
		{"grace alone", func(c *ginoidc.Config) { c.RecheckGrace = time.Minute }, []string{"RecheckGrace "}},
		{"background alone", func(c *ginoidc.Config) { c.RecheckInBackground = true }, []string{"RecheckInBackground "}},
		{"negative durations", func(c *ginoidc.Config) { c.SessionIdle, c.SessionLifetime = -2, -1 },
			[]string{"SessionIdle ", "SessionLifetime "}},
		{"route prefix", func(c *ginoidc.Config) { c.RoutePrefix = "auth" }, []string{"RoutePrefix "}},
		{"route prefix at the root", func(c *ginoidc.Config) { c.RoutePrefix = "/" }, []string{"RoutePrefix "}},
		{"cookie name with a prefix", func(c *ginoidc.Config) { c.CookieName = "__Host-x" }, []string{"CookieName "}},
		{"cookie name with a space", func(c *ginoidc.Config) { c.CookieName = "a b" }, []string{"CookieName "}},
		{"origin with a path", func(c *ginoidc.Config) { c.ReturnOrigins = []string{"https://shop.example/x"} },
			[]string{"ReturnOrigins "}}, // case 160
		{"origin pattern", func(c *ginoidc.Config) { c.ReturnOrigins = []string{"https://*.example"} },
			[]string{"ReturnOrigins "}}, // case 160
		{"trusted origin with a path", func(c *ginoidc.Config) { c.TrustedOrigins = []string{"https://shop.example/x"} },
			[]string{"TrustedOrigins "}},
		{"no route pattern", func(c *ginoidc.Config) { c.CrossOriginRoutes = []string{"hooks"} },
			[]string{"CrossOriginRoutes "}},
		{"no authenticator", func(c *ginoidc.Config) { c.Authenticators = []ginoidc.Authenticator{nil} },
			[]string{"Authenticators "}},
		{"origin over http", func(c *ginoidc.Config) { c.ReturnOrigins = []string{"http://shop.example"} },
			[]string{"ReturnOrigins "}}, // case 160
		{"default target elsewhere", func(c *ginoidc.Config) { c.DefaultReturnTo = "//evil.example" },
			[]string{"DefaultReturnTo "}},
		{"sign-out target", func(c *ginoidc.Config) { c.PostSignOutURL = "/bye" }, []string{"PostSignOutURL "}},
		{"idle time of a short lifetime", func(c *ginoidc.Config) { c.SessionLifetime = time.Millisecond },
			[]string{"SessionLifetime "}},
		{"negative limit of sessions", func(c *ginoidc.Config) { c.MaxSessions = -1 }, []string{"MaxSessions "}},
		{"limit of sessions that are not counted", func(c *ginoidc.Config) { c.MaxSessions, c.State = 3, without("Listed") },
			[]string{"MaxSessions "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := validConfig()
			tt.change(&c)
			checkProblems(t, c, tt.want)
		})
	}
}

// checkProblems checks that New reports exactly these problems, and no secret in their text.
func checkProblems(t *testing.T, c ginoidc.Config, want []string) {
	t.Helper()
	auth, err := ginoidc.New(c)
	if got := problemsOf(err); !slices.Equal(got, want) || (auth == nil) != (err != nil) {
		t.Errorf("problems %q, want %q\n%v", got, want, err)
	}
	if err != nil && strings.Contains(err.Error(), testapp.CookieSecret) {
		t.Error("the message shows a secret")
	}
}

// TestTexts: New reports characters that were copied along with a value, before the provider refuses it without a
// reason.
func TestTexts(t *testing.T) {
	spoil := []string{"%s ", " %s", "%s\n", "%s\r", "\t%s", "%s\x00", "\ufeff%s", "%s\u00a0", "%s\u200b", `"%s"`,
		"'%s'", "`%s`", "\u201c%s\u201d"}
	texts := func(c *ginoidc.Config) map[string][]*string { // by field, in a Config where every field has a value
		p := &c.Providers[0]
		c.PostSignOutURL, c.RoutePrefix, c.CookieName = "https://app.example/bye", "/auth", "app"
		c.ReturnOrigins, p.TrustedAudiences = []string{"https://shop.example"}, []string{"a"}
		p.Scopes = []string{"openid", "email"}
		p.GroupsClaim, p.OrganizationsPath = "roles", []string{"a", "b", "c"}
		return map[string][]*string{
			"AppURL": {&c.AppURL}, "PostSignOutURL": {&c.PostSignOutURL}, "RoutePrefix": {&c.RoutePrefix},
			"CookieName": {&c.CookieName}, "ReturnOrigins": {&c.ReturnOrigins[0]},
			"Providers[0].Issuer": {&p.Issuer}, "Providers[0].ClientID": {&p.ClientID},
			"Providers[0].ClientSecret": {&p.ClientSecret}, "Providers[0].Scopes": {&p.Scopes[1]},
			"Providers[0].TrustedAudiences": {&p.TrustedAudiences[0]}, "Providers[0].GroupsClaim": {&p.GroupsClaim},
			"Providers[0].OrganizationsPath": {&p.OrganizationsPath[1], &p.OrganizationsPath[2]},
		}
	}
	c := validConfig()
	for field := range texts(&c) {
		for _, s := range spoil {
			c := validConfig()
			for _, text := range texts(&c)[field] {
				*text = fmt.Sprintf(s, *text)
			}
			_, err := ginoidc.New(c)
			if got := problemsOf(err); !slices.Equal(got, []string{field + " "}) {
				t.Errorf("%s %q: problems %q", field, s, got)
			}
			secret := field == "Providers[0].ClientSecret" && err != nil &&
				strings.Contains(err.Error(), c.Providers[0].ClientSecret)
			if err != nil && strings.Count(err.Error(), "\n") > 0 || secret {
				t.Errorf("%s %q: %v", field, s, err)
			}
		}
	}
	if _, err := ginoidc.New(c); err != nil {
		t.Errorf("refused as they are: %v", err)
	}
	for _, fine := range []string{`a"b`, `"ab`, "ab'", "a b", "ä", "=", "'a\""} {
		c := validConfig()
		c.Providers[0].ClientID, c.Providers[0].ClientSecret = fine, fine
		if _, err := ginoidc.New(c); err != nil {
			t.Errorf("%q: %v", fine, err)
		}
	}
}

// TestAddressesThatAreOthers: an issuer that is the address of its metadata, and an app URL that is the address of a
// route. The fix has the correct value.
func TestAddressesThatAreOthers(t *testing.T) {
	for _, test := range []struct{ field, value, fix string }{
		{"Providers[0].Issuer", "https://idp.example/.well-known/openid-configuration", `"https://idp.example"`},
		{"Providers[0].Issuer", "https://idp.example/.well-known/openid-configuration/", `"https://idp.example"`},
		{"Providers[0].Issuer", "https://idp.example/realms/a/.well-known/openid-configuration",
			`"https://idp.example/realms/a"`},
		{"Providers[0].Issuer", "https://idp.example/a/.well-known/openid-configuration?p=sign_in",
			`"https://idp.example/a"`},
		{"Providers[0].Issuer", "https://idp.example/.well-known/oauth-authorization-server", `"https://idp.example"`},
		{"Providers[0].Issuer", "https://idp.example/.well-known/oauth-authorization-server/realms/a",
			`"https://idp.example/realms/a"`},
		{"Providers[0].Issuer", "http://localhost:9000/.well-known/openid-configuration", `"http://localhost:9000"`},
		{"AppURL", "https://app.example/auth/callback", `"https://app.example"`},
		{"AppURL", "https://app.example/auth/callback/", `"https://app.example"`},
		{"AppURL", "https://app.example/shop/auth/callback", `"https://app.example/shop"`},
		{"AppURL", "https://app.example/auth", `"https://app.example"`},
		{"AppURL", "https://app.example/auth/signin", `"https://app.example"`},
		{"AppURL", "https://app.example/x/auth/backchannel-logout", `"https://app.example/x"`},
	} {
		c := validConfig()
		if test.field == "Providers[0].Issuer" {
			c.Providers[0].Issuer = test.value
		} else {
			c.AppURL = test.value
		}
		var problem *ginoidc.ConfigError
		_, err := ginoidc.New(c)
		if !errors.As(err, &problem) || !slices.Equal(problemsOf(err), []string{test.field + " "}) ||
			!strings.Contains(problem.Fix, test.fix) {
			t.Errorf("%s: want the fix %s: %v", test.value, test.fix, err)
		}
	}
	for _, fine := range []struct{ appURL, prefix string }{
		{"https://app.example/auth", "/login"}, {"https://auth", ""}, {"https://app.example/myauth", ""},
		{"https://app.example/callback", ""},
		{"https://app.example/auth/app", ""}, {"https://app.example/auth/callback", "/login"},
	} {
		c := validConfig()
		c.AppURL, c.RoutePrefix = fine.appURL, fine.prefix
		if _, err := ginoidc.New(c); err != nil {
			t.Errorf("%+v: %v", fine, err)
		}
	}
}

// TestProviderProblems: New refuses every unsafe or meaningless setting of a provider and names its path. Group T.
func TestProviderProblems(t *testing.T) {
	ecKey, rsaKey := testKeys(t)
	withKey := func(key []byte) func(*ginoidc.Provider) {
		return func(p *ginoidc.Provider) {
			p.ClientSecret, p.ClientKey, p.ClientAuthMethod = "", key, "private_key_jwt"
		}
	}
	fapi2 := func(p *ginoidc.Provider) { p.Profile, p.ClientSecret, p.ClientKey = "fapi2", "", ecKey }
	for _, tt := range []struct {
		name   string
		change func(*ginoidc.Provider)
		want   []string // as in TestConfigProblems, below "Providers[0]."
	}{
		{"nothing set", func(p *ginoidc.Provider) { *p = ginoidc.Provider{} }, // case 305
			[]string{"Issuer ", "ClientID ", "ClientSecret "}},
		{"http issuer", func(p *ginoidc.Provider) { p.Issuer = "http://idp.example" }, []string{"Issuer "}}, // case 112
		{"http issuer on loopback", func(p *ginoidc.Provider) { p.Issuer = "http://127.0.0.1:4000/op" }, nil},
		{"issuer with a slash", func(p *ginoidc.Provider) { p.Issuer = "https://idp.example/" }, nil},
		{"issuer with a query", func(p *ginoidc.Provider) { p.Issuer = "https://idp.example?x=1" }, []string{"Issuer "}},
		{"issuer without scheme", func(p *ginoidc.Provider) { p.Issuer = "idp.example" }, []string{"Issuer "}},
		{"scope without openid", func(p *ginoidc.Provider) { p.Scopes = []string{"profile"} }, []string{"Scopes "}},
		// case 310
		{"scope of two words", func(p *ginoidc.Provider) { p.Scopes = []string{"openid", "a b"} }, []string{"Scopes "}},
		{"public client", func(p *ginoidc.Provider) { p.ClientAuthMethod, p.ClientSecret = "none", "" }, nil},
		{"public client with a secret", func(p *ginoidc.Provider) { p.ClientAuthMethod = "none" }, []string{"ClientSecret "}},
		{"unsupported client authentication", func(p *ginoidc.Provider) { p.ClientAuthMethod = "secret_handshake" },
			[]string{"ClientAuthMethod "}},
		{"symmetric algorithm", func(p *ginoidc.Provider) { p.SigningAlgs = []string{"RS256", "HS256"} },
			[]string{"SigningAlgs "}}, // case 76
		{"no algorithm", func(p *ginoidc.Provider) { p.SigningAlgs = []string{"none"} }, []string{"SigningAlgs "}}, // case 75
		{"clock tolerance", func(p *ginoidc.Provider) { p.ClockTolerance = time.Hour }, []string{"ClockTolerance "}},
		{"certificate for an http origin", certifies("http://localhost:9"), []string{"CertificateOrigins "}},
		{"certificate for a path", certifies("https://api.example/"), []string{"CertificateOrigins "}},
		{"certificate for a pattern", certifies("https://*.example"), []string{"CertificateOrigins "}},
		{"certificate for a default port", certifies("https://api.example:443"), []string{"CertificateOrigins "}},
		{"certificate for capitals", certifies("https://API.example"), []string{"CertificateOrigins "}},
		{"certificate for nothing", certifies(""), []string{"CertificateOrigins "}},
		{"no certificate", func(p *ginoidc.Provider) { p.CertificateOrigins = []string{"https://api.example"} },
			[]string{"CertificateOrigins "}},
		{"sign-out parameters", func(p *ginoidc.Provider) {
			p.SignOutParameters = url.Values{"logout_uri": {"https://app.example/"}}
		}, nil},
		{"sign-out parameter of ours", func(p *ginoidc.Provider) { p.SignOutParameters = url.Values{"state": {"1"}} },
			[]string{"SignOutParameters "}},
		{"redirect of another", func(p *ginoidc.Provider) {
			p.SignOutParameters = url.Values{"post_logout_redirect_uri": {"https://evil.example"}}
		}, []string{"SignOutParameters "}},
		{"sign-out parameter twice", func(p *ginoidc.Provider) { p.SignOutParameters = url.Values{"a": {"1", "2"}} },
			[]string{"SignOutParameters "}},
		{"origins for the certificate", func(p *ginoidc.Provider) {
			p.CertificateOrigins, p.ClientCertificate = []string{"https://api.example", "https://localhost:8443"},
				&tls.Certificate{}
		}, nil},
		{"two ways to the groups", func(p *ginoidc.Provider) { p.GroupsClaim, p.GroupsPath = "groups", []string{"a"} },
			[]string{"GroupsPath "}},
		{"empty path element", func(p *ginoidc.Provider) { p.OrganizationsPath = []string{"a", ""} },
			[]string{"OrganizationsPath "}},
		// case 44
		{"unknown response mode", func(p *ginoidc.Provider) { p.ResponseMode = "fragment.jwt" }, []string{"ResponseMode "}},
		{"signed answers", func(p *ginoidc.Provider) { p.ResponseMode = "form_post.jwt" }, nil},
		{"pushed sometimes", func(p *ginoidc.Provider) { p.PushedAuthorization = "sometimes" },
			[]string{"PushedAuthorization "}},
		{"parameter of ours", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"nonce": {"1"}} },
			[]string{"SignInParameters "}}, // case 6
		{"redirect_uri of another", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"redirect_uri": {"x"}} },
			[]string{"SignInParameters "}}, // case 6
		{"prompt of none and another", func(p *ginoidc.Provider) {
			p.SignInParameters = url.Values{"prompt": {"none login"}}
		}, []string{"SignInParameters "}},
		{"prompt of two", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"prompt": {"login consent"}} }, nil},
		{"prompt of none", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"prompt": {"none"}} }, nil},
		{"claims that are no object", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"claims": {`["email"]`}} },
			[]string{"SignInParameters "}},
		{"claims", func(p *ginoidc.Provider) {
			p.SignInParameters = url.Values{"claims": {`{"id_token":{"email":null}}`}}
		}, nil},
		{"max_age of no number", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"max_age": {"x"}} },
			[]string{"SignInParameters "}},
		{"parameters", func(p *ginoidc.Provider) {
			p.SignInParameters = url.Values{"resource": {"a:1", "a:2"}, "audience": {"a"}}
		}, nil},
		{"private key", withKey(ecKey), nil},
		{"private key with a secret", func(p *ginoidc.Provider) {
			p.ClientKey, p.ClientAuthMethod = ecKey,
				"private_key_jwt"
		}, []string{"ClientSecret "}},
		{"private key left out", withKey(nil), []string{"ClientKey "}},
		{"private key of no use", func(p *ginoidc.Provider) { p.ClientKey = ecKey }, []string{"ClientKey "}},
		{"private key that is none", withKey([]byte(testapp.CookieSecret)), []string{"ClientKey "}},
		{"algorithm of another key", func(p *ginoidc.Provider) { withKey(ecKey)(p); p.ClientKeyAlg = "RS256" },
			[]string{"ClientKeyAlg "}},
		{"key id without key", func(p *ginoidc.Provider) { p.ClientKeyID = "k" }, []string{"ClientKeyID "}},
		{"algorithm without key", func(p *ginoidc.Provider) { p.ClientKeyAlg = "ES256" }, []string{"ClientKeyAlg "}},
		{"key for encryption", func(p *ginoidc.Provider) { withKey(ecKey)(p); p.ClientKeyAlg = "ECDH-ES" },
			[]string{"ClientKey "}},
		{"signed requests", func(p *ginoidc.Provider) { p.SignRequests, p.ClientKey = true, ecKey }, nil},
		{"signed requests without a key", func(p *ginoidc.Provider) { p.SignRequests = true }, []string{"ClientKey "}},
		{"key for decryption", func(p *ginoidc.Provider) { p.DecryptionKey = ecKey }, nil},
		{"key that cannot decrypt", func(p *ginoidc.Provider) {
			p.DecryptionKey = testapp.PEM(ed25519.NewKeyFromSeed([]byte(testapp.CookieSecret)))
		}, []string{"DecryptionKey "}},
		{"short secret for client_secret_jwt", func(p *ginoidc.Provider) { p.ClientAuthMethod = "client_secret_jwt" },
			[]string{"ClientSecret "}},
		{"client_secret_jwt", func(p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret = "client_secret_jwt", testapp.CookieSecret
		}, nil},
		{"certificate left out", func(p *ginoidc.Provider) { p.ClientAuthMethod, p.ClientSecret = "tls_client_auth", "" },
			[]string{"ClientCertificate "}},
		{"certificate", func(p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret, p.ClientCertificate = "self_signed_tls_client_auth", "", &tls.Certificate{}
		}, nil},
		{"certificate of a transport", func(p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret, p.Transport = "tls_client_auth", "", http.DefaultTransport
		}, nil},
		{"unknown profile", func(p *ginoidc.Provider) { p.Profile = "fapi" }, []string{"Profile "}},
		{"fapi2", fapi2, nil},
		{"fapi2 with a certificate", func(p *ginoidc.Provider) {
			fapi2(p)
			p.ClientKey, p.ClientCertificate = nil,
				&tls.Certificate{}
		}, nil},
		{"fapi2 with a secret", func(p *ginoidc.Provider) { p.Profile, p.ClientAuthMethod = "fapi2", "client_secret_basic" },
			[]string{"ClientAuthMethod "}},
		{"fapi2 without PAR", func(p *ginoidc.Provider) { fapi2(p); p.PushedAuthorization = "auto" },
			[]string{"PushedAuthorization "}},
		{"fapi2 with RS256", func(p *ginoidc.Provider) { fapi2(p); p.SigningAlgs = []string{"ES256", "RS256"} },
			[]string{"SigningAlgs "}},
		{"fapi2 with an RSA key", func(p *ginoidc.Provider) { fapi2(p); p.ClientKey = rsaKey }, nil}, // it signs with PS256
		{"fapi2 with a key for RS256", func(p *ginoidc.Provider) { fapi2(p); p.ClientKey, p.ClientKeyAlg = rsaKey, "RS256" },
			[]string{"ClientKeyAlg "}},
		{"two ways to the organizations", func(p *ginoidc.Provider) {
			p.OrganizationsClaim, p.OrganizationsPath = "o",
				[]string{"a"}
		}, []string{"OrganizationsPath "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := validConfig()
			tt.change(&c.Providers[0])
			var want []string
			for _, field := range tt.want {
				want = append(want, "Providers[0]."+field)
			}
			checkProblems(t, c, want)
		})
	}
}

// certifies sets a certificate and an origin to present it to.
func certifies(origin string) func(*ginoidc.Provider) {
	return func(p *ginoidc.Provider) {
		p.ClientCertificate, p.CertificateOrigins = &tls.Certificate{}, []string{"https://api.example.com:8443", origin}
	}
}

// TestKeyProblems: the error for a key says what is wrong with it and how to generate one.
func TestKeyProblems(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	setenv(t, map[string]string{"DECRYPTION_KEY_FILE": file})
	_, _, err := fromEnv()
	if err == nil || strings.Contains(err.Error(), "client key") || strings.Contains(err.Error(), "ed25519") ||
		!strings.Contains(err.Error(), "algorithm EC") {
		t.Errorf("decryption key: %v", err)
	}
}

// TestAPISettings: settings of the app as a resource server that would have no effect, or would trust everyone, are
// reported.
func TestAPISettings(t *testing.T) {
	valid := func() ginoidc.Config {
		return ginoidc.Config{
			Providers: []ginoidc.Provider{{
				Issuer: testapp.Issuer, ClientID: "app", ClientSecret: testapp.ClientSecret, Audience: api,
			}},
			AppURL: testapp.URL + "/shop", CookieSecrets: []string{testapp.CookieSecret},
			Resource: testapp.URL + "/shop/api", CertificateHeader: "Client-Cert", CertificateProxies: []string{"::1"},
		}
	}
	if _, err := ginoidc.New(valid()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*ginoidc.Config){
		"Resource": func(c *ginoidc.Config) { c.Resource = "api" },
		"Resource, another host": func(c *ginoidc.Config) {
			c.Resource = "https://api.example.com/shop"
		},
		"Resource, above the app":       func(c *ginoidc.Config) { c.Resource = testapp.URL },
		"Resource, next to the app":     func(c *ginoidc.Config) { c.Resource = testapp.URL + "/shopping" },
		"Resource, dots":                func(c *ginoidc.Config) { c.Resource = testapp.URL + "/shop/../api" },
		"Resource, a fragment":          func(c *ginoidc.Config) { c.Resource += "#a" },
		"Resource, a query":             func(c *ginoidc.Config) { c.Resource += "?a=b" },
		"CertificateHeader, two words":  func(c *ginoidc.Config) { c.CertificateHeader = "Client Cert" },
		"CertificateFormat":             func(c *ginoidc.Config) { c.CertificateFormat = "der" },
		"CertificateProxies, none":      func(c *ginoidc.Config) { c.CertificateProxies = nil },
		"CertificateProxies, a name":    func(c *ginoidc.Config) { c.CertificateProxies = []string{"proxy"} },
		"CertificateProxies, everybody": func(c *ginoidc.Config) { c.CertificateProxies = []string{"0.0.0.0/0"} },
		"CertificateProxies, no header": func(c *ginoidc.Config) { c.CertificateHeader = "" },
	} {
		cfg := valid()
		change(&cfg)
		_, err := ginoidc.New(cfg)
		field, _, _ := strings.Cut(name, ",")
		if problems := problemsOf(err); len(problems) != 1 || !strings.HasPrefix(problems[0], field+" ") {
			t.Errorf("%s: %q", name, problems)
		}
	}
	without := valid()
	without.Providers[0].Audience, without.Providers[0].RequireDPoPNonce = "", true
	_, err := ginoidc.New(without)
	if problems := problemsOf(err); len(problems) != 3 {
		t.Errorf("without an audience: %q", problems)
	}
}

// TestSeveralProvidersProblems: names and domains are checked each and together, and an issuer of many tenants needs
// to say which of them may sign in (case 322).
func TestSeveralProvidersProblems(t *testing.T) {
	const many = "https://login.example/{tenantid}/v2.0"
	const tenant = "9188040d-6c67-4c5b-b112-36a304b66dad"
	find := func(context.Context, string) (ginoidc.Provider, error) { return ginoidc.Provider{}, nil }
	allow := func(context.Context, string) (bool, error) { return true, nil }
	second := func(edit func(*ginoidc.Provider)) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) {
			c.Providers[0].Name, c.Providers[0].EmailDomains = "one", []string{"acme.example"}
			p := ginoidc.Provider{Name: "two", Issuer: "https://two.example", ClientID: "app", ClientSecret: "s"}
			edit(&p)
			c.Providers = append(c.Providers, p)
		}
	}
	for _, tt := range []struct {
		name string
		edit func(*ginoidc.Config)
		want []string
	}{
		{"two", second(func(*ginoidc.Provider) {}), nil},
		{"no name", second(func(p *ginoidc.Provider) { p.Name = "" }), []string{"Providers[1].Name "}},
		{"a name twice", second(func(p *ginoidc.Provider) { p.Name = "one" }), []string{"Providers[1].Name "}},
		{"upper case", second(func(p *ginoidc.Provider) { p.Name = "Two" }), []string{"Providers[1].Name "}},
		{"a path", second(func(p *ginoidc.Provider) { p.Name = "a/b" }), []string{"Providers[1].Name "}},
		{"a hyphen in front", second(func(p *ginoidc.Provider) { p.Name = "-a" }), []string{"Providers[1].Name "}},
		{"a domain twice", second(func(p *ginoidc.Provider) { p.EmailDomains = []string{"acme.example"} }),
			[]string{"Providers[1].EmailDomains "}},
		{"an address", second(func(p *ginoidc.Provider) { p.EmailDomains = []string{"a@b.example"} }),
			[]string{"Providers[1].EmailDomains "}},
		{"a domain in upper case", second(func(p *ginoidc.Provider) { p.EmailDomains = []string{"B.example"} }),
			[]string{"Providers[1].EmailDomains "}},
		{"an invisible label", second(func(p *ginoidc.Provider) { p.Label = "a\u200b" }), []string{"Providers[1].Label "}},
		{"a control in the prefix", second(func(p *ginoidc.Provider) { p.GroupsPrefix = "a\n" }),
			[]string{"Providers[1].GroupsPrefix "}},
		{"introspection twice", func(c *ginoidc.Config) {
			second(func(p *ginoidc.Provider) { p.Audience, p.Introspection = "https://api.example", "json" })(c)
			c.Providers[0].Audience, c.Providers[0].Introspection = "https://api.example", "json"
		}, []string{"Providers[1].Introspection "}},
		{"one and a function", func(c *ginoidc.Config) { c.FindProvider = find }, []string{"Providers[0].Name "}},
		{"a function alone", func(c *ginoidc.Config) { c.Providers, c.FindProvider = nil, find }, nil},
		{"any tenant", func(c *ginoidc.Config) { c.Providers[0].Issuer = many }, []string{"Providers[0].Tenants "}},
		{"tenants", func(c *ginoidc.Config) {
			c.Providers[0].Issuer, c.Providers[0].Tenants = many, []string{tenant}
		}, nil},
		{"a rule for tenants", func(c *ginoidc.Config) {
			c.Providers[0].Issuer, c.Providers[0].AllowTenant = many, allow
		}, nil},
		{"tenants of no such issuer", func(c *ginoidc.Config) { c.Providers[0].Tenants = []string{tenant} },
			[]string{"Providers[0].Tenants "}},
		{"the name of a tenant", func(c *ginoidc.Config) {
			c.Providers[0].Issuer, c.Providers[0].Tenants = many, []string{"common"}
		}, []string{"Providers[0].Tenants "}},
		{"two markers", func(c *ginoidc.Config) {
			c.Providers[0].Issuer, c.Providers[0].Tenants = many+"/{tenantid}", []string{tenant}
		}, []string{"Providers[0].Issuer "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := validConfig()
			tt.edit(&c)
			checkProblems(t, c, tt.want)
		})
	}
}

// TestIPSIEProblems: the profile refuses what it does not allow, and sets what is left out.
func TestIPSIEProblems(t *testing.T) {
	_, rsaKey := testKeys(t)
	type change = func(*ginoidc.Config, *ginoidc.Provider)
	algs := func(algs ...string) change {
		return func(_ *ginoidc.Config, p *ginoidc.Provider) { p.SigningAlgs = algs }
	}
	for name, tt := range map[string]struct {
		change change
		field  string // "": accepted
	}{
		"nothing else":  {func(*ginoidc.Config, *ginoidc.Provider) {}, ""},
		"its algorithm": {algs("PS256"), ""},
		"RS256":         {algs("ES256", "RS256"), "SigningAlgs"},
		"http":          {func(c *ginoidc.Config, _ *ginoidc.Provider) { c.AppURL = "http://localhost:8080" }, "AppURL"},
		"http provider": {func(_ *ginoidc.Config, p *ginoidc.Provider) { p.Issuer = "http://localhost:9090" }, "Issuer"},
		"audiences": {func(_ *ginoidc.Config, p *ginoidc.Provider) {
			p.TrustedAudiences = []string{"a"}
		}, "TrustedAudiences"},
		"a secret's signature": {func(_ *ginoidc.Config, p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret = ginoidc.ClientSecretJWT, strings.Repeat("secret-", 6)
		}, "ClientAuthMethod"},
		"an RSA key": {func(_ *ginoidc.Config, p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret, p.ClientKey = ginoidc.PrivateKeyJWT, "", rsaKey
		}, ""},
		"an RSA key with RS256": {func(_ *ginoidc.Config, p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret, p.ClientKey, p.ClientKeyAlg = ginoidc.PrivateKeyJWT, "", rsaKey, "RS256"
		}, "ClientKeyAlg"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := validConfig()
			cfg.Providers[0].Profile = ginoidc.ProfileIPSIESL1
			tt.change(&cfg, &cfg.Providers[0])
			_, err := ginoidc.New(cfg)
			switch got := problemsOf(err); {
			case tt.field == "" && err != nil:
				t.Error(err)
			case tt.field != "" && (len(got) != 1 || !strings.HasPrefix(got[0], tt.field) &&
				!strings.HasPrefix(got[0], "Providers[0]."+tt.field)):
				t.Errorf("problems %q, %v", got, err)
			}
		})
	}
}

// newIPSIE returns an app with the profile and a provider that has all it requires.
func newIPSIE(t *testing.T) *testapp.App {
	t.Helper()
	a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Providers[0].Profile, c.Providers[0].SigningAlgs = ginoidc.ProfileIPSIESL1, nil
		op.ACRValues = []string{"phr"}
	})
	a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = time.Now().Add(time.Hour).Unix() })
	return a
}

// TestIPSIESignIn: the ID token has to be for this app alone and say how the user was authenticated and how long the
// session may last. Third parties may start sign-ins.
func TestIPSIESignIn(t *testing.T) {
	a := newIPSIE(t)
	if r := a.Browser().Navigate("/auth/signin?iss=" + testapp.Issuer); r.StatusCode != http.StatusFound {
		t.Errorf("third party: %d %s", r.StatusCode, r.Body)
	}
	later := time.Now().Add(time.Hour).Unix()
	for name, change := range map[string]map[string]any{
		"all": {}, "aud as a list": {"aud": []string{"app"}}, "no acr": {"acr": nil}, "empty acr": {"acr": ""},
		"acr as a number": {"acr": 1}, "no amr": {"amr": nil}, "empty amr": {"amr": []string{}}, "amr a text": {"amr": "pwd"},
		"amr of numbers": {"amr": []int{1}}, "no auth_time": {"auth_time": nil}, "auth_time as text": {"auth_time": "1"},
		"no session_expiry": {"session_expiry": nil},
	} {
		t.Run(name, func(t *testing.T) {
			a.OP.OnIDToken(func(claims map[string]any) {
				claims["session_expiry"] = later
				for claim, value := range change {
					if claims[claim] = value; value == nil {
						delete(claims, claim)
					}
				}
			})
			want := http.StatusUnauthorized
			if len(change) == 0 {
				want = http.StatusSeeOther
			}
			if r := a.Browser().SignIn("alice"); r.StatusCode != want {
				t.Errorf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
			}
		})
	}
}

// TestIPSIEProvider: a provider that does not announce what the profile needs gets no browser.
func TestIPSIEProvider(t *testing.T) {
	a := newIPSIE(t)
	a.OP.OnDiscovery(func(doc map[string]any) { delete(doc, "authorization_response_iss_parameter_supported") })
	r := a.Browser().Navigate("/auth/signin")
	if r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.Logs.String(), "ipsie_unsupported") {
		t.Errorf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
	}
	if slices.Contains(a.Browser().Cookies(), "ginoidc") {
		t.Error("an attempt was started")
	}
}

// setenv sets variables under the prefix X_, the required ones included.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	all := map[string]string{"ISSUER": "https://idp.example", "CLIENT_ID": "app", "CLIENT_SECRET": "s",
		"COOKIE_SECRET": testapp.CookieSecret}
	maps.Copy(all, env)
	for name, value := range all {
		t.Setenv("X_"+name, value)
	}
}

// fromEnv returns a Config from the variables under X_, the error of New, which includes what ConfigFromEnv could not
// read, and the log of New.
func fromEnv() (c ginoidc.Config, log string, err error) {
	var logs bytes.Buffer
	c, _ = ginoidc.ConfigFromEnv("X_")
	c.Logger, c.State = slog.New(slog.NewTextHandler(&logs, nil)), state.NewMemory(0) // without it, New logs a warning
	_, err = ginoidc.New(c)
	return c, logs.String(), err
}

// certificatePEM returns a file with a certificate and its key, and one with the certificate alone.
func certificatePEM(t *testing.T) (both, alone []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	alone = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(slices.Clone(alone), testapp.PEM(key)...), alone
}

// TestWhereAConfigComesFrom: an error names the variable that set the field, or should have, by the name that was used.
func TestWhereAConfigComesFrom(t *testing.T) {
	for _, test := range []struct {
		name   string
		prefix string
		env    map[string]string // by full name
		change func(*ginoidc.Config)
		want   []string
	}{
		{"nothing set", "P", nil, nil, []string{"Providers[0].Issuer P_ISSUER", "Providers[0].ClientID P_CLIENT_ID",
			"Providers[0].ClientSecret P_CLIENT_SECRET",
			"CookieSecrets P_COOKIE_SECRET"}},
		{"no prefix", "", nil, nil, []string{"Providers[0].Issuer ISSUER", "Providers[0].ClientID CLIENT_ID",
			"Providers[0].ClientSecret CLIENT_SECRET",
			"CookieSecrets COOKIE_SECRET"}},
		{"by an alias", "X", map[string]string{"X_ISSUER": "", "X_TENANT_DOMAIN": "http://idp.example",
			"X_SESSION_COOKIE_NAME": "__Host-x"}, nil,
			[]string{"Providers[0].Issuer X_TENANT_DOMAIN", "CookieName X_SESSION_COOKIE_NAME"}},
		{"changed", "X", map[string]string{"X_CLIENT_ID": "b "}, func(c *ginoidc.Config) {
			c.Providers[0].Issuer, c.AppURL,
				c.Providers[0].ClientSecret = "x", "x", ""
		}, []string{"Providers[0].Issuer ", "Providers[0].ClientSecret ", "Providers[0].ClientID X_CLIENT_ID", "AppURL "}},
		{"changed in place", "X", map[string]string{"X_SCOPES": "openid email"},
			func(c *ginoidc.Config) { c.Providers[0].Scopes[0] = "profile" }, []string{"Providers[0].Scopes "}},
		{"parameters changed in place", "X", map[string]string{"X_SIGN_IN_PARAMETERS": "a=b"},
			func(c *ginoidc.Config) { c.Providers[0].SignInParameters.Set("nonce", "1") },
			[]string{"Providers[0].SignInParameters "}},
		{"set to the same", "X", map[string]string{"X_COOKIE_NAME": "a b"},
			func(c *ginoidc.Config) { c.CookieName = "a" + " b" }, []string{"CookieName X_COOKIE_NAME"}},
		{"set by code alone", "X", nil, func(c *ginoidc.Config) { c.MaxSessions = -1 }, []string{"MaxSessions "}},
		{"left to the default", "X", map[string]string{"X_SESSION_IDLE": "200h"}, nil,
			[]string{"SessionIdle X_SESSION_IDLE"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			setenv(t, nil)
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			c, _ := ginoidc.ConfigFromEnv(test.prefix)
			if c.Logger = slog.New(slog.DiscardHandler); test.change != nil {
				test.change(&c)
			}
			_, err := ginoidc.New(c)
			if got := problemsOf(err); !slices.Equal(got, test.want) {
				t.Errorf("problems %q, want %q", got, test.want)
			}
		})
	}
	if _, err := ginoidc.New(ginoidc.Config{}); strings.Contains(err.Error(), "OIDC_") ||
		strings.Contains(err.Error(), "_ID") {
		t.Errorf("a Config of code has errors that name variables: %v", err)
	}
}

// TestProvidersFromEnv: each of several providers has its own variables, and those of a single one have no effect.
func TestProvidersFromEnv(t *testing.T) {
	setenv(t, map[string]string{
		"PROVIDERS": " google  my-company ", "COOKIE_SECRET": testapp.CookieSecret,
		"GOOGLE_ISSUER": "https://google.example", "GOOGLE_CLIENT_ID": "g", "GOOGLE_CLIENT_SECRET": "s",
		"MY_COMPANY_ISSUER": "https://company.example", "MY_COMPANY_CLIENT_ID": "c",
		"MY_COMPANY_CLIENT_SECRET": "s", "MY_COMPANY_GROUPS_CLAIM": "roles", "MY_COMPANY_LABEL": "My company",
		"ISSUER": "https://single.example", "CLIENT_ID": "single", "MY_COMPANY_ISSUE": "x",
	})
	c, err := ginoidc.ConfigFromEnv("X_")
	if err != nil || len(c.Providers) != 2 {
		t.Fatalf("%+v, %v", c.Providers, err)
	}
	google, company := c.Providers[0], c.Providers[1]
	if google.Name != "google" || google.Issuer != "https://google.example" || google.ClientID != "g" ||
		google.GroupsClaim != "" {
		t.Errorf("%+v", google)
	}
	if company.Name != "my-company" || company.ClientID != "c" || company.GroupsClaim != "roles" ||
		company.Label != "My company" {
		t.Errorf("%+v", company)
	}
	var logs bytes.Buffer
	c.Logger = slog.New(slog.NewTextHandler(&logs, nil))
	if _, err := ginoidc.New(c); err != nil {
		t.Error(err)
	}
	for _, want := range []string{`without effect" variables="[X_ISSUER X_CLIENT_ID X_CLIENT_SECRET]"`,
		"variable=X_MY_COMPANY_ISSUE nearest=X_MY_COMPANY_ISSUER"} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("the log lacks %s: %s", want, &logs)
		}
	}
	for names, want := range map[string]string{
		"google my-company google": "Providers[2].Name X_PROVIDERS", "Google my-company": "Providers[0].Name X_PROVIDERS",
		"google other": "Providers[1].Issuer X_OTHER_ISSUER",
	} {
		t.Setenv("X_PROVIDERS", names)
		c, _ := ginoidc.ConfigFromEnv("X_")
		c.Logger = slog.New(slog.DiscardHandler)
		if _, err := ginoidc.New(c); !slices.Contains(problemsOf(err), want) {
			t.Errorf("%s: %q lacks %s", names, problemsOf(err), want)
		}
	}
}

// TestConfigFromEnv reads every variable of the example's contract, under any prefix.
func TestConfigFromEnv(t *testing.T) {
	caFile, keyFile := filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "key.pem")
	ecKey, _ := testKeys(t)
	if err := errors.Join(os.WriteFile(caFile, []byte("no certificate"), 0o600),
		os.WriteFile(keyFile, ecKey, 0o600)); err != nil {
		t.Fatal(err)
	}
	base := map[string]string{"ISSUER": "https://idp.example", "CLIENT_ID": "app", "CLIENT_SECRET": "s",
		"COOKIE_SECRET": testapp.CookieSecret}
	for _, tt := range []struct {
		name string
		env  map[string]string
		want []string // as TestConfigProblems
		held func(ginoidc.Config) bool
	}{
		{"the least", nil, nil, func(c ginoidc.Config) bool {
			return c.AppURL == "http://localhost:8080" &&
				!c.Providers[0].SkipUserInfo
		}},
		{"lists", map[string]string{"SCOPES": " openid  groups ",
			"COOKIE_SECRET": testapp.CookieSecret + "2 " + testapp.CookieSecret, "SIGNING_ALGS": "ES256 RS256"}, nil,
			func(c ginoidc.Config) bool {
				return slices.Equal(c.Providers[0].Scopes, []string{"openid", "groups"}) && len(c.CookieSecrets) == 2 &&
					c.Providers[0].SigningAlgs[0] == "ES256"
			}},
		{"durations and booleans", map[string]string{"SESSION_IDLE": "1h", "SESSION_LIFETIME": "24h",
			"CLOCK_TOLERANCE": "30s", "FETCH_USER_INFO": "false"}, nil,
			func(c ginoidc.Config) bool {
				return c.SessionIdle == time.Hour && c.SessionLifetime == 24*time.Hour &&
					c.Providers[0].ClockTolerance == 30*time.Second &&
					c.Providers[0].SkipUserInfo
			}},
		{"claims", map[string]string{"GROUPS_CLAIM": "realm_access.roles", "ORGANIZATIONS_CLAIM": "orgs"}, nil,
			func(c ginoidc.Config) bool {
				return c.Providers[0].GroupsClaim == "realm_access.roles" && c.Providers[0].OrganizationsClaim == "orgs"
			}},
		{"defaults spelled out", map[string]string{"RESPONSE_MODE": "query", "USE_PAR": "auto", "KEEP_TOKENS": "false",
			"INITIATE_LOGIN": "false", "CLIENT_AUTH_METHOD": "client_secret_post"}, nil, nil},
		{"unparsable", map[string]string{"SESSION_IDLE": "soon", "FETCH_USER_INFO": "maybe", "CLOCK_TOLERANCE": "-1s"},
			[]string{"Providers[0].SkipUserInfo X_FETCH_USER_INFO", "Providers[0].ClockTolerance X_CLOCK_TOLERANCE",
				"SessionIdle X_SESSION_IDLE"}, nil},
		{"tokens", map[string]string{"KEEP_TOKENS": "true"}, nil, func(c ginoidc.Config) bool { return c.KeepTokens }},
		{"the protocol", map[string]string{"RESPONSE_MODE": "form_post", "USE_PAR": "true", "INITIATE_LOGIN": "true"},
			nil, func(c ginoidc.Config) bool {
				return c.Providers[0].ResponseMode == "form_post" && c.Providers[0].PushedAuthorization == "always" &&
					c.Providers[0].InitiateLogin
			}},
		{"no PAR", map[string]string{"USE_PAR": "false"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].PushedAuthorization == "never" }},
		{"key file", map[string]string{"CLIENT_SECRET": "", "CLIENT_AUTH_METHOD": "private_key_jwt",
			"CLIENT_KEY_FILE": keyFile}, nil,
			func(c ginoidc.Config) bool { return bytes.Equal(c.Providers[0].ClientKey, ecKey) }},
		{"key file that is not there", map[string]string{"CLIENT_SECRET": "", "CLIENT_AUTH_METHOD": "private_key_jwt",
			"CLIENT_KEY_FILE": keyFile + ".gone"}, []string{"Providers[0].ClientKey X_CLIENT_KEY_FILE"}, nil},
		{"key file with something else", map[string]string{"CLIENT_SECRET": "", "CLIENT_AUTH_METHOD": "private_key_jwt",
			"CLIENT_KEY_FILE": caFile}, []string{"Providers[0].ClientKey X_CLIENT_KEY_FILE"}, nil},
		{"the protocol, misspelt", map[string]string{"RESPONSE_MODE": "fragment", "USE_PAR": "yes", "INITIATE_LOGIN": "si"},
			[]string{"Providers[0].PushedAuthorization X_USE_PAR", "Providers[0].InitiateLogin X_INITIATE_LOGIN",
				"Providers[0].ResponseMode X_RESPONSE_MODE"}, nil},
		{"CA file without certificate", map[string]string{"CA_FILE": caFile}, []string{"Providers[0].RootCAs X_CA_FILE"},
			nil},
		{"CA file that is not there", map[string]string{"CA_FILE": caFile + ".gone"},
			[]string{"Providers[0].RootCAs X_CA_FILE"}, nil},
		{"alias", map[string]string{"ISSUER": "", "TENANT_DOMAIN": "tenant.example"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].Issuer == "https://tenant.example" }},
		{"alias that differs", map[string]string{"TENANT_DOMAIN": "https://other.example"},
			[]string{"Providers[0].Issuer X_ISSUER"}, nil},
		{"empty counts as absent", map[string]string{"ISSUER": ""}, []string{"Providers[0].Issuer X_ISSUER"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, env := range []map[string]string{base, tt.env} {
				for name, value := range env {
					t.Setenv("X_"+name, value)
				}
			}
			c, _ := ginoidc.ConfigFromEnv("X")
			c.Logger = slog.New(slog.DiscardHandler)
			_, err := ginoidc.New(c)
			if got := problemsOf(err); !slices.Equal(got, tt.want) {
				t.Errorf("problems %q, want %q", got, tt.want)
			}
			if tt.held != nil && !tt.held(c) {
				t.Errorf("config %+v", c)
			}
		})
	}
}

// TestUnusableValues: each unusable value is one error, with the name of its variable.
func TestUnusableValues(t *testing.T) {
	dir := t.TempDir()
	certificate, alone := certificatePEM(t)
	path := func(name string, content []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, values := range map[string][]string{
		"SIGN_REQUESTS": {"yes", " true", "true\r", `"true"`}, "DPOP": {"on"}, "UNTYPED_LOGOUT_TOKENS": {"2"},
		"STRING_EMAIL_VERIFIED": {"no"},
		"KEEP_ID_TOKEN":         {"sometimes", "auto ", `"auto"`}, "USE_PAR": {"required"},
		"PROVIDER_TIMEOUT": {"5", "0s", "1h", "11s", "-1s", "soon", "100ms"}, "SESSION_LIFETIME": {"9999999h", "-9999999h"},
		"ATTEMPT_LIFE": {"10", "1s", "48h"}, "CLOCK_TOLERANCE": {"0", "-1", "301", "1.5"}, "SESSION_IDLE": {"3600"},
		"MAX_SESSIONS": {"-1", "many", "1.5", "3 ", "99999999999999999999"},
		"SIGN_IN_PARAMETERS": {
			"a=%zz", "a=1;b=2", "?audience=a", "audience", "=a", "audience=", `"audience=a"`, " audience=a", "audience=a&&=b",
			"nonce=1", "scope=openid", "max_age=x", "audience=a&audience=b", `audience="https://api.example"`,
			"resource=a:1&resource='a:2'",
			"prompt=none+login", "prompt=login++none", "claims=userinfo", "claims=[]", "claims=null", `claims={"userinfo":}`,
		},
		"SIGN_OUT_PARAMETERS": {"a=%zz", "?a=b", "a", "client_id=x", `logout_uri="https://app.example"`},
		"CERTIFICATE_ORIGINS": {"api.example", "'https://api.example'", "http://localhost"},
		"GROUPS_FORMAT":       {"list ", "map"}, "ORGANIZATIONS_FORMAT": {"csv"}, "PROFILE": {"fapi1"},
		"CLIENT_KEY_ALG": {"ES256"},
		"CLIENT_KEY_ID":  {"k1"},
		"APP_URL":        {"https://a.example//", "https://a.example:", "https://a.example:0", "https://a.example:65536"},
		"GROUPS_PATH":    {`"realm_access roles"`}, "TRUSTED_AUDIENCES": {"'a b'"},
		"USER_INFO_CLAIMS": {`"sub"`, "sub \u200bname"},
		"SCOPES":           {`"openid email"`, " "}, "SIGNING_ALGS": {"\t "}, "COOKIE_SECRET": {"  "},
		"TRUSTED_ORIGINS":     {"shop.example", "https://shop.example/", "*"},
		"CROSS_ORIGIN_ROUTES": {"hooks", `"/hooks"`},
		"RETURN_ORIGINS":      {"shop.example", "https://shop.example/", "'https://shop.example'"},
		"CLIENT_CERT_FILE":    {dir, path("none", nil), path("alone", alone), path("key", certificate[len(alone):])},
		"DECRYPTION_KEY_FILE": {path("gone", nil) + "x", path("empty", nil), path("text", []byte("no key"))},
		"ROUTE_PREFIX":        {"auth", "/", "//", "/au th", "/auth\n"}, "COOKIE_NAME": {"__Host-x", "a b"},
		"DEFAULT_RETURN_TO":    {"//evil.example"},
		"REMEMBER":             {"yes", "Ask", "true"},
		"SAME_SITE":            {"none", "Strict", "true"},
		"APP_NAME":             {"Acme\r", " Acme"},
		"APP_LOGO":             {"logo.svg", "//cdn.example/logo.svg", "http://cdn.example/logo.svg", `"/logo.svg"`},
		"PAGE_STYLE":           {"<style>a{}</style>"},
		"LANGUAGES":            {"fr", "de,en", "d"},
		"POST_SIGN_OUT_URL":    {"/bye", "https://a.example/ ", `"https://a.example"`},
		"REQUIRE_BOUND_TOKENS": {"true", "maybe"}, "REQUIRE_DPOP_NONCE": {"true", "maybe"},
		"BEARER_RESOURCE":    {"/api", "https://other.example", "https://app.example.com/api"},
		"CERTIFICATE_FORMAT": {"pem", "der"}, "CERTIFICATE_PROXIES": {"10.0.0.0/8", "proxy"},
		"ACCESS_TOKEN_PROFILE": {"rfc9068"}, "INTROSPECT": {"true", "maybe"}, "RECHECK_IN_BACKGROUND": {"maybe"},
	} {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				setenv(t, map[string]string{name: value})
				_, _, err := fromEnv()
				if got := problemsOf(err); len(got) != 1 || !strings.HasSuffix(got[0], " X_"+name) {
					t.Errorf("problems %q, %v", got, err)
				}
			})
		}
	}
}

// TestWhatIsSaidOfAValue: the error for a value says what is wrong and what to write, for the name that was used.
func TestWhatIsSaidOfAValue(t *testing.T) {
	for _, test := range []struct{ name, value, problem, want string }{
		{"TENANT_DOMAIN", `"idp.example"`, "Providers[0].Issuer X_TENANT_DOMAIN", "is in quotes"},
		{"TENANT_DOMAIN", " idp.example", "Providers[0].Issuer X_TENANT_DOMAIN", "has a blank"},
		{"TENANT_DOMAIN", "idp.example\n", "Providers[0].Issuer X_TENANT_DOMAIN", "has a control or invisible character"},
		{"SESSION_LIFETIME", "9999999h", "SessionLifetime X_SESSION_LIFETIME", `"9999999h" is too large`},
		{"SESSION_LIFETIME", "-9999999h", "SessionLifetime X_SESSION_LIFETIME", "is not a positive duration"},
		{"SESSION_LIFETIME", "1h30", "SessionLifetime X_SESSION_LIFETIME", "is not a positive duration"},
		{"CLOCK_TOLERANCE", "99999999999999999999", "Providers[0].ClockTolerance X_CLOCK_TOLERANCE", "is too large"},
		{"MAX_SESSIONS", "99999999999999999999", "MaxSessions X_MAX_SESSIONS", "is too large"},
		{"SESSION_MAX_DURATION", "99999999999", "SessionLifetime X_SESSION_MAX_DURATION", "is too large"},
		{"RESPONSE_TIMEOUT", "500", "Providers[0].Timeout X_RESPONSE_TIMEOUT", "write milliseconds, from 1000 to 10000"},
		{"STATE_DURATION", "99999", "AttemptLife X_STATE_DURATION", "write seconds, from 60 to 86400"},
		{"SIGN_IN_PARAMETERS", `a="b"`, "Providers[0].SignInParameters X_SIGN_IN_PARAMETERS",
			`the value of "a" is in quotes`},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			env := map[string]string{test.name: test.value}
			switch test.name {
			case "TENANT_DOMAIN":
				env["ISSUER"] = ""
			case "SESSION_MAX_DURATION":
				env["SESSION_SLIDING"] = "true"
			}
			setenv(t, env)
			_, _, err := fromEnv()
			if got := problemsOf(err); !slices.Equal(got, []string{test.problem}) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s: %q", err, test.problem, test.want)
			}
		})
	}
}

// TestUnreadableValues: an unreadable value is reported once, in the same words by ConfigFromEnv and by New, whether or
// not other fields need it, and nothing else is reported for its field or those that depend on it. New does not report
// a field that code has set since.
func TestUnreadableValues(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"CLIENT_AUTH_METHOD": "private_key_jwt", "CLIENT_SECRET": "", "CLIENT_KEY_FILE": "/nowhere"},
			"X_CLIENT_KEY_FILE"},
		{map[string]string{"SIGN_REQUESTS": "true", "CLIENT_KEY_FILE": "/nowhere", "CLIENT_KEY_ALG": "ES256"},
			"X_CLIENT_KEY_FILE"},
		{map[string]string{"CLIENT_KEY_FILE": "/nowhere", "CLIENT_KEY_ALG": "ES256", "CLIENT_KEY_ID": "k1"},
			"X_CLIENT_KEY_FILE"},
		{map[string]string{"PROFILE": "fapi2", "CLIENT_SECRET": "", "CLIENT_KEY_FILE": "/nowhere"}, "X_CLIENT_KEY_FILE"},
		{map[string]string{"CLIENT_AUTH_METHOD": "tls_client_auth", "CLIENT_SECRET": "", "CLIENT_CERT_FILE": "/nowhere"},
			"X_CLIENT_CERT_FILE"},
		{map[string]string{"CLIENT_CERT_FILE": "/nowhere", "CERTIFICATE_ORIGINS": "https://api.example"},
			"X_CLIENT_CERT_FILE"},
		{map[string]string{"COOKIE_SECRET": "  "}, "X_COOKIE_SECRET"},
		{map[string]string{"MAX_SESSIONS": "many"}, "X_MAX_SESSIONS"},
		{map[string]string{"SESSION_SLIDING": "perhaps"}, "X_SESSION_SLIDING"},
	} {
		t.Run(test.want+" "+strings.Join(slices.Sorted(maps.Keys(test.env)), " "), func(t *testing.T) {
			setenv(t, test.env)
			c, unreadable := ginoidc.ConfigFromEnv("X_")
			c.Logger = slog.New(slog.DiscardHandler)
			if unreadable == nil || !strings.Contains(unreadable.Error(), test.want) ||
				strings.Contains(unreadable.Error(), "\n") {
				t.Fatalf("ConfigFromEnv: %v", unreadable)
			}
			if _, err := ginoidc.New(c); err == nil || err.Error() != unreadable.Error() {
				t.Errorf("New says something else: %v", err)
			}
			p := &c.Providers[0]
			p.ClientKey, p.ClientCertificate = []byte("no key"), &tls.Certificate{}
			c.CookieSecrets, c.MaxSessions = []string{testapp.CookieSecret}, 3
			ofField := !slices.Contains(problemsOf(unreadable), " "+test.want)
			if _, err := ginoidc.New(c); (err == nil || !strings.Contains(err.Error(), test.want)) != ofField {
				t.Errorf("set by code: %v", err)
			}
		})
	}
}

// TestEveryFieldHasAVariable: every field of a Config that a text can express has a variable, which sets only that
// field.
func TestEveryFieldHasAVariable(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	certificate, root := certificatePEM(t)
	ecKey, _ := testKeys(t)
	for name, content := range map[string][]byte{"key": ecKey, "certificate": certificate, "roots": root} {
		if err := os.WriteFile(path(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(certificate, certificate)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		field, variable, value string
		want                   any // nil: check only that it is set
	}{
		{"Providers[0].Issuer", "ISSUER", "https://idp.example", "https://idp.example"},
		{"Providers[0].ClientID", "CLIENT_ID", "app", "app"},
		{"Providers[0].ClientSecret", "CLIENT_SECRET", "s", "s"},
		{"Providers[0].ClientAuthMethod", "CLIENT_AUTH_METHOD", "none", "none"},
		{"Providers[0].ClientKey", "CLIENT_KEY_FILE", path("key"), ecKey},
		{"Providers[0].ClientKeyAlg", "CLIENT_KEY_ALG", "PS256", "PS256"},
		{"Providers[0].ClientKeyID", "CLIENT_KEY_ID", "k1", "k1"},
		{"Providers[0].ClientCertificate", "CLIENT_CERT_FILE", path("certificate"), &pair},
		{"Providers[0].CertificateOrigins", "CERTIFICATE_ORIGINS", "https://a.example https://b.example",
			[]string{"https://a.example", "https://b.example"}},
		{"Providers[0].SignRequests", "SIGN_REQUESTS", "true", true},
		{"Providers[0].DecryptionKey", "DECRYPTION_KEY_FILE", path("key"), ecKey},
		{"Providers[0].DPoP", "DPOP", "true", true},
		{"Providers[0].Profile", "PROFILE", "fapi2", "fapi2"},
		{"AppURL", "APP_URL", "https://app.example/x", "https://app.example/x"},
		{"CookieSecrets", "COOKIE_SECRET", "new old", []string{"new", "old"}},
		{"Providers[0].Scopes", "SCOPES", "openid email", []string{"openid", "email"}},
		{"Providers[0].SigningAlgs", "SIGNING_ALGS", "ES256 PS256", []string{"ES256", "PS256"}},
		{"Providers[0].ResponseMode", "RESPONSE_MODE", "form_post", "form_post"},
		{"Providers[0].PushedAuthorization", "USE_PAR", "true", "always"},
		{"Providers[0].SignInParameters", "SIGN_IN_PARAMETERS", "audience=https%3A%2F%2Fapi.example&acr_values=a+b",
			url.Values{"audience": {"https://api.example"}, "acr_values": {"a b"}}},
		{"Providers[0].InitiateLogin", "INITIATE_LOGIN", "true", true},
		{"Providers[0].TrustedAudiences", "TRUSTED_AUDIENCES", "a b", []string{"a", "b"}},
		{"Providers[0].UntypedLogoutTokens", "UNTYPED_LOGOUT_TOKENS", "true", true},
		{"Providers[0].GroupsClaim", "GROUPS_CLAIM", "roles", "roles"},
		{"Providers[0].GroupsPath", "GROUPS_PATH", "realm_access roles", []string{"realm_access", "roles"}},
		{"Providers[0].OrganizationsClaim", "ORGANIZATIONS_CLAIM", "org", "org"},
		{"Providers[0].OrganizationsPath", "ORGANIZATIONS_PATH", "a b", []string{"a", "b"}},
		{"Providers[0].GroupsFormat", "GROUPS_FORMAT", "keys", "keys"},
		{"Providers[0].OrganizationsFormat", "ORGANIZATIONS_FORMAT", "separated", "separated"},
		{"Providers[0].StringEmailVerified", "STRING_EMAIL_VERIFIED", "true", true},
		{"Providers[0].SkipUserInfo", "FETCH_USER_INFO", "false", true},
		{"UserInfoClaims", "USER_INFO_CLAIMS", "sub name", []string{"sub", "name"}},
		{"SessionIdle", "SESSION_IDLE", "30m", 30 * time.Minute},
		{"MaxAuthAge", "MAX_AUTH_AGE", "8h", 8 * time.Hour},
		{"RecheckEvery", "RECHECK_EVERY", "5m", 5 * time.Minute},
		{"RecheckGrace", "RECHECK_GRACE", "15m", 15 * time.Minute},
		{"RecheckInBackground", "RECHECK_IN_BACKGROUND", "true", true},
		{"SessionLifetime", "SESSION_LIFETIME", "24h", 24 * time.Hour},
		{"Providers[0].ClockTolerance", "CLOCK_TOLERANCE", "30s", 30 * time.Second},
		{"Providers[0].Timeout", "PROVIDER_TIMEOUT", "8s", 8 * time.Second},
		{"AttemptLife", "ATTEMPT_LIFE", "20m", 20 * time.Minute},
		{"MaxSessions", "MAX_SESSIONS", "3", 3},
		{"KeepTokens", "KEEP_TOKENS", "true", true},
		{"KeepIDToken", "KEEP_ID_TOKEN", "false", "never"},
		{"KeepIDToken", "KEEP_ID_TOKEN", "true", "always"},
		{"KeepIDToken", "KEEP_ID_TOKEN", "auto", "auto"},
		{"RoutePrefix", "ROUTE_PREFIX", "/login", "/login"},
		{"CookieName", "COOKIE_NAME", "shop", "shop"},
		{"SameSite", "SAME_SITE", "strict", "strict"},
		{"Remember", "REMEMBER", "ask", "ask"},
		{"Pages.AppName", "APP_NAME", "Acme Shop", "Acme Shop"},
		{"Pages.Logo", "APP_LOGO", "/static/logo.svg", "/static/logo.svg"},
		{"Pages.Style", "PAGE_STYLE", ":root{--act:#0a7d4f}", ":root{--act:#0a7d4f}"},
		{"Pages.Languages", "LANGUAGES", "de en", []string{"de", "en"}},
		{"DefaultReturnTo", "DEFAULT_RETURN_TO", "/start", "/start"},
		{"ReturnOrigins", "RETURN_ORIGINS", "https://a.example", []string{"https://a.example"}},
		{"Providers[0].Audience", "BEARER_AUDIENCE", "https://api.example", "https://api.example"},
		{"Providers[0].AccessTokenProfile", "ACCESS_TOKEN_PROFILE", "keycloak", "keycloak"},
		{"Providers[0].AccessTokenIssuer", "ACCESS_TOKEN_ISSUER", "https://sts.example/", "https://sts.example/"},
		{"Providers[0].RequireBoundTokens", "REQUIRE_BOUND_TOKENS", "true", true},
		{"Providers[0].RequireDPoPNonce", "REQUIRE_DPOP_NONCE", "true", true},
		{"Resource", "BEARER_RESOURCE", "https://api.example", "https://api.example"},
		{"CertificateHeader", "CERTIFICATE_HEADER", "Client-Cert", "Client-Cert"},
		{"CertificateFormat", "CERTIFICATE_FORMAT", "pem", "pem"},
		{"CertificateProxies", "CERTIFICATE_PROXIES", "10.0.0.0/8 ::1", []string{"10.0.0.0/8", "::1"}},
		{"Providers[0].Introspection", "INTROSPECT", "true", "json"},
		{"Providers[0].Introspection", "INTROSPECT", "jwt", "jwt"},
		{"TrustedOrigins", "TRUSTED_ORIGINS", "https://a.example", []string{"https://a.example"}},
		{"CrossOriginRoutes", "CROSS_ORIGIN_ROUTES", "/a /b/:c", []string{"/a", "/b/:c"}},
		{"PostSignOutURL", "POST_SIGN_OUT_URL", "https://a.example/bye", "https://a.example/bye"},
		{"Providers[0].SignOutParameters", "SIGN_OUT_PARAMETERS", "logout_uri=https://a.example",
			url.Values{"logout_uri": {"https://a.example"}}},
		{"Providers[0].RootCAs", "CA_FILE", path("roots"), nil},
		{"ReportAllowed", "REPORT_ALLOWED", "true", true},
		{"Providers[0].Name", "PROVIDERS", "one", "one"},
		{"Providers[0].Label", "LABEL", "One", "One"},
		{"Providers[0].EmailDomains", "EMAIL_DOMAINS", "a.example b.example", []string{"a.example", "b.example"}},
		{"Providers[0].Public", "PUBLIC", "true", true},
		{"Providers[0].Tenants", "TENANTS", "t1 t2", []string{"t1", "t2"}},
		{"Providers[0].GroupsPrefix", "GROUPS_PREFIX", "a:", "a:"},
	}
	without, err := ginoidc.ConfigFromEnv("X_")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, test := range tests {
		seen[test.field] = true
		t.Run(test.variable+"="+test.value, func(t *testing.T) {
			t.Setenv("X_"+test.variable, test.value)
			c, err := ginoidc.ConfigFromEnv("X_")
			if err != nil {
				t.Fatal(err)
			}
			before := fields(without)
			for path, value := range fields(c) {
				changed := !reflect.DeepEqual(value.Interface(), before[path].Interface())
				wrong := changed && test.want != nil && !reflect.DeepEqual(value.Interface(), test.want)
				if wrong || changed != (path == test.field) {
					t.Errorf("%s is %v, want %v in %s alone", path, value, test.want, test.field)
				}
			}
		})
	}
	for path, value := range fields(ginoidc.Config{Providers: make([]ginoidc.Provider, 1)}) {
		if path == "Providers[0].AllowPrivateAddresses" { // for providers found at run time only
			continue
		}
		if isData(value.Type()) != seen[path] {
			t.Errorf("%s is data: %v, has a variable: %v", path, isData(value.Type()), seen[path])
		}
	}
}

// fields returns the exported fields of a Config and its provider by their paths.
func fields(c ginoidc.Config) map[string]reflect.Value {
	found := map[string]reflect.Value{}
	structs := map[string]reflect.Value{"": reflect.ValueOf(c), "Providers[0].": reflect.ValueOf(c.Providers[0]),
		"Pages.": reflect.ValueOf(c.Pages)}
	for prefix, of := range structs {
		for i := range of.NumField() {
			if field := of.Type().Field(i); field.IsExported() && field.Name != "Providers" && field.Name != "Pages" {
				found[prefix+field.Name] = of.Field(i)
			}
		}
	}
	return found
}

// isData reports whether a text, or a file that it names, can express a value of the type. Functions, interfaces,
// loggers, signals, which need a function, and texts of pages can only be set by code.
func isData(of reflect.Type) bool {
	switch of.Kind() {
	case reflect.Func, reflect.Interface:
		return false
	case reflect.Slice:
		return isData(of.Elem())
	case reflect.Struct:
		return slices.ContainsFunc(reflect.VisibleFields(of), func(f reflect.StructField) bool { return isData(f.Type) })
	}
	return of != reflect.TypeFor[*slog.Logger]() && of != reflect.TypeFor[*ginoidc.Signals]() &&
		of != reflect.TypeFor[map[string]map[string]string]()
}

// TestMonoCloudEnvironment: the environment file of a MonoCloud Next.js app works unchanged under its prefix.
func TestMonoCloudEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"TENANT_DOMAIN": "https://tenant.example", "CLIENT_ID": "app", "CLIENT_SECRET": "s",
		"SCOPES":  "openid profile email groups",
		"APP_URL": "http://localhost:3000", "COOKIE_SECRET": testapp.CookieSecret,
	} {
		t.Setenv("MONOCLOUD_AUTH_"+name, value)
	}
	t.Setenv("MONOCLOUD_AUTH_CALLBAK_URL", "/x")
	t.Setenv("MONOCLOUD_AUTH_SCOPE", "openid")
	c, err := ginoidc.ConfigFromEnv("MONOCLOUD_AUTH_")
	if err != nil {
		t.Fatal(err)
	}
	var logs bytes.Buffer
	c.Logger = slog.New(slog.NewTextHandler(&logs, nil))
	if _, err := ginoidc.New(c); err != nil {
		t.Fatal(err)
	}
	if c.Providers[0].Issuer != "https://tenant.example" || c.AppURL != "http://localhost:3000" ||
		len(c.Providers[0].Scopes) != 4 {
		t.Errorf("config %+v", c)
	}
	if out := logs.String(); strings.Count(out, "level=WARN") != 2 ||
		!strings.Contains(out, "variable=MONOCLOUD_AUTH_SCOPE nearest=MONOCLOUD_AUTH_SCOPES") {
		t.Errorf("warnings: %s", out)
	}
}

// TestNamesOfMonoCloud: variables of its SDK have the same meaning here, or an error or warning says that they do not.
func TestNamesOfMonoCloud(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want []string // of problems
		held func(ginoidc.Config) bool
	}{
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256"}, nil,
			func(c ginoidc.Config) bool { return slices.Equal(c.Providers[0].SigningAlgs, []string{"ES256"}) }},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256", "SIGNING_ALGS": "ES256"}, nil, nil},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256", "SIGNING_ALGS": "RS256"},
			[]string{"Providers[0].SigningAlgs X_SIGNING_ALGS"},
			nil},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "HS256"}, []string{"Providers[0].SigningAlgs X_ID_TOKEN_SIGNING_ALG"},
			nil},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "https://a.example/bye"}, nil,
			func(c ginoidc.Config) bool { return c.PostSignOutURL == "https://a.example/bye" }},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "/bye", "APP_URL": "https://a.example/app/"}, nil,
			func(c ginoidc.Config) bool { return c.PostSignOutURL == "https://a.example/app/bye" }},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "/bye"}, nil,
			func(c ginoidc.Config) bool { return c.PostSignOutURL == "http://localhost:8080/bye" }},
		{map[string]string{"SESSION_COOKIE_NAME": "shop"}, nil,
			func(c ginoidc.Config) bool { return c.CookieName == "shop" }},
		{map[string]string{"SESSION_COOKIE_NAME": "shop", "COOKIE_NAME": "other"}, []string{"CookieName X_COOKIE_NAME"}, nil},
		{map[string]string{"RESOURCE": "https://a.example https://b.example"}, nil,
			func(c ginoidc.Config) bool { return len(c.Providers[0].SignInParameters["resource"]) == 2 }},
		{map[string]string{"USER_INFO": "false"}, nil, func(c ginoidc.Config) bool { return c.Providers[0].SkipUserInfo }},
		{map[string]string{"RESPONSE_TIMEOUT": "10000"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].Timeout == 10*time.Second }},
		{map[string]string{"RESPONSE_TIMEOUT": "10000", "PROVIDER_TIMEOUT": "10s"}, nil, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "10s"}, []string{"Providers[0].Timeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "1000"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].Timeout == time.Second }},
		// their SDK refuses it too
		{map[string]string{"RESPONSE_TIMEOUT": "500"}, []string{"Providers[0].Timeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "10001"}, []string{"Providers[0].Timeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"STATE_DURATION": "59"}, []string{"AttemptLife X_STATE_DURATION"}, nil},
		{map[string]string{"STATE_DURATION": "900"}, nil,
			func(c ginoidc.Config) bool { return c.AttemptLife == 15*time.Minute }},
		{map[string]string{"CLOCK_TOLERANCE": "30"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].ClockTolerance == 30*time.Second }},
		{map[string]string{"SESSION_DURATION": "3600"}, nil,
			func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_MAX_DURATION": "7200"}, nil,
			func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_MAX_DURATION": "7200", "SESSION_SLIDING": "true"}, nil,
			func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == 2*time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_SLIDING": "perhaps"}, []string{" X_SESSION_SLIDING"}, nil},
		{map[string]string{"SESSION_SLIDING": "perhaps"}, []string{" X_SESSION_SLIDING"}, nil},
		{map[string]string{"RESOURCE": `"https://a.example"`}, []string{"Providers[0].SignInParameters X_RESOURCE"}, nil},
		{map[string]string{"RESOURCE": " "}, []string{"Providers[0].SignInParameters X_RESOURCE"}, nil},
		{map[string]string{"TENANT_DOMAIN": "idp.example"}, nil, nil},
		{map[string]string{"SESSION_DURATION": "0"}, []string{"SessionIdle X_SESSION_DURATION",
			"SessionLifetime X_SESSION_DURATION"}, nil},

		{map[string]string{"CALLBACK_URL": "/auth/callback"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "auth/callback/"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "http://localhost:8080/auth/callback"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "HTTPS://App.example:443/x/auth/callback", "APP_URL": "https://app.example/x/"},
			nil, nil},
		{map[string]string{"CALLBACK_URL": "/x/auth/callback", "APP_URL": "https://app.example/x"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/auth/callback", "APP_URL": "https://app.example/x"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/api/auth/callback", "ROUTE_PREFIX": "/api/auth"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/api/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "http://localhost:3000/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "https://localhost:8080/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "/auth/callback?x"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "http://%zz/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"SIGNIN_URL": "/auth/signin", "SIGNOUT_URL": "/auth/signout", "USER_INFO_URL": "/auth/userinfo",
			"BACK_CHANNEL_LOGOUT_URL": "/auth/backchannel-logout"}, nil, nil},
		{map[string]string{"SIGNIN_URL": "/auth/login", "SIGNOUT_URL": "/out"}, []string{" X_SIGNIN_URL", " X_SIGNOUT_URL"},
			nil},
	} {
		t.Run(strings.Join(slices.Sorted(maps.Keys(test.env)), " ")+" "+strings.Join(slices.Sorted(maps.Values(test.env)),
			" "), func(t *testing.T) {
			setenv(t, test.env)
			c, log, err := fromEnv()
			if got := problemsOf(err); !slices.Equal(got, test.want) || log != "" {
				t.Errorf("problems %q, want %q\n%v%s", got, test.want, err, log)
			}
			if test.held != nil && !test.held(c) {
				t.Errorf("config %+v", c)
			}
		})
	}
	setenv(t, map[string]string{"CALLBACK_URL": "https://app.example/x/api/auth/callback",
		"APP_URL": "https://app.example/x"})
	if _, _, err := fromEnv(); err == nil || !strings.Contains(err.Error(), "set X_ROUTE_PREFIX=/api/auth, or unset it") {
		t.Errorf("no fix: %v", err)
	}
}

// TestConfigErrorDoc: each problem names the place of its field in the documentation.
func TestConfigErrorDoc(t *testing.T) {
	for field, want := range map[string]string{
		"":                            "docs/environment.md",
		"AppURL":                      "docs/configuration.md#appurl",
		"Providers":                   "docs/configuration.md#providers",
		"Providers[0].Issuer":         "docs/configuration.md#issuer",
		"Providers[12].Signals.Token": "docs/configuration.md#signals-token",
	} {
		err := &ginoidc.ConfigError{Field: field, Problem: "is wrong", Fix: "change it"}
		if err.Doc() != want || !strings.HasSuffix(err.Error(), ": is wrong; change it (see "+want+")") {
			t.Errorf("%q: %s in %q, want %s", field, err.Doc(), err, want)
		}
	}
}

// TestRulesKnowTheFields: the rules for settings are about structs of their own, whose fields have the names and types
// of those here. A field that had another type would be neither checked nor given its default.
func TestRulesKnowTheFields(t *testing.T) {
	for _, tt := range []struct {
		of, rules any
		derived   []string // from other fields
	}{
		{ginoidc.Config{}, settings.App{},
			[]string{"AccessTokens", "Enterprise", "NilAuthenticator", "UnsupportedEnds", "UnsupportedLists"}},
		{ginoidc.Provider{}, settings.Provider{}, []string{"Signals"}},
		{ginoidc.Signals{}, settings.Signals{}, nil},
	} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(tt.rules)) {
			if field.Anonymous || slices.Contains(tt.derived, field.Name) {
				continue
			}
			if own, ok := reflect.TypeOf(tt.of).FieldByName(field.Name); !ok || own.Type != field.Type {
				t.Errorf("%T has no %s of the type %v", tt.of, field.Name, field.Type)
			}
		}
	}
}
