package sessiontest

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// case 135
func tooLarge(t *testing.T, f fixture) {
	b, h := Browser{}, http.Header{}
	f.signIn(t, b, "alice")
	large := session.Record{Subject: "bob", Groups: wire.NewList([]string{"admin"}),
		Claims: []byte(`"` + strings.Repeat("x", 256<<10) + `"`)}
	s, err := f.Begin(h, b.Request(), large, nil)
	if f.caps.Unbounded {
		if err != nil {
			t.Fatal(err)
		}
		b.Receive(t, h)
		if s, err = f.Load(b.Request()); err != nil || s == nil || len(s.Claims) != len(large.Claims) {
			t.Errorf("the large record did not come back: %v", err)
		}
		return
	}
	var tooLarge *session.TooLargeError
	if !errors.As(err, &tooLarge) || s != nil {
		t.Fatalf("Begin = %v, %v; want a TooLargeError", s, err)
	}
	if tooLarge.Size < len(large.Claims) || len(tooLarge.Parts) != 5 ||
		tooLarge.Parts[0] != (session.Part{Name: "claims", Size: len(large.Claims)}) {
		t.Errorf("%+v", tooLarge)
	}
	if len(h) != 0 {
		t.Errorf("header written: %q", h)
	}
	f.wantSubject(t, b, "alice")
}

// cases 131, 140, 141: whatever a browser sends is a session or none, and never a fault.
func forgedCookies(t *testing.T, f fixture) {
	b := Browser{}
	f.signIn(t, b, "alice")
	genuine := b[cookieName]
	middle := len(genuine) / 2
	flipped := []byte(genuine)
	flipped[middle] ^= 1
	values := []string{
		"", "x", "*", "../../x", "a\r\nFLUSHALL", "~9999999~x", "~-1~x", strings.Repeat("A", 10<<10),
		genuine[:middle], genuine + "A", string(flipped), "x; " + cookieName + "=y",
	}
	for range 1000 {
		guess := make([]byte, 32)
		rand.Read(guess)
		values = append(values, base64.RawURLEncoding.EncodeToString(guess))
	}
	for _, value := range values {
		r := Browser{cookieName: value}.Request()
		if s, err := f.Load(r); s != nil || err != nil {
			t.Errorf("Load with %.60q = %v, %v", value, s, err)
		}
		if err := f.Destroy(http.Header{}, r); err != nil {
			t.Errorf("Destroy with %.60q: %v", value, err)
		}
	}
	f.wantSubject(t, b, "alice")
}

// cases 142, 255: neither another app's record nor a session of the app itself is accepted as one of ours.
func foreignRecords(t *testing.T, f fixture) {
	b := Browser{}
	f.signIn(t, b, "alice")
	for _, audience := range []string{"https://op.example.com app2", "https://other.example.com app", ""} {
		if s, err := newManager(t, f.store, audience).Load(b.Request()); s != nil || err != nil {
			t.Errorf("audience %q: Load = %v, %v", audience, s, err)
		}
	}

	w := httptest.NewRecorder()
	s, err := f.store.New(Browser{}.Request(), cookieName)
	if err != nil {
		t.Fatal(err)
	}
	s.Values["user"] = "mallory"
	s.Options = &gsessions.Options{Path: "/", MaxAge: 60}
	if err := f.store.Save(Browser{}.Request(), w, s); err != nil {
		t.Fatal(err)
	}
	own := Browser{}
	own.Receive(t, w.Header())
	f.wantSubject(t, own, "")
	f.signIn(t, own, "alice")
	f.wantSubject(t, own, "alice")
}

// cases 246, 247: a store that cannot respond means neither "signed out" nor half a sign-in.
func outOfOrder(t *testing.T, f fixture) {
	if err := f.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	if f.caps.Break == nil {
		return
	}
	b := Browser{}
	s := f.signIn(t, b, "alice")
	time.Sleep(idle/2 + time.Second)
	f.caps.Break(t)
	h, destroyed := http.Header{}, http.Header{}
	_, loadErr := f.Load(b.Request())
	_, beginErr := f.Begin(h, b.Request(), session.Record{Subject: "bob"}, nil)
	_, firstErr := f.Begin(h, Browser{}.Request(), session.Record{Subject: "bob"}, nil)
	for call, row := range map[string]struct {
		err  error
		mute bool // a mute store does not report it
	}{
		"Load": {loadErr, f.caps.Mute}, "Begin": {beginErr, false}, "Begin without a cookie": {firstErr, false},
		"Renew":   {f.Renew(h, b.Request(), s), f.caps.Mute},
		"Destroy": {f.Destroy(destroyed, b.Request()), f.caps.Mute},
		"Ready":   {f.Ready(t.Context()), false},
	} {
		if errors.Is(row.err, session.ErrStore) == row.mute {
			t.Errorf("%s: %v, want ErrStore: %v", call, row.err, !row.mute)
		}
	}
	if len(h) != 0 || len(destroyed) != 0 && !f.caps.Mute {
		t.Errorf("header written: %q, %q", h, destroyed)
	}
	if _, err := f.Load(Browser{}.Request()); err != nil {
		t.Errorf("Load without a cookie: %v", err)
	}
}
