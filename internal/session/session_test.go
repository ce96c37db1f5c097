package session_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memstore"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/seal"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

func newManager(store sessions.Store) *session.Manager {
	return newManagerWith(store, secret)
}

const secret = "a secret of thirty-two bytes, ok"

func newManagerWith(store sessions.Store, secrets ...string) *session.Manager {
	m, err := session.New(session.Config{
		Store: store, Secrets: secrets, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 8 * time.Hour, Audience: "op app",
	})
	if err != nil {
		panic(err)
	}
	return m
}

// Case 144: an attacker who reads a gin-contrib store learns nothing, and one who writes to it forges nothing; secrets
// are rotated as with the embedded store (cases 134, 260).
func TestRecordsAreSealedInStores(t *testing.T) {
	for name, store := range map[string]sessions.Store{
		"cookie": cookie.NewStore([]byte(secret)), "memstore": memstore.NewStore([]byte(secret)),
	} {
		r := signIn(t, newManagerWith(store, "an older secret of thirty-two ok"),
			session.Record{Subject: "alice", Email: "alice@example.com"})
		kept, err := store.New(r, "sid")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := kept.Values["ginoidc"].(string)
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if text == "" || err != nil || bytes.Contains(raw, []byte("alice")) {
			t.Errorf("%s keeps %q", name, raw)
		}
		if name == "cookie" { // a store without ids binds the record to the name alone
			ring, err := seal.NewRing("ginoidc/session", []string{"an older secret of thirty-two ok"})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, ok := ring.Open(text, []byte("sid")); !ok {
				t.Error("the record is bound to something else")
			}
		}
		if s, err := newManager(store).Load(r); err != nil || s != nil {
			t.Errorf("%s: a removed secret: %+v, %v", name, s, err)
		}
		rotated := newManagerWith(store, secret, "an older secret of thirty-two ok")
		s, err := rotated.Load(r)
		if err != nil || s == nil || s.Subject != "alice" {
			t.Fatalf("%s: an older secret: %+v, %v", name, s, err)
		}
		h := http.Header{}
		if err := rotated.Renew(h, r, s); err != nil || len(h["Set-Cookie"]) != 1 {
			t.Errorf("%s: not sealed anew: %v, %v", name, h, err)
		}
	}
	if _, err := session.New(session.Config{Store: memstore.NewStore([]byte(secret))}); err == nil {
		t.Error("a manager without a secret")
	}
}

func signIn(t testing.TB, m *session.Manager, rec session.Record) *http.Request {
	t.Helper()
	h := http.Header{}
	r := sessiontest.Browser{}.Request()
	if _, err := m.Begin(h, r, rec, nil); err != nil {
		t.Fatal(err)
	}
	for _, line := range h["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

// direct also has the raw-record interface.
type direct struct {
	sessions.Store
	record                      []byte
	stale                       bool
	loadErr, saveErr, deleteErr error
	saved, deleted              []*http.Request
}

func (d *direct) LoadRecord(*http.Request, string) ([]byte, bool, error) {
	return d.record, d.stale, d.loadErr
}

func (d *direct) SaveRecord(h http.Header, r *http.Request, name string, record []byte, o *gsessions.Options) error {
	if d.saveErr == nil {
		d.record, d.saved = bytes.Clone(record), append(d.saved, r)
		h.Add("Set-Cookie", gsessions.NewCookie(name, "v", o).String())
	}
	return d.saveErr
}

func (d *direct) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	if d.deleteErr == nil {
		d.deleted = append(d.deleted, r)
		h.Add("Set-Cookie", gsessions.NewCookie(name, "", o).String())
		h.Add("Set-Cookie", gsessions.NewCookie(name+".1", "", o).String())
	}
	return d.deleteErr
}

func TestDirectStore(t *testing.T) {
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		store                direct
		load, begin, destroy bool // fail
	}{
		"load":   {store: direct{loadErr: broken}, load: true},
		"save":   {store: direct{saveErr: broken}, begin: true},
		"delete": {store: direct{deleteErr: broken}, begin: true, destroy: true},
	} {
		t.Run(name, func(t *testing.T) {
			m, h := newManager(&row.store), http.Header{}
			_, loadErr := m.Load(sessiontest.Browser{}.Request())
			_, beginErr := m.Begin(h, sessiontest.Browser{}.Request(), session.Record{Subject: "alice"}, nil)
			if len(h) != 0 && row.begin {
				t.Errorf("header written: %q", h)
			}
			destroyErr := m.Destroy(h, sessiontest.Browser{}.Request())
			for call, got := range map[string]struct {
				err  error
				fail bool
			}{"Load": {loadErr, row.load}, "Begin": {beginErr, row.begin}, "Destroy": {destroyErr, row.destroy}} {
				if (got.err != nil) != got.fail || got.fail &&
					(!errors.Is(got.err, session.ErrStore) || !errors.Is(got.err, broken)) {
					t.Errorf("%s: %v", call, got.err)
				}
			}
		})
	}
}

// case 130: the new record is saved as for a browser without cookies, and the old one deleted by its own.
func TestBeginOnDirectStore(t *testing.T) {
	store, h := &direct{}, http.Header{}
	r := sessiontest.Browser{"sid": "planted"}.Request()
	if _, err := newManager(store).Begin(h, r, session.Record{Subject: "alice"}, nil); err != nil {
		t.Fatal(err)
	}
	if len(store.saved) != 1 || len(store.saved[0].Cookies()) != 0 || len(store.deleted) != 1 ||
		len(store.deleted[0].Cookies()) != 1 {
		t.Errorf("saved with %v, deleted with %v", store.saved, store.deleted)
	}
	lines := h["Set-Cookie"]
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "sid=v;") || !strings.HasPrefix(lines[1], "sid.1=;") {
		t.Errorf("cookies set: %q", lines)
	}
}

func TestRenewFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &direct{}
		m := newManager(store)
		r := signIn(t, m, session.Record{Subject: "alice"})
		s, err := m.Load(r)
		if err != nil || s == nil {
			t.Fatalf("Load = %v, %v", s, err)
		}
		before := *s
		time.Sleep(31 * time.Minute)
		store.saveErr = errors.New("broken")
		if err := m.Renew(http.Header{}, r, s); !errors.Is(err, session.ErrStore) {
			t.Errorf("Renew: %v", err)
		}
		if s.Renewed != before.Renewed || s.Subject != "alice" {
			t.Errorf("the session changed: %+v", s)
		}
		// A request that outlives its session does not prolong it.
		store.saveErr = nil
		time.Sleep(time.Hour)
		if h := (http.Header{}); m.Renew(h, r, s) != nil || len(h) != 0 {
			t.Errorf("an ended session was renewed: %q", h)
		}
	})
}

// case 134: an older secret still opens, and its session is sealed again at once; a removed secret opens nothing.
func TestKeyRotation(t *testing.T) {
	r := signIn(t, newManager(newCookiestore(t, key("1"))), session.Record{Subject: "alice"})
	rotated := newManager(newCookiestore(t, key("2"), key("1")))
	s, err := rotated.Load(r)
	if err != nil || s == nil {
		t.Fatalf("old secret: Load = %v, %v", s, err)
	}
	if !due(s) {
		t.Error("it is not to be sealed anew")
	}
	b, h := sessiontest.Browser{}, http.Header{}
	if err := rotated.Renew(h, r, s); err != nil || len(h["Set-Cookie"]) != 1 {
		t.Fatalf("Renew: %v, %q", err, h)
	}
	b.Receive(t, h)
	if again := (http.Header{}); rotated.Renew(again, r, s) != nil || len(again) != 0 {
		t.Errorf("renewed twice: %q", again)
	}
	removed := newManager(newCookiestore(t, key("2")))
	if s, err := removed.Load(b.Request()); err != nil || s == nil {
		t.Errorf("sealed anew: Load = %v, %v", s, err)
	}
	if s, err := removed.Load(r); err != nil || s != nil {
		t.Errorf("removed secret: Load = %v, %v", s, err)
	}
}

// cases 142, 295: an unreadable record is logged at debug level, without its content, and is ignored.
func TestOddRecordIsLogged(t *testing.T) {
	store, log := &direct{}, &bytes.Buffer{}
	m, err := session.New(session.Config{
		Store: store, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: time.Hour, Audience: "op app",
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := signIn(t, m, session.Record{Subject: "alice"})
	genuine := bytes.Clone(store.record)
	nextVersion := bytes.Clone(genuine)
	nextVersion[8]++ // behind the audience
	for _, row := range []struct {
		record []byte
		log    string
	}{
		{nil, ""},
		{[]byte{}, ""},
		{genuine[8:], "same_audience=false"},
		{genuine[:30], "same_audience=true"},
		{nextVersion, "same_audience=true"},
	} {
		log.Reset()
		store.record = row.record
		if s, err := m.Load(r); s != nil || err != nil {
			t.Errorf("%q: Load = %v, %v", row.record, s, err)
		}
		text := log.String()
		if (text == "") != (row.log == "") || !strings.Contains(text, row.log) || strings.Contains(text, "alice") ||
			text != "" && !strings.Contains(text, "level=DEBUG") {
			t.Errorf("%q: logged %q", row.record, text)
		}
	}
}

func threeGroups() session.Record {
	return session.Record{
		Subject: "248289761001", SID: "08a5019c-17e1-4977-8f42-65a12843ea02", Name: "Alice Liddell",
		Email:         "alice@example.com",
		EmailVerified: true, Groups: wire.NewList([]string{"admin", "billing", "support"}),
	}
}

func TestLoadAllocates(t *testing.T) {
	m := newManager(newCookiestore(t, key("k")))
	r := signIn(t, m, threeGroups())
	if allocs := testing.AllocsPerRun(100, func() { m.Load(r) }); allocs > 5 {
		t.Errorf("%v allocations, want at most 5", allocs)
	}
}

func BenchmarkLoad(b *testing.B) {
	m := newManager(newCookiestore(b, key("k")))
	r := signIn(b, m, threeGroups())
	b.ReportAllocs()
	for b.Loop() {
		if s, err := m.Load(r); s == nil || err != nil {
			b.Fatal(s, err)
		}
	}
}

// A host whose clock steps by two hours makes no session immortal and ends none beyond the step. Case 265.
func TestClockSteps(t *testing.T) {
	m := newManagerWith(cookie.NewStore([]byte(secret)), secret)
	for name, tt := range map[string]struct {
		begun, stepped time.Duration // clock at sign-in, and after the step
		alive, dead    time.Duration // later on that clock
	}{
		"back":    {3 * time.Hour, time.Hour, 3*time.Hour - time.Second, 3 * time.Hour}, // the idle hour and the step
		"forward": {time.Hour, time.Hour + 30*time.Minute, 0, 30 * time.Minute},
	} {
		var r *http.Request
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(tt.begun)
			r = signIn(t, m, session.Record{Subject: "alice"})
		})
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(tt.stepped + tt.alive)
			if s, err := m.Load(r); err != nil || s == nil {
				t.Errorf("%s: ended after %v: %v", name, tt.alive, err)
			}
			time.Sleep(tt.dead - tt.alive)
			if s, err := m.Load(r); err != nil || s != nil {
				t.Errorf("%s: alive after %v: %v", name, tt.dead, err)
			}
		})
	}
}

// TestChangeIsLater: an update is later than the one before, also if another instance's clock is ahead, and is now
// otherwise.
func TestChangeIsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newCheckedManager(t)
		r := signIn(t, m, session.Record{Subject: "alice"})
		now := time.Now().UTC()
		for after, want := range map[time.Time]time.Time{
			{}: now, now.Add(-time.Second): now, now: now.Add(time.Microsecond),
			now.Add(time.Second): now.Add(time.Second + time.Microsecond),
		} {
			s, err := m.Load(r)
			if err != nil || s == nil {
				t.Fatal(s, err)
			}
			if changed, _, err := m.Change(r, s, s.Record, after); err != nil || !changed.Updated.Equal(want) {
				t.Errorf("after %v: %+v, %v; want %v", after, changed, err, want)
			}
		}
	})
}

// TestCheckedAt: a user who was not read again since the sign-in was read then.
func TestCheckedAt(t *testing.T) {
	created := time.Unix(1_700_000_000, 0)
	rec := session.Record{Created: created}
	if got := rec.CheckedAt(); !got.Equal(created) {
		t.Errorf("%v", got)
	}
	rec.Checked = created.Add(time.Hour)
	if got := rec.CheckedAt(); !got.Equal(rec.Checked) {
		t.Errorf("%v", got)
	}
}

// keeping is a store of raw records that notes what it is asked to keep and to delete.
type keeping struct {
	*cookiestore.Store
	maxAges []int
	deleted []string // Cookie headers
	err     error
}

func (s *keeping) SaveRecord(h http.Header, r *http.Request, name string, record []byte, o *gsessions.Options) error {
	if s.maxAges = append(s.maxAges, o.MaxAge); s.err != nil {
		return s.err
	}
	return s.Store.SaveRecord(h, r, name, record, o)
}

func (s *keeping) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	s.deleted = append(s.deleted, r.Header.Get("Cookie"))
	return s.Store.DeleteRecord(h, r, name, o)
}

// newKeeping returns a store that notes, and a manager of it.
func newKeeping(t *testing.T) (*keeping, *session.Manager) {
	t.Helper()
	store, err := cookiestore.New(cookiestore.Config{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	kept := &keeping{Store: store}
	m, err := session.New(session.Config{
		Store: kept, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 8 * time.Hour, Audience: "op app",
	})
	if err != nil {
		t.Fatal(err)
	}
	return kept, m
}

// TestTransient: the browser forgets the cookie of such a session when it is closed, while the store keeps the record
// for as long as the session may last.
func TestTransient(t *testing.T) {
	for _, transient := range []bool{false, true} {
		store, m := newKeeping(t)
		h := http.Header{}
		rec := session.Record{Subject: "alice", Transient: transient}
		if _, err := m.Begin(h, sessiontest.Browser{}.Request(), rec, nil); err != nil {
			t.Fatal(err)
		}
		c, err := http.ParseSetCookie(h.Get("Set-Cookie"))
		if err != nil || c.Value == "" || (c.MaxAge == 0 && c.Expires.IsZero()) != transient || store.maxAges[0] < 3599 {
			t.Errorf("transient %t: %v, %v; kept for %d s", transient, c, err, store.maxAges)
		}
		store.err = errFault
		h = http.Header{}
		if _, err := m.Begin(h, sessiontest.Browser{}.Request(), rec, nil); !errors.Is(err, errFault) || len(h) != 0 {
			t.Errorf("transient %t: %v, %v", transient, h, err)
		}
	}
}

// TestReadyLeavesNothing: the record of the probe is deleted under the cookie that the store set for it.
func TestReadyLeavesNothing(t *testing.T) {
	store, m := newKeeping(t)
	if err := m.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(store.deleted) != 1 || !strings.HasPrefix(store.deleted[0], "sid=") {
		t.Errorf("deleted with the cookies %q", store.deleted)
	}
}
