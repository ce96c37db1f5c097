package ginoidc_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestSessionExpiry: session_expiry of the ID token ends the session whatever its use. One in the past, or one that
// cannot be read, starts none and leaves an earlier session as it is.
func TestSessionExpiry(t *testing.T) {
	for name, tt := range map[string]struct {
		claim  func(now time.Time) any
		status int
		ends   time.Duration // after the sign-in; 0 for not within 20 hours
	}{
		"none":         {func(time.Time) any { return nil }, 303, 0},
		"in two hours": {func(now time.Time) any { return now.Add(2 * time.Hour).Unix() }, 303, 2 * time.Hour},
		"in a year":    {func(now time.Time) any { return now.Add(8760 * time.Hour).Unix() }, 303, 0},
		"now":          {func(now time.Time) any { return now.Unix() }, 401, 0},
		"in the past":  {func(now time.Time) any { return now.Add(-time.Hour).Unix() }, 401, 0},
		"a string":     {func(now time.Time) any { return fmt.Sprint(now.Add(time.Hour).Unix()) }, 401, 0},
		"negative":     {func(time.Time) any { return -1 }, 401, 0},
		"milliseconds": {func(now time.Time) any { return now.UnixMilli() }, 401, 0},
		"an object":    {func(time.Time) any { return map[string]any{} }, 401, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t)
				b := a.Browser()
				b.MustSignIn("bob")
				a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = tt.claim(time.Now()) })
				r := b.SignIn("alice")
				if r.StatusCode != tt.status || tt.status == 401 && !strings.Contains(a.Logs.String(), "code=invalid_token") {
					t.Fatalf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
				}
				want := "alice"
				if tt.status != http.StatusSeeOther {
					want = "bob"
				}
				for elapsed := time.Duration(0); elapsed < 20*time.Hour; elapsed += 30 * time.Minute {
					if tt.ends > 0 && elapsed >= tt.ends {
						want = ""
					}
					if who := b.WhoAmI(); who != want {
						t.Fatalf("%q is signed in after %s, want %q", who, elapsed, want)
					}
					time.Sleep(30 * time.Minute)
				}
			})
		})
	}
}

// TestSessionExpiryIsSeen: the end that the provider sets shows in the times of the session and in the cookie, and an
// update of the session does not put it off.
func TestSessionExpiryIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.Engine.POST("/update", func(c *gin.Context) {
			if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "A"; return nil }); err != nil {
				t.Error(err)
			}
		})
		a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = time.Now().Add(time.Hour).Unix() })
		b := a.Browser()
		if r := b.SignIn("alice"); !strings.Contains(strings.Join(r.Header["Set-Cookie"], "\n"), "Max-Age=3600") {
			t.Errorf("cookies %q", r.Header["Set-Cookie"])
		}
		time.Sleep(10 * time.Minute)
		b.Do(http.MethodPost, "/update", nil)
		times, _ := b.Fetch("/auth/userinfo?session").JSON(t)["session"].(map[string]any)
		if times["expires_in"] != 3000.0 || times["idle_expires_in"] != 3000.0 {
			t.Errorf("%v", times)
		}
		time.Sleep(50*time.Minute + time.Second)
		if who := b.WhoAmI(); who != "" {
			t.Errorf("%s is signed in", who)
		}
	})
}

// TestMaxAuthAge: a session ends when the authentication at the provider is too old, whatever its use, and a sign-in
// asks for a recent one.
func TestMaxAuthAge(t *testing.T) {
	for name, tt := range map[string]struct {
		age    time.Duration // of the authentication at the sign-in
		silent bool          // the provider does not say
		status int
		ends   time.Duration
	}{
		"just now":               {0, false, 303, 61 * time.Minute},
		"half an hour":           {30 * time.Minute, false, 303, 31 * time.Minute},
		"within the tolerance":   {time.Hour + 30*time.Second, false, 303, 30 * time.Second},
		"too old":                {2 * time.Hour, false, 401, 0},
		"the provider says none": {0, true, 401, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxAuthAge = time.Hour })
				a.OP.OnIDToken(func(claims map[string]any) {
					if claims["auth_time"] = time.Now().Add(-tt.age).Unix(); tt.silent {
						delete(claims, "auth_time")
					}
				})
				b := a.Browser()
				if asked := testapp.ParseURL(t, b.Navigate("/auth/signin").Location()).Query()["max_age"]; len(asked) != 1 ||
					asked[0] != "3600" {
					t.Errorf("max_age %q", asked)
				}
				if r := b.SignIn("alice"); r.StatusCode != tt.status {
					t.Fatalf("%d %s", r.StatusCode, r.Body)
				}
				for left := tt.ends; left > 0; left -= time.Minute {
					if b.WhoAmI() != "alice" {
						t.Fatalf("nobody is signed in %s before the end", left)
					}
					time.Sleep(min(left, time.Minute))
				}
				if who := b.WhoAmI(); who != "" {
					t.Errorf("%s is signed in", who)
				}
			})
		})
	}
}

// TestMaxAuthAgeOfAppSessions: of a session that the app started, the start counts unless the app says when it
// authenticated the user.
func TestMaxAuthAgeOfAppSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxAuthAge = time.Hour })
		a.Engine.GET("/start/:ago", func(c *gin.Context) {
			u := &ginoidc.User{Subject: "alice"}
			if ago, err := time.ParseDuration(c.Param("ago")); err == nil {
				u.AuthTime = time.Now().Add(-ago)
			}
			if err := a.Auth.StartSession(c, u); err != nil {
				a.Auth.Deny(c, err)
			}
		})
		for _, tt := range []struct {
			ago  string
			left time.Duration
		}{{"unknown", 61 * time.Minute}, {"20m", 41 * time.Minute}, {"2h", 0}} {
			b := a.Browser()
			if r := b.Fetch("/start/" + tt.ago); (r.StatusCode == http.StatusOK) != (tt.left > 0) {
				t.Errorf("%s: %d %s", tt.ago, r.StatusCode, r.Body)
			}
			if tt.left > 0 {
				time.Sleep(tt.left - time.Second)
				if b.WhoAmI() != "alice" {
					t.Errorf("%s: signed out too early", tt.ago)
				}
				time.Sleep(2 * time.Second)
			}
			if b.WhoAmI() != "" {
				t.Errorf("%s: still signed in", tt.ago)
			}
		}
	})
}

// TestMaxAuthAgeOfEarlierSessions: sessions from before the limit was set have it too. If the provider did not say when
// it authenticated the user, that was too long ago.
func TestMaxAuthAgeOfEarlierSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := testapp.New(t)
		after := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxAuthAge = time.Hour })
		known, unknown := before.Browser(), before.Browser()
		known.MustSignIn("alice")
		before.OP.OnIDToken(func(claims map[string]any) { delete(claims, "auth_time") })
		unknown.MustSignIn("bob")
		known.App, unknown.App = after, after
		if known.WhoAmI() != "alice" || unknown.WhoAmI() != "" {
			t.Errorf("%q and %q are signed in", known.WhoAmI(), unknown.WhoAmI())
		}
	})
}

// TestMaxAuthAgeRequest: a sign-in asks for the smaller of MaxAuthAge and a configured max_age.
func TestMaxAuthAgeRequest(t *testing.T) {
	for configured, want := range map[string]string{"": "3600", "60": "60", "7200": "3600"} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.MaxAuthAge = time.Hour
			if configured != "" {
				c.Providers[0].SignInParameters = url.Values{"max_age": {configured}}
			}
		})
		for target, want := range map[string]string{
			"/auth/signin": want, "/auth/signin?max_age=30": "30", "/auth/signin?max_age=90000": want,
		} {
			location := a.Browser().Navigate(target).Location()
			if got := testapp.ParseURL(t, location).Query().Get("max_age"); got != want {
				t.Errorf("configured %q, %s: %q, want %q", configured, target, got, want)
			}
		}
	}
}

// TestRequireAMR: any of the methods is enough, of a session or of an access token. Without one it is 403, not a
// redirect, and other shapes of the claim count as none.
func TestRequireAMR(t *testing.T) {
	for name, tt := range map[string]struct {
		amr  any
		want int
	}{
		"one of them":      {[]string{"pwd", "otp"}, 200},
		"a bare string":    {"hwk", 200},
		"another":          {[]string{"pwd"}, 403},
		"none":             {nil, 403},
		"empty":            {[]string{}, 403},
		"other case":       {[]string{"OTP"}, 403},
		"words in one":     {"otp hwk", 403},
		"no strings":       {[]any{7, nil, map[string]any{"otp": true}}, 403},
		"an object":        {map[string]any{"otp": true}, 403},
		"a string further": {[]any{7, "otp"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			const audience = "https://api.example.com"
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Audience = audience })
			a.Engine.GET("/safe", a.Auth.RequireAMR("otp", "hwk"), a.Protected)
			set := func(claims map[string]any) { claims["amr"] = tt.amr }
			a.OP.OnIDToken(set)
			a.OP.OnAccessToken(set)
			a.OP.OnUserInfo(func(claims map[string]any) { claims["amr"] = []string{"otp"} }) // it does not count
			b := a.Browser()
			b.MustSignIn("alice")
			if r := b.Navigate("/safe"); r.StatusCode != tt.want {
				t.Errorf("session: %d to %q", r.StatusCode, r.Location())
			}
			token, err := a.OP.AccessToken("alice", audience)
			if err != nil {
				t.Fatal(err)
			}
			if r := a.Browser().Do(http.MethodGet, "/safe", nil, "Authorization", "Bearer "+token); r.StatusCode != tt.want {
				t.Errorf("access token: %d %s", r.StatusCode, r.Body)
			}
			if r := a.Browser().Fetch("/safe"); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("nobody: %d", r.StatusCode)
			}
		})
	}
}

// TestAMRIsAClaim: handlers see the methods in User.AMR and among the claims, in the order of the provider.
func TestAMRIsAClaim(t *testing.T) {
	a := testapp.New(t)
	a.OP.OnIDToken(func(claims map[string]any) { claims["amr"] = []string{"pwd", "otp"} })
	var seen []string
	var claims struct{ AMR []string }
	a.Engine.GET("/amr", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		seen = u.AMR
		if err := u.Claims(&claims); err != nil || strings.Contains(string(u.Extra), "amr") {
			t.Errorf("%v, Extra %s", err, u.Extra)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	b.Fetch("/amr")
	if fmt.Sprint(seen, claims.AMR) != "[pwd otp] [pwd otp]" {
		t.Errorf("%q and %q", seen, claims.AMR)
	}
}
