// Package session keeps the signed-in user's record between requests: load, save once, renew, replace at sign-in,
// destroy.
//
// The times in the record decide when it ends. The Max-Age of a cookie and the time-to-live in a store are only
// housekeeping: the browser and the store may forget a session early, and can never keep one alive.
package session

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/seal"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

// Config holds the settings of a [Manager]. They are expected to be valid.
type Config struct {
	// Store is any gin-contrib store, or one with the raw-record methods of cookiestore.Store.
	Store sessions.Store
	// Secrets seal the records in a gin-contrib store, newest first: an attacker who can read the store learns and forges
	// nothing.
	Secrets []string
	// Name is the name of the cookie with its prefix. Path, Secure and SameSite are its attributes.
	Name, Path string
	Secure     bool
	SameSite   http.SameSite // default Lax
	// Idle and Lifetime end a session after its last renewal and after its sign-in. Both are at least a second.
	Idle, Lifetime time.Duration
	// AuthAge ends a session this long after its user was authenticated at the provider; 0 for no limit.
	AuthAge time.Duration
	// RecheckEvery is the age above which the user is to be read again at the provider; 0 for never.
	RecheckEvery time.Duration
	// Audience names issuer and client. Records of another audience are ignored, so that apps that share a store and its
	// keys stay separate. Parties replaces it in apps with several providers, whose records have the audience of the
	// provider.
	Audience string
	Parties  Parties
	Logger   *slog.Logger
}

// Manager manages the life of sessions. It is safe for concurrent use.
type Manager struct {
	config  Config
	records recordStore

	embedded  *cookiestore.Store // records, or nil if it is another one
	inProcess *memorystore.Store // records, or nil if it is another one
}

// Session is what one request has loaded or begun.
type Session struct {
	Record
	StepUp time.Time // unless zero, the user must be authenticated again, after this time; for this request only

	stale bool          // sealed with an older secret
	due   bool          // Renew would have saved it when it was loaded
	aged  bool          // the user was to be read again when it was loaded
	alone *http.Request // the request without other cookies of the name; nil if there are none

	encoded []byte // of Record, unless it has changed since
}

// New returns a Manager. It returns an error only if there is no secret.
func New(config Config) (*Manager, error) {
	m := &Manager{config: config}
	if config.Logger == nil {
		m.config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Parties == nil {
		m.config.Parties = only(config.Audience)
	}
	if direct, ok := config.Store.(recordStore); ok {
		m.records = direct
		m.embedded, _ = direct.(*cookiestore.Store)
		m.inProcess, _ = direct.(*memorystore.Store)
		return m, nil
	}
	ring, err := seal.NewRing("ginoidc/session", config.Secrets)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	m.records = valuesStore{config.Store, ring}
	m.config.Idle = min(config.Idle, maxKept) // a session in use is renewed before its store forgets it
	return m, nil
}

// Begin starts a session with the identity of rec under new ids, keeps tokens with it unless they are nil, and deletes
// the session and tokens that the request carries. So an attacker who planted a session in the victim's browser gains
// nothing (session fixation).
//
// An error wraps [ErrStore] or is a [*TooLargeError]; h is then unchanged.
func (m *Manager) Begin(h http.Header, r *http.Request, rec Record, tokens []byte) (*Session, error) {
	now := time.Now()
	if err := m.assign(r.Context(), &rec); err != nil {
		return nil, err
	}
	rand.Read(rec.ID[:])
	rec.Created, rec.Renewed = wholeSecond(now), wholeSecond(now)

	// Saved first: a record that does not fit must not cost the user the earlier session.
	saved := http.Header{setCookie: slices.Clone(h[setCookie])}
	if err := m.save(saved, cookie.Without(r), &rec, now); err != nil {
		return nil, err
	}
	if tokens != nil {
		if err := m.saveTokens(saved, cookie.Without(r), &rec, tokens); err != nil {
			return nil, err
		}
	}
	deleted := http.Header{}
	if err := m.Destroy(deleted, r); err != nil {
		return nil, err
	}
	cookie.SetIfAbsent(saved, deleted[setCookie]...)
	h[setCookie] = saved[setCookie]
	return &Session{Record: rec}, nil
}

// Renew saves s with a new idle limit if more than half of the current one has passed, or if an older secret sealed it;
// otherwise it does nothing. A session that has ended in the meantime stays ended. If Renew fails, s is unchanged and
// may be used.
func (m *Manager) Renew(h http.Header, r *http.Request, s *Session) error {
	now := time.Now()
	if of := s.moments(); !s.stale && !m.due(of, now) || !m.lives(of, now) {
		return nil
	}
	renewed := s.Record
	renewed.Renewed = wholeSecond(now)
	if err := m.save(h, s.of(r), &renewed, now); err != nil {
		if errors.Is(err, ErrGone) {
			return nil
		}
		return err
	}
	s.Record, s.encoded, s.stale, s.due = renewed, nil, false, false
	return nil
}

// of returns the request that carries s and no rival of it.
func (s *Session) of(r *http.Request) *http.Request {
	if s.alone != nil {
		return s.alone
	}
	return r
}

// Destroy deletes the record that the request carries, its tokens, and the cookies. It also succeeds without a session.
// An error wraps [ErrStore].
func (m *Manager) Destroy(h http.Header, r *http.Request) error {
	if err := m.destroyTokens(h, r); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	if err := m.destroy(h, r, m.config.Name); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

// destroy deletes the cookies of that name and the record. Of several cookies it deletes all records of this audience
// and keeps those of other apps.
func (m *Manager) destroy(h http.Header, r *http.Request, name string) error {
	for _, alone := range cookie.Apart(r, name) {
		data, _, err := m.records.LoadRecord(alone, name)
		ours := false
		if err == nil {
			ours, err = m.owns(r.Context(), data)
		}
		if ours && err == nil {
			err = m.records.DeleteRecord(http.Header{}, alone, name, m.cookie(-1))
		}
		if err != nil {
			return err
		}
	}
	return m.records.DeleteRecord(h, r, name, m.cookie(-1))
}

func (m *Manager) save(h http.Header, r *http.Request, rec *Record, now time.Time) error {
	data := rec.append(rec.head())
	maxAge := int((m.left(rec.moments(), now) + time.Second - 1) / time.Second)
	if err := m.saveRecord(h, r, rec, m.config.Name, data, maxAge); err != nil {
		return saveError(err, rec)
	}
	return nil
}

// saveRecord saves data in cookies of that name, or in the store that they refer to, for maxAge seconds. The cookies of
// a transient session have no Max-Age; the store keeps the data all the same.
func (m *Manager) saveRecord(h http.Header, r *http.Request, rec *Record, name string, data []byte, maxAge int) error {
	if !rec.Transient {
		return m.records.SaveRecord(h, r, name, data, m.cookie(maxAge))
	}
	set := http.Header{}
	err := m.records.SaveRecord(set, r, name, data, m.cookie(maxAge))
	if err == nil {
		cookie.Set(h, cookie.Transient(set[setCookie])...)
	}
	return err
}

// cookie sets every attribute: the zero values are unsafe.
func (m *Manager) cookie(maxAge int) *gsessions.Options {
	return &gsessions.Options{
		Path: m.config.Path, MaxAge: maxAge,
		Secure: m.config.Secure, HttpOnly: true, SameSite: cmp.Or(m.config.SameSite, http.SameSiteLaxMode),
	}
}

func wholeSecond(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
