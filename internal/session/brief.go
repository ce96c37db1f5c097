package session

import "github.com/seed-d65cea4d/ginoidc/internal/wire"

// Brief is a loaded session in a sixth of the memory: what guards ask for, and the encoded record. Most requests need
// nothing else, and what a request allocates costs it more than what it computes.
type Brief struct {
	Subject               string
	Groups, Organizations wire.List
	GroupsOverage         bool
	Party                 *Party

	stale, due, aged bool
	data             []byte // the encoded record; nil if it is not all that s has
}

// Brief returns s in brief, which shares the memory of its texts. whole is false if the session cannot be made of it
// again.
func (s *Session) Brief() (b Brief, whole bool) {
	b = Brief{
		Subject: s.Subject, Groups: s.Groups, Organizations: s.Organizations, GroupsOverage: s.GroupsOverage,
		Party: s.Party, stale: s.stale, due: s.due, aged: s.aged,
	}
	if s.alone == nil && s.StepUp.IsZero() {
		b.data = s.encoded
	}
	return b, b.data != nil
}

// With returns a copy of s with another record.
func (s *Session) With(rec *Record) *Session {
	changed := *s
	changed.Record, changed.encoded = *rec, nil
	return &changed
}

// Expand makes the session of a brief that is whole again in s, which is zero.
func (b *Brief) Expand(s *Session) {
	s.decode(b.data)
	s.Party, s.encoded = b.Party, b.data
	s.stale, s.due, s.aged = b.stale, b.due, b.aged
}

// RecheckDue reports whether the user was to be read again at the provider when the session was loaded.
func (b *Brief) RecheckDue() bool { return b.aged }
