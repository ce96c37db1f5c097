// Package memorystore keeps sessions in the memory of one process, for apps of one instance that want sessions on the
// server and no server to keep them on. A restart signs all users out.
//
//	cfg.Store = memorystore.New(memorystore.Config{})
//
// It is a store for gin-contrib/sessions in its own right. The browser holds a random id. The sessions are in blocks
// without pointers, so that a million of them do not slow down the garbage collector, and take at most Config.MaxBytes.
package memorystore

import (
	"cmp"
	"log/slog"
	"net/http"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

const defaultMaxBytes = 64 << 20

// Config holds the settings for [New].
type Config struct {
	// MaxBytes bounds the memory of all sessions; 0 means 64 MiB, enough for about 200,000 users. When it is used up, the
	// sessions that were saved longest ago end. The plugin saves sessions in use again at half of their idle limit.
	MaxBytes int

	// Logger receives a warning, at most one a minute, when sessions end before their time; default [slog.Default].
	Logger *slog.Logger
}

// Store implements [sessions.Store]. It is safe for concurrent use once its Options are set.
type Store struct {
	server store.Server
	memory *memory
}

var _ sessions.Store = (*Store)(nil)

// New returns an empty Store. Its cookies have Path=/, a Max-Age of one day, Secure, HttpOnly and SameSite=Lax until
// [Store.Options] sets others.
func New(cfg Config) *Store {
	m := newMemory(cmp.Or(max(0, cfg.MaxBytes), defaultMaxBytes))
	if m.log = cfg.Logger; m.log == nil {
		m.log = slog.Default()
	}
	return &Store{store.Server{Backend: m, Name: "memorystore", Options: store.DefaultOptions()}, m}
}

// Usage returns the number of sessions, expired ones that have not been removed yet included, and the memory that they
// take in bytes.
func (s *Store) Usage() (sessions, bytes int) { return s.memory.usage() }

// Options replaces the cookie attributes of all future sessions. Call it before the first request. The zero value of
// [sessions.Options] is neither Secure nor HttpOnly: set every field.
func (s *Store) Options(o sessions.Options) { s.server.Options = *o.ToGorillaOptions() }

// Get returns the session of the request by that name. Repeated calls return the same session.
func (s *Store) Get(r *http.Request, name string) (*gsessions.Session, error) {
	return gsessions.GetRegistry(r).Get(s, name)
}

// New opens the session that the request carries. If the cookie is missing, repeated or malformed, or the session does
// not exist, the session is empty, IsNew is true and the error nil.
func (s *Store) New(r *http.Request, name string) (*gsessions.Session, error) {
	return s.server.New(s, r, name)
}

// Save keeps the session and sets its cookie in the response, or deletes both if its Options.MaxAge is negative. It
// must be called before the response body is written. A session that another request has deleted in the meantime is not
// restored: nothing is saved or set then, and the error is nil. Values are encoded with encoding/gob: the app must
// register its own types with [gob.Register], or the error names the unregistered one.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	return s.server.Save(r, w, session)
}

// LoadRecord returns the bytes that [Store.SaveRecord] kept for this request, or nil if there are none. stale is always
// false and the error nil.
func (s *Store) LoadRecord(r *http.Request, name string) (record []byte, stale bool, err error) {
	return s.server.LoadRecord(r, name)
}

// PeekRecord is LoadRecord without a copy, so it takes as long for a large record as for a small one. The record is the
// one that the store keeps: the caller must not change it.
func (s *Store) PeekRecord(r *http.Request, name string) (record []byte) {
	return s.server.PeekRecord(r, name)
}

// SaveRecord keeps the record for o.MaxAge seconds (0 means a day) and sets the cookie of that name in the response
// header h, with the attributes of o (nil means the store's own). A request that carries an id keeps it. If its record
// has been deleted in the meantime, nothing is saved or set, because that would undo a sign-out, and the error wraps
// [fs.ErrNotExist]. Any other request gets a new id. A negative o.MaxAge deletes the record. If there is an error, h is
// unchanged.
func (s *Store) SaveRecord(h http.Header, r *http.Request, name string, record []byte, o *gsessions.Options) error {
	return s.server.SaveRecord(h, r, name, record, o)
}

// DeleteRecord deletes the record that the request carries, and the cookie. Path and Domain of o must be those it was
// saved with, or the browser keeps the cookie. If there is an error, h is unchanged.
func (s *Store) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	return s.server.DeleteRecord(h, r, name, o)
}
