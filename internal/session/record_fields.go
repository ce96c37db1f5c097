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

	fieldIndex   = fieldGroups + 1  // of the groups: without it, they are searched one by one
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
		if tag := fieldSubject + 2*i; tag == fieldGroups {
			b = appendField(b, fieldIndex, string(wire.NewIndex(rec.Groups)))
		}
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

// slots is the number of fields that [slot] tells apart.
const slots = fieldTransient/2 + 4

// slot returns the place of a field among those of [parts], unless its tag is even and unknown. Those with an unknown
// odd tag share the first.
func slot(tag byte) int {
	switch {
	case tag%2 == 0:
		return int(tag / 2)
	case tag == fieldIndex:
		return slots - 3
	case tag == fieldChecked:
		return slots - 2
	case tag == fieldAMR:
		return slots - 1
	}
	return 0
}
