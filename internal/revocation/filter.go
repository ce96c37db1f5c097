package revocation

import (
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// filter is a State that can rule out revocations faster than by looking for them.
type filter interface {
	// RevokedSince reports whether the key of this kind and hash may have been revoked with this time, in Unix
	// microseconds, or a later one.
	RevokedSince(since int64, kind byte, hash [16]byte) bool
}

// Untouched reports whether it is certain that nothing ended or updated a session, as nothing has almost all of them.
// Its own key counts whatever its time, because the clock may have been set back since the session began.
func (l *Ledger) Untouched(m *session.Marks) bool {
	if l.filter == nil || m.SubjectHash == (shared.Hash{}) || m.Acting {
		return false // and the Ref says more
	}
	began := m.Began
	if began == 0 {
		began = m.Started - ClockSkew.Microseconds()
	}
	return !l.filter.RevokedSince(0, shared.KindSession, m.ID) &&
		!l.filter.RevokedSince(began, shared.KindUser, m.SubjectHash) &&
		!l.filter.RevokedSince(began, shared.KindUser, l.everyone) &&
		!l.filter.RevokedSince(began, shared.KindProvider, m.SubjectHash) &&
		!l.filter.RevokedSince(began, shared.KindProvider, m.SIDHash) &&
		!l.filter.RevokedSince(began, shared.KindProvider, both(m.SubjectHash, m.SIDHash)) &&
		!(l.stepUps && l.filter.RevokedSince(began, shared.KindStepUp, m.SubjectHash))
}
