package store_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

// joint is a backend of one session that counts the round trips.
type joint struct {
	text    string
	revoked map[string]time.Time
	asked   []string // what each round trip asked for
	err     error    // of LoadRevoked, which then finds nothing revoked
}

func (j *joint) Load(context.Context, string) (string, bool, error) {
	j.asked = append(j.asked, "session")
	return j.text, j.text != "", nil
}

func (j *joint) Save(_ context.Context, _, text string, _ time.Duration, _ bool) (bool, error) {
	j.text = text
	return true, nil
}

func (j *joint) Delete(context.Context, string) error { return nil }

func (j *joint) Revoked(_ context.Context, keys []string) (at []time.Time, err error) {
	j.asked = append(j.asked, strings.Join(keys, " "))
	for _, key := range keys {
		at = append(at, j.revoked[key])
	}
	return at, nil
}

func (j *joint) LoadRevoked(ctx context.Context, _ string, keys []string) (string, bool, []time.Time, error) {
	if j.err != nil {
		return "", false, make([]time.Time, len(keys)), j.err
	}
	at, err := j.Revoked(ctx, keys)
	j.asked[len(j.asked)-1] = "session and " + j.asked[len(j.asked)-1]
	return j.text, j.text != "", at, err
}

// newJoint returns a server with one session, and the cookie of it.
func newJoint(t *testing.T) (*joint, *store.Server, string) {
	t.Helper()
	ring, err := store.NewRing("test", []string{strings.Repeat("s", 32)})
	if err != nil {
		t.Fatal(err)
	}
	backend := &joint{revoked: map[string]time.Time{}}
	server := &store.Server{Backend: backend, Name: "test", Ring: ring, Options: store.DefaultOptions()}
	h := http.Header{}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if err := server.SaveRecord(h, r, "sid", []byte("record"), nil); err != nil {
		t.Fatal(err)
	}
	pair, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	return backend, server, pair
}

// TestOneRound: what a request asks for, and that an answer is used once and only for the keys that were asked for.
func TestOneRound(t *testing.T) {
	backend, server, pair := newJoint(t)
	for i, step := range []struct {
		apart  bool // not in the context of OneRound
		lookup [][]string
		want   []string
	}{
		{true, [][]string{{"a", "b"}}, []string{"session", "a b"}},
		{true, [][]string{{"a", "b"}}, []string{"session", "a b"}},
		{false, [][]string{{"a", "b"}}, []string{"session", "a b"}}, // not known yet
		{false, [][]string{{"a", "b"}}, []string{"session and a b"}},
		{false, [][]string{{"a", "b"}, {"a", "b"}}, []string{"session and a b", "a b"}},
		{false, [][]string{{"c"}}, []string{"session and a b", "c"}},
		{false, [][]string{{"c"}}, []string{"session and c"}},
	} {
		backend.asked, backend.revoked["a"] = nil, time.Unix(int64(i), 0)
		ctx := t.Context()
		if !step.apart {
			ctx = store.OneRound(ctx)
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		r.Header.Set("Cookie", pair)
		if record, _, err := server.LoadRecord(r, "sid"); string(record) != "record" || err != nil {
			t.Fatalf("step %d: %q, %v", i, record, err)
		}
		for _, keys := range step.lookup {
			at, err := server.Revoked(ctx, keys)
			if err != nil || len(at) != len(keys) || !at[0].Equal(backend.revoked[keys[0]]) {
				t.Errorf("step %d: %v, %v", i, at, err)
			}
		}
		if !slices.Equal(backend.asked, step.want) {
			t.Errorf("step %d: asked for %q, want %q", i, backend.asked, step.want)
		}
	}
}

// TestFailedRound: what comes with an error is no answer. The revocations are asked for again.
func TestFailedRound(t *testing.T) {
	backend, server, pair := newJoint(t)
	backend.revoked["a"] = time.Unix(1, 0)
	for _, backend.err = range []error{nil, errors.New("down")} {
		ctx := store.OneRound(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		r.Header.Set("Cookie", pair)
		if _, _, err := server.LoadRecord(r, "sid"); !errors.Is(err, backend.err) {
			t.Fatalf("%v instead of %v", err, backend.err)
		}
		if at, err := server.Revoked(ctx, []string{"a"}); err != nil || len(at) != 1 || at[0].IsZero() {
			t.Errorf("after %v: %v, %v", backend.err, at, err)
		}
	}
}
