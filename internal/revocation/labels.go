package revocation

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const (
	labelPurpose = "session label"
	maxLabel     = 64 // bytes
)

// Labels are what an app calls the sessions in the list of a user, such as the device.
type Labels struct {
	Values   shared.Values
	Make     func(*http.Request) string // nil: there are none
	Lifetime time.Duration              // of sessions
	Log      *slog.Logger               // for panics in code of the app
}

// Keep keeps the label that the app makes of a request for a session that has begun, as long as the session can live.
func (l Labels) Keep(ctx context.Context, r *http.Request, s *session.Session) error {
	if l.Make == nil {
		return nil
	}
	r = r.Clone(ctx)
	r.Body = http.NoBody
	text, err := flight.Try(l.Log, func() (string, error) { return l.Make(r), nil })
	if text = cleanLabel(text); text != "" {
		err = l.Values.Keep(ctx, labelPurpose, shared.Key(shared.KindLabel, s.ID), s.Owner(), text, l.Lifetime)
	}
	return err
}

// cleanLabel returns what may be shown and kept of a label: it is made of headers, which any client can choose.
func cleanLabel(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text))
	for len(text) > maxLabel {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// Of returns the label of a session of a user, or "" if it has none.
func (l Labels) Of(ctx context.Context, id shared.Hash, subject string) (string, error) {
	if l.Make == nil {
		return "", nil
	}
	owner := (&session.Record{ID: id, Subject: subject}).Owner()
	text, _, err := l.Values.Kept(ctx, labelPurpose, shared.Key(shared.KindLabel, id), owner)
	return text, err
}
