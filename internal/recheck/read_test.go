package recheck_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
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

// TestJudged: only what speaks of the grant or of the user ends a session. What is wrong with a request, or with the
// provider, leaves the user signed in.
func TestJudged(t *testing.T) {
	invalid := errors.New("invalid_request")
	for name, tt := range map[string]struct{ err, want error }{
		"none":             {nil, nil},
		"an ended session": {refresh.ErrEnded, recheck.ErrEnded},
		"no token":         {refresh.ErrNoToken, recheck.ErrRefused},
		"a refused grant":  {provider.ErrRefused, recheck.ErrRefused},
		"a refused token":  {provider.ErrTokenRefused, recheck.ErrRefused},
		"an ended grant":   {provider.ErrGrantEnded, recheck.ErrRefused},
		"an outage":        {provider.ErrUnavailable, nil},
		"a bad request":    {invalid, nil},
	} {
		got := recheck.Judged(tt.err)
		if !errors.Is(got, tt.err) || (got == nil) != (tt.err == nil) {
			t.Errorf("%s: %v", name, got)
		}
		for _, is := range []error{recheck.ErrEnded, recheck.ErrRefused} {
			if errors.Is(got, is) != (tt.want == is) {
				t.Errorf("%s: is %v: %t", name, is, tt.want != is)
			}
		}
	}
}

// TestAskWithoutRefresh: an access token is used for userinfo as long as it has not expired.
func TestAskWithoutRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := recheck.Reader{SkipUserInfo: true}
		for name, tt := range map[string]struct {
			old    *provider.Tokens
			usable bool
		}{
			"none":      {nil, false},
			"forever":   {&provider.Tokens{AccessToken: "at"}, true},
			"valid":     {&provider.Tokens{AccessToken: "at", Expiry: time.Now().Add(1)}, true},
			"just over": {&provider.Tokens{AccessToken: "at", Expiry: time.Now()}, false},
		} {
			from, tokens, err := reader.Ask(t.Context(), checkedSession(), tt.old)
			if (tokens != nil) != tt.usable || tokens != nil && tokens != tt.old || from.Vouched || err != nil {
				t.Errorf("%s: %+v, %+v, %v", name, from, tokens, err)
			}
		}
	})
}
