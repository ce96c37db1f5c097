package ginoidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

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
