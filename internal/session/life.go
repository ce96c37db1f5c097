package session

import "time"

// moments are the times that decide how long a session lives, in Unix seconds; 0 is unknown. All of them are in whole
// seconds. Comparing numbers takes a fraction of what comparing times does, which counts on each request.
type moments struct{ created, renewed, authTime, issued, expires, checked int64 }

// moments returns those of the record.
func (rec *Record) moments() moments {
	return moments{
		unix(rec.Created), unix(rec.Renewed), unix(rec.AuthTime), unix(rec.Issued), unix(rec.Expires), unix(rec.Checked),
	}
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func unixMicro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// after returns the time of d after a moment, in Unix microseconds.
func after(seconds int64, d time.Duration) int64 { return seconds*1e6 + d.Microseconds() }

// lives reports whether a session has not ended.
func (m *Manager) lives(of moments, now time.Time) bool {
	us := now.UnixMicro()
	return us < after(of.renewed, m.config.Idle) && us < m.absolute(of)
}

// due reports whether a session that lives is to be saved: past half of its idle limit.
func (m *Manager) due(of moments, now time.Time) bool {
	return now.UnixMicro() > after(of.renewed, m.config.Idle/2)
}

// aged reports whether the user is to be read again at the provider.
func (m *Manager) aged(of moments, now time.Time) bool {
	checked := of.checked
	if checked == 0 {
		checked = of.created
	}
	return m.config.RecheckEvery > 0 && now.UnixMicro() > after(checked, m.config.RecheckEvery)
}

// left returns how long a session lives without renewal.
func (m *Manager) left(of moments, now time.Time) time.Duration {
	return time.Duration(min(after(of.renewed, m.config.Idle), m.absolute(of))-now.UnixMicro()) * time.Microsecond
}

// absolute returns when a session ends whatever happens, in Unix microseconds: at the end of its lifetime, when the
// provider says, or when the authentication is too old. If it is unknown when the provider authenticated the user, that
// is too long ago. Of a session that the app started itself, the start counts.
func (m *Manager) absolute(of moments) int64 {
	end := after(of.created, m.config.Lifetime)
	if of.expires != 0 {
		end = min(end, after(of.expires, 0))
	}
	if m.config.AuthAge > 0 {
		authenticated := of.authTime
		if authenticated == 0 && of.issued == 0 {
			authenticated = of.created
		}
		end = min(end, after(authenticated, m.config.AuthAge))
	}
	return end
}

// Ends returns when a session of rec that begins now would end whatever happens.
func (m *Manager) Ends(rec *Record) time.Time {
	begun := rec.moments()
	begun.created = time.Now().Unix()
	return time.UnixMicro(m.absolute(begun))
}

// Limits returns how long rec lives whatever happens, and how long unless it is used.
func (m *Manager) Limits(rec *Record) (absolute, idle time.Duration) {
	now := time.Now()
	return time.UnixMicro(m.absolute(rec.moments())).Sub(now), m.left(rec.moments(), now)
}

// Left returns how long rec lives without renewal.
func (m *Manager) Left(rec *Record) time.Duration { return m.left(rec.moments(), time.Now()) }
