package ginoidc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestProviderError: the provider's error reaches the handler, truncated and without control characters. Case 34.
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
	if !strings.HasPrefix(refusal.Code, "bad???[31m?ee") || len(refusal.Code) > 64 ||
		!strings.HasPrefix(refusal.Description, "?<b>") || len(refusal.Description) > 256 {
		t.Errorf("%q %q", refusal.Code, refusal.Description)
	}
}

// TestProviderErrorIsLogged: the cause of a provider's error is usually in the registration of the client, so it is
// logged whatever else is wrong with the response. A response in another response mode than requested is logged with
// the fix.
func TestProviderErrorIsLogged(t *testing.T) {
	const refusal = "error=unauthorized_client&error_description=not%0Aregistered"
	for _, tt := range []struct {
		name, mode, method, query string // state=S stands for the state of a sign-in in progress
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
		{"by GET instead of POST", "form_post", "GET", refusal + "&state=S", 0, 405,
			[]string{"came_as=query", `ResponseMode to \"query\"`}},
		{"by GET instead of POST, signed", "form_post.jwt", "GET", refusal + "&response=x", 0, 405,
			[]string{`ResponseMode to \"query.jwt\"`}},
		{"by POST instead of GET", "query", "POST", refusal, 0, 405,
			[]string{"came_as=form_post", `ResponseMode to \"form_post\"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) { c.Providers[0].ResponseMode = tt.mode })
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
				if tt.status != 405 || tt.method == "GET" { // the body of a POST is not read in this mode
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
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = "form_post" })
	a.Logs.Reset()
	b := a.Browser()
	b.Navigate("/auth/callback") // a typed address is not a response of the provider
	b.Do("PUT", "/auth/callback?code=x&state=y", nil)
	if strings.Contains(a.Logs.String(), "level=WARN") {
		t.Errorf("log %s", a.Logs)
	}
	b = testapp.New(t).Browser()
	refused := b.Start("/auth/signin", "alice")
	b.MustSignIn("alice") // in another tab
	if r := b.Twin().Navigate(strings.Replace(refused, "code=", "error=access_denied&x=",
		1)); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("refused: %d", r.StatusCode)
	}
	if r := b.Navigate("/auth/callback?error=access_denied&state=" + strings.Repeat("A",
		43)); r.StatusCode != http.StatusSeeOther || !strings.Contains(b.App.Logs.String(), "provider_code=access_denied") {
		t.Errorf("to somebody signed in: %d, log %s", r.StatusCode, b.App.Logs)
	}
}

type nilableError struct{}

func (*nilableError) Error() string { return "a typed nil" }

// TestRules: any error of a check is 403, whatever it wraps. Deny answers an error of the plugin with its own status,
// and any other as it answers the error of a check.
func TestRules(t *testing.T) {
	a := testapp.New(t)
	alice := a.Browser()
	alice.MustSignIn("alice")
	var rule error
	guards := []string{"/rule", "/rule/of/7", "/own"}
	a.Engine.Any("/rule", a.Auth.Require(func(u *ginoidc.User) error { return rule }), a.Protected)
	a.Engine.Any("/rule/of/:id", a.Auth.RequireFunc(func(c *gin.Context, u *ginoidc.User) error {
		if c.Param("id") != "7" || u.Subject != "alice" {
			t.Errorf("the rule sees %q and %q", c.Param("id"), u.Subject)
		}
		return rule
	}), a.Protected)
	var reason error
	own := a.Auth.With(ginoidc.AbortHandlers{Forbidden: func(c *gin.Context) { reason = ginoidc.Reason(c) }})
	a.Engine.Any("/own", own.Require(func(*ginoidc.User) error { return rule }), a.Protected)
	a.Engine.Any("/deny", func(c *gin.Context) { a.Auth.Deny(c, rule) }, a.Protected)

	_, parameters := a.Auth.SignInURLWith("/", url.Values{"scope": {"all"}})
	wrapped := func(err error) error { return fmt.Errorf("while reading: %w", err) }
	for _, tt := range []struct {
		name   string
		err    error
		code   string // of a check
		status int    // of Deny
		denied string
	}{
		{"plain", errors.New("not on Sundays"), "forbidden", 403, "forbidden"},
		{"typed nil", (*nilableError)(nil), "forbidden", 403, "forbidden"},
		{"of the request", wrapped(context.Canceled), "forbidden", 500, "internal"},
		{"of the database", wrapped(context.DeadlineExceeded), "forbidden", 500, "internal"},
		{"of the network", wrapped(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), "forbidden", 500, "internal"},
		{"network and rule", fmt.Errorf("%w: %w", ginoidc.ErrForbidden, context.Canceled), "forbidden", 403, "forbidden"},
		{"forbidden", wrapped(ginoidc.ErrForbidden), "forbidden", 403, "forbidden"},
		{"not signed in", wrapped(ginoidc.ErrUnauthenticated), "forbidden", 401, "unauthorized"},
		{"step-up", &ginoidc.StepUpError{MaxAge: time.Minute}, "forbidden", 401, "step_up_required"},
		{"no token", wrapped(ginoidc.ErrNoToken), "forbidden", 401, "no_token"},
		{"overage", wrapped(ginoidc.ErrGroupsOverage), "groups_overage", 403, "groups_overage"},
		{"cancelled", wrapped(&ginoidc.ProviderError{Code: "access_denied"}), "forbidden", 401, "sign_in_refused"},
		{"provider", wrapped(ginoidc.ErrProviderUnavailable), "forbidden", 503, "provider_unavailable"},
		{"store", wrapped(ginoidc.ErrSessionStore), "forbidden", 503, "session_unavailable"},
		{"not supported", wrapped(errors.ErrUnsupported), "forbidden", 500, "internal"},
		{"parameters", parameters, "forbidden", 500, "internal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rule, reason = tt.err, nil
			for _, path := range guards {
				r := alice.Fetch(path)
				if r.StatusCode != 403 || r.Header.Get("WWW-Authenticate")+r.Header.Get("Retry-After") != "" ||
					path != "/own" && (r.JSON(t)["error"] != tt.code || r.JSON(t)["sign_in_url"] != nil) {
					t.Errorf("%s: %d %v %s", path, r.StatusCode, r.Header, r.Body)
				}
				if path == "/own" {
					continue
				}
				page := alice.Do(http.MethodPost, path, nil, testapp.Navigation()...)
				if title, _, link := shown(page, t); title != "No access" || link != "/auth/signin?prompt=login" ||
					page.StatusCode != 403 || strings.Contains(page.Body, "not processed") {
					t.Errorf("%s, a form: %d %s", path, page.StatusCode, page.Body)
				}
			}
			if !errors.Is(reason, ginoidc.ErrForbidden) || !errors.Is(reason, tt.err) {
				t.Errorf("the reason is %v", reason)
			}
			if r := alice.Fetch("/deny"); r.StatusCode != tt.status || r.JSON(t)["error"] != tt.denied {
				t.Errorf("Deny: %d %s, want %d %s", r.StatusCode, r.Body, tt.status, tt.denied)
			}
		})
	}
	if len(a.Ran) != 0 {
		t.Errorf("protected handlers ran: %v", a.Ran)
	}
	rule = nil
	for _, path := range guards {
		if r := alice.Fetch(path); r.StatusCode != 200 {
			t.Errorf("%s without an error: %d %s", path, r.StatusCode, r.Body)
		}
		if r := a.Browser().Fetch(path); r.StatusCode != 401 {
			t.Errorf("%s, not signed in: %d %s", path, r.StatusCode, r.Body)
		}
	}
	if r := alice.Fetch("/deny"); r.StatusCode != 403 || r.JSON(t)["error"] != "forbidden" {
		t.Errorf("Deny without an error: %d %s", r.StatusCode, r.Body)
	}
	if len(a.Ran) != len(guards) {
		t.Errorf("protected handlers ran: %v", a.Ran)
	}
}

// TestConfigErrorText: the text names the variable, the field or both.
func TestConfigErrorText(t *testing.T) {
	for _, tt := range []struct{ field, variable, want string }{
		{"AppURL", "", "ginoidc: AppURL: is empty; "},
		{"AppURL", "OIDC_APP_URL", "ginoidc: OIDC_APP_URL (AppURL): is empty; "},
		{"", "OIDC_APP_ULR", "ginoidc: OIDC_APP_ULR: is empty; "},
	} {
		err := &ginoidc.ConfigError{Field: tt.field, Variable: tt.variable, Problem: "is empty", Fix: "set it"}
		if !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q, want %q", err, tt.want)
		}
	}
}

// TestFailureForScripts: the JSON of a failed route has the request id, also of a sign-in that the user has cancelled,
// and no link to a sign-in. What a form was to do is of no concern there. A failure elsewhere is none of a sign-in.
func TestFailureForScripts(t *testing.T) {
	var rec recorder
	down := false
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State, c.OnEvent = fallibleState{state.NewMemory(0), &down}, rec.receive
	})
	b := a.Browser()
	callback, err := a.OP.Deny(b.Navigate("/auth/signin").Location(), "access_denied")
	if err != nil {
		t.Fatal(err)
	}
	refused := b.Do(http.MethodGet, callback, nil)
	if body := refused.JSON(t); refused.StatusCode != 401 || body["request_id"] == nil || body["sign_in_url"] != nil {
		t.Errorf("%d %s", refused.StatusCode, refused.Body)
	}
	get, post := a.Browser().Fetch("/me").JSON(t), a.Browser().Do(http.MethodPost, "/me", nil).JSON(t)
	if get["sign_in_url"] == nil || get["message"] != post["message"] {
		t.Errorf("GET %v, POST %v", get, post)
	}
	b.MustSignIn("alice")
	down = true
	rec.take()
	if r := b.Fetch("/auth/userinfo"); r.StatusCode != 503 || !strings.HasPrefix(summary(rec.take()), "request_failed") {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
}
