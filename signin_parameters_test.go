package ginoidc_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestConfigurationOutranksLinks: a link, which anyone can write, only sets parameters that the app leaves open or a
// smaller max_age. It cannot turn off a parameter, and the callback checks the values that were sent.
func TestConfigurationOutranksLinks(t *testing.T) {
	for _, tt := range []struct {
		configured, sealed, link string // queries
		want                     string // those of the parameters below that are sent
	}{
		{"acr_values=mfa", "", "acr_values=pwd", "acr_values=mfa"},
		{"acr_values=mfa", "", "acr_values=", "acr_values=mfa"},
		{"acr_values=mfa", "acr_values=gold", "acr_values=pwd", "acr_values=gold"},
		{"", "acr_values=gold", "acr_values=pwd", "acr_values=gold"},
		{"", "", "acr_values=pwd", "acr_values=pwd"},
		{"prompt=login", "", "prompt=none", "prompt=login"},
		{"prompt=consent", "", "prompt=login", "prompt=consent"},
		{"prompt=login", "prompt=create", "prompt=none", "prompt=create"},
		{"", "", "prompt=login", "prompt=login"},
		{"max_age=60", "", "max_age=3600", "max_age=60"},
		{"max_age=60", "", "max_age=999999999", "max_age=60"},
		{"max_age=60", "", "max_age=0", "max_age=0"},
		{"max_age=60", "", "max_age=59", "max_age=59"},
		{"max_age=0", "", "max_age=1", "max_age=0"},
		{"max_age=60", "", "max_age=-1", "max_age=60"},
		{"max_age=60", "", "max_age=", "max_age=60"},
		{"max_age=60", "", "max_age=061", "max_age=60"},
		{"max_age=60", "max_age=3600", "", "max_age=60"},
		{"max_age=60", "max_age=30", "max_age=3600", "max_age=30"},
		{"", "max_age=30", "max_age=3600", "max_age=30"},
		{"", "", "max_age=3600", "max_age=3600"},
		{"login_hint=alice&ui_locales=en&display=page", "", "login_hint=bob&ui_locales=de&display=popup",
			"display=page&login_hint=alice&ui_locales=en"},
		{"acr_values=mfa", "", "prompt=login&max_age=5&login_hint=bob",
			"acr_values=mfa&login_hint=bob&max_age=5&prompt=login"},
	} {
		t.Run(tt.configured+" "+tt.sealed+" "+tt.link, func(t *testing.T) {
			values := func(query string) url.Values { return testapp.ParseURL(t, "?"+query).Query() }
			a := testapp.New(t,
				func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].SignInParameters = values(tt.configured) })
			signIn := "/auth/signin?"
			if tt.sealed != "" {
				with, err := a.Auth.SignInURLWith("", values(tt.sealed))
				if err != nil {
					t.Fatal(err)
				}
				signIn = with + "&"
			}
			location := a.Browser().Navigate(signIn + tt.link).Location()
			got, sent := url.Values{}, testapp.ParseURL(t, location).Query()
			for _, name := range []string{"acr_values", "prompt", "max_age", "login_hint", "ui_locales", "display"} {
				if sent.Has(name) {
					got[name] = sent[name]
				}
			}
			if got.Encode() != tt.want {
				t.Errorf("sent %s, want %s", got.Encode(), tt.want)
			}
		})
	}
}

// TestMaxAgeIsCheckedAsSent: auth_time is checked against the max_age that was sent.
func TestMaxAgeIsCheckedAsSent(t *testing.T) {
	for _, link := range []string{"", "?max_age=99999", "?max_age=10", "?acr_values=x"} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].SignInParameters = url.Values{"max_age": {"60"}}
		})
		b := a.Browser()
		callback := b.Start("/auth/signin"+link, "alice")
		a.OP.OnIDToken(func(claims map[string]any) { claims["auth_time"] = time.Now().Add(-time.Hour).Unix() })
		if r := b.Navigate(callback); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %d", link, r.StatusCode)
		}
	}
}

// TestHintOfThirdPartyOnlyFills: a third party that initiates a sign-in cannot replace configured parameters either.
func TestHintOfThirdPartyOnlyFills(t *testing.T) {
	for configured, want := range map[string]string{"": "bob", "login_hint=alice": "alice"} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			p := &c.Providers[0]
			p.InitiateLogin, p.SignInParameters = true, testapp.ParseURL(t, "?"+configured).Query()
		})
		r := a.Browser().Navigate("/auth/signin?iss=https://idp.example&login_hint=bob&acr_values=pwd&max_age=7")
		if sent := testapp.ParseURL(t, r.Location()).Query(); sent.Get("login_hint") != want || sent.Has("acr_values") ||
			sent.Has("max_age") {
			t.Errorf("configured %q: sent %v", configured, sent)
		}
	}
}

// TestStepUpBesideConfiguration: a guard can request another authentication context class than the configured one, and
// the sealed parameters in its link are valid for this session only.
func TestStepUpBesideConfiguration(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].SignInParameters = url.Values{"acr_values": {"mfa"}, "max_age": {"3600"}, "prompt": {"consent"}}
	})
	a.Engine.GET("/pay", a.Auth.RequireACR("gold"), a.Protected)
	a.Engine.GET("/password", a.Auth.RequireFreshSignIn(time.Minute), a.Protected)
	a.Engine.GET("/vault", a.Auth.RequireGroups("nobody"), a.Protected)
	acr, old := "mfa", time.Now().Add(-10*time.Minute).Unix()
	a.OP.OnIDToken(func(claims map[string]any) { claims["acr"], claims["auth_time"] = acr, old })
	b := a.Browser()
	b.MustSignIn("alice")

	denied := b.Navigate("/pay?amount=7")
	query := testapp.ParseURL(t, denied.Location()).Query()
	if query.Get("acr_values") != "gold" || query.Get("return_to") != "/pay?amount=7" || len(query["with"]) != 1 {
		t.Fatalf("the guard sends to %s", denied.Location())
	}
	api := b.Fetch("/pay").JSON(t)["sign_in_url"].(string)
	if with := testapp.ParseURL(t, api).Query(); with.Get("acr_values") != "gold" || len(with["with"]) != 1 {
		t.Errorf("a program is sent to %s", api)
	}
	sent := func(b *testapp.Browser, signIn string) url.Values {
		return testapp.ParseURL(t, b.Navigate(signIn).Location()).Query()
	}
	other := a.Browser()
	other.MustSignIn("bob")
	for name, tt := range map[string]struct {
		b      *testapp.Browser
		signIn string
		want   string
	}{
		"the guard's":            {b, denied.Location(), "gold"},
		"the guard's, of an API": {b, api, "gold"},
		"without the seal":       {b, "/auth/signin?acr_values=gold", "mfa"},
		"of another session":     {other, denied.Location(), "mfa"},
		"of nobody signed in":    {a.Browser(), denied.Location(), "mfa"},
	} {
		if got := sent(tt.b, tt.signIn); got.Get("acr_values") != tt.want || got.Get("max_age") != "3600" ||
			got.Get("prompt") != "consent" {
			t.Errorf("%s: sent %v", name, got)
		}
	}
	if got := sent(b, b.Navigate("/password").Location()); got.Get("max_age") != "60" || got.Get("acr_values") != "mfa" {
		t.Errorf("a fresh sign-in: sent %v", got)
	}
	page := b.Navigate("/vault").Body // its link has to request another user although prompt=consent is configured
	if _, link, ok := strings.Cut(page, `href="`); !ok ||
		sent(b, strings.ReplaceAll(link[:strings.Index(link, `"`)], "&amp;", "&")).Get("prompt") != "login" {
		t.Errorf("sign in as someone else: %s", page)
	}
	acr = "gold"
	if r := provesAgain(b, denied); r.StatusCode != http.StatusOK {
		t.Errorf("after the step-up: %d to %q", r.StatusCode, r.Location())
	}
}

// TestIgnoredIsLogged: the names of ignored parameters are logged at debug, but never their values, which may be
// personal data.
func TestIgnoredIsLogged(t *testing.T) {
	huge := url.Values{"return_to": {"/" + strings.Repeat("x", 2000)}}
	for _, tt := range []struct {
		name, path string
		want       []string
	}{
		{"return target", "/auth/signin?return_to=https://evil.example/secretvalue", []string{"return target ignored"}},
		{"target of a third party", "/auth/signin?iss=https://idp.example&target_link_uri=https://evil.example/secretvalue",
			[]string{"return target ignored"}},
		{"no room for the target", "/auth/signin?" + huge.Encode(), []string{"return target ignored", "does not fit"}},
		{"unknown", "/auth/signin?scope=secretvalue&claims=secretvalue",
			[]string{"a link may not ask for them", "claims scope"}},
		{"malformed", "/auth/signin?max_age=secretvalue&prompt=none+secretvalue", []string{"malformed", "max_age prompt"}},
		{"an unusable hint", "/auth/signin?login_hint=secretvalue%00", []string{"malformed", "login_hint"}},
		{"hint of a third party", "/auth/signin?iss=https://idp.example&login_hint=secretvalue%00&prompt=login",
			[]string{"malformed", "login_hint", "may not", "prompt"}},
		{"configured", "/auth/signin?ui_locales=secretvalue", []string{"asks for something else", "ui_locales"}},
		{"sealed by another", "/auth/signin?with=secretvalue", []string{"do not open", "with"}},
		{"a name that is none", "/auth/signin?a%0Ab=1", []string{"a?b"}},
		{"a page too long to come back to", "/me?" + strings.Repeat("x", 3000), []string{"does not return to this page"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
				var a *testapp.App
				logs := &strings.Builder{}
				a = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					p := &c.Providers[0]
					p.InitiateLogin, p.SignInParameters = true, url.Values{"ui_locales": {"en"}}
					c.AppState = func(*gin.Context) (string, error) { return strings.Repeat("s", 1000), nil }
					c.Logger = slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: level}))
				})
				logs.Reset()
				if r := a.Browser().Navigate(tt.path); r.StatusCode != http.StatusFound {
					t.Fatalf("%d %s", r.StatusCode, r.Body)
				}
				if level == slog.LevelInfo {
					if logs.Len() > 0 {
						t.Errorf("above debug: %s", logs)
					}
					continue
				}
				for _, text := range tt.want {
					if !strings.Contains(logs.String(), text) {
						t.Errorf("the log lacks %q: %s", text, logs)
					}
				}
				if strings.Contains(logs.String(), "secretvalue") {
					t.Errorf("the log shows the value: %s", logs)
				}
			}
		})
	}
}

// TestSignInParameters: the app can seal parameters into the URL that a link may not have, but none that the plugin
// sets itself. Cases 4, 6.
func TestSignInParameters(t *testing.T) {
	configured := url.Values{"audience": {"https://api.example.com"}, "ui_locales": {"en"}, "prompt": {"login"}}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].SignInParameters = configured })
	configured["audience"][0] = "changed after New"
	configured.Set("scope", "admin")
	link, err := a.Auth.SignInURLWith("/me", url.Values{"prompt": {"create"}, "claims": {`{"id_token":{"acr":null}}`},
		"max_age": {"60"}})
	if err != nil {
		t.Fatal(err)
	}
	sealed := testapp.ParseURL(t, link).Query().Get("with")
	flipped := strings.Replace(link, sealed[20:24], "AAAA", 1)
	for _, tt := range []struct {
		name, path string
		want       map[string]string // "" where there is none
	}{
		{"configured", "/auth/signin", map[string]string{"audience": "https://api.example.com", "ui_locales": "en",
			"prompt": "login", "claims": ""}},
		{"asked for by a link", "/auth/signin?ui_locales=de&audience=other",
			map[string]string{"audience": "https://api.example.com", "ui_locales": "en"}}, // a link only adds
		{"sealed", link, map[string]string{"prompt": "create", "claims": `{"id_token":{"acr":null}}`, "max_age": "60",
			"audience": "https://api.example.com"}},
		{"sealed goes before the link", link + "&prompt=none&max_age=9",
			map[string]string{"prompt": "create", "max_age": "60"}},
		{"tampered with", flipped, map[string]string{"prompt": "login", "claims": "", "max_age": ""}},
		{"an attempt's cookie", "/auth/signin?with=" + attemptValue(a),
			map[string]string{"prompt": "login", "claims": "", "max_age": ""}}, // case 26
		{"oversized", "/auth/signin?with=" + strings.Repeat("A", 5000), map[string]string{"prompt": "login", "claims": ""}},
	} {
		r := a.Browser().Navigate(tt.path)
		sent := testapp.ParseURL(t, r.Location()).Query()
		for name, value := range tt.want {
			if sent.Get(name) != value || len(sent[name]) > 1 {
				t.Errorf("%s: %s = %q, want %q", tt.name, name, sent[name], value)
			}
		}
	}
	for name, params := range map[string]url.Values{
		"own": {"scope": {"admin"}}, "a request object": {"request": {"x"}}, "a client's secret": {"client_secret": {"x"}},
		"twice": {"audience": {"a", "b"}}, "none": {"audience": nil},
		"max_age": {"max_age": {"soon"}}, "oversized": {"claims": {strings.Repeat("a", 1600)}},
	} {
		if link, err := a.Auth.SignInURLWith("", params); err == nil {
			t.Errorf("%s: %s", name, link)
		}
	}
	if link, err := a.Auth.SignInURLWith("",
		url.Values{"resource": {"https://a.example", "https://b.example"}}); err != nil {
		t.Error(err)
		// RFC 8707
	} else if sent := testapp.ParseURL(t, a.Browser().Navigate(link).Location()).Query(); len(sent["resource"]) != 2 {
		t.Errorf("resource %q", sent["resource"])
	}
}

// attemptValue returns the sealed value of an attempt's cookie.
func attemptValue(a *testapp.App) string {
	_, value, _ := strings.Cut(a.Browser().Navigate("/auth/signin").Header.Get("Set-Cookie"), "=")
	value, _, _ = strings.Cut(value, ";")
	return value
}
