package redisstate_test

import (
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/seal"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// only returns the one entry in f.
func (f *fake) only(t testing.TB) (key string, e entry) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.entries) != 1 {
		t.Fatalf("%d entries", len(f.entries))
	}
	for key, e = range f.entries {
	}
	return key, e
}

// case 144: Redis holds neither the content of the session nor the id that opens it.
func TestRedisShowsNothing(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	cookie := saved(t, store, "alice@example.com")
	key, e := server.only(t)
	id := strings.TrimPrefix(cookie, name+"=")
	if strings.Contains(key, id) || strings.Contains(e.value, id) || !strings.HasPrefix(key, "ginoidc:s:") ||
		len(key) != len("ginoidc:s:")+43 {
		t.Errorf("id %s, key %s", id, key)
	}
	if strings.Contains(e.value, "alice") || len(e.value) > 100 {
		t.Errorf("value %q", e.value)
	}
	if other := saved(t, store, "alice@example.com"); other == cookie || len(id) != 43 {
		t.Errorf("ids %s, %s", cookie, other)
	}
}

// cases 131, 132, 140, 141: what is not exactly one id of ours is no session, and is never sent to Redis.
func TestOddCookies(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	one := saved(t, store, "alice")
	id := strings.TrimPrefix(one, name+"=")
	last := id[:42] + string(id[42]+1) // the same 32 bytes, with trailing bits set
	for _, tt := range []struct {
		name    string
		cookies []string
		ok      bool
		calls   int
	}{
		{"alone", []string{one}, true, 1},
		{"among others", []string{"a=b", one, name + "x=c", "d"}, true, 1},
		{"tabs around", []string{"a=b", "\t" + one + "\t"}, true, 1},
		{"guessed", []string{idCookie}, false, 1}, // case 140
		{"none", nil, false, 0},
		{"empty", []string{name + "="}, false, 0},
		{"no equals sign", []string{name}, false, 0},
		{"twice", []string{one, one}, false, 0},                              // case 131
		{"twice, one forged", []string{name + "=x", one}, false, 0},          // case 131
		{"twice, one guessed", []string{one, idCookie}, false, 0},            // case 131
		{"U+2000 before the name", []string{"\u2000" + one}, false, 0},       // case 132
		{"$Version", []string{"$Version=1 " + one}, false, 0},                // case 132
		{"nameless cookie", []string{"=" + one}, false, 0},                   // case 132
		{"space after the name", []string{name + " =" + id}, false, 0},       // case 132
		{"other case of the name", []string{strings.ToLower(one)}, false, 0}, // case 132
		{"quoted", []string{name + `="` + id + `"`}, false, 0},
		{"a path", []string{name + "=../../x"}, false, 0},                                    // case 141
		{"a pattern", []string{name + "=*"}, false, 0},                                       // case 141
		{"43 bytes of a command", []string{name + "=a\r\nFLUSHALL\r\n" + id[:31]}, false, 0}, // case 141
		// case 141
		{"with a line break", []string{name + "=" + strings.Repeat("A", 20) + "\n" + strings.Repeat("A", 22)}, false, 0},
		{"10 kB", []string{name + "=" + strings.Repeat("A", 10<<10)}, false, 0}, // case 141
		{"too short", []string{name + "=" + id[:42]}, false, 0},
		{"too long", []string{one + "A"}, false, 0},
		{"another spelling", []string{name + "=" + last}, false, 0},
		{"under another name", []string{"__Host-other=" + id}, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server.set(func() { server.calls = 0 })
			record, stale, err := store.LoadRecord(request(tt.cookies...), name)
			if (record != nil) != tt.ok || stale || err != nil {
				t.Errorf("record %q, stale %v, error %v; want ok %v", record, stale, err, tt.ok)
			}
			if server.calls != tt.calls {
				t.Errorf("%d commands, want %d", server.calls, tt.calls)
			}
		})
	}
	if record, _, err := store.LoadRecord(request("__Host-other="+id), "__Host-other"); record != nil || err != nil {
		t.Errorf("as another session: %q, %v", record, err)
	}
	r := request(one)
	r.Header.Add("Cookie", one)
	wantRecord(t, store, r, "") // two header lines are one header
}

// case 142: what was not sealed for this place, or by a newer version, is ignored.
func TestOddValues(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	cookie := saved(t, store, "alice")
	key, genuine := server.only(t)
	end := genuine.ends.Unix()
	forge := func(purpose, secret, place, plaintext string) string {
		ring, err := seal.NewRing(purpose, []string{secret})
		if err != nil {
			t.Fatal(err)
		}
		return ring.Seal([]byte(plaintext), []byte(place))
	}
	const purpose, always = "ginoidc/redisstate", "\xff\xff\xff\xff\xff\x01" // an end of life far away
	for name, tt := range map[string]struct{ value, want string }{
		"genuine":               {genuine.value, "alice"},
		"made alike":            {forge(purpose, newSecret, key, "\x02"+always+"bob"), "bob"},
		"empty":                 {"", ""},
		"garbage":               {strings.Repeat("\x00\xff", 100), ""},
		"a bit flipped":         {genuine.value[:20] + string(genuine.value[20]^1) + genuine.value[21:], ""},
		"cut":                   {genuine.value[:len(genuine.value)-2], ""},
		"another secret":        {forge(purpose, oldSecret, key, "\x02"+always+"bob"), ""},
		"another purpose":       {forge("ginoidc/cookiestore", newSecret, key, "\x02"+always+"bob"), ""},
		"another key":           {forge(purpose, newSecret, key+"x", "\x02"+always+"bob"), ""}, // case 255
		"no plaintext":          {forge(purpose, newSecret, key, ""), ""},
		"a newer build's":       {forge(purpose, newSecret, key, "\x03"+always+"bob"), ""},
		"a map of values":       {forge(purpose, newSecret, key, "\x01"+always+"bob"), ""},
		"no end of life":        {forge(purpose, newSecret, key, "\x02"), ""},
		"end in 1970":           {forge(purpose, newSecret, key, "\x02\x01bob"), ""}, // case 254
		"end past 64 bits":      {forge(purpose, newSecret, key, "\x02"+strings.Repeat("\xff", 11)), ""},
		"end that is not whole": {forge(purpose, newSecret, key, "\x02\xff"), ""},
	} {
		server.set(func() { server.entries[key] = entry{tt.value, time.Unix(end, 0).Add(time.Hour)} })
		t.Run(name, func(t *testing.T) { wantRecord(t, store, request(cookie), tt.want) })
	}
}

// case 254: Redis may keep a record longer, by a fault or an attack. It never keeps one forever.
func TestLife(t *testing.T) {
	for maxAge, life := range map[int]time.Duration{60: time.Minute, 0: 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			server := newFake()
			store := newStore(t, server)
			h := http.Header{}
			if err := store.SaveRecord(h, request(), name, []byte("alice"), options(maxAge)); err != nil {
				t.Fatal(err)
			}
			r := request(pair(t, h))
			key, e := server.only(t)
			if got := time.Until(e.ends); got != life {
				t.Errorf("MaxAge %d: Redis keeps it %v, want %v", maxAge, got, life)
			}
			server.set(func() { e.ends = e.ends.AddDate(1, 0, 0); server.entries[key] = e })
			time.Sleep(life)
			wantRecord(t, store, r, "alice")
			time.Sleep(time.Second)
			wantRecord(t, store, r, "")
		})
	}
}

// cases 134, 260: a secret is added, kept or removed.
func TestSecrets(t *testing.T) {
	server := newFake()
	cookie := saved(t, newStore(t, server, oldSecret), "alice")
	for _, tt := range []struct {
		secrets []string
		record  string
		stale   bool
	}{
		{[]string{oldSecret}, "alice", false},
		{[]string{newSecret, oldSecret}, "alice", true},
		{[]string{newSecret}, "", false},
	} {
		record, stale, err := newStore(t, server, tt.secrets...).LoadRecord(request(cookie), name)
		if string(record) != tt.record || stale != tt.stale || err != nil {
			t.Errorf("%d secrets: record %q, stale %v, error %v", len(tt.secrets), record, stale, err)
		}
	}
	rotated := newStore(t, server, newSecret, oldSecret)
	if err := rotated.SaveRecord(http.Header{}, request(cookie), name, []byte("alice"), options(60)); err != nil {
		t.Fatal(err)
	}
	if record, stale, err := newStore(t, server, newSecret).LoadRecord(request(cookie), name); string(record) != "alice" ||
		stale || err != nil {
		t.Errorf("saved anew: record %q, stale %v, error %v", record, stale, err)
	}
}

// case 255
func TestPrefixesKeepApart(t *testing.T) {
	server := newFake()
	a := configured(t, redisstate.Config{Client: server.client(t), Secrets: []string{newSecret}, Prefix: "a:"})
	b := configured(t, redisstate.Config{Client: server.client(t), Secrets: []string{newSecret}, Prefix: "b:"})
	cookie := saved(t, a, "alice")
	wantRecord(t, b, request(cookie), "")
	key, e := server.only(t)
	server.set(func() { server.entries["b:"+strings.TrimPrefix(key, "a:")] = e }) // somebody copies it
	wantRecord(t, b, request(cookie), "")
	if _, err := a.MarkUsed(t.Context(), "key", time.Hour); err != nil {
		t.Fatal(err)
	}
	if first, err := b.MarkUsed(t.Context(), "key", time.Hour); !first || err != nil {
		t.Errorf("MarkUsed = %v, %v", first, err)
	}
}

// A sign-out in one tab is not undone by a request that another tab had in flight.
func TestSaveRecordDoesNotBringBack(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	r := request(saved(t, store, "alice"))
	h := http.Header{}
	if err := store.SaveRecord(h, r, name, []byte("alice, renewed"), options(60)); err != nil || len(h) != 1 {
		t.Fatalf("header %q, error %v", h, err)
	}
	if "id of "+pair(t, h) != "id of "+r.Header.Get("Cookie") {
		t.Errorf("renewed under another id: %q", h)
	}
	wantRecord(t, store, r, "alice, renewed")
	if err := store.DeleteRecord(http.Header{}, r, name, options(-1)); err != nil {
		t.Fatal(err)
	}
	h = http.Header{}
	if err := store.SaveRecord(h, r, name, []byte("alice"), options(60)); !errors.Is(err, fs.ErrNotExist) || len(h) != 0 {
		t.Errorf("header %q, error %v", h, err)
	}
	wantRecord(t, store, r, "")
	if len(server.entries) != 0 {
		t.Errorf("left in Redis: %v", slices.Collect(maps.Keys(server.entries)))
	}
}

// One Set-Cookie line for each name, with the attributes of o; others stay.
func TestCookiesSet(t *testing.T) {
	store := newStore(t, newFake())
	store.Options(sessionsOptions)
	h := http.Header{"Set-Cookie": {name + "=old", "other=2; Path=/", name + "x=3"}}
	const attributes = "; Path=/app; Domain=example.com; "
	for _, step := range []struct {
		what string
		do   func() error
		ends string
	}{
		{"save", func() error {
			return store.SaveRecord(h, request(), name, []byte("alice"), nil)
		}, "Max-Age=60; HttpOnly; Secure; SameSite=Strict"},
		{"save again", func() error {
			return store.SaveRecord(h, request(), name, []byte("alice"), nil)
		}, "Max-Age=60; HttpOnly; Secure; SameSite=Strict"},
		{"delete", func() error {
			return store.DeleteRecord(h, request(), name, nil)
		}, "Max-Age=0; HttpOnly; Secure; SameSite=Strict"},
		{"save with a negative MaxAge", func() error {
			o := *sessionsOptions.ToGorillaOptions()
			o.MaxAge = -1
			return store.SaveRecord(h, request(), name, []byte("alice"), &o)
		}, "Max-Age=0; HttpOnly; Secure; SameSite=Strict"},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		lines := h["Set-Cookie"]
		if len(lines) != 3 || lines[0] != "other=2; Path=/" || lines[1] != name+"x=3" {
			t.Fatalf("%s: %q", step.what, lines)
		}
		if !strings.HasPrefix(lines[2], name+"=") || !strings.Contains(lines[2], attributes) ||
			!strings.HasSuffix(lines[2], step.ends) {
			t.Errorf("%s: %q", step.what, lines[2])
		}
	}
}

func TestInvalidCookiesAreErrors(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	before := server.calls
	bad := options(60)
	bad.Path = "/a;b"
	h := http.Header{}
	if err := store.SaveRecord(h, request(), "a name", nil, options(60)); err == nil {
		t.Error("a name with a space: no error")
	}
	if err := store.SaveRecord(h, request(), name, nil, bad); err == nil {
		t.Error("a path with a semicolon: no error")
	}
	if err := store.DeleteRecord(h, request(), "", options(-1)); err == nil {
		t.Error("deleting without a name: no error")
	}
	if len(h) != 0 || server.calls != before {
		t.Errorf("header %q, %d commands", h, server.calls-before)
	}
}

// FuzzCookie: whatever a browser sends is no session and no fault, unless it is the cookie that was set.
func FuzzCookie(f *testing.F) {
	store := newStore(f, newFake())
	cookie := saved(f, store, "alice")
	for _, seed := range []string{"", cookie, cookie + ";" + cookie, "a=b; " + cookie, name + "=../../x",
		name + "=a\r\nFLUSHALL", idCookie, ";;=", name} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		record, _, err := store.LoadRecord(request(header), name)
		if err != nil || record != nil && !strings.Contains(header, cookie) {
			t.Errorf("%q: record %q, error %v", header, record, err)
		}
	})
}
