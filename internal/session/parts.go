package session

import (
	"math"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// parts say where the parts of an encoded record are. Most requests need few of them, so a [Record], which has all of
// them, is made for the others only.
type parts struct {
	data []byte
	id   [16]byte
	moments
	started, began, updated int64 // in Unix microseconds; 0: unknown
	askedMaxAge             int
	flags                   byte
	fields                  [slots]span
}

// span is a part of the data.
type span struct{ begin, end uint32 }

// parse finds the parts of data, of whatever version, and reports whether it is a complete record with its times and a
// subject.
func (p *parts) parse(data []byte) bool {
	p.data = data
	rd := wire.NewReader(data)
	switch rd.Byte() {
	case 1:
		p.parseHead(&rd, knownFlags|flagActor)
		p.parseRest1(&rd)
	case recordVersion:
		p.parseHead(&rd, knownFlags)
		fields := rd.Block()
		if !p.parseFields(rd.At()-len(fields), rd.At()) {
			return false
		}
	default:
		return false
	}
	return rd.Done() && p.created != 0 && p.renewed != 0 && p.fields[fieldSubject/2] != span{} && p.wellFormed()
}

// parseHead reads what comes before the fields.
func (p *parts) parseHead(rd *wire.Reader, known byte) {
	copy(p.id[:], rd.Bytes(len(p.id)))
	if p.flags = rd.Byte(); p.flags&^known != 0 {
		rd.Fail()
	}
	p.created, p.renewed, p.authTime, p.issued = rd.Unix(), rd.Unix(), rd.Unix(), rd.Unix()
	p.started = rd.UnixMicro()
	if p.flags&flagBegan != 0 {
		p.began = rd.UnixMicro()
	}
	if p.flags&flagUpdated != 0 {
		p.updated = rd.UnixMicro()
	}
	if n := rd.Uvarint(); n <= math.MaxInt32 {
		p.askedMaxAge = int(n) - 1
	} else {
		rd.Fail()
	}
}

// parseFields finds the fields in this part of the data.
func (p *parts) parseFields(begin, end int) bool {
	rd := wire.NewReader(p.data[begin:end])
	for last := byte(0); !rd.Done(); {
		tag, content := rd.Field()
		if tag <= last || len(content) == 0 || tag%2 == 0 && tag > fieldTransient { // an unknown one
			return false
		}
		last = tag
		p.fields[slot(tag)] = span{uint32(begin + rd.At() - len(content)), uint32(begin + rd.At())}
	}
	return true
}

// wellFormed reports whether the fields are what they should be, and reads the times among them.
func (p *parts) wellFormed() bool {
	if groups := p.text(fieldGroups); p.block(fieldIndex) == nil { // of a list that takes long to read
		if _, ok := wire.ParseList(groups); !ok {
			return false
		}
	} else if !wire.Index(p.text(fieldIndex)).Fits(len(groups)) {
		return false
	}
	for _, tag := range [...]byte{fieldOrganizations, fieldAMR} {
		if _, ok := wire.ParseList(p.text(tag)); !ok {
			return false
		}
	}
	for _, tag := range [...]byte{fieldSubjectHash, fieldSIDHash} {
		if n := len(p.block(tag)); n != 0 && n != len(p.id) {
			return false
		}
	}
	if n := len(p.block(fieldActorHashes)); n != 0 && n != 2*len(p.id) {
		return false
	}
	if transient := p.text(fieldTransient); transient != "" && transient != "\x01" {
		return false
	}
	var ok, alsoOK bool
	p.expires, ok = p.seconds(fieldExpires)
	p.checked, alsoOK = p.seconds(fieldChecked)
	return ok && alsoOK
}

// block returns the content of a field, or nil if the record does not have it.
func (p *parts) block(tag byte) []byte {
	if s := p.fields[slot(tag)]; s.end != 0 {
		return p.data[s.begin:s.end:s.end]
	}
	return nil
}

// text returns the content of a field, or "" if the record does not have it. It shares the memory of the data.
func (p *parts) text(tag byte) string { return wire.Text(p.block(tag)) }

// seconds reads what appendTime wrote: 0 if the record does not have it.
func (p *parts) seconds(tag byte) (seconds int64, ok bool) {
	content := p.block(tag)
	if content == nil {
		return 0, true
	}
	rd := wire.NewReader(content)
	seconds = rd.Unix()
	return seconds, rd.Done() && seconds != 0
}

// fill makes the record of its parts.
func (p *parts) fill(rec *Record) {
	rec.ID, rec.AskedMaxAge = p.id, p.askedMaxAge
	rec.Created, rec.Renewed, rec.AuthTime, rec.Issued = at(p.created), at(p.renewed), at(p.authTime), at(p.issued)
	rec.Expires, rec.Checked = at(p.expires), at(p.checked)
	rec.Started, rec.Began, rec.Updated = atMicro(p.started), atMicro(p.began), atMicro(p.updated)
	rec.EmailVerified, rec.GroupsOverage = p.flags&flagEmailVerified != 0, p.flags&flagGroupsOverage != 0

	rec.Subject, rec.SID, rec.Name = p.text(fieldSubject), p.text(fieldSID), p.text(fieldName)
	rec.PreferredUsername, rec.Email = p.text(fieldPreferredUsername), p.text(fieldEmail)
	rec.Picture, rec.ACR, rec.AskedACR = p.text(fieldPicture), p.text(fieldACR), p.text(fieldAskedACR)
	rec.Provider, rec.Issuer = p.text(fieldProvider), p.text(fieldIssuer)
	rec.Groups, rec.Organizations = wire.List(p.text(fieldGroups)), wire.List(p.text(fieldOrganizations))
	rec.AMR = wire.List(p.text(fieldAMR))

	rec.Claims, rec.Data = p.block(fieldClaims), p.block(fieldData)
	rec.IDToken, rec.Actor = p.block(fieldIDToken), p.block(fieldActor)

	copy(rec.SubjectHash[:], p.block(fieldSubjectHash))
	copy(rec.SIDHash[:], p.block(fieldSIDHash))
	n := copy(rec.ActorHash[:], p.block(fieldActorHashes))
	copy(rec.ActorSIDHash[:], p.block(fieldActorHashes)[n:])
	rec.Transient = p.block(fieldTransient) != nil
}

func at(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

func atMicro(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
