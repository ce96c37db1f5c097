package session

import (
	"net/http"
	"time"
)

// Encode returns the record as other requests of the session keep it. The caller must seal it.
func (rec *Record) Encode() []byte { return rec.append(nil) }

// Decode reads what Encode wrote, and reports whether data is a complete record. rec retains data and shares its
// memory.
func (rec *Record) Decode(data []byte) bool { return rec.decode(data) }

// RecheckDue reports whether the user was to be read again at the provider when s was loaded.
func (s *Session) RecheckDue() bool { return s.aged }

// SaveChecked saves s after a check of its user, in place: earlier cookies stay valid, but a request with them needs a
// check again. With renew, the idle limit starts again. [ErrGone] means that the session has ended in the meantime;
// any other error wraps [ErrStore] or is a [*TooLargeError].
func (m *Manager) SaveChecked(h http.Header, r *http.Request, s *Session, renew bool) error {
	now := time.Now()
	if m.left(s.moments(), now) <= 0 {
		return ErrGone
	}
	s.encoded = nil // the caller has changed the user
	if renew {
		s.Renewed = wholeSecond(now)
	}
	if err := m.save(h, s.of(r), &s.Record, now); err != nil {
		return err
	}
	s.stale, s.due, s.aged = false, false, false
	return nil
}
