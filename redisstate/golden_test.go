package redisstate_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/seal"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// The next version, which may run at the same time, must read what is in Redis and in browsers.
const (
	goldenSecret = "a secret of thirty-two bytes, ok"
	goldenID     = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	goldenKey    = "ginoidc:s:HBLGqf2bx9boCrLiu4bvzbB_PpeQJWwbQ_0ObUfFiEc"
	goldenEnd    = "\xbc\x87\xb5\xc3\x03" // a minute after the year 2000 began, when the clock of synctest starts
	goldenRecord = "Aap8at2MLYjilNBzqtfCclpBHNKmlBQOQboi-F6p6s_hKLLnEUE-g6wM9jg"
	goldenValues = "Aap8at3DIBRgEZO62pPtC1grBa2ub4os-n4U6Ud3wCzkfkNa5LomSuCx-T6eVNEqdAhxUpQ" +
		"csrh9BiBp1wVEDBrqXLcn85hbe8qhtukCDd6bvPMm_bFCi1Q"
)

// golden starts with value in Redis, and a request that carries its id.
func golden(t *testing.T, value string) (*fake, *redisstate.Store, *http.Request) {
	server := newFake()
	server.entries[goldenKey] = entry{value, time.Now().Add(time.Hour)}
	cfg := redisstate.Config{Client: server.client(t), Secrets: []string{goldenSecret}}
	return server, configured(t, cfg), request(name + "=" + goldenID)
}

// unsealed returns the value under the golden key.
func (f *fake) unsealed(t *testing.T) string {
	t.Helper()
	ring, err := seal.NewRing("ginoidc/redisstate", []string{goldenSecret})
	if err != nil {
		t.Fatal(err)
	}
	plaintext, _, ok := ring.Open(f.entries[goldenKey].value, []byte(goldenKey))
	if !ok {
		t.Fatalf("%q does not open", f.entries[goldenKey].value)
	}
	return string(plaintext)
}

func TestGoldenRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store, r := golden(t, goldenRecord)
		wantRecord(t, store, r, "alice")
		h := http.Header{}
		if err := store.SaveRecord(h, r, name, []byte("alice"), options(60)); err != nil {
			t.Fatal(err)
		}
		if got := pair(t, h); got != name+"="+goldenID {
			t.Errorf("cookie %q", got)
		}
		if got, want := server.unsealed(t), "\x02"+goldenEnd+"alice"; got != want {
			t.Errorf("saved as %q, want %q", got, want)
		}
	})
}

func TestGoldenValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store, r := golden(t, goldenValues)
		s := open(t, store, r)
		if s.IsNew || s.ID != goldenID || s.Values["user"] != "alice" {
			t.Fatalf("opened as %+v", s)
		}
		s.Options.MaxAge = 60
		save(t, store, r, s)
		// The output of encoding/gob differs between processes.
		got, want := server.unsealed(t), "\x01"+goldenEnd
		if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "alice") {
			t.Errorf("saved as %q, want %q and a map", got, want)
		}
	})
}

// TestGoldenKeys holds the keys, and the unsealed values, of what instances share.
func TestGoldenKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, ctx, minute := newFake(), context.Background(), time.Minute
		store := newStore(t, server)
		_, onceErr := store.MarkUsed(ctx, "a1", minute)
		_, _, leaseErr := store.Lease(ctx, "l1", minute)
		for _, err := range []error{
			onceErr, leaseErr, store.Revoke(ctx, "u1", time.UnixMicro(946_684_800_000_001), minute),
			store.Keep(ctx, "k1", "kept", minute), store.Enlist(ctx, "o1", "session", minute),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		server.mu.Lock()
		defer server.mu.Unlock()
		for key, want := range map[string]string{"ginoidc:r:u1": "946684800000001", "ginoidc:k:k1": "kept"} {
			if got := server.entries[key].value; got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
		if _, ok := server.entries["ginoidc:l:l1"]; !ok || len(server.entries) != 3 {
			t.Errorf("entries %v", server.entries)
		}
		const end = 946_684_860_000
		listed, seen := server.lists["ginoidc:i:o1"]["session"], server.lists["ginoidc:o:aa7"]["a1"]
		if listed != end || seen != end || len(server.lists) != 2 {
			t.Errorf("lists %v", server.lists)
		}
	})
}

// TestGoldenAnswers: what another instance has kept is read.
func TestGoldenAnswers(t *testing.T) {
	server, ctx := newFake(), context.Background()
	store := newStore(t, server)
	ends := time.Now().Add(time.Hour)
	server.entries["ginoidc:r:u1"], server.entries["ginoidc:k:k1"] = entry{"946684800000001", ends}, entry{"kept", ends}
	server.entries["ginoidc:l:l1"] = entry{"another holder", ends}
	server.lists["ginoidc:i:o1"] = map[string]int64{"session": ends.UnixMilli()}
	server.lists["ginoidc:o:aa7"] = map[string]int64{"a1": ends.UnixMilli()}
	if times, err := store.Revoked(ctx, "u1"); err != nil || times[0].UnixMicro() != 946_684_800_000_001 {
		t.Errorf("revoked %v, %v", times, err)
	}
	if value, ok, err := store.Kept(ctx, "k1"); value != "kept" || !ok || err != nil {
		t.Errorf("kept %q, %t, %v", value, ok, err)
	}
	if _, ok, err := store.Lease(ctx, "l1", time.Minute); ok || err != nil {
		t.Errorf("lease %t, %v", ok, err)
	}
	if sessions, err := store.Listed(ctx, "o1"); len(sessions) != 1 || sessions[0] != "session" || err != nil {
		t.Errorf("listed %q, %v", sessions, err)
	}
	if first, err := store.MarkUsed(ctx, "a1", time.Minute); first || err != nil {
		t.Errorf("once %t, %v", first, err)
	}
}
