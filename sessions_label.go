package ginoidc

import (
	"context"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const maxLabel = 64 // bytes

// label keeps the label that the app makes of this request for a session that has begun, as long as the session can
// live. A failure is only logged, because labels only serve to display sessions.
func (req *request) label(s *session.Session) {
	a := req.auth
	if a.config.SessionLabel == nil {
		return
	}
	r := req.http.Clone(req)
	r.Body = http.NoBody
	text, err := flight.Try(a.log, func() (string, error) { return a.config.SessionLabel(r), nil })
	if text = cleanLabel(text); text != "" {
		key := shared.Key(shared.KindLabel, s.ID)
		err = a.values.Keep(req, sessionLabel, key, s.Owner(), text, a.config.SessionLifetime)
	}
	if err != nil {
		a.emit(req, event{kind: eventSessionNotLabelled, subject: s.Subject, err: err})
	}
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

// sessionLabel returns the label of a session of a user, or "" if it has none.
func (a *core) sessionLabel(ctx context.Context, id shared.Hash, subject string) (string, error) {
	if a.config.SessionLabel == nil {
		return "", nil
	}
	owner := (&session.Record{ID: id, Subject: subject}).Owner()
	text, _, err := a.values.Kept(requestContext(ctx), sessionLabel, shared.Key(shared.KindLabel, id), owner)
	return text, err
}
