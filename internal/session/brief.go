package session

import (
	"bytes"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// Brief is a loaded session in a sixth of the memory: what guards ask for, and the encoded record. Most requests need
// nothing else, and what a request allocates costs it more than what it computes.
type Brief struct {
	Subject               string
	Groups, Organizations wire.List
	Party                 *Party
	GroupsOverage         bool

	stale, due, aged bool
	shared           bool   // data is the memory of the store
	index            span   // in data: see [wire.Index]
	data             []byte // the encoded record; nil if it is not all that the session has
}

// Marks are what the revocations of a session are found by.
type Marks struct {
	ID, SubjectHash, SIDHash [16]byte
	Started, Began           int64 // in Unix microseconds, 0 for unknown: see [Record]
	Acting                   bool  // there are others, of the actor
}

// Loaded is a session that a request carries.
type Loaded struct {
	Brief
	Marks
}

// set makes l the session that was parsed.
func (l *Loaded) set(p *parts, party *Party) {
	l.Subject, l.GroupsOverage = p.text(fieldSubject), p.flags&flagGroupsOverage != 0
	l.Groups, l.Organizations = wire.List(p.text(fieldGroups)), wire.List(p.text(fieldOrganizations))
	l.index, l.Party, l.data = p.fields[slot(fieldIndex)], party, p.data
	l.ID, l.Started, l.Began, l.Acting = p.id, p.started, p.began, p.block(fieldActorHashes) != nil
	copy(l.SubjectHash[:], p.block(fieldSubjectHash))
	copy(l.SIDHash[:], p.block(fieldSIDHash))
}

// Marks returns those of the record.
func (rec *Record) Marks() Marks {
	return Marks{
		ID: rec.ID, SubjectHash: rec.SubjectHash, SIDHash: rec.SIDHash, Acting: rec.ActorHash != [16]byte{},
		Started: unixMicro(rec.Started), Began: unixMicro(rec.Began),
	}
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

// Expand makes the session of a brief that is whole again in s, which is zero. It has memory of its own: handlers may
// change the claims, and keep texts for long.
func (b *Brief) Expand(s *Session) {
	data := b.data
	if b.shared {
		data = bytes.Clone(data)
	}
	s.decode(data)
	s.Party, s.encoded = b.Party, data
	s.stale, s.due, s.aged = b.stale, b.due, b.aged
}

// InAnyGroup reports whether the user is in one of the groups.
func (b *Brief) InAnyGroup(names []string) bool {
	if b.index == (span{}) {
		return b.Groups.ContainsAny(names)
	}
	index := wire.Index(wire.Text(b.data[b.index.begin:b.index.end]))
	for _, name := range names {
		if index.Part(b.Groups, name).Contains(name) {
			return true
		}
	}
	return false
}

// Session makes the session of a brief that is whole again.
func (b *Brief) Session() *Session {
	s := &Session{}
	b.Expand(s)
	return s
}

// Due reports whether Renew would have saved the session when it was loaded.
func (b *Brief) Due() bool { return b.due }

// RecheckDue reports whether the user was to be read again at the provider when the session was loaded.
func (b *Brief) RecheckDue() bool { return b.aged }
