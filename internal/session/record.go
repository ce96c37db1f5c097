package session

import (
	"encoding/binary"
	"math"
	"time"
)

// Record is what one session holds. Encoded it is
//
//	version ‖ ID ‖ flags ‖ Created ‖ Renewed ‖ AuthTime ‖ Issued ‖ Started ‖ Began ‖ Updated ‖ AskedMaxAge+1 ‖ texts ‖ lists ‖ Claims ‖ Data ‖ IDToken
//
// with times as Unix seconds (0: unknown), Started, Began and Updated as microseconds,
// the last two where a flag says that they are there, and numbers and lengths as uvarints.
// Any other version is no session: old and new instances may run side by side.
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
}

const (
	recordVersion = 1

	flagEmailVerified = 1 << 0
	flagGroupsOverage = 1 << 1
	flagBegan         = 1 << 2
	flagUpdated       = 1 << 3
	knownFlags        = flagEmailVerified | flagGroupsOverage | flagBegan | flagUpdated

	maxSeconds = 253402300799 // the end of the year 9999
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
	for i, is := range [...]bool{rec.EmailVerified, rec.GroupsOverage, !rec.Began.IsZero(), !rec.Updated.IsZero()} {
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
		b = binary.AppendUvarint(b, unixSeconds(t))
	}
	b = binary.AppendUvarint(b, uint64(max(0, rec.Started.UnixMicro())))
	for _, t := range [...]time.Time{rec.Began, rec.Updated} {
		if !t.IsZero() {
			b = binary.AppendUvarint(b, uint64(max(0, t.UnixMicro())))
		}
	}
	b = binary.AppendUvarint(b, uint64(max(0, rec.AskedMaxAge+1)))
	for _, text := range rec.texts() {
		b = appendText(b, *text)
	}
	for _, list := range rec.lists() {
		b = binary.AppendUvarint(b, uint64(len(*list)))
		for _, text := range *list {
			b = appendText(b, text)
		}
	}
	for _, bytes := range [...][]byte{rec.Claims, rec.Data, rec.IDToken} {
		b = appendText(b, string(bytes))
	}
	return b
}

func appendText(b []byte, text string) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

func unixSeconds(t time.Time) uint64 {
	if s := t.Unix(); s > 0 && s <= maxSeconds {
		return uint64(s)
	}
	return 0
}

// decode reads what append wrote, and reports whether data is a whole record
// with its times and a subject. rec keeps data; its strings share one buffer.
func (rec *Record) decode(data []byte) bool {
	rd := reader{data: data, text: string(data)}
	version := rd.take(1)
	id := rd.take(len(rec.ID))
	flags := rd.take(1)
	if rd.bad || version[0] != recordVersion || flags[0]&^knownFlags != 0 {
		return false
	}
	rec.ID = [16]byte([]byte(id))
	rec.EmailVerified = flags[0]&flagEmailVerified != 0
	rec.GroupsOverage = flags[0]&flagGroupsOverage != 0
	rec.Created, rec.Renewed, rec.AuthTime, rec.Issued = rd.time(), rd.time(), rd.time(), rd.time()
	rec.Started = rd.microseconds()
	if flags[0]&flagBegan != 0 {
		rec.Began = rd.microseconds()
	}
	if flags[0]&flagUpdated != 0 {
		rec.Updated = rd.microseconds()
	}
	rec.AskedMaxAge = rd.age()
	for _, text := range rec.texts() {
		*text = rd.take(rd.length())
	}
	for _, list := range rec.lists() {
		*list = rd.list()
	}
	for _, bytes := range [...]*[]byte{&rec.Claims, &rec.Data, &rec.IDToken} {
		*bytes = rd.bytes(rd.length())
	}
	complete := !rd.bad && len(rd.data) == 0
	return complete && !rec.Created.IsZero() && !rec.Renewed.IsZero() && rec.Subject != ""
}

// reader takes an encoded record apart. After the first fault it is bad and
// gives zero values.
type reader struct {
	data []byte
	text string // the same bytes as data
	bad  bool
}

func (rd *reader) uvarint() uint64 {
	v, n := binary.Uvarint(rd.data)
	if n <= 0 {
		rd.bad, n = true, 0
	}
	rd.data, rd.text = rd.data[n:], rd.text[n:]
	return v
}

// length reads a length or a count: at most the bytes that are left, so that
// memory is taken by what is there and not by what is claimed.
func (rd *reader) length() int {
	n := rd.uvarint()
	if rd.bad || n > uint64(len(rd.data)) {
		rd.bad = true
		return 0
	}
	return int(n)
}

func (rd *reader) take(n int) string {
	if n > len(rd.text) {
		rd.bad = true
		return ""
	}
	taken := rd.text[:n]
	rd.data, rd.text = rd.data[n:], rd.text[n:]
	return taken
}

func (rd *reader) bytes(n int) []byte {
	taken := rd.data[:n:n]
	rd.take(n)
	if n == 0 {
		return nil
	}
	return taken
}

func (rd *reader) list() []string {
	n := rd.length()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = rd.take(rd.length())
	}
	return list
}

func (rd *reader) time() time.Time {
	switch s := rd.uvarint(); {
	case s == 0:
		return time.Time{}
	case s > maxSeconds:
		rd.bad = true
		return time.Time{}
	default:
		return time.Unix(int64(s), 0).UTC()
	}
}

func (rd *reader) age() int {
	n := rd.uvarint()
	if n > math.MaxInt32 {
		rd.bad = true
		return -1
	}
	return int(n) - 1
}

func (rd *reader) microseconds() time.Time {
	switch us := rd.uvarint(); {
	case us == 0:
		return time.Time{}
	case us > maxSeconds*1e6:
		rd.bad = true
		return time.Time{}
	default:
		return time.UnixMicro(int64(us)).UTC()
	}
}
