package cookiestore

import (
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// TestGoldenValues holds the bytes of each kind of value: they are stored in browsers, where the next version must read
// them.
func TestGoldenValues(t *testing.T) {
	const key = "\x01" + "\x0f\x01k" // one pair, and the text "k"
	for _, tt := range []struct {
		value  any
		golden string
	}{
		{nil, "\x00"}, {false, "\x01"}, {true, "\x02"},
		{int(-300), "\x03\xd7\x04"}, {int8(-3), "\x04\x05"}, {int16(-300), "\x05\xd7\x04"},
		{int32(-300), "\x06\xd7\x04"}, {int64(-300), "\x07\xd7\x04"},
		{uint(300), "\x08\xac\x02"}, {uint8(3), "\x09\x03"}, {uint16(300), "\x0a\xac\x02"}, {uint32(300), "\x0b\xac\x02"},
		{uint64(math.MaxUint64), "\x0c\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{float32(1.5), "\x0d\x80\x80\x80\xfe\x03"}, {float64(1.5), "\x0e\x80\x80\x80\x80\x80\x80\x80\xfc\x3f"},
		{"text", "\x0f\x04text"}, {[]byte("bytes"), "\x10\x05bytes"}, {[]string{"a", "", "bc"}, "\x11\x03\x01a\x00\x02bc"},
		{time.Date(2000, 1, 2, 3, 4, 5, 6, time.UTC), "\x12\x0f\x01\x00\x00\x00\x0e\xb0\x00\xb7%\x00\x00\x00\x06\xff\xff"},
	} {
		want := map[any]any{"k": tt.value}
		got, err := encodeValues(want)
		if err != nil || string(got) != key+tt.golden {
			t.Errorf("%T %v: encoded as %q, %v, want %q", tt.value, tt.value, got, err, tt.golden)
		}
		if got, ok := decodeValues([]byte(key + tt.golden)); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%T %v: decoded as %v, %t", tt.value, tt.value, got, ok)
		}
	}
	// The output of encoding/gob differs between processes, so only the tag before it is compared.
	const gob = key + "\x13" + "\x1c" +
		"\x13\x10\x00\x05[]int\x7f\x02\x01\x02\xff\x80\x00\x01\x04\x00\x00\x07\xff\x80\x04\x00\x02\x02\x04"
	want := map[any]any{"k": []int{1, 2}}
	if got, ok := decodeValues([]byte(gob)); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded as %v, %t", got, ok)
	}
	if got, err := encodeValues(want); err != nil || !strings.HasPrefix(string(got), key+"\x13") {
		t.Errorf("encoded as %q, %v", got, err)
	}
}

// TestGoldenCookies: cookies kept by a browser are read, and new ones open to the same bytes and have the same form.
func TestGoldenCookies(t *testing.T) {
	const end = "\xbc\x87\xb5\xc3\x03" // a minute after the year 2000 began
	for _, tt := range []struct {
		name      string
		form      byte
		options   gsessions.Options
		payload   string
		plaintext string
		cookies   []string
	}{
		{"record", wire.FormRecord, gsessions.Options{MaxAge: 60}, "alice", "\x02" + end + "alice",
			[]string{"app=AXW4-Xk0IdynWDi0pPPQ8yXuGjdJVkfTVmXXTkI1KsjeT3ZLRqZDChj7qEE"}},
		{"record without an end", wire.FormRecord, gsessions.Options{}, "alice", "\x02" + "\x00" + "alice",
			[]string{"app=AXW4-Xnpe6BRKYM3i3fz-hnns275orwq98zfNWhiFqnhkEDV40TyhA"}},
		{"values", wire.FormValues, gsessions.Options{MaxAge: 60}, "\x00", "\x01" + end + "\x00",
			[]string{"app=AXW4-XnilQXKEgtOnQJYvb_IvqHEBvDGJ87UKHz5w9xc6HthF3iOVQ"}},
		{"record in parts", wire.FormRecord, gsessions.Options{Path: "/" + strings.Repeat("p", 4030)}, "alice",
			"\x02" + "\x00" + "alice",
			[]string{"app=~2~AXW4-Xlso5KpOqsn4ZWUty_-q0WrFRZQzl0u68d6AKm2gpbel", "app.1=Qf56A"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // whose clock starts in the year 2000
				testGolden(t, tt.form, tt.options, tt.payload, tt.plaintext, tt.cookies)
			})
		})
	}
}

func testGolden(t *testing.T, form byte, options gsessions.Options, payload, plaintext string, cookies []string) {
	store, err := New(Config{Secrets: []string{"a secret of thirty-two bytes, ok"}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header["Cookie"] = cookies
	if got, _, ok := store.load(time.Now(), r, "app", form); !ok || string(got) != payload {
		t.Errorf("loaded as %q, %t", got, ok)
	}
	h, r := http.Header{}, httptest.NewRequest(http.MethodGet, "/", nil)
	if err := store.save(h, r, "app", form, []byte(payload), &options); err != nil {
		t.Fatal(err)
	}
	if len(h["Set-Cookie"]) != len(cookies) {
		t.Fatalf("%d cookies, want %d", len(h["Set-Cookie"]), len(cookies))
	}
	for i, line := range h["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		want := cookies[i]
		marker := strings.LastIndexAny(want, "~=") + 1 // what is behind it is sealed under a random nonce
		if len(pair) != len(want) || pair[:marker] != want[:marker] {
			t.Errorf("cookie %q, want one like %q", pair, want)
		}
		r.Header.Add("Cookie", pair)
	}
	var carried parts
	carried.read(r, "app")
	text, _ := carried.join(cookie.MaxParts)
	if got, _, ok := store.ring.Open(text, []byte("app")); !ok || string(got) != plaintext {
		t.Errorf("saved as\n%q, want\n%q", got, plaintext)
	}
}
