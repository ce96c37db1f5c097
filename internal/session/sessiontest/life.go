package sessiontest

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

func roundTrip(t *testing.T, f fixture) {
	b, h := Browser{}, http.Header{}
	begun, err := f.Begin(h, b.Request(), session.Record{
		AuthTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Subject:  "248289761001", SID: "s-1", Name: "Zoë Ünal", PreferredUsername: "zoe", Email: "zoe@example.com",
		EmailVerified: true, Groups: wire.NewList([]string{"admin", "größe", ""}),
		Organizations: wire.NewList([]string{"org_1"}),
		Claims:        []byte(`{"a":1}`),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Receive(t, h)
	loaded, err := f.Load(b.Request())
	if err != nil || loaded == nil {
		t.Fatalf("Load = %v, %v", loaded, err)
	}
	if !reflect.DeepEqual(loaded.Record, begun.Record) {
		t.Errorf("loaded %+v\nbegun  %+v", loaded.Record, begun.Record)
	}
}

// case 130: an attacker plants his own session in the victim's browser before the sign-in.
func signInReplaces(t *testing.T, f fixture) {
	attacker := Browser{}
	planted := f.signIn(t, attacker, "mallory")
	victim := attacker.copy()
	begun := f.signIn(t, victim, "alice")
	if begun.ID == planted.ID || victim[cookieName] == attacker[cookieName] {
		t.Error("sign-in kept an id")
	}
	f.wantSubject(t, victim, "alice")
	f.wantSubject(t, attacker, f.captured("mallory"))
}

func cookiesOnce(t *testing.T, f fixture) {
	b, h := Browser{}, http.Header{"Set-Cookie": {"theme=dark"}}
	for _, subject := range []string{"alice", "bob"} {
		if _, err := f.Begin(h, b.Request(), session.Record{Subject: subject}, nil); err != nil {
			t.Fatal(err)
		}
		b.Receive(t, h)
		f.wantSubject(t, b, subject)
		if len(b) != 2 || len(h["Set-Cookie"]) != 2 || b["theme"] != "dark" {
			t.Errorf("cookies set: %q", h["Set-Cookie"])
		}
	}
	if err := f.Destroy(h, b.Request()); err != nil {
		t.Fatal(err)
	}
	b.Receive(t, h)
	if len(b) != 1 || len(h["Set-Cookie"]) != 2 {
		t.Errorf("after sign-out: %q", h["Set-Cookie"])
	}
}

// case 129
func cookieAttributes(t *testing.T, f fixture) {
	b, begun, destroyed := Browser{}, http.Header{}, http.Header{}
	if _, err := f.Begin(begun, b.Request(), session.Record{Subject: "alice"}, nil); err != nil {
		t.Fatal(err)
	}
	b.Receive(t, begun)
	if err := f.Destroy(destroyed, b.Request()); err != nil {
		t.Fatal(err)
	}
	for _, set := range []struct {
		h      http.Header
		maxAge int
	}{{begun, int(idle.Seconds())}, {destroyed, -1}} {
		if len(set.h["Set-Cookie"]) != 1 {
			t.Fatalf("cookies set: %q", set.h["Set-Cookie"])
		}
		c, err := http.ParseSetCookie(set.h["Set-Cookie"][0])
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != cookieName || c.Path != "/" || c.Domain != "" || !c.Secure || !c.HttpOnly ||
			c.SameSite != http.SameSiteLaxMode || c.MaxAge != set.maxAge {
			t.Errorf("want all attributes and Max-Age %d: %s", set.maxAge, c)
		}
	}
}

// case 254: the record's own times decide, whatever browser and store keep.
func idleLimit(t *testing.T, f fixture) {
	b := Browser{}
	f.signIn(t, b, "alice")
	time.Sleep(idle - time.Second)
	f.wantSubject(t, b, "alice")
	time.Sleep(time.Second)
	f.wantSubject(t, b, "")
}

func absoluteLimit(t *testing.T, f fixture) {
	b := Browser{}
	begun := f.signIn(t, b, "alice")
	end := begun.Created.Add(lifetime)
	for time.Until(end) > time.Minute {
		s, err := f.Load(b.Request())
		if err != nil || s == nil {
			t.Fatalf("Load %v before the end = %v, %v", time.Until(end), s, err)
		}
		h := http.Header{}
		if err := f.Renew(h, b.Request(), s); err != nil {
			t.Fatal(err)
		}
		b.Receive(t, h)
		for _, line := range h["Set-Cookie"] {
			if c, _ := http.ParseSetCookie(line); time.Duration(c.MaxAge)*time.Second > time.Until(end) {
				t.Errorf("Max-Age %d goes beyond the end in %v", c.MaxAge, time.Until(end))
			}
		}
		time.Sleep(min(40*time.Minute, time.Until(end)-time.Second))
	}
	f.wantSubject(t, b, "alice")
	time.Sleep(time.Until(end))
	f.wantSubject(t, b, "")
}

func renewal(t *testing.T, f fixture) {
	b := Browser{}
	s := f.signIn(t, b, "alice")
	before := b.copy()
	time.Sleep(idle / 2)
	h := http.Header{}
	if err := f.Renew(h, b.Request(), s); err != nil || len(h) != 0 {
		t.Errorf("Renew at half of the limit: %v, %q", err, h)
	}
	time.Sleep(time.Second)
	if err := f.Renew(h, b.Request(), s); err != nil || len(h["Set-Cookie"]) != 1 {
		t.Fatalf("Renew past half of the limit: %v, %q", err, h)
	}
	b.Receive(t, h)
	if again := (http.Header{}); f.Renew(again, b.Request(), s) != nil || len(again) != 0 {
		t.Errorf("renewed twice: %q", again)
	}
	f.wantSubject(t, before, "alice") // requests in flight at the renewal
	time.Sleep(idle - time.Second)
	f.wantSubject(t, b, "alice")
	if loaded, _ := f.Load(b.Request()); loaded == nil || loaded.ID != s.ID || !loaded.Created.Equal(s.Created) {
		t.Errorf("renewal changed the session: %+v", loaded)
	}
}

// A request is still in flight while another one signs out.
func renewalAfterSignOut(t *testing.T, f fixture) {
	b := Browser{}
	s := f.signIn(t, b, "alice")
	time.Sleep(idle/2 + time.Second)
	if err := f.Destroy(http.Header{}, b.Request()); err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	if err := f.Renew(h, b.Request(), s); err != nil {
		t.Fatal(err)
	}
	b.Receive(t, h)
	f.wantSubject(t, b, f.captured("alice"))
}

// case 139
func signOut(t *testing.T, f fixture) {
	b := Browser{}
	f.signIn(t, b, "alice")
	captured := b.copy()
	for range 2 { // the second time without a session
		h := http.Header{}
		if err := f.Destroy(h, b.Request()); err != nil {
			t.Fatal(err)
		}
		b.Receive(t, h)
	}
	if len(b) != 0 {
		t.Errorf("cookies left: %q", b)
	}
	f.wantSubject(t, captured, f.captured("alice"))
}
