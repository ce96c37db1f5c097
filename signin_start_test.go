package ginoidc_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// goesRound goes from a guarded page to the provider, where the user is signed in, and back. It returns the first
// response that is not a redirect to the provider; ok reports whether the round was completed.
func goesRound(b *testapp.Browser, page string) (last testapp.Reply, ok bool) {
	b.App.T.Helper()
	denied := b.Navigate(page)
	if !strings.HasPrefix(denied.Location(), "/auth/signin?") {
		return denied, false
	}
	started := b.Navigate(denied.Location())
	if started.StatusCode != http.StatusFound {
		return started, false
	}
	callback, err := b.App.OP.Approve(started.Location(), "alice")
	if err != nil {
		b.App.T.Fatal(err)
	}
	last = b.Navigate(callback)
	return last, last.Location() == page
}

// TestSessionCookieThatDoesNotComeBack: a browser without the session cookie gets a page with a link, and the log has
// the cause. There is no loop.
func TestSessionCookieThatDoesNotComeBack(t *testing.T) {
	const name = "__Host-ginoidc"
	for _, tt := range []struct {
		name   string
		spoil  func(*testapp.Browser) // changes the cookies after each sign-in
		rounds int                    // sign-ins until the page
		reason string
	}{
		{"none", func(b *testapp.Browser) { b.SetCookie(name, "", "/") }, 1,
			"none came (cookie __Host-ginoidc, path /, app URL https://app.example.com, host of the request app.example.com)"},
		{"one that does not open", func(b *testapp.Browser) { b.SetCookie(name, "garbage", "/") }, 2,
			"the one that came opens no session"},
		{"two that do not open", func(b *testapp.Browser) {
			b.SetCookie(name, "garbage", "/")
			b.SetCookie(name, "older", "/auth/signin")
		}, 2, "of 2 that came none opens a session"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			b := a.Browser()
			for i := range tt.rounds {
				if r, ok := goesRound(b, "/me?tab=1"); !ok {
					t.Fatalf("round %d ends with %d %s", i+1, r.StatusCode, r.Body)
				}
				tt.spoil(b)
			}
			r, _ := goesRound(b, "/me?tab=1")
			if r.StatusCode != http.StatusBadRequest || !strings.Contains(r.Body, "did not send this site&#39;s cookie back") ||
				!strings.Contains(r.Body, `href="/auth/signin?return_to=%2Fme%3Ftab%3D1"`) {
				t.Fatalf("%d %s", r.StatusCode, r.Body)
			}
			if log := a.Logs.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "code=cookie_missing") ||
				strings.Count(log, tt.reason) != tt.rounds {
				t.Errorf("log %s", log)
			}
			if n := a.OP.Count(fakeop.Token); n != tt.rounds {
				t.Errorf("%d sign-ins", n)
			}
			b.SetCookie(name, "", "/") // the user follows the advice of the page
			b.SetCookie(name, "", "/auth/signin")
			if r := b.Navigate(b.Start("/auth/signin?return_to=%2Fme%3Ftab%3D1", "alice")); r.Location() != "/me?tab=1" ||
				b.WhoAmI() != "alice" {
				t.Errorf("the page's link: %d to %q", r.StatusCode, r.Location())
			}
		})
	}
}

// TestNobodyMissesTheCookie: a sign-in soon after another is an ordinary one if the app itself ended the session.
func TestNobodyMissesTheCookie(t *testing.T) {
	const name = "__Host-ginoidc"
	logoutToken := func(b *testapp.Browser) {
		token, err := b.App.OP.LogoutToken("alice", "", nil)
		if err != nil {
			b.App.T.Fatal(err)
		}
		if r := b.Do("POST", "/auth/backchannel-logout", strings.NewReader("logout_token="+token), "Content-Type",
			"application/x-www-form-urlencoded"); r.StatusCode != http.StatusOK {
			b.App.T.Fatalf("logout token: %d %s", r.StatusCode, r.Body)
		}
	}
	for what, then := range map[string]func(*testapp.Browser){
		"still signed in": func(*testapp.Browser) {},
		"signed out":      func(b *testapp.Browser) { b.Do("POST", "/auth/signout", nil) },
		"signed out on an instance that shares nothing": func(b *testapp.Browser) {
			other := testapp.New(b.App.T).Browser()
			other.Jar = b.Jar
			other.Do("POST", "/auth/signout", nil)
		},
		"ended by the app":              func(b *testapp.Browser) { b.Do("POST", "/destroy", nil) },
		"ended by the provider":         logoutToken,
		"ended, and its cookie deleted": func(b *testapp.Browser) { logoutToken(b); b.SetCookie(name, "", "/") },
		"ended from elsewhere": func(b *testapp.Browser) {
			if err := b.App.Auth.EndUserSessions(b.App.T.Context(), "alice"); err != nil {
				b.App.T.Error(err)
			}
			b.SetCookie(name, "", "/")
		},
		"a minute later":    func(b *testapp.Browser) { time.Sleep(time.Minute); b.SetCookie(name, "", "/") },
		"idle for too long": func(b *testapp.Browser) { time.Sleep(30 * time.Second) },
		"a mark made up": func(b *testapp.Browser) {
			b.SetCookie(name, "", "/")
			b.SetCookie("__Secure-ginoidc.landed", "x", "/auth/signin")
		},
		"all cookies deleted": func(b *testapp.Browser) { b.Jar = b.App.Browser().Jar },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionIdle = 30 * time.Second })
				a.Engine.POST("/destroy", func(c *gin.Context) {
					if err := a.Auth.EndSession(c); err != nil {
						t.Error(err)
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				then(b)
				b.MustSignIn("alice")
				if strings.Contains(a.Logs.String(), "did not come back") {
					t.Errorf("log %s", a.Logs)
				}
			})
		})
	}
}

// TestLandedCookie: the cookie is sent to the sign-in route only, lasts for a minute and does not reveal the user.
func TestLandedCookie(t *testing.T) {
	for _, tt := range []struct{ appURL, want string }{
		{"https://app.example.com",
			"__Secure-ginoidc.landed=…; Path=/auth/signin; Max-Age=60; HttpOnly; Secure; SameSite=Lax"},
		{"https://example.com/app",
			"__Secure-ginoidc.landed=…; Path=/app/auth/signin; Max-Age=60; HttpOnly; Secure; SameSite=Lax"},
		{"http://localhost:8080", "ginoidc.landed=…; Path=/auth/signin; Max-Age=60; HttpOnly; SameSite=Lax"},
	} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppURL, c.Store = tt.appURL, memstore.NewStore([]byte(testapp.CookieSecret))
		})
		b := a.Browser()
		started := b.Navigate("/auth/signin")
		callback, err := a.OP.Approve(started.Location(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		attempt := started.Cookies()[0]
		r := a.Browser().Do("GET", "/auth/callback?"+testapp.ParseURL(t, callback).RawQuery, nil,
			append(testapp.Navigation(), "Cookie", attempt.Name+"="+attempt.Value)...)
		i := slices.IndexFunc(r.Cookies(), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, ".landed") })
		if r.StatusCode != http.StatusSeeOther || i < 0 {
			t.Fatalf("%s: %d, cookies %q", tt.appURL, r.StatusCode, r.Header["Set-Cookie"])
		}
		landed := r.Cookies()[i]
		if got := strings.Replace(landed.Raw, landed.Value, "…", 1); got != tt.want ||
			strings.Contains(landed.Value, "alice") {
			t.Errorf("%s: %s", tt.appURL, got)
		}
	}
	b := testapp.New(t).Browser()
	if r := b.Navigate(strings.Replace(b.Start("/auth/signin", "alice"), "code=", "error=access_denied&x=",
		1)); strings.Contains(strings.Join(r.Header["Set-Cookie"], ""), ".landed=") {
		t.Errorf("a sign-in that failed: %q", r.Header["Set-Cookie"])
	}
}

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

// TestInitiatedSignIn: the provider's portal can start sign-ins if the app opts in, only with the configured issuer and
// only to pages of the app. Case 17.
func TestInitiatedSignIn(t *testing.T) {
	const iss = "iss=https%3A%2F%2Fidp.example"
	for _, tt := range []struct {
		name, query string
		off         bool
		status      int
		want        string // where it ends, or the code of the error
	}{
		{"plain", iss, false, 302, "/"},
		{"with a page", iss + "&target_link_uri=https%3A%2F%2Fapp.example.com%2Fme%3Fa%3D1", false,
			302, "https://app.example.com/me?a=1"},
		{"with a path", iss + "&target_link_uri=%2Fme", false, 302, "/me"},
		{"to another site", iss + "&target_link_uri=https%3A%2F%2Fevil.example%2F", false, 302, "/"},
		{"return_to is not its parameter", iss + "&return_to=/me", false, 302, "/"},
		{"another issuer", "iss=https%3A%2F%2Fevil.example", false, 400, "invalid_initiation"},
		{"a slash more", iss + "%2F", false, 400, "invalid_initiation"},
		{"two issuers", iss + "&" + iss, false, 400, "invalid_initiation"},
		{"two targets", iss + "&target_link_uri=/me&target_link_uri=/", false, 400, "invalid_initiation"},
		{"off", iss, true, 404, "initiation_off"},
		{"off, another issuer", "iss=https%3A%2F%2Fevil.example&target_link_uri=//evil.example", true, 404, "initiation_off"},
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(method+" "+tt.name, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].InitiateLogin = !tt.off })
				b := a.Browser()
				query := tt.query + "&login_hint=alice&scope=admin&prompt=none"
				r := b.Do("GET", "/auth/signin?"+query, nil, append(testapp.CrossSiteForm(), "Accept", "*/*")...)
				if method == "POST" {
					r = b.Do("POST", "/auth/signin", strings.NewReader(query), testapp.CrossSiteForm()...)
				}
				if method == "POST" && tt.off {
					if r.StatusCode != http.StatusMethodNotAllowed {
						t.Errorf("%d", r.StatusCode)
					}
					return
				}
				if r.StatusCode != tt.status {
					t.Fatalf("%d %s", r.StatusCode, r.Body)
				}
				if tt.status != http.StatusFound {
					if len(b.Cookies()) != 0 || !strings.Contains(a.Logs.String(), "code="+tt.want) {
						t.Errorf("cookies %v, log %s", b.Cookies(), a.Logs)
					}
					return
				}
				sent := testapp.ParseURL(t, r.Location()).Query()
				if sent.Get("login_hint") != "alice" || sent.Get("scope") != "openid profile email" ||
					sent.Has("prompt") || sent.Has("iss") {
					t.Errorf("asked for %v", sent)
				}
				callback, err := a.OP.Approve(r.Location(), "alice")
				if err != nil {
					t.Fatal(err)
				}
				if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther || r.Location() != tt.want {
					t.Errorf("%d to %q", r.StatusCode, r.Location())
				}
			})
		}
	}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].InitiateLogin = true })
	if r := a.Browser().Do("POST", "/auth/signin", strings.NewReader("{}"), "Content-Type",
		"application/json"); r.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("JSON: %d", r.StatusCode)
	}
}
