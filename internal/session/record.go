package session

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// Record is what one session holds. Encoded it is
//
//	version ‖ ID ‖ flags ‖ Created ‖ Renewed ‖ AuthTime ‖ Issued ‖ Started ‖ Began ‖ Updated ‖ AskedMaxAge+1 ‖
//	texts ‖ lists ‖ Claims ‖ Data ‖ IDToken ‖ Actor
//
// with times as Unix seconds (0: unknown), Started, Began and Updated as microseconds, Began, Updated and Actor where a
// flag says that they are there, and numbers and lengths as uvarints. Any other version or flag is no session: old and
// new instances may run side by side.
type Record struct {
	ID [16]byte // random, new at every sign-in
	// Times in whole seconds, UTC; AuthTime and Issued are the provider's and zero
	// when unknown. Issued is the iat of the ID token.
	Created, Renewed, AuthTime, Issued time.Time
	// Started is when the sign-in began here, in microseconds. What ended sessions before
	// Began did not mean this one; zero: a moment before Started. Updated is when the user
	// was last changed, and zero when that was never: of the same ID the latest counts.
	Started, Began, Updated time.Time
	// AskedMaxAge is the max_age in seconds that the sign-in asked for, -1 when it
	// did not, and AskedACR its acr_values.
	AskedMaxAge int

	Subject, SID, Name, PreferredUsername, Email, Picture, ACR, AskedACR string

	EmailVerified bool
	GroupsOverage bool // the provider sent a reference instead of the groups
	Groups        []string
	Organizations []string
	Claims        []byte // a JSON object of further claims; nil when there are none
	Data          []byte // the app's own; nil when there is none
	IDToken       []byte // as the provider signed it; nil when it is not kept
	Actor         []byte // who acts as the user, as the caller writes it; nil when that is the user
}

// Owner names the session as the owner of values that requests keep for each other.
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

// texts and lists give the order of the encoding.
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

// Size is how many bytes the record takes, before it is sealed.
func (rec *Record) Size() int { return len(rec.append(nil)) }

// append encodes rec behind b.
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

// decode reads what append wrote, and reports whether data is a whole record
// with its times and a subject. rec keeps data; its strings share one buffer.
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
