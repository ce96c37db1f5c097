package session

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// Record is the content of one session. Encoded it is
//
//	version ‖ ID ‖ flags ‖ Created ‖ Renewed ‖ AuthTime ‖ Issued ‖ Started ‖ Began ‖ Updated ‖ AskedMaxAge+1 ‖
//	texts ‖ lists ‖ Claims ‖ Data ‖ IDToken ‖ Actor
//
// with times as Unix seconds (0: unknown); Started, Began and Updated as microseconds; Began, Updated and Actor only if
// a flag says so; and numbers and lengths as uvarints. A record of any other version or with any other flag is treated
// as no session: instances of different versions may run at the same time.
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

	Subject, SID, Name, PreferredUsername, Email, Picture, ACR, AskedACR string

	EmailVerified bool
	GroupsOverage bool // the provider sent a reference instead of the groups
	Groups        []string
	Organizations []string
	Claims        []byte // a JSON object of additional claims, or nil
	Data          []byte // the app's own, or nil
	IDToken       []byte // as the provider signed it; nil if it is not kept
	Actor         []byte // the actor who acts as the user, as the caller encodes it; nil for the user
}

// Owner identifies the session as the owner of values that requests keep for each other.
func (r *Record) Owner() string { return string(r.ID[:]) + r.Subject }

const (
	recordVersion = 1

	flagEmailVerified = 1 << 0
	flagGroupsOverage = 1 << 1
	flagBegan         = 1 << 2
	flagUpdated       = 1 << 3
	flagActor         = 1 << 4
	knownFlags        = flagEmailVerified | flagGroupsOverage | flagBegan | flagUpdated | flagActor
)

// texts and lists define the order of the encoding.
func (rec *Record) texts() [8]*string {
	return [...]*string{
		&rec.Subject, &rec.SID, &rec.Name, &rec.PreferredUsername, &rec.Email, &rec.Picture, &rec.ACR, &rec.AskedACR,
	}
}

func (rec *Record) lists() [2]*[]string {
	return [...]*[]string{&rec.Groups, &rec.Organizations}
}

func (rec *Record) flags() (flags byte) {
	for i, is := range [...]bool{
		rec.EmailVerified, rec.GroupsOverage, !rec.Began.IsZero(), !rec.Updated.IsZero(), len(rec.Actor) > 0,
	} {
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
	for _, text := range rec.texts() {
		b = wire.AppendText(b, *text)
	}
	for _, list := range rec.lists() {
		b = wire.AppendTexts(b, *list)
	}
	for _, bytes := range [...][]byte{rec.Claims, rec.Data, rec.IDToken} {
		b = wire.AppendText(b, bytes)
	}
	if len(rec.Actor) > 0 {
		b = wire.AppendText(b, rec.Actor)
	}
	return b
}

// decode reads what append wrote, and reports whether data is a complete record with its times and a subject. rec
// retains data; its strings share one buffer.
func (rec *Record) decode(data []byte) bool {
	rd := wire.NewReader(data)
	if rd.Byte() != recordVersion {
		return false
	}
	copy(rec.ID[:], rd.Bytes(len(rec.ID)))
	flags := rd.Byte()
	if flags&^knownFlags != 0 {
		return false
	}
	rec.EmailVerified = flags&flagEmailVerified != 0
	rec.GroupsOverage = flags&flagGroupsOverage != 0
	rec.Created, rec.Renewed, rec.AuthTime, rec.Issued = rd.Seconds(), rd.Seconds(), rd.Seconds(), rd.Seconds()
	rec.Started = rd.Microseconds()
	if flags&flagBegan != 0 {
		rec.Began = rd.Microseconds()
	}
	if flags&flagUpdated != 0 {
		rec.Updated = rd.Microseconds()
	}
	rec.AskedMaxAge = age(&rd)
	for _, text := range rec.texts() {
		*text = rd.Text()
	}
	for _, list := range rec.lists() {
		if texts := rd.Texts(); len(texts) > 0 {
			*list = texts
		}
	}
	for _, bytes := range [...]*[]byte{&rec.Claims, &rec.Data, &rec.IDToken} {
		if block := rd.Block(); len(block) > 0 {
			*bytes = block
		}
	}
	if flags&flagActor != 0 {
		if rec.Actor = rd.Block(); len(rec.Actor) == 0 {
			rd.Fail()
		}
	}
	return rd.Done() && !rec.Created.IsZero() && !rec.Renewed.IsZero() && rec.Subject != ""
}

// age reads AskedMaxAge+1.
func age(rd *wire.Reader) int {
	n := rd.Uvarint()
	if n > math.MaxInt32 {
		rd.Fail()
	}
	return int(n) - 1
}
