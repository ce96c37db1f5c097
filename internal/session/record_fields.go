package session

import (
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
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
	fieldExpires // an instance that does not know it must not keep the session alive

	fieldChecked = fieldExpires + 1 // without it, the user is read again
	fieldAMR     = fieldExpires + 3 // without it, guards that require a method deny

	fieldActorHashes = fieldExpires + 4 // an instance that does not know it would not end the session with the actor's
	fieldProvider    = fieldExpires + 6 // an instance that does not know it would take the user for another provider's
	fieldIssuer      = fieldExpires + 8
	fieldTransient   = fieldExpires + 10 // such an instance would make the browser keep the session
)

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
	b = appendTime(b, fieldExpires, rec.Expires)
	b = appendTime(b, fieldChecked, rec.Checked)
	b = appendField(b, fieldAMR, string(rec.AMR))
	if rec.ActorHash != [16]byte{} {
		b = appendField(b, fieldActorHashes, append(rec.ActorHash[:], rec.ActorSIDHash[:]...))
	}
	b = appendField(b, fieldProvider, rec.Provider)
	b = appendField(b, fieldIssuer, rec.Issuer)
	if rec.Transient {
		b = appendField(b, fieldTransient, "\x01")
	}
	return b
}

func appendField[T string | []byte](b []byte, tag int, content T) []byte {
	if len(content) == 0 {
		return b
	}
	return wire.AppendText(append(b, byte(tag)), content)
}

// appendTime appends a time in seconds, unless it is zero or beyond any calendar.
func appendTime(b []byte, tag int, t time.Time) []byte {
	if s := t.Unix(); s <= 0 || s > wire.MaxSeconds {
		return b
	}
	return appendField(b, tag, wire.AppendSeconds(nil, t))
}

func (rec *Record) decodeFields(fields []byte) bool {
	rd := wire.NewReader(fields)
	for last := byte(0); !rd.Done(); {
		tag, content := rd.Field()
		if tag <= last || len(content) == 0 || !rec.decodeField(tag, content) {
			return false
		}
		last = tag
	}
	return true
}

// decodeField reads the content of a field, and reports whether it is well-formed or may be ignored.
func (rec *Record) decodeField(tag byte, content []byte) (ok bool) {
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
	case fieldExpires:
		rec.Expires, ok = timeOf(content)
	case fieldChecked:
		rec.Checked, ok = timeOf(content)
	case fieldAMR:
		rec.AMR, ok = wire.ParseList(text)
	case fieldActorHashes:
		n := copy(rec.ActorHash[:], content)
		ok = setHash(&rec.ActorSIDHash, content[n:])
	case fieldProvider:
		rec.Provider = text
	case fieldIssuer:
		rec.Issuer = text
	case fieldTransient:
		rec.Transient, ok = true, text == "\x01"
	default:
		return tag%2 == 1
	}
	return ok
}

// timeOf reads what appendTime wrote.
func timeOf(content []byte) (t time.Time, ok bool) {
	rd := wire.NewReader(content)
	t = rd.Seconds()
	return t, rd.Done() && !t.IsZero()
}

func setHash(hash *[16]byte, content []byte) bool {
	copy(hash[:], content)
	return len(content) == len(hash)
}
