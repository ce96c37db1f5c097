package recheck_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

func TestOutcomeOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want recheck.Outcome
	}{
		{nil, recheck.Lives},
		{recheck.ErrEnded, recheck.Over},
		{fmt.Errorf("%w: %w", recheck.ErrEnded, shared.ErrUnavailable), recheck.Over},
		{shared.ErrUnavailable, recheck.Unknown},
		{fmt.Errorf("%w: %w", recheck.ErrFailed, shared.ErrUnavailable), recheck.Lives},
		{fmt.Errorf("%w: %w", shared.ErrUnavailable, shared.ErrTurn), recheck.Lives},
		{recheck.ErrFailed, recheck.Lives},
		{recheck.ErrPending, recheck.Lives},
		{errors.New("load"), recheck.Lives},
	} {
		if got := recheck.OutcomeOf(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}

// TestTooOld: only after a check without an answer, and not before the grace has passed.
func TestTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := recheck.New(recheck.Config{Every: every, Grace: grace})
		now, failed := time.Now(), recheck.ErrFailed
		for _, tt := range []struct {
			err  error
			age  time.Duration
			want bool
		}{
			{nil, 24 * time.Hour, false}, {failed, every + grace, false}, {failed, every + grace + 1, true}, {failed, 0, false},
		} {
			if got := c.TooOld(tt.err, now.Add(-tt.age)); got != tt.want {
				t.Errorf("%v after %s: %v", tt.err, tt.age, got)
			}
		}
	})
}

// newManager returns a manager of sessions in cookies.
func newManager(t *testing.T) *session.Manager {
	t.Helper()
	store, err := cookiestore.New(cookiestore.Config{Secrets: []string{strings.Repeat("s", 32)}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := session.New(session.Config{
		Store: store, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 8 * time.Hour, Audience: "app",
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSave: the user is saved if the check has changed it, and the tokens if it has refreshed them.
func TestSave(t *testing.T) {
	m := newManager(t)
	for name, tt := range map[string]struct {
		adopted, renew bool
		tokens         []byte
		failure        error
		name, kept     string
	}{
		"nothing new":                      {false, true, nil, nil, "Before", "old"},
		"the user":                         {true, true, nil, nil, "After", "old"},
		"user and tokens":                  {true, false, []byte("new"), nil, "After", "new"},
		"tokens of a failure":              {false, true, []byte("new"), recheck.ErrFailed, "Before", "new"},
		"user and tokens of another check": {true, false, []byte("new"), recheck.ErrPending, "After", "new"},
		"tokens of another check":          {false, true, []byte("new"), recheck.ErrPending, "Before", "old"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, r := http.Header{}, (&http.Request{Header: http.Header{}}).WithContext(t.Context())
				if _, err := m.Begin(h, r, session.Record{Subject: "alice", Name: "Before"}, []byte("old")); err != nil {
					t.Fatal(err)
				}
				r = cookie.After(r, h["Set-Cookie"])
				time.Sleep(time.Minute)
				s, err := m.Load(r)
				if err != nil {
					t.Fatal(err)
				}
				began := s.Renewed
				if tt.adopted {
					s.Name = "After"
				}
				h = http.Header{}
				if err := (recheck.Result{Tokens: tt.tokens}).Save(m, h, r, s, tt.adopted, tt.renew, tt.failure); err != nil {
					t.Fatal(err)
				}
				r = cookie.After(r, h["Set-Cookie"])
				if s, err = m.Load(r); err != nil || s.Name != tt.name {
					t.Errorf("user %+v, %v", s, err)
				}
				if renewed := !s.Renewed.Equal(began); renewed != (tt.adopted && tt.renew) {
					t.Errorf("renewed: %v", renewed)
				}
				if kept, err := m.LoadTokens(r, s); err != nil || string(kept) != tt.kept {
					t.Errorf("tokens %q, %v", kept, err)
				}
			})
		})
	}
}

// TestSaveTooLate: of a session that has ended nothing is saved, its tokens included.
func TestSaveTooLate(t *testing.T) {
	m := newManager(t)
	h, r := http.Header{}, (&http.Request{Header: http.Header{}}).WithContext(t.Context())
	s, err := m.Begin(h, r, session.Record{Subject: "alice"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Expires = time.Now().Add(-time.Minute)
	h = http.Header{}
	err = recheck.Result{Tokens: []byte("new")}.Save(m, h, r, s, true, true, nil)
	if !errors.Is(err, session.ErrGone) || len(h) > 0 {
		t.Errorf("%v, %v", err, h)
	}
}
