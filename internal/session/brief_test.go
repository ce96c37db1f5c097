package session

import (
	"bytes"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
)

// loaded returns a session as a Manager loads it.
func loaded(t *testing.T, change func(*Session)) *Session {
	t.Helper()
	rec := sample()
	s := &Session{encoded: rec.append(nil), stale: true, due: true, aged: true}
	if !s.decode(s.encoded) {
		t.Fatal("not decoded")
	}
	s.Party = NewParty("op app", nil)
	change(s)
	return s
}

// TestBrief: a brief has what guards ask for, and the session made of it again has everything.
func TestBrief(t *testing.T) {
	for name, change := range map[string]func(*Session){
		"all flags": func(*Session) {},
		"not stale": func(s *Session) { s.stale = false },
		"not due":   func(s *Session) { s.due = false },
		"not aged":  func(s *Session) { s.aged = false },
	} {
		s := loaded(t, change)
		b, whole := s.Brief()
		var again Session
		if b.Expand(&again); !whole || !reflect.DeepEqual(&again, s) {
			t.Errorf("%s: whole %t,\n%+v, want\n%+v", name, whole, &again, s)
		}
		if b.Subject != s.Subject || b.Groups != s.Groups || b.Organizations != s.Organizations || !b.GroupsOverage ||
			b.Party != s.Party || b.RecheckDue() != s.RecheckDue() {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

// checkLoaded checks that what is loaded of an encoded record is what the record has.
func checkLoaded(t *testing.T, data []byte, rec *Record) {
	t.Helper()
	var p parts
	var l Loaded
	if !p.parse(data) {
		t.Fatal("not parsed")
	}
	l.set(&p, nil)
	marks := rec.Marks()
	if l.Acting && rec.ActorHash == [16]byte{} {
		marks.Acting = true // two hashes of zeros; the Ref is of nobody
	}
	if l.Marks != marks {
		t.Errorf("marks %+v, want %+v", l.Marks, marks)
	}
	if l.Subject != rec.Subject || l.Groups != rec.Groups || l.Organizations != rec.Organizations ||
		l.GroupsOverage != rec.GroupsOverage || p.moments != rec.moments() {
		t.Errorf("%+v and %+v of %+v", l.Brief, p.moments, rec)
	}
}

// TestLoaded: what is loaded of a record is what the record has.
func TestLoaded(t *testing.T) {
	full, smallest, acting := sample(), Record{Subject: "s"}, sample()
	smallest.Created, smallest.Renewed = full.Created, full.Renewed
	acting.ActorHash, acting.Began = [16]byte{7}, time.Time{}
	for _, rec := range []Record{full, smallest, acting} {
		checkLoaded(t, rec.append(nil), &rec)
	}
}

// TestInAnyGroup: of few groups and of many, as they are loaded and as they were given.
func TestInAnyGroup(t *testing.T) {
	for _, n := range []int{0, 1, 33} {
		rec := inGroups(n)
		var p parts
		var l Loaded
		if !p.parse(rec.append(nil)) {
			t.Fatal("not parsed")
		}
		l.set(&p, nil)
		given, _ := (&Session{Record: rec}).Brief()
		for _, b := range []*Brief{&l.Brief, &given} {
			for group, want := range map[string]bool{"A": n > 0, "a": n > 32, "B": n > 1, "z": false, "": false, "AB": false} {
				if b.InAnyGroup([]string{"none", group}) != want || b.InAnyGroup([]string{group}) != want {
					t.Errorf("of %d groups, %q: %t", n, group, !want)
				}
			}
		}
		if l.InAnyGroup(nil) || l.InAnyGroup([]string{"y", "z"}) {
			t.Errorf("of %d groups: in none of those asked for", n)
		}
	}
}

// TestSharedMemory: a session made of a record that the store keeps has memory of its own.
func TestSharedMemory(t *testing.T) {
	rec := sample()
	data := rec.append(nil)
	for _, shared := range []bool{false, true} {
		s := (&Brief{data: data, shared: shared}).Session()
		s.Claims[0]++
		if kept := bytes.Equal(data, rec.append(nil)); kept != shared {
			t.Errorf("shared %t: a change of the claims changes the record: %t", shared, !kept)
		}
		s.Claims[0]--
	}
}

// TestBriefIsNotWhole: what is not in the encoded record would be lost.
func TestBriefIsNotWhole(t *testing.T) {
	s := loaded(t, func(*Session) {})
	changed := s.Record
	changed.Name = "another"
	for name, s := range map[string]*Session{
		"a step-up": loaded(t, func(s *Session) { s.StepUp = time.Now() }),
		"a rival":   loaded(t, func(s *Session) { s.alone = &http.Request{} }),
		"a change":  s.With(&changed),
		"begun":     {Record: sample()},
	} {
		if b, whole := s.Brief(); whole || b.Subject != s.Subject {
			t.Errorf("%s: whole %t, %+v", name, whole, b)
		}
	}
	if s.Name == "another" {
		t.Error("With changed the session itself")
	}
}

// TestBriefAfterSaving: a session that was renewed or checked is not made of the record that the request carries.
func TestBriefAfterSaving(t *testing.T) {
	for name, save := range map[string]func(*Manager, http.Header, *http.Request, *Session) error{
		"renewed": func(m *Manager, h http.Header, r *http.Request, s *Session) error { return m.Renew(h, r, s) },
		"checked": func(m *Manager, h http.Header, r *http.Request, s *Session) error {
			return m.SaveChecked(h, r, s, true)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			store, err := cookiestore.New(cookiestore.Config{Secrets: []string{strings.Repeat("s", 32)}})
			if err != nil {
				t.Fatal(err)
			}
			m, err := New(Config{Store: store, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 8 * time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			h, r := http.Header{}, &http.Request{Header: http.Header{}}
			if _, err := m.Begin(h, r, Record{Subject: "alice"}, nil); err != nil {
				t.Fatal(err)
			}
			pair, _, _ := strings.Cut(h.Get(setCookie), ";")
			r.Header.Set("Cookie", pair)
			time.Sleep(40 * time.Minute)
			s, err := m.Load(r)
			if err != nil || s == nil {
				t.Fatal(s, err)
			}
			if _, whole := s.Brief(); !whole {
				t.Errorf("%s: not whole when loaded", name)
			}
			if err := save(m, http.Header{}, r, s); err != nil || !s.Renewed.Equal(wholeSecond(time.Now())) {
				t.Fatal(s.Renewed, err)
			}
			if _, whole := s.Brief(); whole {
				t.Errorf("%s: whole with an earlier time", name)
			}
		})
	}
}
