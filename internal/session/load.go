package session

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
)

// Load returns the session of the request, or nil if there is none: no cookie, a cookie that does not open, or a record
// that has ended or is of another audience or version. An error wraps [ErrStore]: it is then unknown whether there is a
// session, so the request must be neither served nor treated as signed out.
//
// Of several cookies of the name, the one with a session counts. If several have one, the error is a [*RivalsError].
func (m *Manager) Load(r *http.Request) (*Session, error) { return m.LoadInto(r, &Session{}) }

// LoadInto is Load for callers that have memory for the session, which is zero. It need not be what is returned.
func (m *Manager) LoadInto(r *http.Request, memory *Session) (*Session, error) {
	if s, err := m.load(r, memory); s != nil || err != nil {
		return s, err
	}
	requests := cookie.Apart(r, m.config.Name)
	if len(requests) == 0 {
		return nil, nil
	}
	var rivals []*Session
	for _, alone := range requests {
		s, err := m.load(alone, &Session{})
		if err != nil {
			return nil, err
		}
		if s != nil {
			s.alone = alone
			rivals = addRival(rivals, s)
		}
	}
	m.config.Logger.DebugContext(r.Context(), "session: several cookies of its name", "name", m.config.Name,
		"sessions", len(rivals))
	switch len(rivals) {
	case 0:
		return nil, nil
	case 1:
		return rivals[0], nil
	}
	return nil, &RivalsError{rivals}
}

// addRival adds s, or replaces an older copy of the same session.
func addRival(rivals []*Session, s *Session) []*Session {
	for i, other := range rivals {
		if other.ID == s.ID {
			if cmp.Or(s.Updated.Compare(other.Updated), s.Renewed.Compare(other.Renewed)) > 0 {
				rivals[i] = s
			}
			return rivals
		}
	}
	return append(rivals, s)
}

// load reads the one cookie, or set of cookies, of the request into s, and returns s or nil.
func (m *Manager) load(r *http.Request, s *Session) (*Session, error) {
	data, stale, now, err := m.loadRecord(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStore, err)
	}
	if len(data) == 0 {
		return nil, nil
	}
	if ours, err := m.read(r.Context(), data, s); err != nil || !ours {
		*s = Session{}
		return nil, err
	}
	if !m.lives(&s.Record, now) {
		*s = Session{}
		return nil, nil
	}
	s.stale = stale
	s.due, s.aged = m.due(s, now), m.aged(s, now)
	return s, nil
}

// loadRecord returns the record of the request, and the time when the store responded.
func (m *Manager) loadRecord(r *http.Request) (data []byte, stale bool, now time.Time, err error) {
	if m.embedded != nil {
		now = time.Now()
		data, stale, err = m.embedded.LoadRecordAt(now, r, m.config.Name)
		return data, stale, now, err
	}
	data, stale, err = m.records.LoadRecord(r, m.config.Name)
	return data, stale, time.Now(), err
}
