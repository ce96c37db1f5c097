package outcome_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/pages"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// TestExplain: texts are those of the code, or of what is known beyond it. The link leads on, and home if it has no
// address. Case 301.
func TestExplain(t *testing.T) {
	set, _, err := pages.New(pages.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	l := set.English()
	facts := outcome.Facts{Wanted: "/me", SignIn: "/auth/signin", Home: "/"}
	with := func(change func(*outcome.Facts)) outcome.Facts {
		f := facts
		change(&f)
		return f
	}
	for _, tt := range []struct {
		name       string
		err        error
		facts      outcome.Facts
		texts      string // their key
		more       string // key of a further text
		link, text string
	}{
		{"not allowed", guard.ErrForbidden, facts, "forbidden", "", "/auth/signin", outcome.LinkOther},
		{"step-up failed", guard.ErrStepUpFailed, facts, "step_up_failed", "", "/auth/signin", outcome.LinkOther},
		{"a check that failed for it", fmt.Errorf("%w: %w", guard.ErrGroupsOverage, guard.ErrStepUpFailed), facts,
			"groups_overage", "", "/auth/signin", outcome.LinkOther},
		{"refused", outcome.ErrSignInRefused, facts, "sign_in_refused", "", "/auth/signin", outcome.LinkAgain},
		{"cancelled", outcome.ErrSignInRefused, with(func(f *outcome.Facts) { f.Cancelled = true }),
			"sign_in_cancelled", "", "/auth/signin", outcome.LinkAgain},
		{"an outage, and cancelled", outcome.ErrProviderResponse, with(func(f *outcome.Facts) { f.Cancelled = true }),
			"provider_error", "", "/auth/signin", outcome.LinkAgain},
		{"no form", outcome.ErrUnauthenticated, facts, "unauthorized", "", "/auth/signin", outcome.LinkSignIn},
		{"a form", outcome.ErrUnauthenticated, with(func(f *outcome.Facts) { f.Posted = true }),
			"unauthorized", "form_not_processed", "/auth/signin", outcome.LinkSignIn},
		{"a form of a user", guard.ErrForbidden, with(func(f *outcome.Facts) { f.Posted = true }),
			"forbidden", "", "/auth/signin", outcome.LinkOther},
		{"store", shared.ErrUnavailable, facts, "session_unavailable", "", "/me", outcome.LinkRetry},
		{"store, no page", shared.ErrUnavailable, with(func(f *outcome.Facts) { f.Wanted = "" }),
			"session_unavailable", "", "/", outcome.LinkContinue},
		{"no route", outcome.ErrNoRoute, facts, "not_found", "", "/", outcome.LinkContinue},
	} {
		want := outcome.Explanation{
			Title: l.Text(tt.texts + ".title"), Message: l.Text(tt.texts + ".text"), Link: tt.link, LinkText: l.Text(tt.text),
		}
		if tt.more != "" {
			want.Message += " " + l.Text(tt.more)
		}
		got := outcome.Of(tt.err).Explain(tt.err, l, tt.facts)
		if got != want || got.Title == "" || got.Message == "" || got.LinkText == "" {
			t.Errorf("%s: %+v, want %+v", tt.name, got, want)
		}
	}
}

// TestBody: what a program needs, without empty members.
func TestBody(t *testing.T) {
	text, err := json.Marshal(outcome.Body{Code: "forbidden", Message: "No"})
	if err != nil || string(text) != `{"error":"forbidden","message":"No"}` {
		t.Errorf("%s %v", text, err)
	}
	text, err = json.Marshal(outcome.Body{Code: "internal", Message: "No", RequestID: "R", SignInURL: "/s"})
	if err != nil || string(text) != `{"error":"internal","message":"No","request_id":"R","sign_in_url":"/s"}` {
		t.Errorf("%s %v", text, err)
	}
}
