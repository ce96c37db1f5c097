package cookiestore

import (
	"encoding/gob"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// registered is a type that an app registers with gob, as for every other gin-contrib store.
type registered struct{ Name string }

type unregistered struct{ Name string }

// explosive panics when gob encodes it or reads it.
type explosive struct{}

func (explosive) GobEncode() ([]byte, error) { panic("a secret") }

type fuse struct{ Lit bool }

func (fuse) GobEncode() ([]byte, error) { return []byte{1}, nil }
func (*fuse) GobDecode([]byte) error    { panic("a secret") }

func TestMain(m *testing.M) {
	gob.Register(registered{})
	gob.Register(explosive{})
	gob.Register(fuse{})
	m.Run()
}

func TestValuesComeBack(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 5, time.FixedZone("", 3600))
	values := []any{
		nil, true, false, "", "alice", []byte{}, []byte("\x00\xff"), []string{},
		[]string{"", "admin", strings.Repeat("g", 300)},
		int(math.MinInt64), int8(math.MinInt8), int16(math.MinInt16), int32(math.MinInt32), int64(math.MaxInt64),
		uint(math.MaxUint64), uint8(math.MaxUint8), uint16(math.MaxUint16), uint32(math.MaxUint32), uint64(math.MaxUint64),
		float32(-0.5), math.MaxFloat64, math.Inf(-1), noon, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Time{},
		registered{"alice"}, []any{"flash", registered{"bob"}},
	}
	all := make(map[any]any)
	for i, v := range values {
		all[i] = v
	}
	all["by name"], all[registered{"key"}], all[nil] = 1, 2, 3
	b, err := encodeValues(all)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := decodeValues(b)
	if !ok || len(got) != len(all) {
		t.Fatalf("%d values came back, ok %v", len(got), ok)
	}
	for k, want := range all {
		if at, isTime := want.(time.Time); isTime {
			if at2, ok := got[k].(time.Time); !ok || !at2.Equal(at) {
				t.Errorf("%v came back as %v", want, got[k])
			}
		} else if !reflect.DeepEqual(got[k], want) {
			t.Errorf("%T %v came back as %T %v", want, want, got[k], got[k])
		}
	}
}

// The reason for a separate encoding: common values need no gob, which costs 30 µs and 100 bytes for each value.
func TestCommonValuesAreSmall(t *testing.T) {
	b, err := encodeValues(map[any]any{"user": "alice", "n": 1, "at": time.Unix(0, 0), "in": true})
	if err != nil || len(b) > 45 {
		t.Errorf("%d bytes, error %v", len(b), err)
	}
}

func TestValuesThatCannotBeSaved(t *testing.T) {
	store, err := New(Config{Secrets: []string{strings.Repeat("s", 32)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string]map[any]any{
		"unregistered type": {"k": unregistered{"a secret"}},
		"unregistered key":  {unregistered{"a secret"}: 1},
		"function":          {"k": func() {}},
		"nil pointer":       {"k": (*registered)(nil)},
		"panicking type":    {"k": explosive{}},
		"time gob refuses":  {"k": time.Now().In(time.FixedZone("", 40*3600*24))},
	} {
		session := gsessions.NewSession(store, "app")
		session.Values = values
		w := httptest.NewRecorder()
		if err := store.Save(httptest.NewRequest("GET", "/", nil), w, session); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "a secret") {
			t.Errorf("%s: the error reveals the value: %v", name, err)
		}
		if len(w.Header()) != 0 {
			t.Errorf("%s: header %v", name, w.Header())
		}
	}
}

// TestSplit: a text takes as few cookies as possible, to the last byte.
func TestSplit(t *testing.T) {
	for size, want := range map[int]int{0: 1, 10: 1, 11: 2, 17: 2, 18: 3, 27: 3, 28: 0} {
		values, err := split(strings.Repeat("x", size), 10, 3)
		if len(values) != want || (err == nil) != (want > 0) {
			t.Errorf("%d bytes: %q, %v", size, values, err)
		}
	}
}

// Case 142: values of another version, or none at all.
func TestOddValues(t *testing.T) {
	lit, err := encodeValues(map[any]any{"k": fuse{}})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"pair missing":         {1},
		"value missing":        {1, tagTrue},
		"more behind":          {0, 0},
		"unknown tag":          {1, tagTrue, 0xEE},
		"long string":          {1, tagTrue, tagString, 5, 'a'},
		"endless length":       {1, tagTrue, tagBytes, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"endless list":         {1, tagTrue, tagStrings, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"endless count":        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, tagTrue, tagTrue},
		"cut integer":          {1, tagTrue, tagInt, 0x80},
		"bad time":             {1, tagTrue, tagTime, 1, 9},
		"bad gob":              {1, tagTrue, tagGob, 2, 9, 9},
		"bytes as a key":       {1, tagBytes, 1, 'a', tagTrue},
		"list as a key":        {1, tagStrings, 0, tagTrue},
		"gob reader that pops": lit,
	} {
		if values, ok := decodeValues(b); ok {
			t.Errorf("%s: decoded as %v", name, values)
		}
	}
}

// TestSealedOddValues: what another version has sealed in another form is a new session, without half of its values.
func TestSealedOddValues(t *testing.T) {
	store, err := New(Config{Secrets: []string{strings.Repeat("s", 32)}})
	if err != nil {
		t.Fatal(err)
	}
	h, r := http.Header{}, httptest.NewRequest("GET", "/", nil)
	odd := []byte{2, tagTrue, tagTrue, tagTrue, 0xEE} // a pair, and one with an unknown tag
	if err := store.save(h, r, "app", wire.FormValues, odd, nil); err != nil {
		t.Fatal(err)
	}
	pair, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	r.Header.Set("Cookie", pair)
	if session, err := store.New(r, "app"); err != nil || !session.IsNew || len(session.Values) != 0 {
		t.Errorf("%+v, %v", session, err)
	}
}

// FuzzDecodeValues: any input decodes or does not, without a panic; what decodes encodes again.
func FuzzDecodeValues(f *testing.F) {
	for _, values := range []map[any]any{
		{}, {"user": "alice", 1: []string{"admin"}}, {true: 1.5, "at": time.Unix(1, 0)},
		{"r": registered{"alice"}, "b": []byte{0}},
	} {
		b, err := encodeValues(values)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{1, tagStrings, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		values, ok := decodeValues(b)
		if !ok {
			return
		}
		again, err := encodeValues(values)
		if err != nil {
			t.Fatalf("%v does not encode: %v", values, err)
		}
		if same, ok := decodeValues(again); !ok || len(same) != len(values) {
			t.Errorf("%v came back as %v, ok %v", values, same, ok)
		}
	})
}
