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
func (m *Manager) Load(r *http.Request) (*Session, error) {
	s, err := m.loadOne(r)
	if s == nil && err == nil {
		return m.LoadAmong(r)
	}
	return s, err
}

// loadOne returns the session of a request with one cookie of the name, or nil.
func (m *Manager) loadOne(r *http.Request) (*Session, error) {
	var l Loaded
	if found, err := m.LoadBrief(r, &l); !found || err != nil {
		return nil, err
	}
	return l.Session(), nil
}

// LoadAmong is Load for a request with several cookies of the name, in which LoadBrief has found no session. Without
// several, there is none.
func (m *Manager) LoadAmong(r *http.Request) (*Session, error) {
	requests := cookie.Apart(r, m.config.Name)
	if len(requests) == 0 {
		return nil, nil
	}
	var rivals []*Session
	for _, alone := range requests {
		s, err := m.loadOne(alone)
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

// LoadBrief loads the session of the request into l, which is zero, and reports whether there is one. Of several
// cookies of the name it may find none: see LoadAmong.
func (m *Manager) LoadBrief(r *http.Request, l *Loaded) (found bool, err error) {
	data, stale, now, err := m.loadRecord(r)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrStore, err)
	}
	if len(data) == 0 {
		return false, nil
	}
	var p parts
	party, err := m.read(r.Context(), data, &p)
	if party == nil || err != nil || !m.lives(p.moments, now) {
		return false, err
	}
	l.set(&p, party)
	l.shared = m.inProcess != nil
	l.stale, l.due, l.aged = stale, stale || m.due(p.moments, now), m.aged(p.moments, now)
	return true, nil
}

// loadRecord returns the record of the request, and the time when the store responded.
func (m *Manager) loadRecord(r *http.Request) (data []byte, stale bool, now time.Time, err error) {
	switch {
	case m.embedded != nil:
		now = time.Now()
		data, stale, err = m.embedded.LoadRecordAt(now, r, m.config.Name)
		return data, stale, now, err
	case m.inProcess != nil:
		return m.inProcess.PeekRecord(r, m.config.Name), false, time.Now(), nil
	}
	data, stale, err = m.records.LoadRecord(r, m.config.Name)
	return data, stale, time.Now(), err
}
