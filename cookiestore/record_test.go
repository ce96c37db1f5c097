package cookiestore_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/seal"
)

// saved returns the cookies of a saved record, as a browser sends them.
func saved(t testing.TB, store *cookiestore.Store, record []byte) []string {
	t.Helper()
	h := make(http.Header)
	if err := store.SaveRecord(h, request(), name, record, options); err != nil {
		t.Fatalf("SaveRecord: %v", err)
	}
	return pairs(t, h)
}

func TestRecordSizes(t *testing.T) {
	store := newStore(t, newSecret)
	for _, tt := range []struct{ size, cookies int }{
		{0, 1}, {200, 1}, {2886, 1}, {2887, 2}, {5000, 2}, {20_000, 7}, {23_358, 8},
	} {
		record := bytes.Repeat([]byte{7}, tt.size)
		h := make(http.Header)
		if err := store.SaveRecord(h, request(), name, record, options); err != nil {
			t.Fatalf("%d bytes: %v", tt.size, err)
		}
		if got := len(h["Set-Cookie"]); got != tt.cookies {
			t.Errorf("%d bytes: %d cookies, want %d", tt.size, got, tt.cookies)
		}
		for _, line := range h["Set-Cookie"] {
			if len(line) > 4096 { // browsers drop it silently
				t.Errorf("%d bytes: a cookie of %d bytes", tt.size, len(line))
			}
		}
		got, stale, err := store.LoadRecord(request(pairs(t, h)...), name)
		if err != nil || stale || got == nil || !bytes.Equal(got, record) {
			t.Errorf("%d bytes: %d came back, stale %v, error %v", tt.size, len(got), stale, err)
		}
	}
}

// Cases 135 and 137: what does not fit is an error, however well it would compress, and sets nothing.
func TestRecordTooLarge(t *testing.T) {
	long := *options
	long.Path = "/" + strings.Repeat("a", 3000)
	endless := *options
	endless.Path = "/" + strings.Repeat("a", 5000)
	for _, tt := range []struct {
		name                string
		size, chunks        int
		options             *gsessions.Options
		wantSize, wantLimit int
	}{
		{"eight chunks", 23_359, 0, options, 31_201, 31_200},
		{"one chunk", 2887, 1, options, 3902, 3900},
		{"two chunks", 5809, 2, options, 7801, 7800},
		{"long attributes leave less room", 2000, 2, &long, 2722, 1984},
		{"attributes leave none", 1, 2, &endless, 57, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, err := cookiestore.New(cookiestore.Config{Secrets: []string{newSecret}, MaxChunks: tt.chunks})
			if err != nil {
				t.Fatal(err)
			}
			h := make(http.Header)
			err = store.SaveRecord(h, request(), name, make([]byte, tt.size), tt.options)
			var size *cookiestore.SizeError
			if !errors.As(err, &size) || !errors.Is(err, cookiestore.ErrTooLarge) {
				t.Fatalf("error %v", err)
			}
			if size.Size != tt.wantSize || size.Limit != tt.wantLimit {
				t.Errorf("size %d, limit %d; want %d, %d", size.Size, size.Limit, tt.wantSize, tt.wantLimit)
			}
			if !strings.Contains(err.Error(), strconv.Itoa(tt.wantSize)) {
				t.Errorf("error %q has no size", err)
			}
			if len(h) != 0 {
				t.Errorf("header %v", h)
			}
		})
	}
}

func TestLoadRecordFromOddCookies(t *testing.T) {
	store := newStore(t, newSecret)
	one := saved(t, store, []byte("alice"))[0]
	value := strings.TrimPrefix(one, name+"=")
	three := saved(t, store, make([]byte, 7000))
	forged := func(plaintext string) string {
		ring, err := seal.NewRing("ginoidc/cookiestore", []string{newSecret})
		if err != nil {
			t.Fatal(err)
		}
		return name + "=" + ring.Seal([]byte(plaintext), []byte(name))
	}
	rename := func(part, old, new string) string { return strings.Replace(part, old+"=", new+"=", 1) }
	claim := func(count string) string { return strings.Replace(three[0], "~3~", count, 1) }
	tests := []struct {
		name    string
		cookies []string
		ok      bool
	}{
		{"alone", []string{one}, true},
		{"among others", []string{"a=b", one, "c"}, true},
		{"tabs around", []string{"a=b", "\t" + one + "\t", "c=d"}, true},
		{"chunks in any order", []string{three[2], "a=b", three[0], three[1]}, true},
		{"a surplus chunk", append([]string{name + ".3=AAAA"}, three...), true},
		{"chunk number 9 is none of ours", append([]string{name + ".9=AAAA", name + ".9=AAAA"}, three...), true},
		{"none", nil, false},
		{"empty", []string{name + "="}, false},
		{"no equals sign", []string{name}, false},
		{"garbage", []string{name + "=" + strings.Repeat("A", 200)}, false},
		{"twice", []string{one, one}, false},                                      // case 131
		{"twice, one forged", []string{one, name + "=x"}, false},                  // case 131
		{"a chunk twice", append([]string{three[1]}, three...), false},            // case 131
		{"U+2000 before the name", []string{"\u2000" + one}, false},               // case 132
		{"no-break space before the name", []string{"\u00a0" + one}, false},       // case 132
		{"$Version", []string{"$Version=1 " + one}, false},                        // case 132
		{"nameless cookie", []string{"=" + one}, false},                           // case 132
		{"space after the name", []string{name + " =" + value}, false},            // case 132
		{"comma for semicolon", []string{"a=b," + one}, false},                    // case 132
		{"other case of the name", []string{strings.ToLower(one)}, false},         // case 132
		{"quoted", []string{name + `="` + value + `"`}, false},                    // case 132
		{"over-long", []string{name + "=" + strings.Repeat("A", 100_000)}, false}, // case 25
		{"another cookie's value", []string{"__Host-other=" + value}, false},      // case 26
		{"under a chunk's name", []string{name + ".1=" + value}, false},           // case 26
		{"first chunk missing", three[1:], false},                                 // case 136
		{"last chunk missing", three[:2], false},                                  // case 136
		// case 136
		{"chunks exchanged", []string{three[0], rename(three[1], ".1", ".2"), rename(three[2], ".2", ".1")}, false},
		{"fewer chunks claimed", append([]string{claim("~2~")}, three[1:]...), false},     // case 136
		{"more chunks claimed", append([]string{claim("~4~")}, three[1:]...), false},      // case 136
		{"more chunks than allowed", append([]string{claim("~9~")}, three[1:]...), false}, // case 136
		{"9,999,999 chunks", append([]string{claim("~9999999~")}, three[1:]...), false},   // case 136
		{"minus one chunk", append([]string{claim("~-1~")}, three[1:]...), false},         // case 136
		{"another mark", append([]string{claim("~3_")}, three[1:]...), false},             // case 136
		{"a letter for a count", append([]string{claim("~z~")}, three[1:]...), false},     // case 136
		// case 136
		{"chunk under a name like it", []string{three[0], strings.Replace(three[1], ".1=", "-1=", 1), three[2]}, false},
		// case 136
		{"chunk under a longer name", []string{three[0], strings.Replace(three[1], ".1=", ".1_", 1), three[2]}, false},
		{"chunk number 0", []string{name + ".0=" + value}, false}, // case 136
		{"over-long, though well sealed", []string{forged("\x02\x00" + strings.Repeat("A", 4000))}, false},
		{"no count", append([]string{claim("~~")}, three[1:]...), false}, // case 136
		// With another cookie whose name begins like it, the request is read part by part.
		{"before another one whose name begins like it", []string{one, name + "x=1"}, true},
		{"one chunk claimed, in parts", []string{name + "=~1~" + value, name + "x=1"}, false},      // case 136
		{"no chunk claimed, in parts", []string{name + "=~0~" + value, name + "x=1"}, false},       // case 136
		{"a count of two digits", append([]string{claim("~33~")}, three[1:]...), false},            // case 136
		{"nothing after the count", []string{name + "=~2", name + ".1=" + value}, false},           // case 136
		{"one chunk claimed", []string{name + "=~1~" + value}, false},                              // case 136
		{"nothing but the mark", []string{name + "=~"}, false},                                     // case 136
		{"empty plaintext", []string{forged("")}, false},                                           // case 142
		{"form of a newer build", []string{forged("\x03\x00alice")}, false},                        // case 142
		{"no end of life", []string{forged("\x02")}, false},                                        // case 142
		{"end of life past 64 bits", []string{forged("\x02" + strings.Repeat("\xff", 11))}, false}, // case 142
		{"end of life in the year 60,000", []string{forged("\x02\x80\x80\x80\x80\x80\x80\x01alice")}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			record, stale, err := store.LoadRecord(request(tt.cookies...), name)
			if (record != nil) != tt.ok || stale || err != nil {
				t.Errorf("record of %d bytes, stale %v, error %v; want ok %v", len(record), stale, err, tt.ok)
			}
		})
	}
}

// Case 136: the limit is the configured one, even for what was saved when it was higher.
func TestLoadRecordWithFewerChunks(t *testing.T) {
	three := saved(t, newStore(t, newSecret), make([]byte, 7000))
	for chunks, ok := range map[int]bool{1: false, 2: false, 3: true, 9: true} {
		store, err := cookiestore.New(cookiestore.Config{Secrets: []string{newSecret}, MaxChunks: chunks})
		if err != nil {
			t.Fatal(err)
		}
		if record, _, _ := store.LoadRecord(request(three...), name); (record != nil) != ok {
			t.Errorf("MaxChunks %d: record of %d bytes, want ok %v", chunks, len(record), ok)
		}
	}
}

// Two header lines count as one header: a cookie in each is ambiguous too (case 132).
func TestLoadRecordFromTwoHeaders(t *testing.T) {
	store := newStore(t, newSecret)
	three := saved(t, store, make([]byte, 7000))
	r := request(three[:2]...)
	r.Header.Add("Cookie", three[2])
	if record, _, _ := store.LoadRecord(r, name); len(record) != 7000 {
		t.Errorf("chunks in two lines: %d bytes", len(record))
	}
	r.Header.Add("Cookie", three[0])
	if record, _, _ := store.LoadRecord(r, name); record != nil {
		t.Error("the first chunk in two lines opened")
	}
}

// Cases 134 and 260: a secret is added, kept or removed.
func TestRecordUnderOtherSecrets(t *testing.T) {
	cookies := saved(t, newStore(t, oldSecret), []byte("alice"))
	for _, tt := range []struct {
		secrets []string
		record  string
		stale   bool
	}{
		{[]string{oldSecret}, "alice", false},
		{[]string{newSecret, oldSecret}, "alice", true},
		{[]string{newSecret}, "", false},
	} {
		record, stale, err := newStore(t, tt.secrets...).LoadRecord(request(cookies...), name)
		if string(record) != tt.record || stale != tt.stale || err != nil {
			t.Errorf("%d secrets: record %q, stale %v, error %v", len(tt.secrets), record, stale, err)
		}
	}
}

// A browser, or a thief, may send a cookie long after its Max-Age.
func TestRecordEnds(t *testing.T) {
	for _, tt := range []struct {
		maxAge int
		age    time.Duration
		ok     bool
	}{
		{60, 60 * time.Second, true}, {60, 61 * time.Second, false}, {0, 1000 * time.Hour, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := newStore(t, newSecret, oldSecret)
			o := *options
			o.MaxAge = tt.maxAge
			h := make(http.Header)
			if err := newStore(t, oldSecret).SaveRecord(h, request(), name, []byte("alice"), &o); err != nil {
				t.Fatal(err)
			}
			time.Sleep(tt.age)
			record, stale, _ := store.LoadRecord(request(pairs(t, h)...), name)
			if (record != nil) != tt.ok || stale != tt.ok {
				t.Errorf("Max-Age %d after %v: record %q, stale %v", tt.maxAge, tt.age, record, stale)
			}
		})
	}
}

// One Set-Cookie line for each cookie, whatever was set before; nothing of a larger session remains.
func TestSaveRecordReplaces(t *testing.T) {
	store := newStore(t, newSecret)
	r := request(append(saved(t, store, make([]byte, 7000)), name+".7=x", "other=1")...)
	h := http.Header{"Set-Cookie": {"other=2; Path=/", name + "x=3"}}
	for _, step := range []struct {
		do    func() error
		names []string
	}{
		{func() error { return store.SaveRecord(h, r, name, make([]byte, 14_000), options) },
			[]string{"other", name + "x", name, name + ".1", name + ".2", name + ".3", name + ".4", name + ".7 gone"}},
		{func() error { return store.SaveRecord(h, r, name, []byte("alice"), options) },
			[]string{"other", name + "x", name, name + ".1 gone", name + ".2 gone", name + ".7 gone"}},
		{func() error { return store.DeleteRecord(h, r, name, options) },
			[]string{"other", name + "x", name + " gone", name + ".1 gone", name + ".2 gone", name + ".7 gone"}},
		{func() error { return store.DeleteRecord(h, request(), name, options) },
			[]string{"other", name + "x", name + " gone"}},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, line := range h["Set-Cookie"] {
			cookie, err := http.ParseSetCookie(line)
			if err != nil {
				t.Fatal(err)
			}
			if cookie.MaxAge < 0 {
				cookie.Name += " gone"
			}
			names = append(names, cookie.Name)
		}
		if !slices.Equal(names, step.names) {
			t.Errorf("cookies %q, want %q", names, step.names)
		}
	}
}

// A browser deletes a cookie only if path, domain and name prefix are those it was set with.
func TestDeletionRepeatsTheAttributes(t *testing.T) {
	store := newStore(t, newSecret)
	o := gsessions.Options{Path: "/app", Domain: "example.com", MaxAge: -1, Secure: true, HttpOnly: true,
		SameSite: http.SameSiteStrictMode}
	const want = name +
		"=; Path=/app; Domain=example.com; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; Secure; " +
		"SameSite=Strict"
	session := gsessions.NewSession(store, name)
	session.Options = &o
	for what, do := range map[string]func(h http.Header) error{
		"DeleteRecord": func(h http.Header) error { return store.DeleteRecord(h, request(), name, &o) },
		"SaveRecord":   func(h http.Header) error { return store.SaveRecord(h, request(), name, []byte("alice"), &o) },
		"Save":         func(h http.Header) error { return store.Save(request(), headerWriter{h}, session) },
	} {
		h := make(http.Header)
		if err := do(h); err != nil || !slices.Equal(h["Set-Cookie"], []string{want}) {
			t.Errorf("%s: header %q, error %v", what, h["Set-Cookie"], err)
		}
	}
}

type headerWriter struct{ h http.Header }

func (w headerWriter) Header() http.Header         { return w.h }
func (w headerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w headerWriter) WriteHeader(int)             {}

func TestInvalidCookiesAreErrors(t *testing.T) {
	store := newStore(t, newSecret)
	bad := *options
	bad.Path = "/a;b"
	h := make(http.Header)
	if err := store.SaveRecord(h, request(), "a name", nil, options); err == nil {
		t.Error("a name with a space: no error")
	}
	if err := store.SaveRecord(h, request(), name, nil, &bad); err == nil {
		t.Error("a path with a semicolon: no error")
	}
	if err := store.DeleteRecord(h, request(), "", options); err == nil {
		t.Error("deleting without a name: no error")
	}
	bad.MaxAge = -1
	if err := store.SaveRecord(h, request(), name, nil, &bad); err == nil {
		t.Error("deleting at a path with a semicolon: no error")
	}
	for _, maxAge := range []int{60, -1} {
		session := gsessions.NewSession(store, name)
		bad.MaxAge, session.Options = maxAge, &bad
		if err := store.Save(request(), headerWriter{h}, session); err == nil {
			t.Errorf("a session with Max-Age %d and such a path: no error", maxAge)
		}
	}
	if len(h) != 0 {
		t.Errorf("header %v", h)
	}
}

// 200 bytes are a record with three groups.
func TestLoadRecordAllocations(t *testing.T) {
	store := newStore(t, newSecret)
	r := request("a=b", saved(t, store, make([]byte, 200))[0], "c=d")
	if n := testing.AllocsPerRun(100, func() { _, _, _ = store.LoadRecord(r, name) }); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}

func BenchmarkLoadRecord(b *testing.B) {
	store := newStore(b, newSecret)
	r := request("a=b", saved(b, store, make([]byte, 200))[0], "c=d")
	b.ReportAllocs()
	for b.Loop() {
		if record, _, _ := store.LoadRecord(r, name); record == nil {
			b.Fatal("no record")
		}
	}
}

// FuzzLoadRecord: no header opens except one that carries what SaveRecord made.
func FuzzLoadRecord(f *testing.F) {
	store := newStore(f, newSecret)
	f.Add(strings.Join(saved(f, store, []byte("alice")), "; "))
	f.Add(strings.Join(saved(f, store, bytes.Repeat([]byte("alice"), 1000)), "; "))
	f.Add(name + "=~9~;" + name + ".1=~;;=; " + name + ".8==;" + name)
	f.Add("$Version=1; \u2000" + name + "=x")
	f.Fuzz(func(t *testing.T, header string) {
		r := request(header)
		record, stale, err := store.LoadRecord(r, name)
		if stale || err != nil || len(bytes.ReplaceAll(record, []byte("alice"), nil)) != 0 {
			t.Errorf("record %q, stale %v, error %v", record, stale, err)
		}
		if record != nil && strings.Count(header, name+"=") != 1 {
			t.Errorf("an ambiguous header opened: %q", header)
		}
	})
}
