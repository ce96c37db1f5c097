package session

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gorilla/securecookie"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/seal"
)

// recordStore keeps raw records. cookiestore.Store is one; [valuesStore] adapts any other gin-contrib store.
type recordStore interface {
	// LoadRecord returns the record of the request, or nil if there is none. stale reports that it should be saved again.
	// An error means that the store cannot respond.
	LoadRecord(r *http.Request, name string) (record []byte, stale bool, err error)
	// SaveRecord replaces the record that the request carries. It does not restore one that has been deleted: the error
	// then wraps [fs.ErrNotExist]. For a request without cookies it creates a new id. It sets each cookie once in h.
	SaveRecord(h http.Header, r *http.Request, name string, record []byte, o *gsessions.Options) error
	// DeleteRecord deletes the record that the request carries, and its cookies.
	DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error
}

const (
	// valueKey holds the record as sealed text. A string is the only type that every store returns unchanged: gob needs
	// maps and times registered, and the JSON form of the Redis store changes []byte and numbers.
	valueKey = "ginoidc"

	// maxKept is how long gin-contrib's stores keep what was saved last. Their codecs refuse older cookies, and memcached
	// reads a longer time-to-live as a date in 1970.
	maxKept = 30 * 24 * time.Hour
)

// valuesStore keeps a record, sealed, as a value of a gorilla session. It calls New and never Get: the registry behind
// Get would share the session with other users of the same name.
type valuesStore struct {
	store sessions.Store
	ring  *seal.Ring
}

func (v valuesStore) LoadRecord(r *http.Request, name string) ([]byte, bool, error) {
	s, err := v.open(r, name)
	if err != nil {
		return nil, false, err
	}
	text, _ := s.Values[valueKey].(string)
	record, stale, ok := v.ring.Open(text, place(name, s.ID))
	if !ok {
		return nil, false, nil
	}
	return record, stale, nil
}

func (v valuesStore) SaveRecord(h http.Header, r *http.Request, name string, record []byte,
	o *gsessions.Options) error {
	s, err := v.open(r, name)
	if err != nil {
		return err
	}
	// A store would save a deleted record again under its old id, and so undo a sign-out in another tab.
	if len(r.CookiesNamed(name)) > 0 && s.Values[valueKey] == nil {
		return fs.ErrNotExist
	}
	scratch, id := http.Header{}, s.ID
	if err := v.put(scratch, r, s, record, o); err != nil {
		return err
	}
	if s.ID != id { // the store has only now chosen the id, so what it holds does not open yet
		saved := cookie.After(cookie.Without(r), scratch[setCookie])
		if s, err = v.open(saved, name); err != nil {
			return err
		}
		if err := v.put(scratch, saved, s, record, o); err != nil {
			return err
		}
	}
	for _, line := range scratch[setCookie] {
		pair, _, _ := strings.Cut(line, ";")
		if len(pair) > cookie.MaxSize {
			return &TooLargeError{Size: len(pair), Limit: cookie.MaxSize}
		}
	}
	cookie.Set(h, scratch[setCookie]...)
	return nil
}

// put saves the record in s, bound to its id, and replaces the cookies in h.
func (v valuesStore) put(h http.Header, r *http.Request, s *gsessions.Session, record []byte,
	o *gsessions.Options) error {
	text := v.ring.Seal(record, place(s.Name(), s.ID))
	s.Values, s.Options = map[any]any{valueKey: text}, o
	scratch := http.Header{}
	if err := v.save(scratch, r, s); err != nil {
		if saysTooLarge(err) {
			return &TooLargeError{Size: len(text)}
		}
		return fmt.Errorf("session: %v", err) // not wrapped: a missing directory is not a sign-out
	}
	cookie.Set(h, scratch[setCookie]...)
	return nil
}

// place is what a sealed record is bound to: an attacker who can write to the store cannot turn one user's record into
// another's. A store that keeps sessions in cookies gives them no id.
func place(name, id string) []byte {
	if id == "" {
		return []byte(name)
	}
	return []byte(name + "\x00" + id)
}

// DeleteRecord clears the values before it deletes, because memcached's store does not delete: it then keeps an empty
// session. It would create one for a request without a session, so such a request is skipped. A session with an id is
// deleted even if it is new, which is how stores describe one they could not read.
func (v valuesStore) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	s, err := v.open(r, name)
	if err != nil {
		return err
	}
	if s.ID != "" || !s.IsNew {
		s.Values = map[any]any{}
		s.Options = o
		if err := v.save(http.Header{}, r, s); err != nil {
			return err
		}
	}
	cookie.Set(h, gsessions.NewCookie(name, "", o).String())
	return nil
}

// open returns the stored session or, if there is none, an empty one. An error means that the store cannot respond.
func (v valuesStore) open(r *http.Request, name string) (s *gsessions.Session, err error) {
	if !acceptableCookie(r, name) {
		r = cookie.Without(r)
	}
	err = guard(func() (err error) {
		s, err = v.store.New(r, name)
		return err
	})
	if err != nil && !saysAbsent(err) {
		return nil, err
	}
	if s == nil {
		return nil, errors.New("session: the store gave no session")
	}
	if err != nil {
		s.Values = nil
	}
	return s, nil
}

func (v valuesStore) save(h http.Header, r *http.Request, s *gsessions.Session) error {
	return guard(func() error { return v.store.Save(r, headerWriter{h}, s) })
}

// acceptableCookie keeps oversize and repeated cookies from the store: repeated ones are tried one at a time (see
// [Manager.Load]).
func acceptableCookie(r *http.Request, name string) bool {
	cookies := r.CookiesNamed(name)
	return len(cookies) == 0 || len(cookies) == 1 && len(cookies[0].Value) <= cookie.MaxSize
}

// guard converts a panic of the store (memstore has some) to an error. The text of the panic may hold session values,
// so it is dropped.
func guard(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("session: the store panicked with a %T", p)
		}
	}()
	return call()
}

// saysAbsent distinguishes "no such record" and "unreadable record" from a store that cannot respond. Some stores say
// it only in words.
func saysAbsent(err error) bool {
	var decoding securecookie.Error
	if errors.As(err, &decoding) {
		return decoding.IsDecode()
	}
	return errors.Is(err, fs.ErrNotExist) ||
		strings.HasPrefix(err.Error(), "gob: ") || strings.HasSuffix(err.Error(), "cache miss")
}

// saysTooLarge matches the texts of securecookie, redistore and memcached, which have no error value for it.
func saysTooLarge(err error) bool {
	text := err.Error()
	return strings.Contains(text, "too long") || strings.Contains(text, "too big") || strings.Contains(text, "too large")
}
