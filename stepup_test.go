package ginoidc_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// provesAgain follows the redirect of a denied navigation through a sign-in and returns the response of the page
// afterwards.
func provesAgain(b *testapp.Browser, denied testapp.Reply) testapp.Reply {
	b.App.T.Helper()
	if denied.StatusCode != http.StatusFound || !strings.HasPrefix(denied.Location(), "/auth/signin?") {
		b.App.T.Fatalf("no step-up: %d to %q", denied.StatusCode, denied.Location())
	}
	r := b.Navigate(b.Start(denied.Location(), "alice"))
	if r.StatusCode != http.StatusSeeOther {
		return r
	}
	return b.Navigate(r.Location())
}

// TestRequireFreshSignIn: one step-up renews an old sign-in. If the provider does not send auth_time, the result is 403
// and not a loop. Cases 97, 220.
func TestRequireFreshSignIn(t *testing.T) {
	for _, tt := range []struct {
		name     string
		authTime func(now time.Time) any // of the second sign-in
		after    time.Duration           // time from the first sign-in to the request
		want     int                     // final status
		trips    int
	}{
		{"within the time", nil, 5 * time.Minute, 200, 0},
		{"within the tolerance", nil, 6 * time.Minute, 200, 0},
		{"too old", nil, 7 * time.Minute, 200, 1},
		{"the provider does not ask the user", func(now time.Time) any { return now.Add(-time.Hour).Unix() },
			time.Hour, 401, 1},
		{"the provider does not tell", func(time.Time) any { return nil }, time.Hour, 401, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t)
				a.Engine.GET("/password", a.Auth.RequireFreshSignIn(5*time.Minute), a.Protected)
				b := a.Browser()
				b.MustSignIn("alice")
				a.OP.OnIDToken(func(claims map[string]any) {
					if tt.authTime != nil {
						claims["auth_time"] = tt.authTime(time.Now())
					}
				})
				time.Sleep(tt.after)
				r := b.Navigate("/password?step=1")
				if tt.trips > 0 {
					if !strings.Contains(r.Location(), "max_age=300") ||
						!strings.Contains(r.Location(), "return_to=%2Fpassword%3Fstep%3D1") {
						t.Fatalf("Location %q", r.Location())
					}
					api := b.Fetch("/password")
					challenge := api.Header.Get("WWW-Authenticate")
					if api.StatusCode != 401 || api.JSON(t)["error"] != "step_up_required" ||
						api.JSON(t)["sign_in_url"] != "/auth/signin?max_age=300" ||
						!strings.Contains(challenge, `error="insufficient_user_authentication", max_age="300"`) {
						t.Errorf("fetch: %d %s %s", api.StatusCode, api.Body, challenge)
					}
					r = provesAgain(b, r)
				}
				if r.StatusCode != tt.want {
					t.Errorf("%d to %q: %s", r.StatusCode, r.Location(), r.Body)
				}
				if b.WhoAmI() != "alice" { // a failed step-up leaves the session unchanged
					t.Error("signed out")
				}
				if tt.want == http.StatusOK && tt.trips > 0 { // and another one is possible once this one is too old
					time.Sleep(time.Hour)
					if r := provesAgain(b, b.Navigate("/password")); r.StatusCode != http.StatusOK {
						t.Errorf("an hour later: %d", r.StatusCode)
					}
				}
			})
		})
	}
}

// TestRequireFreshSignInWithoutTrip: a session without auth_time whose sign-in has just requested max_age, as from
// StartSession, gets 403 instead of a redirect. Case 220.
func TestRequireFreshSignInOfAppsOwnSessions(t *testing.T) {
	a := testapp.New(t)
	a.Engine.GET("/password", a.Auth.RequireFreshSignIn(time.Minute), a.Protected)
	for name, tt := range map[string]struct {
		authTime time.Time
		want     int
	}{
		"no time":         {time.Time{}, 302},
		"in the future":   {time.Now().Add(time.Hour), 302},
		"an hour ago":     {time.Now().Add(-time.Hour), 302},
		"a moment ago":    {time.Now(), 200},
		"by a fast clock": {time.Now().Add(30 * time.Second), 200},
	} {
		path := "/start/" + strings.ReplaceAll(name, " ", "-")
		a.Engine.POST(path, func(c *gin.Context) {
			if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "alice", AuthTime: tt.authTime}); err != nil {
				t.Error(err)
			}
		})
		b := a.Browser()
		b.Do("POST", path, nil)
		if r := b.Navigate("/password"); r.StatusCode != tt.want {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
}

// TestRequireACR: if a sign-in was not strong enough, it is repeated once with the classes that the route requires.
// Case 220.
func TestRequireACR(t *testing.T) {
	for _, tt := range []struct {
		name          string
		first, second any // the acr of the sign-ins
		want, trips   int
	}{
		{"strong at once", "gold", nil, 200, 0},
		{"strong the other way", "platinum", nil, 200, 0},
		{"strong at the second time", "silver", "gold", 200, 1},
		{"none at first", nil, "platinum", 200, 1},
		{"never", "silver", "silver", 403, 1},
		{"never told", nil, nil, 403, 1},
		{"another spelling", "Gold", "gold ", 403, 1},
		{"not a text", 1, []string{"gold"}, 403, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			a.Engine.GET("/pay", a.Auth.RequireACR("gold", "platinum"), a.Protected)
			acr := tt.first
			a.OP.OnIDToken(func(claims map[string]any) { claims["acr"] = acr })
			b := a.Browser()
			b.MustSignIn("alice")
			acr = tt.second
			r := b.Navigate("/pay")
			if tt.trips > 0 {
				if !strings.Contains(r.Location(), "acr_values=gold+platinum") {
					t.Fatalf("Location %q", r.Location())
				}
				if challenge := b.Fetch("/pay").Header.Get("WWW-Authenticate"); !strings.Contains(challenge,
					`acr_values="gold platinum"`) {
					t.Errorf("challenge %s", challenge)
				}
				r = provesAgain(b, r)
			}
			if r.StatusCode != tt.want || a.Ran["/pay"] != map[bool]int{true: 1}[tt.want == 200] {
				t.Errorf("%d to %q, the handler ran %d times", r.StatusCode, r.Location(), a.Ran["/pay"])
			}
		})
	}
}

// TestStepUpBeyondWhatWasAsked: the provider did not satisfy a max_age of an hour. It may still satisfy one of a
// minute, so that step-up is tried.
func TestStepUpBeyondWhatWasAsked(t *testing.T) {
	for asked, want := range map[string]int{"3600": http.StatusFound, "60": http.StatusForbidden} {
		synctest.Test(t, func(t *testing.T) {
			a := testapp.New(t)
			a.Engine.GET("/password", a.Auth.RequireFreshSignIn(time.Minute), a.Protected)
			b := a.Browser()
			a.OP.OnIDToken(func(claims map[string]any) {
				claims["auth_time"] = time.Now().Add(-time.Minute - 30*time.Second).Unix()
			})
			if r := b.Navigate(b.Start("/auth/signin?max_age="+asked, "alice")); r.StatusCode != http.StatusSeeOther {
				t.Fatalf("sign-in: %d %s", r.StatusCode, r.Body)
			}
			time.Sleep(45 * time.Second) // beyond the clock skew tolerated
			if r := b.Navigate("/password"); r.StatusCode != want {
				t.Errorf("after a sign-in with max_age=%s: %d, want %d", asked, r.StatusCode, want)
			}
		})
	}
}

// TestGroupsGoneAtStepUp: a user who has lost all groups since the sign-in has none after a step-up. Case 109.
func TestGroupsGoneAtStepUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.Engine.GET("/password", a.Auth.RequireFreshSignIn(5*time.Minute), a.Protected)
		b := a.Browser()
		b.MustSignIn("alice")
		if r := b.Fetch("/admin"); r.StatusCode != http.StatusOK {
			t.Fatalf("with groups: %d", r.StatusCode)
		}
		gone := func(claims map[string]any) { delete(claims, "groups") }
		a.OP.OnIDToken(gone)
		a.OP.OnUserInfo(gone)
		time.Sleep(time.Hour)
		if r := provesAgain(b, b.Navigate("/password")); r.StatusCode != http.StatusOK {
			t.Fatalf("step-up: %d", r.StatusCode)
		}
		if r := b.Fetch("/admin"); r.StatusCode != http.StatusForbidden || b.WhoAmI() != "alice" {
			t.Errorf("without groups: %d", r.StatusCode)
		}
	})
}

// TestStepUpGuardsRefuse: requirements that nobody or everybody would satisfy panic.
func TestStepUpGuardsRefuse(t *testing.T) {
	a := testapp.New(t)
	for name, register := range map[string]func(){
		"no time":         func() { a.Auth.RequireFreshSignIn(0) },
		"under a second":  func() { a.Auth.RequireFreshSignIn(time.Second - 1) },
		"no class":        func() { a.Auth.RequireACR() },
		"an empty class":  func() { a.Auth.RequireACR("gold", "") },
		"two in one":      func() { a.Auth.RequireACR("gold silver") },
		"a quote":         func() { a.Auth.RequireACR(`go"ld`) },
		"no method":       func() { a.Auth.RequireAMR() },
		"an empty method": func() { a.Auth.RequireAMR("otp", "") },
		"too long":        func() { a.Auth.RequireACR(strings.Repeat("a", 200), strings.Repeat("b", 200)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			register()
		}()
	}
}
