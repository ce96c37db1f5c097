package session

import (
	"encoding/binary"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// Record is the content of one session. Encoded it is
//
//	version ‖ ID ‖ flags ‖ Created ‖ Renewed ‖ AuthTime ‖ Issued ‖ Started ‖ Began ‖ Updated ‖ AskedMaxAge+1 ‖ fields
//
// with times as Unix seconds (0: unknown); Started, Began and Updated as microseconds; Began and Updated only if a flag
// says so; and numbers and lengths as uvarints. The fields are preceded by their length. A field is its tag, its length
// and its content. Fields are in the order of their tags, and empty ones are left out.
//
// A record of an unknown version, or with an unknown flag or an unknown field with an even tag, is treated as no
// session: instances of different versions may run at the same time. An unknown field with an odd tag is ignored.
type Record struct {
	ID [16]byte // random, new at every sign-in
	// Times in whole seconds, UTC; AuthTime and Issued are the provider's and zero if unknown. Issued is the iat of the ID
	// token.
	Created, Renewed, AuthTime, Issued time.Time
	// Started is when the sign-in began here, in microseconds. Ends before Began do not apply to this session; zero means
	// a moment before Started. Updated is when the user was last changed, zero for never: of several records with the same
	// ID the latest counts.
	Started, Began, Updated time.Time
	// AskedMaxAge is the max_age in seconds that the sign-in requested, -1 for none. AskedACR is its acr_values.
	AskedMaxAge int

	// Provider is the name of the provider whose user it is, and Issuer the user's issuer if it is not the provider's own:
	// that of a tenant. Party is what Parties found, and not saved.
	Provider, Issuer string
	Party            *Party

	Subject, SID, Name, PreferredUsername, Email, Picture, ACR, AskedACR string

	EmailVerified bool
	GroupsOverage bool // the provider sent a reference instead of the groups
	Groups        wire.List
	Organizations wire.List
	Claims        []byte // a JSON object of additional claims, or nil
	Data          []byte // the app's own, or nil
	IDToken       []byte // as the provider signed it; nil if it is not kept
	Actor         []byte // the actor who acts as the user, as the caller encodes it; nil for the user

	// SubjectHash and SIDHash stand for Subject and SID in the shared state. They are kept because requests look them up;
	// zero means not kept.
	SubjectHash, SIDHash [16]byte

	// Expires is when the session ends whatever happens, as the provider says; zero if it does not. Checked is when the
	// user was last read at the provider, zero for the sign-in itself. Both are in whole seconds.
	Expires, Checked time.Time
	AMR              wire.List // how the user was authenticated

	// ActorHash and ActorSIDHash are for the actor what SubjectHash and SIDHash are for the user: what ends the sessions
	// of the actor ends this one too. Both are zero if nobody acts as the user.
	ActorHash, ActorSIDHash [16]byte

	Transient bool // the browser forgets the session when it is closed
}

// CheckedAt returns when the user was last read at the provider.
func (r *Record) CheckedAt() time.Time {
	if r.Checked.IsZero() {
		return r.Created
	}
	return r.Checked
}

// Owner identifies the session as the owner of values that requests keep for each other.
func (r *Record) Owner() string { return string(r.ID[:]) + r.Subject }

const (
	recordVersion = 2

	flagEmailVerified = 1 << 0
	flagGroupsOverage = 1 << 1
	flagBegan         = 1 << 2
	flagUpdated       = 1 << 3
	knownFlags        = flagEmailVerified | flagGroupsOverage | flagBegan | flagUpdated
)

func (rec *Record) flags() (flags byte) {
	for i, is := range [...]bool{rec.EmailVerified, rec.GroupsOverage, !rec.Began.IsZero(), !rec.Updated.IsZero()} {
		if is {
			flags |= 1 << i
		}
	}
	return flags
}

// Size returns the size of the record in bytes, before it is sealed.
func (rec *Record) Size() int { return len(rec.append(nil)) }

// append appends the encoded record to b.
func (rec *Record) append(b []byte) []byte {
	b = append(b, recordVersion)
	b = append(b, rec.ID[:]...)
	b = append(b, rec.flags())
	for _, t := range [...]time.Time{rec.Created, rec.Renewed, rec.AuthTime, rec.Issued} {
		b = wire.AppendSeconds(b, t)
	}
	b = wire.AppendMicroseconds(b, rec.Started)
	for _, t := range [...]time.Time{rec.Began, rec.Updated} {
		if !t.IsZero() {
			b = wire.AppendMicroseconds(b, t)
		}
	}
	b = binary.AppendUvarint(b, uint64(max(0, rec.AskedMaxAge+1)))
	return wire.AppendText(b, rec.appendFields(nil))
}

// decode reads what append wrote, or an earlier version did, and reports whether data is a complete record with its
// times and a subject. rec retains data and shares its memory.
func (rec *Record) decode(data []byte) bool {
	var p parts
	if !p.parse(data) {
		return false
	}
	p.fill(rec)
	return true
}
