package ginoidc_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// provesAgain goes the way that the Location of a denied navigation shows, and answers what the page says afterwards.
func (b *browser) provesAgain(denied reply) reply {
	b.app.t.Helper()
	if denied.StatusCode != http.StatusFound || !strings.HasPrefix(denied.location(), "/auth/signin?") {
		b.app.t.Fatalf("no step-up: %d to %q", denied.StatusCode, denied.location())
	}
	r := b.navigate(b.start(denied.location(), "alice"))
	if r.StatusCode != http.StatusSeeOther {
		return r
	}
	return b.navigate(r.location())
}

// TestRequireFreshSignIn: an old sign-in is renewed by one trip to the provider; a provider that cannot tell when it asked
// the user means an end, not a loop. Cases 97, 220.
func TestRequireFreshSignIn(t *testing.T) {
	for _, tt := range []struct {
		name     string
		authTime func(now time.Time) any // of the second sign-in
		after    time.Duration           // from the first sign-in to the request
		want     int                     // in the end
		trips    int
	}{
		{"within the time", nil, 5 * time.Minute, 200, 0},
		{"within the tolerance", nil, 6 * time.Minute, 200, 0},
		{"too old", nil, 7 * time.Minute, 200, 1},
		{"the provider does not ask the user", func(now time.Time) any { return now.Add(-time.Hour).Unix() }, time.Hour, 401, 1},
		{"the provider does not tell", func(time.Time) any { return nil }, time.Hour, 401, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t)
				a.engine.GET("/password", a.auth.RequireFreshSignIn(5*time.Minute), a.protected)
				b := a.browser()
				b.mustSignIn("alice")
				a.op.OnIDToken(func(claims map[string]any) {
					if tt.authTime != nil {
						claims["auth_time"] = tt.authTime(time.Now())
					}
				})
				time.Sleep(tt.after)
				r := b.navigate("/password?step=1")
				if tt.trips > 0 {
					if !strings.Contains(r.location(), "max_age=300") || !strings.Contains(r.location(), "return_to=%2Fpassword%3Fstep%3D1") {
						t.Fatalf("Location %q", r.location())
					}
					api := b.fetch("/password")
					challenge := api.Header.Get("WWW-Authenticate")
					if api.StatusCode != 401 || api.json(t)["error"] != "step_up_required" || api.json(t)["sign_in_url"] != "/auth/signin?max_age=300" ||
						!strings.Contains(challenge, `error="insufficient_user_authentication", max_age="300"`) {
						t.Errorf("fetch: %d %s %s", api.StatusCode, api.body, challenge)
					}
					r = b.provesAgain(r)
				}
				if r.StatusCode != tt.want {
					t.Errorf("%d to %q: %s", r.StatusCode, r.location(), r.body)
				}
				if b.whoami() != "alice" { // a step-up that fails leaves the session as it was
					t.Error("signed out")
				}
				if tt.want == http.StatusOK && tt.trips > 0 { // and may be made again when that one is too old as well
					time.Sleep(time.Hour)
					if r := b.provesAgain(b.navigate("/password")); r.StatusCode != http.StatusOK {
						t.Errorf("an hour later: %d", r.StatusCode)
					}
				}
			})
		})
	}
}

// TestRequireFreshSignInWithoutTrip: a session whose sign-in has just asked for max_age and got by without auth_time, as
// from a StartSession, is refused rather than sent round. Case 220.
func TestRequireFreshSignInOfAppsOwnSessions(t *testing.T) {
	a := newApp(t)
	a.engine.GET("/password", a.auth.RequireFreshSignIn(time.Minute), a.protected)
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
		a.engine.POST(path, func(c *gin.Context) {
			if err := a.auth.StartSession(c, &ginoidc.User{Subject: "alice", AuthTime: tt.authTime}); err != nil {
				t.Error(err)
			}
		})
		b := a.browser()
		b.do("POST", path, nil)
		if r := b.navigate("/password"); r.StatusCode != tt.want {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
}

// TestRequireACR: a sign-in that was not strong enough is made again once, with what the route wants. Case 220.
func TestRequireACR(t *testing.T) {
	for _, tt := range []struct {
		name          string
		first, second any // acr of the sign-ins
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
			a := newApp(t)
			a.engine.GET("/pay", a.auth.RequireACR("gold", "platinum"), a.protected)
			acr := tt.first
			a.op.OnIDToken(func(claims map[string]any) { claims["acr"] = acr })
			b := a.browser()
			b.mustSignIn("alice")
			acr = tt.second
			r := b.navigate("/pay")
			if tt.trips > 0 {
				if !strings.Contains(r.location(), "acr_values=gold+platinum") {
					t.Fatalf("Location %q", r.location())
				}
				if challenge := b.fetch("/pay").Header.Get("WWW-Authenticate"); !strings.Contains(challenge, `acr_values="gold platinum"`) {
					t.Errorf("challenge %s", challenge)
				}
				r = b.provesAgain(r)
			}
			if r.StatusCode != tt.want || a.ran["/pay"] != map[bool]int{true: 1}[tt.want == 200] {
				t.Errorf("%d to %q, the handler ran %d times", r.StatusCode, r.location(), a.ran["/pay"])
			}
		})
	}
}

// TestStepUpBeyondWhatWasAsked: the provider left a wish for an hour unheard. That says nothing of a wish for a minute, which
// is worth a trip of its own.
func TestStepUpBeyondWhatWasAsked(t *testing.T) {
	for asked, want := range map[string]int{"3600": http.StatusFound, "60": http.StatusForbidden} {
		synctest.Test(t, func(t *testing.T) {
			a := newApp(t)
			a.engine.GET("/password", a.auth.RequireFreshSignIn(time.Minute), a.protected)
			b := a.browser()
			a.op.OnIDToken(func(claims map[string]any) {
				claims["auth_time"] = time.Now().Add(-time.Minute - 30*time.Second).Unix()
			})
			if r := b.navigate(b.start("/auth/signin?max_age="+asked, "alice")); r.StatusCode != http.StatusSeeOther {
				t.Fatalf("sign-in: %d %s", r.StatusCode, r.body)
			}
			time.Sleep(45 * time.Second) // so that no tolerance helps
			if r := b.navigate("/password"); r.StatusCode != want {
				t.Errorf("after a sign-in with max_age=%s: %d, want %d", asked, r.StatusCode, want)
			}
		})
	}
}

// TestGroupsGoneAtStepUp: who had groups at sign-in and has none when the provider is asked again, has none. Case 109.
func TestGroupsGoneAtStepUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t)
		a.engine.GET("/password", a.auth.RequireFreshSignIn(5*time.Minute), a.protected)
		b := a.browser()
		b.mustSignIn("alice")
		if r := b.fetch("/admin"); r.StatusCode != http.StatusOK {
			t.Fatalf("with groups: %d", r.StatusCode)
		}
		gone := func(claims map[string]any) { delete(claims, "groups") }
		a.op.OnIDToken(gone)
		a.op.OnUserInfo(gone)
		time.Sleep(time.Hour)
		if r := b.provesAgain(b.navigate("/password")); r.StatusCode != http.StatusOK {
			t.Fatalf("step-up: %d", r.StatusCode)
		}
		if r := b.fetch("/admin"); r.StatusCode != http.StatusForbidden || b.whoami() != "alice" {
			t.Errorf("without groups: %d", r.StatusCode)
		}
	})
}

// TestStepUpGuardsRefuse what nobody can meet or everybody would.
func TestStepUpGuardsRefuse(t *testing.T) {
	a := newApp(t)
	for name, register := range map[string]func(){
		"no time":        func() { a.auth.RequireFreshSignIn(0) },
		"under a second": func() { a.auth.RequireFreshSignIn(time.Second - 1) },
		"no class":       func() { a.auth.RequireACR() },
		"an empty class": func() { a.auth.RequireACR("gold", "") },
		"two in one":     func() { a.auth.RequireACR("gold silver") },
		"a quote":        func() { a.auth.RequireACR(`go"ld`) },
		"too long":       func() { a.auth.RequireACR(strings.Repeat("a", 200), strings.Repeat("b", 200)) },
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
