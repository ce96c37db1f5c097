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

// untouched reports whether it is certain that nothing ended or updated a session, as of almost all on each request. Its
// own key counts whatever its time, because the clock may have been set back since the session began.
func (l *Ledger) untouched(r *session.Record) bool {
	if l.filter == nil || r.SubjectHash == (shared.Hash{}) || r.ActorHash != (shared.Hash{}) {
		return false // and a Ref says more
	}
	began := began(r)
	return !l.filter.RevokedSince(0, shared.KindSession, r.ID) &&
		!l.filter.RevokedSince(began, shared.KindUser, r.SubjectHash) &&
		!l.filter.RevokedSince(began, shared.KindUser, l.everyone) &&
		!l.filter.RevokedSince(began, shared.KindProvider, r.SubjectHash) &&
		!l.filter.RevokedSince(began, shared.KindProvider, r.SIDHash) &&
		!l.filter.RevokedSince(began, shared.KindProvider, both(r.SubjectHash, r.SIDHash)) &&
		!(l.stepUps && l.filter.RevokedSince(began, shared.KindStepUp, r.SubjectHash))
}

// began returns [Ref].Began in Unix microseconds.
func began(r *session.Record) int64 {
	if !r.Began.IsZero() {
		return r.Began.UnixMicro()
	}
	return r.Started.UnixMicro() - ClockSkew.Microseconds()
}
