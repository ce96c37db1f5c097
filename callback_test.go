package ginoidc_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestProviderMisbehaves: whatever the provider answers, the sign-in ends in the stated status with nobody signed in,
// the attempt spent, one token request at most, and the reason in the log only, under the id that the answer shows.
// Groups C, D and E, case 301; the rooms below have the finer rows.
func TestProviderMisbehaves(t *testing.T) {
	claim := func(name string, value any) func(*fakeop.Provider) {
		return func(p *fakeop.Provider) { p.OnIDToken(func(c map[string]any) { c[name] = value }) }
	}
	answer := func(name string, value any) func(*fakeop.Provider) {
		return func(p *fakeop.Provider) { p.OnTokenAnswer(func(a map[string]any) { a[name] = value }) }
	}
	does := func(m fakeop.Misbehaviour) func(*fakeop.Provider) {
		return func(p *fakeop.Provider) { p.Misbehave(m) }
	}
	now := time.Now().Unix()
	for _, tt := range []struct {
		name   string
		fault  func(*fakeop.Provider)
		status int
		code   string
	}{
		{"token: redirect", does(fakeop.Redirect307), 502, "provider_error"},           // case 52
		{"token: page", does(fakeop.HTMLAnswer), 502, "provider_error"},                // case 54
		{"token: no ID token", does(fakeop.NoIDToken), 502, "provider_error"},          // case 55
		{"token: ID token is a number", answer("id_token", 7), 502, "provider_error"},  // case 56
		{"token: ID token is null", answer("id_token", nil), 502, "provider_error"},    // case 56
		{"token: error beside tokens", answer("error", "nope"), 502, "provider_error"}, // case 57
		{"token: twin", answer("ACCESS_TOKEN", "x"), 502, "provider_error"},            // case 59
		{"token: type mac", answer("token_type", "mac"), 502, "provider_error"},
		{"token: gzip bomb", does(fakeop.GzipBomb), 502, "provider_error"},                // cases 61, 62
		{"token: invalid_grant", does(fakeop.ErrorInvalidGrant), 401, "sign_in_refused"},  // case 64
		{"token: invalid_client", does(fakeop.ErrorInvalidClient), 502, "provider_error"}, // case 65
		{"token: 503", does(fakeop.Unavailable503), 503, "provider_unavailable"},          // case 66
		{"ID token: none", does(fakeop.SigNone), 401, "invalid_token"},                    // case 75
		{"ID token: HS256", does(fakeop.InvalidSigHS256), 401, "invalid_token"},           // case 76
		{"ID token: signature", does(fakeop.BadSignature), 401, "invalid_token"},          // case 79
		{"ID token: unknown kid", does(fakeop.UnknownKid), 401, "invalid_token"},
		{"ID token: iss", does(fakeop.WrongIss), 401, "invalid_token"},                             // case 84
		{"ID token: iss with a slash", claim("iss", "https://idp.example/"), 401, "invalid_token"}, // case 84
		{"ID token: aud", does(fakeop.WrongAud), 401, "invalid_token"},                             // case 85
		{"ID token: no aud", does(fakeop.MissingAud), 401, "invalid_token"},                        // case 85
		{"ID token: extra aud", does(fakeop.ExtraAudience), 401, "invalid_token"},                  // case 86
		{"ID token: azp", does(fakeop.WrongAzp), 401, "invalid_token"},                             // case 86
		{"ID token: no sub", does(fakeop.MissingSub), 401, "invalid_token"},                        // case 87
		{"ID token: sub is a number", claim("sub", 7), 401, "invalid_token"},                       // case 87
		{"ID token: no iat", does(fakeop.MissingIat), 401, "invalid_token"},                        // case 89
		{"ID token: old iat", claim("iat", now-7300), 401, "invalid_token"},                        // case 89
		{"ID token: iat ahead", claim("iat", now+7200), 401, "invalid_token"},                      // case 89
		{"ID token: nbf ahead", claim("nbf", now+3600), 401, "invalid_token"},                      // case 90
		{"ID token: no exp", does(fakeop.MissingExp), 401, "invalid_token"},
		{"ID token: expired", does(fakeop.Expired), 401, "invalid_token"},
		{"ID token: nonce", does(fakeop.NonceInvalid), 401, "invalid_token"},     // case 91
		{"ID token: no nonce", does(fakeop.NonceMissing), 401, "invalid_token"},  // case 91
		{"ID token: sub twice", does(fakeop.DuplicateSub), 401, "invalid_token"}, // case 94
		{"ID token: SUB", does(fakeop.SubCaseTwin), 401, "invalid_token"},        // case 95
		{"ID token: \u017fub", claim("\u017fub", "admin"), 401, "invalid_token"}, // case 95
		{"userinfo: other sub", does(fakeop.UserInfoWrongSub), 401, "invalid_token"},
		{"userinfo: null", does(fakeop.UserInfoNull), 502, "provider_error"}, // case 104
		{"userinfo: 401", does(fakeop.UserInfo401), 502, "provider_error"},   // case 106
		{"userinfo: signed", func(p *fakeop.Provider) { // case 105
			p.Intercept(fakeop.UserInfo, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/jwt")
				_, _ = w.Write([]byte("e30.e30."))
			})
		}, 502, "provider_error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			b := a.Browser()
			callback := b.Start("/auth/signin", "alice")
			tt.fault(a.OP)
			r := b.Do("GET", callback, nil)
			if r.StatusCode != tt.status || r.JSON(t)["error"] != tt.code {
				t.Fatalf("%d %s, want %d %s\n%s", r.StatusCode, r.Body, tt.status, tt.code, a.Logs)
			}
			if id, _ := r.JSON(t)["request_id"].(string); id == "" || !strings.Contains(a.Logs.String(), "request_id="+id) {
				t.Errorf("request %q is not in the log", id)
			}
			if after := r.Header.Get("Retry-After"); (after == "7") != (tt.status == 503) { // what the provider asked for
				t.Errorf("Retry-After %q", after)
			}
			if b.WhoAmI() != "" || len(b.Cookies()) != 0 {
				t.Errorf("%q is signed in, cookies %v", b.WhoAmI(), b.Cookies())
			}
			if r := b.Do("GET", callback, nil); r.StatusCode != 400 {
				t.Errorf("the attempt was not spent: %d", r.StatusCode)
			}
			if n := a.OP.Count(fakeop.Token); n != 1 { // case 67
				t.Errorf("%d token requests", n)
			}
			if a.OP.Count(fakeop.Elsewhere) != 0 { // case 107
				t.Error("a redirect was followed")
			}
			for _, hidden := range []string{callback[strings.Index(callback, "code=")+5:][:20], testapp.ClientSecret, "eyJ"} {
				if strings.Contains(a.Logs.String(), hidden) {
					t.Errorf("the log shows %q", hidden)
				}
			}
		})
	}
}

// TestProviderDown: sign-in is 503 while the provider is unknown and works once it is there; sessions never need it.
func TestProviderDown(t *testing.T) {
	a := testapp.New(t)
	a.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	b := a.Browser()
	r := b.Navigate("/auth/signin")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || r.Header.Get("Set-Cookie") != "" || !strings.Contains(r.Body, "Sign in again") {
		t.Errorf("sign-in: %d %v", r.StatusCode, r.Header)
	}
	if err := a.Auth.Ready(t.Context()); !errors.Is(err, ginoidc.ErrProviderUnavailable) {
		t.Errorf("Ready: %v", err)
	}
	a.OP.Intercept(fakeop.Discovery, nil)
	testapp.Eventually(t, "the provider to be found again", func() bool { return a.Auth.Ready(t.Context()) == nil })
	b.MustSignIn("alice")
	a.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if b.WhoAmI() != "alice" { // case 240
		t.Error("a session needed the provider")
	}
}

// TestCallbackOfAnotherInstance: an attempt of one process ends in another with the same secrets, case 294; while that
// one does not know the provider yet, the attempt stays unspent and a reload ends it.
func TestCallbackOfAnotherInstance(t *testing.T) {
	first := testapp.New(t)
	down := true
	second := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if down {
				return nil, errors.New("no route to host")
			}
			return first.OP.Transport().RoundTrip(r)
		})
	})
	b := first.Browser()
	callback := b.Start("/auth/signin?return_to=/app", "alice")
	there := second.Browser()
	there.Jar = b.Jar
	if r := there.Navigate(callback); r.StatusCode != 503 || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("provider unknown: %d %v", r.StatusCode, r.Header)
	}
	down = false
	time.Sleep(300 * time.Millisecond) // the first pause after a failure
	if r := there.Navigate(callback); r.Location() != "/app" || there.WhoAmI() != "alice" {
		t.Errorf("reload: %d %s", r.StatusCode, r.Body)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestProviderError: what the provider says no with reaches the handler, cut and harmless. Case 34.
func TestProviderError(t *testing.T) {
	var reason error
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.AbortHandlers.Failed = func(c *gin.Context) { reason = ginoidc.Reason(c) }
	})
	b := a.Browser()
	u := testapp.ParseURL(t, b.Start("/auth/signin", "alice"))
	q := u.Query()
	q.Set("error", "bad\r\n\x1b[31m\xff"+strings.Repeat("e", 10<<10))
	q.Set("error_description", "\x00<b>"+strings.Repeat("d", 10<<10))
	u.RawQuery = q.Encode()
	if r := b.Navigate(u.String()); r.StatusCode != 401 || r.Body != "" {
		t.Errorf("%d %q", r.StatusCode, r.Body)
	}
	var refusal *ginoidc.ProviderError
	if !errors.As(reason, &refusal) || !errors.Is(reason, ginoidc.ErrSignInRefused) {
		t.Fatalf("reason %v", reason)
	}
	if !strings.HasPrefix(refusal.Code, "bad???[31m?ee") || len(refusal.Code) > 64 || !strings.HasPrefix(refusal.Description, "?<b>") || len(refusal.Description) > 256 {
		t.Errorf("%q %q", refusal.Code, refusal.Description)
	}
}

// TestProviderErrorIsLogged: what the provider says no with is most often a fault of the registration, so the log has it
// whatever else is wrong with the response, and an answer that comes another way than it was asked for tells the mend.
func TestProviderErrorIsLogged(t *testing.T) {
	const refusal = "error=unauthorized_client&error_description=not%0Aregistered"
	for _, tt := range []struct {
		name, mode, method, query string // state=S stands for that of a sign-in under way
		wait                      time.Duration
		status                    int
		want                      []string
	}{
		{"no state", "query", "GET", refusal, 0, 400, nil},
		{"an empty state", "query", "GET", refusal + "&state=", 0, 400, nil},
		{"a random state", "query", "GET", refusal + "&state=" + strings.Repeat("A", 43), 0, 400, nil},
		{"too late", "query", "GET", refusal + "&state=S", 11 * time.Minute, 400, nil},
		{"wrong issuer", "query", "GET", refusal + "&state=S&iss=https://evil.example", 0, 400, nil},
		{"in time", "query", "GET", refusal + "&state=S&iss=https://idp.example", 0, 401, nil},
		{"state twice", "query", "GET", refusal + "&state=S&state=T", 0, 400, nil},
		{"posted without a state", "form_post", "POST", refusal, 0, 400, nil},
		{"unsigned", "query.jwt", "GET", refusal + "&state=S", 0, 400, []string{"not one signed response", "query.jwt"}},
		{"signed", "query", "GET", refusal + "&response=e30.e30.", 0, 400, []string{"a signed response", `\"query.jwt\"`}},
		{"by GET instead of POST", "form_post", "GET", refusal + "&state=S", 0, 405, []string{"came_as=query", `ResponseMode to \"query\"`}},
		{"by GET instead of POST, signed", "form_post.jwt", "GET", refusal + "&response=x", 0, 405, []string{`ResponseMode to \"query.jwt\"`}},
		{"by POST instead of GET", "query", "POST", refusal, 0, 405, []string{"came_as=form_post", `ResponseMode to \"form_post\"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) { c.ResponseMode = tt.mode })
				b := a.Browser()
				state := testapp.ParseURL(t, b.Navigate("/auth/signin").Location()).Query().Get("state")
				time.Sleep(tt.wait)
				query := strings.Replace(tt.query, "state=S", "state="+state, 1)
				var r testapp.Reply
				if tt.method == "POST" {
					r = b.PostCallback(testapp.URL + "/auth/callback?" + query)
				} else {
					r = b.Navigate("/auth/callback?" + query)
				}
				if r.StatusCode != tt.status {
					t.Errorf("%d %s", r.StatusCode, r.Body)
				}
				want := tt.want
				if tt.status != 405 || tt.method == "GET" { // the body of a POST that is not wanted is not read
					want = append(want, "provider_code=unauthorized_client", "provider_description=not?registered")
				}
				for _, text := range want {
					if !strings.Contains(a.Logs.String(), "level=WARN") || !strings.Contains(a.Logs.String(), text) {
						t.Errorf("the log lacks %q: %s", text, a.Logs)
					}
				}
			})
		})
	}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.ResponseMode = "form_post" })
	a.Logs.Reset()
	b := a.Browser()
	b.Navigate("/auth/callback") // somebody who types the address is no answer of the provider's
	b.Do("PUT", "/auth/callback?code=x&state=y", nil)
	if a.Logs.Len() != 0 {
		t.Errorf("log %s", a.Logs)
	}
	b = testapp.New(t).Browser()
	refused := b.Start("/auth/signin", "alice")
	b.MustSignIn("alice") // in another tab
	if r := b.Twin().Navigate(strings.Replace(refused, "code=", "error=access_denied&x=", 1)); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("refused: %d", r.StatusCode)
	}
	if r := b.Navigate("/auth/callback?error=access_denied&state=" + strings.Repeat("A", 43)); r.StatusCode != http.StatusSeeOther || !strings.Contains(b.App.Logs.String(), "provider_code=access_denied") {
		t.Errorf("to somebody signed in: %d, log %s", r.StatusCode, b.App.Logs)
	}
}

// TestRefusalSpendsNothing: anybody can make up an error for a state, so none takes a place in the table of used attempts.
func TestRefusalSpendsNothing(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	kept := b.Twin()
	refused := strings.Replace(callback, "code=", "error=access_denied&x=", 1)
	if r := b.Navigate(refused); r.StatusCode != http.StatusUnauthorized || len(b.Cookies()) != 0 {
		t.Errorf("refused: %d, cookies %q", r.StatusCode, b.Cookies())
	}
	if r := kept.Navigate(callback); r.StatusCode != http.StatusSeeOther || kept.WhoAmI() != "alice" {
		t.Errorf("with the cookie put back: %d", r.StatusCode)
	}
}

// lameStore loads and does not save.
type lameStore struct{ sessions.Store }

func (lameStore) Save(*http.Request, http.ResponseWriter, *gsessions.Session) error {
	return errors.New("disk full")
}

// TestStoreThatDoesNotSave: a sign-in is 503 without a session, and Ready says why. Case 247.
func TestStoreThatDoesNotSave(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Store = lameStore{memstore.NewStore([]byte(testapp.CookieSecret))}
	})
	if err := a.Auth.Ready(t.Context()); !errors.Is(err, ginoidc.ErrSessionStore) {
		t.Errorf("Ready: %v", err)
	}
	b := a.Browser()
	if r := b.SignIn("alice"); r.StatusCode != 503 || b.WhoAmI() != "" || len(b.Cookies()) != 0 {
		t.Errorf("%d, %q is signed in, cookies %v", r.StatusCode, b.WhoAmI(), b.Cookies())
	}
}

// TestIssuerMismatch is named as such, with both values and what to configure, case 111.
func TestIssuerMismatch(t *testing.T) {
	a := testapp.New(t)
	a.OP.Misbehave(fakeop.IssuerTrailingSlash)
	err := a.Auth.Ready(t.Context())
	if err == nil || !strings.Contains(err.Error(), "https://idp.example/") || !strings.Contains(err.Error(), "slash") {
		t.Errorf("Ready: %v", err)
	}
	if r := a.Browser().Navigate("/auth/signin"); r.StatusCode < 502 || strings.Contains(r.Body, "idp.example/") {
		t.Errorf("sign-in: %d %s", r.StatusCode, r.Body)
	}
}

// TestMaxAge: asked for at sign-in, it is checked at the end, case 97.
func TestMaxAge(t *testing.T) {
	for name, tt := range map[string]struct {
		authTime any
		status   int
	}{
		"fresh": {time.Now().Unix(), 303}, "old": {time.Now().Unix() - 600, 401}, "absent": {nil, 401},
	} {
		a := testapp.New(t)
		a.OP.OnIDToken(func(c map[string]any) {
			if c["auth_time"] = tt.authTime; tt.authTime == nil {
				delete(c, "auth_time")
			}
		})
		b := a.Browser()
		if r := b.Navigate(b.Start("/auth/signin?max_age=60", "alice")); r.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d", name, r.StatusCode, tt.status)
		}
	}
}

// TestTrustedAudiences: a further audience is accepted if it is configured, case 86.
func TestTrustedAudiences(t *testing.T) {
	for _, trusted := range [][]string{nil, {"project"}} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.TrustedAudiences = trusted })
		a.OP.OnIDToken(func(c map[string]any) { c["aud"], c["azp"] = []string{"app", "project"}, "app" })
		if r := a.Browser().SignIn("alice"); (r.StatusCode == 303) != (trusted != nil) {
			t.Errorf("trusted %q: %d", trusted, r.StatusCode)
		}
	}
}

// TestBrowserGone: the request ends with the browser, which gets no session, case 69.
func TestBrowserGone(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	ctx, cancel := context.WithCancel(t.Context())
	a.OP.Intercept(fakeop.Token, func(http.ResponseWriter, *http.Request) { cancel() })
	a.Engine.GET("/gone/callback", func(c *gin.Context) {
		c.Request = c.Request.WithContext(ctx)
		a.Auth.Callback(c)
	})
	r := b.Navigate(strings.Replace(callback, "/auth/callback", "/gone/callback", 1))
	if r.StatusCode < 400 || b.WhoAmI() != "" {
		t.Errorf("%d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
}

// TestIdentity: issuer and subject make the user, an e-mail address does not, cases 99 and 100.
func TestIdentity(t *testing.T) {
	a := testapp.New(t)
	a.OP.AddUser(fakeop.User{Subject: "Alice", Email: "alice@example.com"})
	for _, subject := range []string{"alice", "Alice"} {
		b := a.Browser()
		b.MustSignIn(subject)
		if b.WhoAmI() != subject {
			t.Errorf("%q became %q", subject, b.WhoAmI())
		}
	}
	other := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) { // the same secret, another issuer
		c.Issuer, op.Issuer = "https://other.example", "https://other.example"
	})
	b := a.Browser()
	b.MustSignIn("alice")
	foreign := other.Browser()
	foreign.Jar = b.Jar
	if foreign.WhoAmI() != "" {
		t.Error("a session of one issuer is taken by another")
	}
}

// TestSessionTooLarge: a user who does not fit is told so, with the parts named for the operator, case 135; three
// hundred groups fit.
func TestSessionTooLarge(t *testing.T) {
	for _, tt := range []struct {
		groups, length int
		status         int
	}{{300, 36, 303}, {3000, 36, 500}} {
		a := testapp.New(t)
		a.OP.OnIDToken(func(c map[string]any) {
			groups := make([]string, tt.groups)
			for i := range groups {
				groups[i] = strings.Repeat(string(rune('a'+i%26)), tt.length-4) + string([]rune{rune('0' + i/1000), rune('0' + i/100%10), rune('0' + i/10%10), rune('0' + i%10)})
			}
			c["groups"] = groups
		})
		b := a.Browser()
		r := b.SignIn("alice")
		if r.StatusCode != tt.status {
			t.Fatalf("%d groups: %d %s", tt.groups, r.StatusCode, a.Logs)
		}
		if tt.status == 303 {
			got, _ := b.Fetch("/me").JSON(t)["groups"].([]any)
			if len(got) != tt.groups {
				t.Errorf("%d of %d groups reached the handler", len(got), tt.groups)
			}
		} else if !strings.Contains(a.Logs.String(), "groups") || !strings.Contains(r.Body, "too much data") || b.WhoAmI() != "" {
			t.Errorf("log %s", a.Logs)
		}
	}
}

// TestLongCodes: codes of 16 kB are redeemed in every response mode, a longer one is refused unspent, and no log shows one.
func TestLongCodes(t *testing.T) {
	for _, mode := range []string{"query", "form_post", "query.jwt", "form_post.jwt"} {
		for _, length := range []int{5000, 16 << 10, 16<<10 + 1} {
			a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) { c.ResponseMode, op.CodeLength = mode, length })
			b := a.Browser()
			deliver := b.Navigate
			if strings.HasPrefix(mode, "form_post") {
				deliver = func(callback string) testapp.Reply { return b.PostCallback(callback) }
			}
			r := deliver(b.Start("/auth/signin", "alice"))
			status, user, redeemed := 303, "alice", 1
			if length > 16<<10 {
				status, user, redeemed = 400, "", 0
			}
			if r.StatusCode != status || b.WhoAmI() != user || a.OP.Count(fakeop.Token) != redeemed {
				t.Errorf("%s, %d bytes: %d %s, %d token requests\n%s", mode, length, r.StatusCode, r.Body, a.OP.Count(fakeop.Token), a.Logs)
			}
			if strings.Contains(a.Logs.String(), "+/=+/=") {
				t.Errorf("%s: the log shows the code", mode)
			}
		}
	}
}
