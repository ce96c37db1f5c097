package revocation

import (
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// A session can be ended under several names. A session in a sealed cookie cannot be deleted, so what ended sessions is
// looked up whenever one is opened. The names are keys of the shared state:
//
//	KindSession: this session only. The time [forever] ends it; any other is that of its last update, which ended what
//	             the session was before.
//	KindUser: all sessions of a user, ended by the app.
//	KindProvider: all sessions of a user, those of one session at the provider, or those of both, ended by the provider.
//	             Since there is a name of its own for both, a logout token with the sid of one user and the sub of
//	             another ends nothing (case 174). A session without a sid has a name for the user and no sid: such a
//	             token means it too (OpenID Connect Back-Channel Logout 1.0, section 2.7).
//
// A name of KindProvider has a twin that ends in "i" and holds a time of the provider's clock: the iat of the logout
// token.

// maxNames is the number of names that one session has at most.
const maxNames = 1 + 1 + 3

// Trace is what tells whether a session was ended.
type Trace struct {
	ID, Subject, SID       shared.Hash // SID: the zero Hash where the provider names none
	Started, Began, Issued time.Time   // Began: whatever was ended since then means this session
}

// ClockSkew is how far the clocks of instances may differ.
const ClockSkew = 5 * time.Second

// TraceOf returns the trace of a session.
func (l *Ledger) TraceOf(r *session.Record) Trace {
	t := Trace{ID: r.ID, Subject: l.audience.Hash(r.Subject), Started: r.Started, Began: r.Began, Issued: r.Issued}
	if r.SID != "" {
		t.SID = l.sid(r.SID)
	}
	if t.Began.IsZero() {
		t.Began = r.Started.Add(-ClockSkew)
	}
	return t
}

// SameAtProvider reports whether two sessions here come from one session at the provider, as after a step-up.
func (t Trace) SameAtProvider(other Trace) bool {
	return t.SID != shared.Hash{} && t.SID == other.SID && t.Subject == other.Subject
}

// names lists the keys under which the session can have been ended: its own, that of its user, and the provider's.
func (t Trace) names() []string {
	var buffer [maxNames * shared.KeySize]byte
	b := shared.AppendKey(buffer[:0], shared.KindSession, t.ID)
	b = shared.AppendKey(b, shared.KindUser, t.Subject)
	b = shared.AppendKey(b, shared.KindProvider, t.Subject)
	if t.SID != (shared.Hash{}) {
		b = shared.AppendKey(b, shared.KindProvider, t.SID)
	}
	b = shared.AppendKey(b, shared.KindProvider, both(t.Subject, t.SID))
	all := string(b) // one allocation for all names
	names := make([]string, len(all)/shared.KeySize)
	for i := range names {
		names[i] = all[i*shared.KeySize : (i+1)*shared.KeySize]
	}
	return names
}

// sid is the hash of a session identifier of the provider. Its prefix keeps it from being taken for a subject, which
// never begins with it.
func (l *Ledger) sid(sid string) shared.Hash { return l.audience.Hash("\x00sid " + sid) }

func both(subject, sid shared.Hash) (h shared.Hash) {
	copy(h[:shared.HashSize/2], subject[:])
	copy(h[shared.HashSize/2:], sid[:])
	return h
}

// userKey is the name for all sessions of a user, and of their list.
func (l *Ledger) userKey(subject string) string {
	return shared.Key(shared.KindUser, l.audience.Hash(subject))
}

// sidKey is the name for the sessions of one session at the provider, and of their list.
func (l *Ledger) sidKey(sid string) string { return shared.Key(shared.KindProvider, l.sid(sid)) }

// logoutKeys returns the names for what a logout token with these members ends; one of the two may be "".
func (l *Ledger) logoutKeys(subject, sid string) []string {
	user := l.audience.Hash(subject)
	switch {
	case sid == "":
		return []string{shared.Key(shared.KindProvider, user)}
	case subject == "":
		return []string{l.sidKey(sid)}
	}
	return []string{
		shared.Key(shared.KindProvider, both(user, l.sid(sid))),
		shared.Key(shared.KindProvider, both(user, shared.Hash{})), // of sessions without a sid
	}
}

// issued is the twin of a name.
func issued(name string) string { return name + "i" }

// forever is later than any time of a clock, and exact in the numbers of Redis.
func forever() time.Time { return time.UnixMicro(1 << 52).UTC() }
