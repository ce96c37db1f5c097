package ginoidctest_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

const storeKey = "an authentication key of 32 bytes"

func TestStoreOfOthers(t *testing.T) {
	sealed := func() sessions.Store {
		store, err := cookiestore.New(cookiestore.Config{Secrets: []string{storeKey}})
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	signed, memory := cookie.NewStore([]byte(storeKey)), memorystore.New(memorystore.Config{})
	ginoidctest.TestStore(t, sealed(), sealed())
	ginoidctest.TestStore(t, signed, cookie.NewStore([]byte(storeKey)))
	ginoidctest.TestStore(t, memory, memory)
}

// faultyStore replaces methods of a correct store.
type faultyStore struct {
	sessions.Store
	new  func(r *http.Request, s *gsessions.Session, err error) (*gsessions.Session, error)
	save func(w http.ResponseWriter, s *gsessions.Session, save func() error) error
}

func (f faultyStore) New(r *http.Request, name string) (*gsessions.Session, error) {
	s, err := f.Store.New(r, name)
	if f.new != nil {
		s, err = f.new(r, s, err)
	}
	return s, err
}

func (f faultyStore) Save(r *http.Request, w http.ResponseWriter, s *gsessions.Session) error {
	save := func() error { return f.Store.Save(r, w, s) }
	if f.save != nil {
		return f.save(w, s, save)
	}
	return save()
}

// TestStoreFindsFaults: each fault that a store is likely to have fails the test, and is named.
func TestStoreFindsFaults(t *testing.T) {
	type session = *gsessions.Session
	refused := errors.New("no such session")
	for want, fault := range map[string]faultyStore{
		"a stored value": {new: func(_ *http.Request, s session, err error) (session, error) {
			s.Values = map[any]any{}
			return s, err
		}},
		"New with the cookies": {new: func(r *http.Request, s session, err error) (session, error) {
			if s.IsNew && len(r.Cookies()) > 0 {
				err = refused
			}
			return s, err
		}},
		"neither a session nor an error": {new: func(*http.Request, session, error) (session, error) { return nil, nil }},
		"panic: ": {new: func(r *http.Request, s session, err error) (session, error) {
			if len(r.Cookies()) > 0 && s.IsNew {
				panic("index out of range")
			}
			return s, err
		}},
		"saving 2000 bytes": {save: func(_ http.ResponseWriter, s session, save func() error) error {
			if value, _ := s.Values["ginoidc"].(string); len(value) > 1000 {
				return errors.New("too long")
			}
			return save()
		}},
		"sets 2 cookies": {save: func(w http.ResponseWriter, _ session, save func() error) error {
			w.Header().Add("Set-Cookie", "other=1")
			return save()
		}},
		"does not have the Options": {save: func(_ http.ResponseWriter, s session, save func() error) error {
			s.Options.HttpOnly = false
			return save()
		}},
		"does not delete the cookie": {save: func(_ http.ResponseWriter, s session, save func() error) error {
			s.Options.MaxAge = 3600
			return save()
		}},
		"a deleted session": {save: func(w http.ResponseWriter, s session, save func() error) error {
			if s.Options.MaxAge < 0 { // the cookie only
				http.SetCookie(w, gsessions.NewCookie(s.Name(), "", s.Options))
				return nil
			}
			return save()
		}},
		"a forged cookie": {new: func(r *http.Request, s session, err error) (session, error) {
			if c, _ := r.Cookie(s.Name()); c != nil && s.IsNew {
				s.Values["ginoidc"] = "v"
			}
			return s, err
		}},
	} {
		fault.Store = memorystore.New(memorystore.Config{})
		tb := new(fakeTB)
		ginoidctest.TestStore(tb, fault, fault)
		if !strings.Contains(tb.failure, want) {
			t.Errorf("want %q:\n%s", want, tb.failure)
		}
	}
}

// planted keeps sessions in memory under whatever id the browser sends.
type planted struct{ data *sync.Map }

func (p planted) Get(r *http.Request, name string) (*gsessions.Session, error) { return p.New(r, name) }
func (planted) Options(sessions.Options)                                       {}

func (p planted) New(r *http.Request, name string) (*gsessions.Session, error) {
	s := gsessions.NewSession(p, name)
	if c, err := r.Cookie(name); err == nil {
		s.ID = c.Value
		if text, ok := p.data.Load(name + s.ID); ok {
			s.Values["ginoidc"] = text
		}
	}
	return s, nil
}

func (p planted) Save(_ *http.Request, w http.ResponseWriter, s *gsessions.Session) error {
	if s.ID == "" {
		s.ID = "constant" // so all users share one
	}
	p.data.Store(s.Name()+s.ID, s.Values["ginoidc"])
	http.SetCookie(w, gsessions.NewCookie(s.Name(), s.ID, s.Options))
	return nil
}

func TestStoreFindsFixation(t *testing.T) {
	tb := new(fakeTB)
	one := planted{new(sync.Map)}
	ginoidctest.TestStore(tb, one, one)
	for _, want := range []string{"an id of the browser's choice", "a session after another one was deleted"} {
		if !strings.Contains(tb.failure, want) {
			t.Errorf("want %q:\n%s", want, tb.failure)
		}
	}
}

// TestStoreOfTwo: instances that share nothing do not conform.
func TestStoreOfTwo(t *testing.T) {
	tb := new(fakeTB)
	ginoidctest.TestStore(tb, memorystore.New(memorystore.Config{}), memorystore.New(memorystore.Config{}))
	if !strings.Contains(tb.failure, "a stored value") || !strings.Contains(tb.failure, "LoadRecord") {
		t.Errorf("%s", tb.failure)
	}
}

// failing is a correct store of which one call fails.
type failing struct {
	*memorystore.Store
	mu        sync.Mutex
	at, calls int
	failed    string
	may       bool // fail: the call was for what a browser made up, or for what was deleted
}

var errFailing = errors.New("connection refused")

func (f *failing) call(name string, may bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls++; f.calls == f.at {
		f.failed, f.may = name, may
		return errFailing
	}
	return nil
}

func (f *failing) New(r *http.Request, name string) (*gsessions.Session, error) {
	s, err := f.Store.New(r, name)
	if failed := f.call("New", len(r.Cookies()) > 0 && s.IsNew); failed != nil {
		return s, failed
	}
	return s, err
}

func (f *failing) Save(r *http.Request, w http.ResponseWriter, s *gsessions.Session) error {
	if err := f.call("Save", s.Values["ginoidc"] == "victim"); err != nil {
		return err
	}
	return f.Store.Save(r, w, s)
}

func (f *failing) LoadRecord(r *http.Request, name string) (record []byte, stale bool, err error) {
	record, stale, err = f.Store.LoadRecord(r, name)
	if failed := f.call("LoadRecord", record == nil); failed != nil {
		return nil, false, failed
	}
	return record, stale, err
}

func (f *failing) SaveRecord(h http.Header, r *http.Request, name string, record []byte, o *gsessions.Options) error {
	if err := f.call("SaveRecord", false); err != nil {
		return err
	}
	return f.Store.SaveRecord(h, r, name, record, o)
}

func (f *failing) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	if err := f.call("DeleteRecord", false); err != nil {
		return err
	}
	return f.Store.DeleteRecord(h, r, name, o)
}

// TestStoreFindsErrors: whichever call fails, the test fails.
func TestStoreFindsErrors(t *testing.T) {
	store := func(at int) *failing { return &failing{Store: memorystore.New(memorystore.Config{}), at: at} }
	healthy := store(0)
	ginoidctest.TestStore(t, healthy, healthy)
	const records = 5 // the last calls
	for call := 1; call <= healthy.calls; call++ {
		if call > 90 && call < healthy.calls-records { // many users do the same
			continue
		}
		f, tb := store(call), new(fakeTB)
		ginoidctest.TestStore(tb, f, f)
		if f.calls < call { // users at the same time do not always make as many calls
			continue
		}
		if f.failed == "" || tb.failure == "" && !f.may ||
			tb.failure != "" && !strings.Contains(tb.failure, errFailing.Error()) {
			t.Errorf("call %d, of %q: %s", call, f.failed, tb.failure)
		}
	}
	if healthy.calls < 300 {
		t.Errorf("%d calls", healthy.calls)
	}
}
