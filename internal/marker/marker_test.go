package marker_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/marker"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// TestCookies: the lines of each marker, byte for byte.
func TestCookies(t *testing.T) {
	const rest = "; Path=/; HttpOnly; Secure; SameSite=Lax"
	cookies := marker.Cookies{Name: "__Host-ginoidc", Path: "/", Secure: true}
	silent, out := http.Header{}, http.Header{}
	cookies.SetSilent(silent)
	cookies.SetSilent(silent) // a response sets it once
	cookies.DropPages(out)
	for _, tt := range []struct {
		got  http.Header
		want []string
	}{
		{silent, []string{"__Host-ginoidc.silent=1" + rest}},
		{out, []string{"__Host-ginoidc.out=1" + rest, "__Host-ginoidc.out=2" + rest, "__Host-ginoidc.out=3" + rest,
			"__Host-ginoidc.out=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"}},
	} {
		if !slices.Equal(tt.got["Set-Cookie"], tt.want) {
			t.Errorf("%q, want %q", tt.got["Set-Cookie"], tt.want)
		}
	}
	if line := cookies.Chosen("google").String(); line !=
		"__Host-ginoidc.provider=google; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("%s", line)
	}
	r := httptest.NewRequest("GET", "/", nil)
	if chosen := cookies.LastChosen(r); chosen != "" {
		t.Errorf("%q was chosen without the cookie", chosen)
	}
	if r.AddCookie(cookies.Chosen("google")); cookies.LastChosen(r) != "google" {
		t.Errorf("chosen: %q", cookies.LastChosen(r))
	}
	if cookies.IsSilent(r) {
		t.Error("silent without the cookie")
	}
	if r.AddCookie(&http.Cookie{Name: "__Host-ginoidc.silent", Value: "1"}); !cookies.IsSilent(r) {
		t.Error("not silent with the cookie")
	}
}

// TestRecent: the cookie names the session for a minute, or until the session has been idle for too long. One that
// another app sealed, or that was changed, names none.
func TestRecent(t *testing.T) {
	ledger := revocation.New(revocation.Config{State: state.NewMemory(0), Audience: "a", Lifetime: time.Hour})
	then := time.Unix(1e9, 0)
	ref := ledger.RefOf(&session.Record{ID: [16]byte{1}, Subject: "alice", Started: then, Issued: then})
	recent := func(audience string, idle time.Duration) marker.Recent {
		seal, err := sealed.New("landed", []string{"0123456789abcdef0123456789abcdef"}, audience)
		if err != nil {
			t.Fatal(err)
		}
		return marker.Recent{Name: "ginoidc", Path: "/auth/signin", Secure: true, Seal: seal, Idle: idle}
	}
	plain := marker.Recent{Name: "ginoidc"}.Delete()
	if secure := recent("app", 0).Delete(); secure.Name != "__Secure-ginoidc.landed" || plain.Name != "ginoidc.landed" {
		t.Errorf("names %q, and %q without https", secure.Name, plain.Name)
	}
	for _, tt := range []struct {
		name   string
		reader marker.Recent
		after  time.Duration
		change string
		want   bool
	}{
		{"at once", recent("app", time.Hour), 0, "", true},
		{"within the minute", recent("app", time.Hour), time.Minute - time.Second, "", true},
		{"after the minute", recent("app", time.Hour), time.Minute, "", false},
		{"after the idle limit", recent("app", 10*time.Second), 10 * time.Second, "", false},
		{"another app", recent("other", time.Hour), 0, "", false},
		{"changed", recent("app", time.Hour), 0, "x", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, again := range []bool{false, true} {
					c := recent("app", time.Hour).Set(ref, again)
					if c.Name != "__Secure-ginoidc.landed" || c.MaxAge != 60 || c.Path != "/auth/signin" || !c.HttpOnly {
						t.Fatalf("%v", c)
					}
					time.Sleep(tt.after)
					r := httptest.NewRequest("GET", "/auth/signin", nil)
					r.AddCookie(&http.Cookie{Name: c.Name, Value: tt.change + c.Value})
					found, twice, ok := tt.reader.Find(r)
					if ok != tt.want || ok && (found.ID != ref.ID || found.Subject != ref.Subject || twice != again) {
						t.Errorf("again %t: %v %t %t", again, found, twice, ok)
					}
				}
			})
		})
	}
	e, now := ref.Entries()[0], strconv.FormatInt(time.Now().UnixMilli(), 10)
	for text, want := range map[string]bool{ // what another version may have written
		now + " true " + e.Owner + " " + e.Session: true, now + " true " + e.Owner: false, now: false, "": false,
		now + " true " + e.Owner + " " + e.Session + " ": false, now + " true " + e.Owner + " x": false,
		"x true " + e.Owner + " " + e.Session: false,
	} {
		reader := recent("app", time.Hour)
		r := httptest.NewRequest("GET", "/auth/signin", nil)
		r.AddCookie(&http.Cookie{Name: "__Secure-ginoidc.landed", Value: reader.Seal.Seal(text, "")})
		if found, _, ok := reader.Find(r); ok != want {
			t.Errorf("%q: %v %t", text, found, ok)
		}
	}
	if line := recent("app", time.Hour).Delete().String(); line !=
		"__Secure-ginoidc.landed=; Path=/auth/signin; Max-Age=0; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("%s", line)
	}
}
