package sessiontest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// together returns a request with the cookies of all browsers, in order.
func together(browsers ...Browser) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
	for _, b := range browsers {
		r.Header["Cookie"] = append(r.Header["Cookie"], b.Request().Header["Cookie"]...)
	}
	return r
}

// beginWithTokens begins a session with tokens in a browser.
func beginWithTokens(t *testing.T, m *session.Manager, b Browser, subject string) *session.Session {
	t.Helper()
	h := http.Header{}
	s, err := m.Begin(h, b.Request(), session.Record{Subject: subject}, []byte(subject+"'s"))
	if err != nil {
		t.Fatal(err)
	}
	b.Receive(t, h)
	return s
}

// loadTogether returns the subject and tokens of a request with the cookies of all browsers, or the subjects if none of
// several sessions counts.
func (f fixture) loadTogether(t *testing.T, browsers ...Browser) (subject, tokens string) {
	t.Helper()
	s, err := f.Load(together(browsers...))
	var several *session.RivalsError
	switch {
	case errors.As(err, &several):
		for _, s := range several.Sessions {
			subject += s.Subject + " "
		}
		return subject, ""
	case err != nil:
		t.Fatal(err)
	case s == nil:
		return "", ""
	}
	data, err := f.LoadTokens(together(browsers...), s)
	if err != nil {
		t.Fatal(err)
	}
	return s.Subject, string(data)
}

// case 131: of several cookies of the name, the one with a session counts, and none if several have one.
func rivals(t *testing.T, f fixture) {
	alice, bob, carol, garbage := Browser{}, Browser{}, Browser{}, Browser{cookieName: "x"}
	of := beginWithTokens(t, f.Manager, alice, "alice")
	beginWithTokens(t, f.Manager, bob, "bob")
	other := newManager(t, f.store, "https://op.example.com app2") // with the same secrets
	beginWithTokens(t, other, carol, "carol")
	copied := alice.copy()

	for _, tt := range []struct {
		name    string
		carried []Browser
		subject string
	}{
		{"garbage after it", []Browser{alice, garbage}, "alice"},
		{"garbage before it", []Browser{garbage, alice}, "alice"},
		{"twice the same", []Browser{alice, copied}, "alice"},
		{"another app's", []Browser{alice, carol}, "alice"},
		{"another app's first", []Browser{carol, garbage, alice}, "alice"},
		{"another app's and garbage", []Browser{carol, garbage}, ""},
		{"two", []Browser{alice, bob}, "alice bob "},
		{"two and more", []Browser{bob, garbage, alice, carol}, "bob alice "},
	} {
		subject, tokens := f.loadTogether(t, tt.carried...)
		if subject != tt.subject || subject == "alice" && tokens != "alice's" {
			t.Errorf("%s: %q with tokens %q, want %q", tt.name, subject, tokens, tt.subject)
		}
	}

	// What is saved replaces the cookie that opened.
	time.Sleep(idle/2 + time.Second)
	r, h := together(garbage, alice, carol), http.Header{}
	s, err := f.Load(r)
	if err != nil || s == nil {
		t.Fatalf("Load = %v, %v", s, err)
	}
	if err := errors.Join(f.Renew(h, r, s), f.UpdateTokens(h, r, s, []byte("new"))); err != nil {
		t.Fatal(err)
	}
	alice.Receive(t, h)
	if subject, tokens := f.loadTogether(t, carol, alice); subject != "alice" || tokens != "new" || s.ID != of.ID {
		t.Errorf("renewed: %q with tokens %q", subject, tokens)
	}
	// An older copy is the same session.
	for _, carried := range [][]Browser{{garbage, alice}, {alice, copied}, {copied, alice}} {
		if again, err := f.Load(together(carried...)); err != nil || !again.Renewed.Equal(time.Now().Truncate(time.Second)) {
			t.Errorf("renewed: %+v, %v", again, err)
		}
	}

	// Deleting leaves the cookies of other apps alone.
	h = http.Header{}
	if err := f.Destroy(h, together(garbage, bob, alice, carol)); err != nil {
		t.Fatal(err)
	}
	for subject, b := range map[string]Browser{"alice": alice, "bob": bob} {
		f.wantSubject(t, b, f.captured(subject))
	}
	if s, err := other.Load(carol.Request()); s == nil || err != nil {
		t.Errorf("the other app's session: %v, %v", s, err)
	}
	carol.Receive(t, h)
	if len(carol) != 0 {
		t.Errorf("cookies left: %v", carol)
	}
}
