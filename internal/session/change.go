package session

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
)

// Change saves the user of rec as the user of session s, under new cookies, which it returns for the browser. What
// identifies s stays: its ID, its times and what its sign-in requested. The record that the request carries stays too,
// until [Manager.Retire].
//
// Updated will be later than after. ErrGone means that the session has ended; any other error wraps [ErrStore] or is a
// [*TooLargeError].
func (m *Manager) Change(r *http.Request, s *Session, rec Record, after time.Time) (*Session, []string, error) {
	now := time.Now()
	rec.ID, rec.Created, rec.Renewed, rec.Started, rec.Began = s.ID, s.Created, wholeSecond(now), s.Started, s.Began
	rec.SubjectHash, rec.SIDHash, rec.Expires, rec.Checked = s.SubjectHash, s.SIDHash, s.Expires, s.Checked
	rec.ActorHash, rec.ActorSIDHash, rec.Transient = s.ActorHash, s.ActorSIDHash, s.Transient
	rec.SID, rec.Issued, rec.AskedMaxAge, rec.AskedACR, rec.IDToken = s.SID, s.Issued, s.AskedMaxAge, s.AskedACR, s.IDToken
	rec.Party, rec.Provider, rec.Issuer = s.Party, s.Provider, s.Issuer
	rec.Updated = now.UTC().Truncate(time.Microsecond)
	if !rec.Updated.After(after) {
		rec.Updated = after.Add(time.Microsecond)
	}
	if m.left(s.moments(), now) <= 0 {
		return nil, nil, ErrGone
	}
	saved := http.Header{}
	if err := m.save(saved, cookie.Without(r), &rec, now); err != nil {
		return nil, nil, err
	}
	return &Session{Record: rec}, m.withoutLeftovers(r, saved[setCookie]), nil
}

// Retire lets the record that the request carries expire after grace, if a store keeps it: until then requests in
// flight use it to find its successor. ErrGone means that it has been deleted in the meantime.
func (m *Manager) Retire(r *http.Request, s *Session, grace time.Duration) error {
	data := s.Record.append(s.head())
	err := m.records.SaveRecord(http.Header{}, s.of(r), m.config.Name, data, m.cookie(int(grace/time.Second)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrGone
	case err != nil:
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

// withoutLeftovers adds lines that delete further cookies of the request to those that set a session's cookies: an
// earlier session may have been split over more cookies.
func (m *Manager) withoutLeftovers(r *http.Request, lines []string) []string {
	h := http.Header{setCookie: lines}
	for pair := range cookie.Named(r, m.config.Name) {
		if n, _, _ := cookie.CutPart(pair, m.config.Name); n > 0 {
			cookie.SetIfAbsent(h, gsessions.NewCookie(cookie.PartName(m.config.Name, n), "", m.cookie(-1)).String())
		}
	}
	return h[setCookie]
}

// Discard deletes a record that was never sent to the browser.
func (m *Manager) Discard(r *http.Request) {
	if err := m.records.DeleteRecord(http.Header{}, r, m.config.Name, m.cookie(-1)); err != nil {
		m.config.Logger.DebugContext(r.Context(), "session: record not deleted", "error", err)
	}
}
