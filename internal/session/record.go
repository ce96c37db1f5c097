package session

import (
	"encoding/binary"
	"math"
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

// The tags of the fields. Those of texts and blocks are also their order in texts and blocks.
const (
	fieldSubject = 2 * (1 + iota)
	fieldSID
	fieldName
	fieldPreferredUsername
	fieldEmail
	fieldPicture
	fieldACR
	fieldAskedACR
	fieldGroups
	fieldOrganizations
	fieldClaims
	fieldData
	fieldIDToken
	fieldActor
	fieldSubjectHash
	fieldSIDHash
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

func (rec *Record) appendFields(b []byte) []byte {
	for i, text := range [...]string{
		rec.Subject, rec.SID, rec.Name, rec.PreferredUsername, rec.Email, rec.Picture, rec.ACR, rec.AskedACR,
		string(rec.Groups), string(rec.Organizations),
	} {
		b = appendField(b, fieldSubject+2*i, text)
	}
	for i, block := range [...][]byte{rec.Claims, rec.Data, rec.IDToken, rec.Actor} {
		b = appendField(b, fieldClaims+2*i, block)
	}
	for i, hash := range [...][16]byte{rec.SubjectHash, rec.SIDHash} {
		if hash != [16]byte{} {
			b = appendField(b, fieldSubjectHash+2*i, hash[:])
		}
	}
	return b
}

func appendField[T string | []byte](b []byte, tag int, content T) []byte {
	if len(content) == 0 {
		return b
	}
	return wire.AppendText(append(b, byte(tag)), content)
}

// decode reads what append wrote, or an earlier version did, and reports whether data is a complete record with its
// times and a subject. rec retains data and shares its memory.
func (rec *Record) decode(data []byte) bool {
	rd := wire.NewReader(data)
	switch rd.Byte() {
	case 1:
		rec.decodeRest1(&rd, rec.decodeHead(&rd, knownFlags|flagActor))
	case recordVersion:
		rec.decodeHead(&rd, knownFlags)
		if !rec.decodeFields(rd.Block()) {
			return false
		}
	default:
		return false
	}
	return rd.Done() && !rec.Created.IsZero() && !rec.Renewed.IsZero() && rec.Subject != ""
}

// decodeHead reads what comes before the fields.
func (rec *Record) decodeHead(rd *wire.Reader, known byte) (flags byte) {
	copy(rec.ID[:], rd.Bytes(len(rec.ID)))
	flags = rd.Byte()
	if flags&^known != 0 {
		rd.Fail()
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
	if n := rd.Uvarint(); n <= math.MaxInt32 {
		rec.AskedMaxAge = int(n) - 1
	} else {
		rd.Fail()
	}
	return flags
}

func (rec *Record) decodeFields(fields []byte) bool {
	rd := wire.NewReader(fields)
	for last := 0; !rd.Done(); {
		tag, content := int(rd.Byte()), rd.Block()
		if tag <= last || len(content) == 0 || !rec.decodeField(tag, content) {
			return false
		}
		last = tag
	}
	return true
}

// decodeField reads the content of a field, and reports whether it is well-formed or may be ignored.
func (rec *Record) decodeField(tag int, content []byte) (ok bool) {
	text, ok := wire.Text(content), true
	switch tag {
	case fieldSubject:
		rec.Subject = text
	case fieldSID:
		rec.SID = text
	case fieldName:
		rec.Name = text
	case fieldPreferredUsername:
		rec.PreferredUsername = text
	case fieldEmail:
		rec.Email = text
	case fieldPicture:
		rec.Picture = text
	case fieldACR:
		rec.ACR = text
	case fieldAskedACR:
		rec.AskedACR = text
	case fieldGroups:
		rec.Groups, ok = wire.ParseList(text)
	case fieldOrganizations:
		rec.Organizations, ok = wire.ParseList(text)
	case fieldClaims:
		rec.Claims = content
	case fieldData:
		rec.Data = content
	case fieldIDToken:
		rec.IDToken = content
	case fieldActor:
		rec.Actor = content
	case fieldSubjectHash:
		ok = setHash(&rec.SubjectHash, content)
	case fieldSIDHash:
		ok = setHash(&rec.SIDHash, content)
	default:
		return tag%2 == 1
	}
	return ok
}

func setHash(hash *[16]byte, content []byte) bool {
	return copy(hash[:], content) == len(hash) && len(content) == len(hash)
}
