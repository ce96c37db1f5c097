package session

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

func smallest(askedMaxAge int) Record {
	return Record{Created: time.Unix(1, 0).UTC(), Renewed: time.Unix(2, 0).UTC(), Subject: "s", AskedMaxAge: askedMaxAge}
}

func acting() Record {
	rec := smallest(-1)
	rec.Actor = []byte("root")
	return rec
}

// inGroups is in so many groups of one letter each.
func inGroups(n int) Record {
	rec := smallest(-1)
	for i := range n {
		rec.Groups += wire.List([]byte{1, 'A' + byte(i)})
	}
	return rec
}

func zeros(n int) string { return strings.Repeat("\x00", n) }

func ofVersion1(rec Record) Record {
	rec.SubjectHash, rec.SIDHash, rec.Expires, rec.Checked, rec.AMR = [16]byte{}, [16]byte{}, time.Time{}, time.Time{}, ""
	return rec
}

// TestGoldenRecord holds the bytes of the layout. The next version, which may run at the same time, must read the
// records in browsers and stores.
func TestGoldenRecord(t *testing.T) {
	for name, tt := range map[string]struct {
		rec    Record
		golden string
	}{
		"full": {sample(), "\x02" + "\x01\x02" + zeros(13) + "\x03" + "\x0f" + // version, ID, flags
			"\x80\xa4\xa7\xda\x06" + "\xd8\xa8\xa7\xda\x06" + "\x98\x9c\xa7\xda\x06" + "\xff\xa3\xa7\xda\x06" + // to Issued
			"\xc0\x97\x87\xc0\xf2\xa2\x99\x03" + // Started
			"\x80\x81\xd6\xbd\xf2\xa2\x99\x03" + "\x81\xca\x97\xb3\xf4\xa2\x99\x03" + // Began, Updated
			"\xad\x02" + // AskedMaxAge
			"\xde\x01" + "\x02\x0c248289761001" + "\x04\x0808a5019c" + "\x06\x04Zo\xc3\xab" + "\x08\x03zoe" +
			"\x0a\x0fzoe@example.com" + "\x0c\x19https://example.com/z.png" + "\x0e\x04gold" + "\x10\x0bgold silver" +
			"\x12\x07\x05admin\x00" + "\x14\x06\x05org_1" + // Groups, Organizations
			"\x16\x07{\"a\":1}" + "\x18\x0a{\"cart\":7}" + "\x1a\x18header.payload.signature" +
			"\x1e\x10\x04" + zeros(14) + "\x05" + "\x20\x10\x06" + zeros(15) +
			"\x22\x05\xb0\x8e\xa9\xda\x06" + "\x23\x05\xac\xa6\xa7\xda\x06" + "\x25\x08\x03mfa\x03pwd"}, // SubjectHash, SIDHash
		"smallest": {smallest(0),
			"\x02" + zeros(16) + "\x00" + "\x01" + "\x02" + "\x00\x00\x00" + "\x01" + "\x03" + "\x02\x01s"},
		"no age": {smallest(-1),
			"\x02" + zeros(16) + "\x00" + "\x01" + "\x02" + "\x00\x00\x00" + "\x00" + "\x03" + "\x02\x01s"},
		"many groups": {inGroups(33), "\x02" + zeros(16) + "\x00" + "\x01" + "\x02" + "\x00\x00\x00" + "\x00" +
			"\x4d" + "\x02\x01s" + "\x12\x42" + string(inGroups(33).Groups) + "\x13\x04\x00\x20\x00\x40"},
		"acting": {acting(), "\x02" + zeros(16) + "\x00" + "\x01" + "\x02" + "\x00\x00\x00" + "\x00" +
			"\x09" + "\x02\x01s" + "\x1c\x04root"},
	} {
		if got := string(tt.rec.append(nil)); got != tt.golden {
			t.Errorf("%s: encoded as\n%q, want\n%q", name, got, tt.golden)
		}
		var got Record
		if !got.decode([]byte(tt.golden)) || !reflect.DeepEqual(got, tt.rec) {
			t.Errorf("%s: decoded as\n%+v, want\n%+v", name, got, tt.rec)
		}
	}
}

// TestGoldenRecord1: records of version 1 in browsers and stores are read until they end.
func TestGoldenRecord1(t *testing.T) {
	for name, tt := range map[string]struct {
		rec    Record
		golden string
	}{
		"full": {ofVersion1(sample()), "\x01" + "\x01\x02" + zeros(13) + "\x03" + "\x0f" + // version, ID, flags
			"\x80\xa4\xa7\xda\x06" + "\xd8\xa8\xa7\xda\x06" + "\x98\x9c\xa7\xda\x06" + "\xff\xa3\xa7\xda\x06" + // to Issued
			"\xc0\x97\x87\xc0\xf2\xa2\x99\x03" + // Started
			"\x80\x81\xd6\xbd\xf2\xa2\x99\x03" + "\x81\xca\x97\xb3\xf4\xa2\x99\x03" + // Began, Updated
			"\xad\x02" + // AskedMaxAge
			"\x0c248289761001" + "\x0808a5019c" + "\x04Zo\xc3\xab" + "\x03zoe" + "\x0fzoe@example.com" +
			"\x19https://example.com/z.png" + "\x04gold" + "\x0bgold silver" +
			"\x02" + "\x05admin" + "\x00" + "\x01" + "\x05org_1" + // Groups, Organizations
			"\x07{\"a\":1}" + "\x0a{\"cart\":7}" + "\x18header.payload.signature"},
		"smallest": {smallest(0),
			"\x01" + zeros(16) + "\x00" + "\x01" + "\x02" + "\x00\x00\x00" + "\x01" + "\x01s" + zeros(12)},
		"no age": {smallest(-1),
			"\x01" + zeros(16) + "\x00" + "\x01" + "\x02" + "\x00\x00\x00" + "\x00" + "\x01s" + zeros(12)},
		"many groups": {inGroups(33), "\x02" + zeros(16) + "\x00" + "\x01" + "\x02" + "\x00\x00\x00" + "\x00" +
			"\x4d" + "\x02\x01s" + "\x12\x42" + string(inGroups(33).Groups) + "\x13\x04\x00\x20\x00\x40"},
		"acting": {acting(),
			"\x01" + zeros(16) + "\x10" + "\x01" + "\x02" + "\x00\x00\x00" + "\x00" + "\x01s" + zeros(12) + "\x04root"},
	} {
		var got Record
		if !got.decode([]byte(tt.golden)) || !reflect.DeepEqual(got, tt.rec) {
			t.Errorf("%s: decoded as\n%+v, want\n%+v", name, got, tt.rec)
		}
		for n := range len(tt.golden) {
			if new(Record).decode([]byte(tt.golden[:n])) {
				t.Errorf("%s: decoded from the first %d of %d bytes", name, n, len(tt.golden))
			}
		}
		if new(Record).decode([]byte(tt.golden + "\x00")) {
			t.Errorf("%s: decoded with a byte more", name)
		}
	}
}
