package session

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

func sample() Record {
	return Record{
		ID: [16]byte{1, 2, 15: 3}, Created: time.Unix(1_800_000_000, 0).UTC(), Renewed: time.Unix(1_800_000_600, 0).UTC(),
		AuthTime: time.Unix(1_799_999_000, 0).UTC(), Issued: time.Unix(1_799_999_999, 0).UTC(),
		Started: time.UnixMicro(1_799_999_990_123_456).UTC(),
		Began:   time.UnixMicro(1_799_999_985_123_456).UTC(), Updated: time.UnixMicro(1_800_000_500_000_001).UTC(),
		Subject: "248289761001", SID: "08a5019c", Name: "Zoë", PreferredUsername: "zoe", Email: "zoe@example.com",
		Picture: "https://example.com/z.png",
		ACR:     "gold", AskedACR: "gold silver", AskedMaxAge: 300,
		EmailVerified: true, GroupsOverage: true, Groups: wire.NewList([]string{"admin", ""}),
		Organizations: wire.NewList([]string{"org_1"}),
		Claims:        []byte(`{"a":1}`), Data: []byte(`{"cart":7}`), IDToken: []byte("header.payload.signature"),
		SubjectHash: [16]byte{4, 15: 5}, SIDHash: [16]byte{6},
		Expires: time.Unix(1_800_030_000, 0).UTC(), Checked: time.Unix(1_800_000_300, 0).UTC(),
		AMR: wire.NewList([]string{"mfa", "pwd"}),
	}
}

func TestRecordComesBack(t *testing.T) {
	groups := make([]string, 300)
	for i := range groups {
		groups[i] = strings.Repeat("g", i)
	}
	for name, change := range map[string]func(*Record){
		"full":            func(*Record) {},
		"an actor":        func(rec *Record) { rec.Actor = []byte(`{"Subject":"root"}`) },
		"an actor's hash": func(rec *Record) { rec.ActorHash = [16]byte{7} },
		"transient":       func(rec *Record) { rec.Transient = true },
		"both hashes":     func(rec *Record) { rec.ActorHash, rec.ActorSIDHash = [16]byte{7}, [16]byte{8} },
		"smallest":        func(r *Record) { *r = Record{Created: r.Created, Renewed: r.Renewed, Subject: "s"} },
		"300 groups":      func(r *Record) { r.Groups = wire.NewList(groups) },
		"long text":       func(r *Record) { r.Name = strings.Repeat("n", 70_000) },
		"year 2039":       func(r *Record) { r.Created = time.Date(2039, 1, 1, 0, 0, 0, 0, time.UTC) }, // case 266
		"year 9999":       func(r *Record) { r.Renewed = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) },
		"a start in 9999": func(r *Record) { r.Started = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) },
		"no max age":      func(r *Record) { r.AskedMaxAge = -1 },
		"max age 0":       func(r *Record) { r.AskedMaxAge = 0 },
		"a long max age":  func(r *Record) { r.AskedMaxAge = math.MaxInt32 - 1 },
		"flags apart":     func(r *Record) { r.EmailVerified = false },
		"flags apart, 2":  func(r *Record) { r.GroupsOverage = false },
		"flags apart, 3":  func(r *Record) { r.Began = time.Time{} },
		"flags apart, 4":  func(r *Record) { r.Updated = time.Time{} },
		"hashes apart":    func(r *Record) { r.SubjectHash = [16]byte{} },
		"hashes apart, 2": func(r *Record) { r.SIDHash = [16]byte{} },
		"an end in 9999":  func(r *Record) { r.Expires = time.Unix(wire.MaxSeconds, 0).UTC() },
		"no end":          func(r *Record) { r.Expires = time.Time{} },
		"no check":        func(r *Record) { r.Checked = time.Time{} },
		"no methods":      func(r *Record) { r.AMR = "" },
	} {
		t.Run(name, func(t *testing.T) {
			want := sample()
			change(&want)
			var got Record
			if !got.decode(want.append(nil)) || !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// An auth_time beyond any calendar is unknown, and does not make the session unreadable.
func TestOddAuthTimeIsUnknown(t *testing.T) {
	for _, odd := range []time.Time{{}, time.Unix(0, 0), time.Unix(-5, 0), time.Unix(wire.MaxSeconds+1, 0)} {
		rec := sample()
		rec.AuthTime = odd
		var got Record
		if !got.decode(rec.append(nil)) || !got.AuthTime.IsZero() {
			t.Errorf("%v: %v", odd, got.AuthTime)
		}
	}
}

// cases 142, 295: a record of another version, or a damaged one, is ignored.
func TestOddRecordsAreNone(t *testing.T) {
	rec := sample()
	whole := rec.append(nil)
	edit := func(at int, b byte) []byte {
		data := bytes.Clone(whole)
		data[at] = b
		return data
	}
	without := func(change func(*Record)) []byte {
		rec := sample()
		change(&rec)
		return rec.append(nil)
	}
	head := append(bytes.Clone(whole[:17]), 0)             // version, ID, no flags
	times := slices.Concat(head, []byte{1, 1, 1, 1, 1, 1}) // and five times and an age
	record := func(fields ...string) []byte { return wire.AppendText(bytes.Clone(times), strings.Join(fields, "")) }
	const subject = "\x02\x01s"
	withField := func(tag byte, content string) []byte {
		return record(subject, string(wire.AppendText([]byte{tag}, content)))
	}
	plain := record(subject)
	for name, data := range map[string][]byte{
		"empty":                           {},
		"version 0":                       edit(0, 0),
		"version 3":                       edit(0, recordVersion+1),
		"unknown flag":                    edit(17, whole[17]|128),
		"version 1, an actor of no bytes": version1(flagActor, 0),
		"version 1, an unknown flag":      version1(32),
		"one byte more":                   append(bytes.Clone(whole), 0),
		"no creation":                     without(func(r *Record) { r.Created = time.Time{} }),
		"no renewal":                      without(func(r *Record) { r.Renewed = time.Time{} }),
		"no subject":                      without(func(r *Record) { r.Subject = "" }),
		"time after 9999": slices.Concat(head, binary.AppendUvarint(nil, wire.MaxSeconds+1), []byte{1, 1, 1, 1, 1},
			plain[len(times):]),
		"start after 9999": slices.Concat(head, []byte{1, 1, 1, 1}, binary.AppendUvarint(nil, wire.MaxSeconds*1e6+1),
			[]byte{1}, plain[len(times):]),
		"age above 2^31": slices.Concat(head, []byte{1, 1, 1, 1, 1}, binary.AppendUvarint(nil, 1<<31),
			plain[len(times):]),
		"uvarint overflow":           slices.Concat(head, bytes.Repeat([]byte{0xff}, 11)),
		"text beyond the end":        record("\x02\xc8\x01subject"),
		"length of 2^63":             record("\x02", string(binary.AppendUvarint(nil, 1<<63))),
		"a group beyond the end":     withField(fieldGroups, "\x02a"),
		"an index beyond the groups": record(subject, "\x12\x02\x01a\x13\x02\x00\x02"),
		"an unknown even field":      withField(fieldTransient+2, "x"),
		"an unknown field at a time": withField(fieldTransient+4, "\x01"),
		"an unknown field of texts":  withField(fieldTransient+6, "\x01a"),
		"an unknown field far above": withField(fieldTransient+8, "\x01a"),
		"the highest even field":     withField(254, "\x01a"),
		"an empty field":             withField(fieldName, ""),
		"a field twice":              withField(fieldSubject, "t"),
		"fields in another order":    record(subject, "\x06\x01n\x04\x01s"),
		"a short hash":               withField(fieldSubjectHash, "123456789012345"),
		"a long hash":                withField(fieldSIDHash, "12345678901234567"),
		"an end at no time":          withField(fieldExpires, "\x00"),
		"more than an end":           withField(fieldExpires, "\x01\x01"),
		"more than a check":          withField(fieldChecked, "\x01\x01"),
		"a method beyond the end":    withField(fieldAMR, "\x02a"),
		"a hash of two missing":      withField(fieldActorHashes, "1234567890123456"),
		"transient in another way":   withField(fieldTransient, "\x02"),
		"more than two hashes":       withField(fieldActorHashes, strings.Repeat("h", 33)),
		"a tag alone":                record(subject, "\x06"),
		"fields cut short":           plain[:len(plain)-1],
		"more fields than said":      append(bytes.Clone(plain), "\x04\x01s"...),
	} {
		var got Record
		if got.decode(data) {
			t.Errorf("%s: decoded as %+v", name, got)
		}
	}
	for n := range whole {
		if new(Record).decode(whole[:n]) {
			t.Errorf("decoded from the first %d of %d bytes", n, len(whole))
		}
	}
	for name, data := range map[string][]byte{
		"version 1": version1(0), "version 1 with an actor": version1(flagActor, 1, 'a'),
	} {
		if !new(Record).decode(data) {
			t.Errorf("%s: not decoded", name)
		}
	}
	var got, want Record
	if !want.decode(plain) {
		t.Error("the hand-made record these rows vary is itself not readable")
	}
	for _, tag := range []byte{fieldAMR + 2, fieldTransient + 1, 255} {
		if !got.decode(withField(tag, "ignored")) || !reflect.DeepEqual(got, want) {
			t.Errorf("the unknown odd field %d makes %+v", tag, got)
		}
	}
}

// version1 returns a small record of version 1 that ends in rest.
func version1(flags byte, rest ...byte) []byte {
	head := append([]byte{1, 16: 0}, flags)
	times := []byte{1, 1, 1, 1, 1, 1}
	texts, lists, blocks := []byte{1, 's', 0, 0, 0, 0, 0, 0, 0}, []byte{0, 0}, []byte{0, 0, 0}
	return slices.Concat(head, times, texts, lists, blocks, rest)
}

// TestEndBeyondTheCalendar: an end after the year 9999 is none, and the record stays readable.
func TestEndBeyondTheCalendar(t *testing.T) {
	rec, got := sample(), Record{}
	rec.Expires = time.Unix(wire.MaxSeconds+1, 0)
	if !got.decode(rec.append(nil)) || !got.Expires.IsZero() {
		t.Errorf("it ends at %v", got.Expires)
	}
}

// A handler that appends to its claims must not overwrite the rest.
func TestClaimsKeepToThemselves(t *testing.T) {
	rec := sample()
	data := append(rec.append(nil), "next"...)[:len(rec.append(nil))]
	var got Record
	if !got.decode(data) || cap(got.Claims) != len(got.Claims) {
		t.Errorf("claims have room for %d more bytes", cap(got.Claims)-len(got.Claims))
	}
}

func FuzzDecode(f *testing.F) {
	rec := sample()
	f.Add(rec.append(nil))
	f.Add((&Record{Created: rec.Created, Renewed: rec.Renewed, Subject: "s"}).append(nil))
	f.Add([]byte{recordVersion})
	f.Add(version1(flagActor, 1, 'a'))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second Record
		if !first.decode(data) {
			return
		}
		checkLoaded(t, data, &first)
		if !second.decode(first.append(nil)) || !reflect.DeepEqual(first, second) {
			t.Errorf("%+v\ncomes back as %+v", first, second)
		}
	})
}
