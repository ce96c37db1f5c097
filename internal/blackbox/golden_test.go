package blackbox_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/seal"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// A session in a browser, and its keys in the shared state. The next version has to read all of them, and may run at
// the same time as this one. The session is alice's, has a sid and began at the start of 2000, like the clock of
// synctest.
const (
	goldenSession = "AYQ6-ZDqShlCcEr8qRl2HgIPwzoGnviLNSwT_PlI5dj-IpEHe9WDIxC-2HhP1LqcwqTvE68th9spj-DrkRQYPjkg4FUI" +
		"-LuwnESxS-UexIgqasQq2nkmI_7NfxTEEvqmdTpf8w_wR6whFI_3Y0KkZIJ9XSIdf50mtYVOlg"
	goldenLanded = "AQR1q6sIeTEnIuK6V1t7JBgL7kbqbMKePdIR1ZGNKZcAIDwEbEhy2P1NGN4dwG4n6pgV9yuDrYLQ_Q1tdKISnKnC0L" +
		"JgROPwIcIwWRwnKrOS9DNmSUM6hqR5boYQHwDtxNkdVIKjQ3RScWUDMK16V4gEY7gCFHOO4ZN0hMxx0v7Dlb5nkhUurTHwOR_Xb0iS-3slpOxZ"

	goldenSessionKey = "e01000000000000000000000000000002"
	goldenUserKey    = "u5445a0b6c4c52a5bfa435083ffe94248"
	goldenAllKey     = "u91025be4b0b13290f6f99cc719f6b275" // of all users
	goldenSubjectKey = "p5445a0b6c4c52a5bfa435083ffe94248"
	goldenSIDKey     = "p1e143ecd93b40f1d51aac811c7466085"
	goldenBothKey    = "p5445a0b6c4c52a5b1e143ecd93b40f1d"
	goldenNoSIDKey   = "p5445a0b6c4c52a5b0000000000000000" // of alice's sessions without a sid
	goldenUserEntry  = "AQAAAAAAAAAAAAAAAAAAAh4UPs2TtA8dUarIEcdGYIUAA10BOyidwAA4bUN_TEtA"
	goldenSIDEntry   = "AQAAAAAAAAAAAAAAAAAAAlRFoLbExSpb-kNQg__pQkgAA10BOyidwAA4bUN_TEtA"
)

// recording is a State that records its calls.
type recording struct {
	ginoidc.SharedState
	looked, revoked []string
	listed          map[string]string
}

func (r *recording) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	r.revoked = append(r.revoked, key)
	return r.SharedState.Revoke(ctx, key, at, ttl)
}

func (r *recording) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	r.looked = append(r.looked, keys...)
	return r.SharedState.Revoked(ctx, keys...)
}

func (r *recording) Enlist(ctx context.Context, owner, session string, ttl time.Duration) error {
	r.listed[owner] = session
	return r.SharedState.Enlist(ctx, owner, session, ttl)
}

// sawGolden reports whether the keys of the golden session, and no others, were looked up.
func (r *recording) sawGolden() bool {
	return slices.Equal(r.looked, []string{
		goldenSessionKey, goldenUserKey, goldenAllKey, goldenSubjectKey, goldenSIDKey, goldenBothKey,
	})
}

// golden runs test in the year 2000 with the golden session in a browser.
func golden(t *testing.T, test func(t *testing.T, a *testapp.App, r *recording, b *testapp.Browser)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &recording{SharedState: state.NewMemory(0), listed: map[string]string{}}
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.SessionIdle = r, 2*time.Hour })
		b := a.Browser()
		b.SetCookie("__Host-ginoidc", goldenSession, "/")
		r.looked, r.revoked, r.listed = nil, nil, map[string]string{}
		test(t, a, r, b)
	})
}

// TestGoldenSession: the cookie opens, and its keys are looked up.
func TestGoldenSession(t *testing.T) {
	golden(t, func(t *testing.T, _ *testapp.App, r *recording, b *testapp.Browser) {
		if got := b.WhoAmI(); got != "alice" || !r.sawGolden() {
			t.Errorf("%q is signed in, looked for %q", got, r.looked)
		}
	})
}

// TestGoldenEntries: the session is listed under its user and its sid, and read from there.
func TestGoldenEntries(t *testing.T) {
	golden(t, func(t *testing.T, a *testapp.App, r *recording, b *testapp.Browser) {
		time.Sleep(90 * time.Minute) // past half of the idle limit: the session is renewed and listed again
		b.WhoAmI()
		if len(r.listed) != 2 || r.listed[goldenUserKey] != goldenUserEntry || r.listed[goldenSIDKey] != goldenSIDEntry {
			t.Errorf("listed %q", r.listed)
		}
	})
	golden(t, func(t *testing.T, a *testapp.App, r *recording, b *testapp.Browser) {
		if err := r.SharedState.Enlist(t.Context(), goldenUserKey, goldenUserEntry, time.Hour); err != nil {
			t.Fatal(err)
		}
		sessions, err := a.Auth.UserSessions(t.Context(), "alice")
		if err != nil || len(sessions) != 1 || !r.sawGolden() {
			t.Fatalf("sessions %+v, %v, looked for %q", sessions, err, r.looked)
		}
		started := time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)
		if s := sessions[0]; s.ID != goldenSessionKey[1:] || !s.Started.Equal(started) {
			t.Errorf("session %+v", s)
		}
	})
}

// TestGoldenEnds: each way to end the session writes its own keys.
func TestGoldenEnds(t *testing.T) {
	golden(t, func(t *testing.T, a *testapp.App, r *recording, b *testapp.Browser) {
		if err := errors.Join(a.Auth.EndUserSessions(t.Context(), "alice"), a.Auth.EndAllSessions(t.Context())); err != nil {
			t.Error(err)
		}
		for _, means := range [][2]string{{"alice", ""}, {"alice", "sid-1"}, {"", "sid-1"}} {
			token, err := a.OP.LogoutToken(means[0], means[1], nil)
			if err != nil {
				t.Fatal(err)
			}
			body := strings.NewReader("logout_token=" + token)
			b.Do("POST", "/auth/backchannel-logout", body, "Content-Type", "application/x-www-form-urlencoded")
		}
		if want := []string{
			goldenUserKey, goldenAllKey, goldenSubjectKey + "i", goldenSubjectKey, goldenBothKey + "i", goldenBothKey,
			goldenNoSIDKey + "i", goldenNoSIDKey, goldenSIDKey + "i", goldenSIDKey,
		}; !slices.Equal(r.revoked, want) {
			t.Errorf("revoked %q, want %q", r.revoked, want)
		}
	})
	golden(t, func(t *testing.T, a *testapp.App, r *recording, b *testapp.Browser) {
		if b.Do("POST", "/auth/signout", nil); !slices.Equal(r.revoked, []string{goldenSessionKey}) {
			t.Errorf("a sign-out revoked %q", r.revoked)
		}
	})
}

// TestGoldenLanded checks the cookie that names, for the sign-in route, the session that a browser has just received.
func TestGoldenLanded(t *testing.T) {
	const name = "__Secure-ginoidc.landed"
	ring, err := seal.NewRing("ginoidc/landed", []string{testapp.CookieSecret})
	if err != nil {
		t.Fatal(err)
	}
	place := []byte("\x00https://idp.example app ")
	golden(t, func(t *testing.T, _ *testapp.App, r *recording, b *testapp.Browser) {
		b.SetCookie("__Host-ginoidc", "", "/") // so that the sign-in route looks for the session of the other cookie
		b.SetCookie(name, goldenLanded, "/auth/signin")
		if answer := b.Navigate("/auth/signin"); answer.StatusCode != http.StatusBadRequest || !r.sawGolden() {
			t.Errorf("%d, looked for %q", answer.StatusCode, r.looked)
		}
	})
	golden(t, func(t *testing.T, _ *testapp.App, r *recording, b *testapp.Browser) {
		answer := b.SignIn("alice")
		i := slices.IndexFunc(answer.Cookies(), func(c *http.Cookie) bool { return c.Name == name })
		if i < 0 {
			t.Fatalf("no cookie %s in %q", name, answer.Header["Set-Cookie"])
		}
		got, _, ok := ring.Open(answer.Cookies()[i].Value, place)
		if want := "946684800000 false " + goldenUserKey + " " + r.listed[goldenUserKey]; !ok || string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
