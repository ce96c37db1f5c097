package revocation_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// TestLabels: of what a client sends, only a short printable text is kept, for its own user. A panic of the app's code
// is an error.
func TestLabels(t *testing.T) {
	seal, err := sealed.New("kept values", []string{strings.Repeat("secret", 6)}, "app")
	if err != nil {
		t.Fatal(err)
	}
	s := &session.Session{}
	s.ID[0], s.Subject = 1, "alice"
	for text, want := range map[string]string{
		"Firefox": "Firefox", "": "", " \t": "", "a\nb\x00\xff": "ab", "\u202eab": "ab",
		strings.Repeat("x", 65):       strings.Repeat("x", 64),
		strings.Repeat("x", 63) + "ä": strings.Repeat("x", 63),
	} {
		l := revocation.Labels{
			Values: shared.Values{State: state.NewMemory(0), Seal: seal}, Lifetime: time.Hour,
			Make: func(r *http.Request) string { return r.Header.Get("X-Device") },
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Device"] = []string{text}
		if err := l.Keep(t.Context(), r, s); err != nil {
			t.Error(err)
		}
		if got, err := l.Of(t.Context(), s.ID, "alice"); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
		if got, _ := l.Of(t.Context(), s.ID, "bob"); got != "" {
			t.Errorf("another user has the label %q", got)
		}
		away := l
		away.Values.State = noValues{state.NewMemory(0)}
		if got, err := away.Of(t.Context(), s.ID, "alice"); got != "" || !errors.Is(err, shared.ErrUnavailable) {
			t.Errorf("%q, %v", got, err)
		}
		l.Log, l.Make = slog.New(slog.DiscardHandler), func(*http.Request) string { panic("of the app") }
		if err := l.Keep(t.Context(), r, s); err == nil {
			t.Error("no error after a panic")
		}
	}
}

type noValues struct{ *state.Memory }

func (noValues) Kept(context.Context, string) (string, bool, error) { return "", false, errDown }

// TestNoLabels: an app without labels does not look for any.
func TestNoLabels(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	if err := (revocation.Labels{}).Keep(t.Context(), r, &session.Session{}); err != nil {
		t.Error(err)
	}
	if got, err := (revocation.Labels{}).Of(t.Context(), shared.Hash{1}, "alice"); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
