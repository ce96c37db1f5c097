package session

import "time"

// lives reports whether rec has not ended.
func (m *Manager) lives(rec *Record, now time.Time) bool {
	return now.Before(rec.Renewed.Add(m.config.Idle)) && now.Before(m.absolute(rec))
}

// left returns how long rec lives without renewal.
func (m *Manager) left(rec *Record, now time.Time) time.Duration {
	return min(m.config.Idle-now.Sub(rec.Renewed), m.absolute(rec).Sub(now))
}

// absolute returns when rec ends whatever happens: at the end of its lifetime, when the provider says, or when the
// authentication is too old. If it is unknown when the provider authenticated the user, that is too long ago. Of a
// session that the app started itself, the start counts.
func (m *Manager) absolute(rec *Record) time.Time {
	end := rec.Created.Add(m.config.Lifetime)
	if !rec.Expires.IsZero() && rec.Expires.Before(end) {
		end = rec.Expires
	}
	if m.config.AuthAge > 0 {
		authenticated := rec.AuthTime
		if authenticated.IsZero() && rec.Issued.IsZero() {
			authenticated = rec.Created
		}
		if limit := authenticated.Add(m.config.AuthAge); limit.Before(end) {
			end = limit
		}
	}
	return end
}

// Ends returns when a session of rec that begins now would end whatever happens.
func (m *Manager) Ends(rec *Record) time.Time {
	begun := *rec
	begun.Created = time.Now()
	return m.absolute(&begun)
}

// Limits returns how long rec lives whatever happens, and how long unless it is used.
func (m *Manager) Limits(rec *Record) (absolute, idle time.Duration) {
	now := time.Now()
	return m.absolute(rec).Sub(now), m.left(rec, now)
}

// Left returns how long rec lives without renewal.
func (m *Manager) Left(rec *Record) time.Duration { return m.left(rec, time.Now()) }
