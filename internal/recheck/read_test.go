package recheck_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// checkedSession returns a session of a sign-in, in the group staff.
func checkedSession() *session.Record {
	return &session.Record{
		ID: [16]byte{1}, Subject: "alice", Issued: time.Unix(1, 0), Created: time.Unix(2, 0), Renewed: time.Unix(3, 0),
		Expires: time.Unix(4, 0), Groups: wire.NewList([]string{"staff"}), Data: json.RawMessage("1"),
	}
}

// TestRead: of what the app's code returns, only the description of the user counts. Data counts if that code changed
// it.
func TestRead(t *testing.T) {
	for _, data := range []string{"1", "2"} {
		var changed string
		reader := recheck.Reader{
			Shape: &claims.Shape{Groups: claims.Place{Name: "groups"}}, Resolved: true,
			Vet: func(
				_ context.Context, r *session.Record, found recheck.Found, accessToken string,
			) (*session.Record, error) {
				if !found.Memberships.GroupsOverage || found.IDToken != nil || accessToken != "" {
					t.Errorf("%+v, %q", found, accessToken)
				}
				return &session.Record{
					Subject: "alice", Name: "Alice", Groups: wire.NewList([]string{"audit"}), Data: json.RawMessage(data),
				}, nil
			},
			Changed: func(_ context.Context, r *session.Record, attrs []slog.Attr) {
				changed = fmt.Sprint(r.Subject, attrs)
			},
		}
		r := checkedSession()
		answer, err := reader.Read(t.Context(), r, nil)
		if err != nil || answer.Tokens != nil {
			t.Fatalf("%+v, %v", answer, err)
		}
		u := answer.User
		if u.Name != "Alice" || u.ID != r.ID || u.Created != r.Created || u.Renewed != r.Renewed || u.Expires != r.Expires {
			t.Errorf("%+v", u)
		}
		if want := map[string]string{"1": "", "2": "2"}[data]; string(u.Data) != want {
			t.Errorf("Data %q, want %q", u.Data, want)
		}
		if want := "alice[groups_gained=[audit] groups_lost=[staff]]"; changed != want {
			t.Errorf("%s, want %s", changed, want)
		}
	}
}

// TestReadRefused: nobody asks the app's code about a user whom nothing confirms, and its own refusal is the answer.
func TestReadRefused(t *testing.T) {
	refused := errors.New("refused")
	for _, resolved := range []bool{false, true} {
		asked := false
		reader := recheck.Reader{
			Shape: &claims.Shape{}, Resolved: resolved,
			Vet: func(context.Context, *session.Record, recheck.Found, string) (*session.Record, error) {
				asked = true
				return nil, refused
			},
			Changed: func(context.Context, *session.Record, []slog.Attr) { t.Error("changed") },
		}
		answer, err := reader.Read(t.Context(), checkedSession(), []byte("of another version"))
		if asked != resolved || answer.User != nil || errors.Is(err, refused) != resolved ||
			errors.Is(err, recheck.ErrRefused) == resolved {
			t.Errorf("resolved %v: asked %v, %v", resolved, asked, err)
		}
	}
}

// TestUnchangedMemberships are no event.
func TestUnchangedMemberships(t *testing.T) {
	reader := recheck.Reader{
		Shape: &claims.Shape{}, Resolved: true,
		Vet: func(_ context.Context, r *session.Record, _ recheck.Found, _ string) (*session.Record, error) {
			same := *r
			return &same, nil
		},
		Changed: func(context.Context, *session.Record, []slog.Attr) { t.Error("changed") },
	}
	if _, err := reader.Read(t.Context(), checkedSession(), nil); err != nil {
		t.Error(err)
	}
}
