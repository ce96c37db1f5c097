package revocation

import (
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// A session can be ended under several keys. A session in a sealed cookie cannot be deleted, so every load looks up
// what ended sessions. These are the keys of the shared state:
//
//	KindSession: this session only. The time [forever] ends it; any other is that of its last update, which ended the
//	             state before it.
//	KindUser: all sessions of a user, or of all users, ended by the app.
//	KindProvider: all sessions of a user, those of one session at the provider, or those of both, ended by the provider.
//	             Since both together have a key of their own, a logout token with the sid of one user and the sub of
//	             another ends nothing. A session without a sid has a key for the user and no sid: such a
//	             token applies to it too (OpenID Connect Back-Channel Logout 1.0, section 2.7).
//
//	KindStepUp: the sessions of a user who has to be authenticated again. Only for an app that wants this.
//
// Each key of the last two kinds has a twin that ends in "i" and holds a time of the provider's clock: the iat of the
// logout token, or when an event happened.

// maxKeys is the largest number of keys of one session.
const maxKeys = 1 + 2 + 3 + 1

// Ref identifies a session, and holds the times that decide whether it was ended.
type Ref struct {
	ID, Subject, SID       shared.Hash // SID: the zero Hash if the provider names none
	Started, Began, Issued time.Time   // Began: an end since then applies to this session

	Actor, ActorSID shared.Hash // the user who acts as the subject; zero if nobody does
}

// ClockSkew is the tolerated clock skew between instances.
const ClockSkew = 5 * time.Second

// RefOf returns the Ref of a session.
func (l *Ledger) RefOf(r *session.Record) Ref {
	ref := Ref{
		ID: r.ID, Subject: r.SubjectHash, SID: r.SIDHash, Started: r.Started, Began: r.Began, Issued: r.Issued,
		Actor: r.ActorHash, ActorSID: r.ActorSIDHash,
	}
	if ref.Subject == (shared.Hash{}) { // an earlier version of the plugin wrote the record
		ref.Subject, ref.SID = l.hashes(r)
	}
	if ref.Began.IsZero() {
		ref.Began = r.Started.Add(-ClockSkew)
	}
	return ref
}

// SetHashes keeps in the record what RefOf would otherwise compute on each request. actor is the subject of the user
// who acts as that of the record, or "".
func (l *Ledger) SetHashes(r *session.Record, actor string) {
	r.SubjectHash, r.SIDHash = l.hashes(r)
	if actor != "" {
		r.ActorHash = l.audience.Hash(actor)
	}
}

func (l *Ledger) hashes(r *session.Record) (subject, sid shared.Hash) {
	if r.SID != "" {
		sid = l.sid(r.SID)
	}
	return l.audience.Hash(r.Subject), sid
}

// ofActor returns the session as one of the user who acts as its subject, and false if nobody does.
func (ref Ref) ofActor() (actor Ref, ok bool) {
	if ref.Actor == (shared.Hash{}) {
		return Ref{}, false
	}
	actor = ref
	actor.Subject, actor.SID, actor.Actor, actor.ActorSID = ref.Actor, ref.ActorSID, shared.Hash{}, shared.Hash{}
	return actor, true
}

// SameAtProvider reports whether two sessions here belong to one session at the provider, for example after a step-up.
func (ref Ref) SameAtProvider(other Ref) bool {
	return ref.SID != shared.Hash{} && ref.SID == other.SID && ref.Subject == other.Subject
}

// keys returns the keys under which the session may have been ended: its own, those of its user and of all users, and
// the provider's; and last the one of a step-up.
func (l *Ledger) keys(ref *Ref) []string {
	var buffer [maxKeys * shared.KeySize]byte
	b := shared.AppendKey(buffer[:0], shared.KindSession, ref.ID)
	b = shared.AppendKey(b, shared.KindUser, ref.Subject)
	b = shared.AppendKey(b, shared.KindUser, l.everyone)
	b = shared.AppendKey(b, shared.KindProvider, ref.Subject)
	if ref.SID != (shared.Hash{}) {
		b = shared.AppendKey(b, shared.KindProvider, ref.SID)
	}
	b = shared.AppendKey(b, shared.KindProvider, both(ref.Subject, ref.SID))
	if l.stepUps {
		b = shared.AppendKey(b, shared.KindStepUp, ref.Subject)
	}
	all := string(b) // one allocation for all keys
	keys := make([]string, len(all)/shared.KeySize)
	for i := range keys {
		keys[i] = all[i*shared.KeySize : (i+1)*shared.KeySize]
	}
	return keys
}

// sid returns the hash of a session identifier of the provider. Its prefix keeps it from being mistaken for a subject,
// which never begins with it.
func (l *Ledger) sid(sid string) shared.Hash { return l.audience.Hash("\x00sid " + sid) }

func both(subject, sid shared.Hash) (h shared.Hash) {
	copy(h[:shared.HashSize/2], subject[:])
	copy(h[shared.HashSize/2:], sid[:])
	return h
}

// userKey is the key of all sessions of a user, and of their list.
func (l *Ledger) userKey(subject string) string {
	return shared.Key(shared.KindUser, l.audience.Hash(subject))
}

// sidKey is the key of the sessions of one session at the provider, and of their list.
func (l *Ledger) sidKey(sid string) string { return shared.Key(shared.KindProvider, l.sid(sid)) }

// logoutKeys returns the keys of what a logout token with these members ends. One of the two may be "".
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

// issuedAtKey returns the twin of a key.
func issuedAtKey(key string) string { return key + "i" }

// forever is later than the time of any clock, and represented exactly by Redis numbers.
func forever() time.Time { return time.UnixMicro(1 << 52).UTC() }
