package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/seal"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// Backend keeps texts under keys. Its errors mean that it did not respond: it is then unknown whether there is a text.
type Backend interface {
	// Load returns the text, or false if there is none that has not expired.
	Load(ctx context.Context, key string) (text string, ok bool, err error)
	// Save keeps the text for life. If replace is set, it does so only if there is one already, and reports false
	// otherwise. No other request can come between.
	Save(ctx context.Context, key, text string, life time.Duration, replace bool) (saved bool, err error)
	// Delete is idempotent.
	Delete(ctx context.Context, key string) error
}

// InProcess is a Backend in the memory of this process.
type InProcess interface {
	Backend
	// Peek is Load without a copy. The text never changes, and the caller must not change it.
	Peek(key string) (text []byte, ok bool)
}

// Server keeps sessions in a Backend, sealed, under a hash of the random id that the browser holds: reading either one
// reveals no session and does not suffice to forge one. Each is sealed for its key, so write access to the backend does
// not turn one user's session into another's.
//
// Without a Ring the Backend is InProcess, and nothing is sealed or hashed.
type Server struct {
	Backend Backend
	Name    string // of the package, at the beginning of errors
	Prefix  string // of the keys
	Ring    *seal.Ring
	Options gsessions.Options // if the caller has none

	asked asked // see OneRound
}

const idSize = 32 // random bytes

func newID() string {
	var id [idSize]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// validID reports whether id has the form of an id. Nothing else that a browser sends becomes part of a command.
func validID(id string) bool {
	var raw [idSize]byte
	if len(id) != base64.RawURLEncoding.EncodedLen(idSize) {
		return false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(id))
	return err == nil && n == idSize // encoding/base64 skips line breaks even in strict mode
}

// key returns the key of the session. It is a hash, so listing the keys reveals no ids. An id of one cookie name is
// meaningless under another.
func (s *Server) key(name, id string) string {
	if s.Ring == nil {
		return name + "\x00" + id
	}
	hash := sha256.Sum256([]byte(name + "\x00" + id))
	return s.Prefix + "s:" + base64.RawURLEncoding.EncodeToString(hash[:])
}

// requestID returns the id that the request carries, or "" if it carries none or several cookies of that name.
func requestID(r *http.Request, name string) string {
	id, ok := cookie.Only(r, name)
	if !ok || !validID(id) {
		return ""
	}
	return id
}

// LoadRecord returns the bytes that [Server.SaveRecord] kept for this request.
func (s *Server) LoadRecord(r *http.Request, name string) (record []byte, stale bool, err error) {
	id := requestID(r, name)
	if id == "" {
		return nil, false, nil
	}
	return s.load(r.Context(), name, id, wire.FormRecord)
}

// PeekRecord is LoadRecord of a Backend that is InProcess, without a copy: the caller must not change the record.
func (s *Server) PeekRecord(r *http.Request, name string) (record []byte) {
	id := requestID(r, name)
	if id == "" {
		return nil
	}
	frame, ok := s.Backend.(InProcess).Peek(s.key(name, id))
	if !ok {
		return nil
	}
	record, _ = unframed(frame, wire.FormRecord)
	return record
}

// SaveRecord keeps the record for o.MaxAge seconds and sets the cookie in h. A record that has been deleted in the
// meantime is not restored: the error then wraps [fs.ErrNotExist].
func (s *Server) SaveRecord(h http.Header, r *http.Request, name string, record []byte, o *gsessions.Options) error {
	o = cmp.Or(o, &s.Options)
	id, err := s.save(h, r, name, requestID(r, name), wire.FormRecord, record, o)
	if err == nil && id == "" && o.MaxAge >= 0 {
		return fmt.Errorf("%s: the session is gone: %w", s.Name, fs.ErrNotExist)
	}
	return err
}

// DeleteRecord deletes the record that the request carries, and the cookie.
func (s *Server) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	return s.remove(h, r, name, requestID(r, name), o)
}

func (s *Server) load(ctx context.Context, name, id string, form byte) (payload []byte, stale bool, err error) {
	key := s.key(name, id)
	text, ok, err := s.read(ctx, key)
	if err != nil || !ok {
		return nil, false, s.failed("load a session", err)
	}
	plaintext, stale, ok := s.open(text, key)
	if !ok {
		return nil, false, nil
	}
	payload, ok = unframed(plaintext, form)
	return payload, stale && ok, nil
}

// unframed returns the payload of a frame whose end has not come.
func unframed(frame []byte, form byte) (payload []byte, ok bool) {
	payload, end, ok := wire.Unframe(frame, form)
	if !ok || uint64(time.Now().Unix()) > end {
		return nil, false
	}
	return payload, true
}

func (s *Server) open(text, key string) (plaintext []byte, stale, ok bool) {
	if s.Ring == nil {
		return []byte(text), false, true
	}
	return s.Ring.Open(text, []byte(key))
}

func (s *Server) seal(plaintext []byte, key string) string {
	if s.Ring == nil {
		return string(plaintext)
	}
	return s.Ring.Seal(plaintext, []byte(key))
}

// save returns the id under which the payload is now stored: a new one if the given id is empty, and "" if its record
// is gone.
func (s *Server) save(h http.Header, r *http.Request, name, id string, form byte, payload []byte,
	o *gsessions.Options) (string, error) {
	o = cmp.Or(o, &s.Options)
	if o.MaxAge < 0 {
		return "", s.remove(h, r, name, id, o)
	}
	if err := CheckCookie(name, o); err != nil {
		return "", fmt.Errorf("%s: %w", s.Name, err)
	}
	known := validID(id)
	if !known {
		id = newID()
	}
	key := s.key(name, id)
	life := lifeOf(o)
	end := uint64(time.Now().Add(life).Unix()) // sealed, because write access to the backend allows extending it
	text := s.seal(wire.Frame(form, end, payload), key)
	saved, err := s.Backend.Save(r.Context(), key, text, life, known)
	if err != nil || !saved {
		return "", s.failed("save a session", err)
	}
	cookie.Set(h, gsessions.NewCookie(name, id, o).String())
	return id, nil
}

// remove continues if the browser disconnects: it is part of a sign-out.
func (s *Server) remove(h http.Header, r *http.Request, name, id string, o *gsessions.Options) error {
	expired := *cmp.Or(o, &s.Options)
	expired.MaxAge = -1
	if err := CheckCookie(name, &expired); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	if validID(id) {
		if err := s.Backend.Delete(context.WithoutCancel(r.Context()), s.key(name, id)); err != nil {
			return s.failed("delete a session", err)
		}
	}
	cookie.Set(h, gsessions.NewCookie(name, "", &expired).String())
	return nil
}

func (s *Server) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", s.Name, what, err)
}

func lifeOf(o *gsessions.Options) time.Duration {
	if o.MaxAge == 0 { // the browser keeps such a cookie until it is closed, which the backend does not learn
		return DefaultMaxAge * time.Second
	}
	return time.Duration(o.MaxAge) * time.Second
}
