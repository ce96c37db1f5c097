package recheck_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

func list(names ...string) wire.List { return wire.NewList(names) }

// TestApplied: a newer user replaces the profile and the memberships. What the sign-in proved stays, and so does the
// Data that the check has not changed.
func TestApplied(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	before := session.Record{
		ID: [16]byte{1}, Subject: "alice", Name: "Alice", Groups: list("admin"),
		Data: []byte("1"), ACR: "low",
		AMR: "pwd", AuthTime: now.Add(-time.Hour), Created: now.Add(-time.Hour), SID: "s-1",
	}
	user := session.Record{
		Subject: "alice", Name: "Alice Brown", Email: "a@example.com", EmailVerified: true, Organizations: list("acme"),
		ACR: "gold", AMR: "hwk", AuthTime: now, Expires: now.Add(time.Hour),
	}
	want := before
	want.Name, want.Email, want.EmailVerified, want.Groups = "Alice Brown", "a@example.com", true, ""
	want.Organizations, want.Expires, want.Checked = list("acme"), now.Add(time.Hour), now
	if got := (recheck.Result{At: now, User: &user}).Applied(&before); !reflect.DeepEqual(*got, want) {
		t.Errorf("got %+v\nwant %+v", *got, want)
	}
	user.Data, want.Data = []byte("2"), []byte("2")
	if got := (recheck.Result{At: now, User: &user}).Applied(&before); !reflect.DeepEqual(*got, want) {
		t.Errorf("with Data: got %+v\nwant %+v", *got, want)
	}
	for name, result := range map[string]recheck.Result{
		"none": {}, "tokens alone": {At: now, Tokens: []byte("t")}, "no newer": {At: before.Created, User: &user},
	} {
		if got := result.Applied(&before); !reflect.DeepEqual(*got, before) {
			t.Errorf("%s: got %+v", name, *got)
		}
	}
}
