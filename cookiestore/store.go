// Package cookiestore is a session store for gin-contrib/sessions that keeps the whole session in the browser, in
// sealed cookies: encrypted and authenticated with AES-256-GCM, so that only the server can read or change them, and
// split over several cookies if necessary.
//
//	store, err := cookiestore.New(cookiestore.Config{Secrets: []string{os.Getenv("COOKIE_SECRET")}})
//	…
//	router.Use(sessions.Sessions("app", store))
//
// It needs no server memory, survives restarts and works with several instances that share a secret. By itself it
// cannot revoke a session: a copied cookie is valid until its MaxAge has passed. MaxAge is sealed into the value and
// enforced by the server, not left to the browser.
package cookiestore

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/seal"
	"github.com/seed-d65cea4d/ginoidc/internal/store"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

const (
	sealPurpose      = "ginoidc/cookiestore"
	defaultMaxChunks = 8
)

// Config holds the settings for [New].
type Config struct {
	// Secrets seal the cookies, newest first: the first seals, all of them open. To rotate a secret, put the new one first
	// and remove the old one after MaxAge. Each must have at least 32 bytes, which should be random.
	Secrets []string

	// MaxChunks is the largest number of cookies for one session, 1 to 9, of 3,900 bytes each; 0 means 8. Proxies commonly
	// refuse Cookie headers above 8 kB: keep sessions small.
	MaxChunks int
}

// Store implements [sessions.Store]. It is safe for concurrent use once its Options are set.
type Store struct {
	ring      *seal.Ring
	maxChunks int
	options   gsessions.Options
}

var _ sessions.Store = (*Store)(nil)

// New returns a Store, or an error that lists everything wrong with the configuration. Its cookies have Path=/, a
// Max-Age of one day, Secure, HttpOnly and SameSite=Lax until [Store.Options] sets others.
func New(cfg Config) (*Store, error) {
	ring, err := store.NewRing(sealPurpose, cfg.Secrets)
	if cfg.MaxChunks < 0 || cfg.MaxChunks > cookie.MaxParts {
		err = errors.Join(err, fmt.Errorf("MaxChunks is %d, not 0 to %d", cfg.MaxChunks, cookie.MaxParts))
	}
	if err != nil {
		return nil, fmt.Errorf("cookiestore: %w", err)
	}
	if cfg.MaxChunks == 0 {
		cfg.MaxChunks = defaultMaxChunks
	}
	return &Store{ring: ring, maxChunks: cfg.MaxChunks, options: store.DefaultOptions()}, nil
}

// Options replaces the cookie attributes of all future sessions. Call it before the first request. The zero value of
// [sessions.Options] is neither Secure nor HttpOnly: set every field.
func (s *Store) Options(o sessions.Options) {
	s.options = *o.ToGorillaOptions()
}

// Get returns the session of the request by that name. Repeated calls return the same session.
func (s *Store) Get(r *http.Request, name string) (*gsessions.Session, error) {
	return gsessions.GetRegistry(r).Get(s, name)
}

// New opens the session that the request carries. Cookies that are missing, repeated, forged, expired or sealed with a
// removed secret count as none: the session is empty, IsNew is true and the error nil.
func (s *Store) New(r *http.Request, name string) (*gsessions.Session, error) {
	session := store.NewSession(s, name, s.options)
	if payload, _, ok := s.load(time.Now(), r, name, wire.FormValues); ok {
		if values, ok := decodeValues(payload); ok {
			session.Values = values
			session.IsNew = false
		}
	}
	return session, nil
}

// Save sets the cookies of the session in the response, or deletes them if its Options.MaxAge is negative. It must be
// called before the response body is written. The error is a [*SizeError] if the values do not fit, or names a type
// that encoding/gob cannot encode; nothing is set then.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	if session.Options != nil && session.Options.MaxAge < 0 {
		return s.DeleteRecord(w.Header(), r, session.Name(), session.Options)
	}
	payload, err := encodeValues(session.Values)
	if err != nil {
		return err
	}
	return s.save(w.Header(), r, session.Name(), wire.FormValues, payload, session.Options)
}
