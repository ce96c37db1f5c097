package recheck

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// TestResultComesBack: what one request keeps is what the others read. What another version wrote is none.
func TestResultComesBack(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	user := &session.Record{Subject: "alice", Created: at, Renewed: at}
	for _, want := range []Result{
		{}, {Unshared: true, RetryAt: at}, {At: at, User: user}, {At: at, User: user, Tokens: []byte("t"), RetryAt: at},
	} {
		text := want.encode()
		got, ok := decode(text)
		if !ok || got.At != want.At || got.RetryAt != want.RetryAt || got.Unshared != want.Unshared ||
			(got.User == nil) != (want.User == nil) || !bytes.Equal(got.Tokens, want.Tokens) ||
			(got.Tokens == nil) != (want.Tokens == nil) {
			t.Errorf("%+v, %t, want %+v", got, ok, want)
		}
		next := bytes.Clone(text)
		next[0]++
		for name, odd := range map[string][]byte{
			"longer": append(bytes.Clone(text), 0), "cut": text[:len(text)-1], "of the next version": next, "empty": nil,
		} {
			if got, ok := decode(odd); ok || !reflect.DeepEqual(got, Result{}) {
				t.Errorf("%s: %+v, %t", name, got, ok)
			}
		}
	}
	broken := wire.AppendSeconds(wire.AppendSeconds([]byte{resultVersion, 0}, at), at)
	broken = wire.AppendText(wire.AppendText(broken, "no record"), "")
	if got, ok := decode(broken); ok || !reflect.DeepEqual(got, Result{}) {
		t.Errorf("without a record: %+v, %t", got, ok)
	}
}

// TestPause: a failed check is tried again when the provider says, but not later than users are checked at all.
func TestPause(t *testing.T) {
	c := New(Config{Every: time.Hour})
	for _, tt := range []struct{ asked, want time.Duration }{
		{0, retryAfter}, {time.Minute, time.Minute}, {2 * time.Hour, time.Hour},
	} {
		if got := c.pause(&provider.Error{RetryAfter: tt.asked}); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.asked, got, tt.want)
		}
	}
}
