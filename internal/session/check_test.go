package session_test

import (
	"errors"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// newCheckedManager returns a manager whose sessions are due for a check after five minutes.
func newCheckedManager(t *testing.T) *session.Manager {
	t.Helper()
	store, err := cookiestore.New(cookiestore.Config{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := session.New(session.Config{
		Store: store, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 8 * time.Hour, Audience: "op app",
		RecheckEvery: 5 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestCheckedSession: a check is saved with the session, which is not due again for as long, and starts the idle limit
// again if it is to. The earlier cookie remains valid, and due. A session that has ended is not saved.
func TestCheckedSession(t *testing.T) {
	for _, renew := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := newCheckedManager(t)
			r := signIn(t, m, session.Record{Subject: "alice", Groups: wire.NewList([]string{"admin"})})
			time.Sleep(5*time.Minute + time.Second)
			s, err := m.Load(r)
			if err != nil || s == nil || !s.RecheckDue() {
				t.Fatalf("%+v, %v", s, err)
			}
			renewed, h := s.Renewed, http.Header{}
			s.Groups, s.Checked = "", time.Now().UTC().Truncate(time.Second)
			if err := m.SaveChecked(h, r, s, renew); err != nil || s.RecheckDue() {
				t.Fatal(err)
			}
			saved, err := m.Load(withCookies(t, h))
			if err != nil || saved == nil || saved.RecheckDue() || len(saved.Groups) != 0 ||
				saved.Renewed.After(renewed) != renew {
				t.Errorf("renew %t: %+v, %v", renew, saved, err)
			}
			if old, err := m.Load(r); err != nil || old == nil || !old.RecheckDue() || !old.Groups.Contains("admin") {
				t.Errorf("the earlier cookie: %+v, %v", old, err)
			}
			time.Sleep(2 * time.Hour)
			if err := m.SaveChecked(http.Header{}, r, s, true); !errors.Is(err, session.ErrGone) {
				t.Errorf("after its end: %v", err)
			}
		})
	}
}

// TestRecheckDue: a user is read again after the time that is configured, counted from the sign-in or the last check,
// or never.
func TestRecheckDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checked := newCheckedManager(t)
		r := signIn(t, checked, session.Record{Subject: "alice"})
		never := newManager(newCookiestore(t, secret))
		due := func(m *session.Manager, want bool) {
			t.Helper()
			if s, err := m.Load(r); err != nil || s == nil || s.RecheckDue() != want {
				t.Errorf("%+v, %v; want %t", s, err, want)
			}
		}
		due(checked, false)
		time.Sleep(5 * time.Minute)
		due(checked, false)
		time.Sleep(time.Microsecond)
		due(checked, true)
		due(never, false)
	})
}

// withCookies returns a request with the cookies that a response sets.
func withCookies(t *testing.T, h http.Header) *http.Request {
	t.Helper()
	r := sessiontest.Browser{}.Request()
	for _, line := range h["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

// TestRecordForOthers: Decode returns what Encode wrote, and refuses anything less.
func TestRecordForOthers(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	rec := session.Record{
		ID: [16]byte{1}, Subject: "alice", Groups: wire.NewList([]string{"a", "b"}), Created: now, Renewed: now, Checked: now,
	}
	data := rec.Encode()
	var got session.Record
	if !got.Decode(data) || !reflect.DeepEqual(got, rec) {
		t.Errorf("got %+v\nwant %+v", got, rec)
	}
	for n := range data {
		if new(session.Record).Decode(data[:n]) {
			t.Errorf("%d of %d bytes are accepted", n, len(data))
		}
	}
}
