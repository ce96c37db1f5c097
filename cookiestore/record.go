package cookiestore

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/store"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// ErrTooLarge is wrapped by [*SizeError].
var ErrTooLarge = errors.New("cookiestore: session does not fit in its cookies")

// SizeError means that a session is over the budget of Config.MaxChunks. Browsers silently drop cookies that are too
// large, so nothing is set. It wraps [ErrTooLarge].
type SizeError struct {
	Size  int // bytes the sealed session takes as cookie values
	Limit int // bytes available
}

// Error returns the size and the limit.
func (e *SizeError) Error() string {
	return fmt.Sprintf("%v: %d bytes, limit %d", ErrTooLarge, e.Size, e.Limit)
}

// TooLarge returns Size and Limit. A session store whose errors have this method can say by how much a session is too
// large.
func (e *SizeError) TooLarge() (size, limit int) { return e.Size, e.Limit }

// Unwrap returns [ErrTooLarge].
func (e *SizeError) Unwrap() error { return ErrTooLarge }

// LoadRecord returns the bytes that [Store.SaveRecord] put into the cookies of that name. The record is nil if there is
// none that opens and has not expired. The error is always nil, because no server is involved. stale reports that an
// older secret sealed the record, and that it should be saved again.
func (s *Store) LoadRecord(r *http.Request, name string) (record []byte, stale bool, err error) {
	return s.LoadRecordAt(time.Now(), r, name)
}

// LoadRecordAt is LoadRecord for callers that know the time: reading the clock takes as long as decoding a record.
func (s *Store) LoadRecordAt(now time.Time, r *http.Request, name string) (record []byte, stale bool, err error) {
	record, stale, _ = s.load(now, r, name, wire.FormRecord)
	return record, stale, nil
}

// SaveRecord sets the cookies of that name in the response header h: as many as the record needs, with the attributes
// of o (nil means the store's own). It replaces those that h already sets for this name, and deletes chunks that the
// request carries and the record no longer needs. A negative o.MaxAge deletes the session. The error is a [*SizeError],
// or names an invalid cookie name or attribute; h is then unchanged.
func (s *Store) SaveRecord(h http.Header, r *http.Request, name string, record []byte, o *gsessions.Options) error {
	if o != nil && o.MaxAge < 0 {
		return s.DeleteRecord(h, r, name, o)
	}
	return s.save(h, r, name, wire.FormRecord, record, o)
}

// DeleteRecord deletes the cookie of that name and the chunks that the request carries. Path and Domain of o must be
// those it was saved with, or the browser keeps it.
func (s *Store) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	o = cmp.Or(o, &s.options)
	if err := store.CheckCookie(name, o); err != nil {
		return fmt.Errorf("cookiestore: %w", err)
	}
	writeParts(h, r, name, nil, o)
	return nil
}

func (s *Store) load(now time.Time, r *http.Request, name string, form byte) (payload []byte, stale, ok bool) {
	text, ok := s.find(r, name)
	if !ok {
		return nil, false, false
	}
	plaintext, stale, ok := s.ring.Open(text, []byte(name))
	if !ok {
		return nil, false, false
	}
	payload, end, ok := wire.Unframe(plaintext, form)
	if !ok || end != 0 && uint64(now.Unix()) > end {
		return nil, false, false
	}
	return payload, stale, true
}

// find returns the sealed text that the request carries.
func (s *Store) find(r *http.Request, name string) (text string, ok bool) {
	if text, ok = cookie.Sole(r, name); ok && len(text) <= cookie.MaxSize && !strings.HasPrefix(text, "~") {
		return text, true
	}
	var carried parts
	carried.read(r, name)
	return carried.join(s.maxChunks)
}

func (s *Store) save(h http.Header, r *http.Request, name string, form byte, payload []byte,
	o *gsessions.Options) error {
	o = cmp.Or(o, &s.options)
	if err := store.CheckCookie(name, o); err != nil {
		return fmt.Errorf("cookiestore: %w", err)
	}
	text := s.ring.Seal(wire.Frame(form, endOf(o.MaxAge), payload), []byte(name))
	parts, err := split(text, partBudget(name, o), s.maxChunks)
	if err != nil {
		return err
	}
	writeParts(h, r, name, parts, o)
	return nil
}

// endOf returns the last second of a session's life, 0 for none. It is sealed into the cookie because the browser is
// not trusted to delete a cookie in time.
func endOf(maxAge int) uint64 {
	if maxAge <= 0 {
		return 0
	}
	return uint64(time.Now().Unix()) + uint64(maxAge)
}
