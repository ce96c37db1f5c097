package session

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
)

// tokensSuffix names the record of a session's tokens. It is separate, in its own cookies or under its own id, so that
// requests that do not need the tokens do not pay for them.
const tokensSuffix = "-tokens"

// LoadTokens returns what was kept with the session, or nil. An error wraps [ErrStore].
func (m *Manager) LoadTokens(r *http.Request, s *Session) ([]byte, error) {
	tokens, _, err := m.tokens(r, s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStore, err)
	}
	return tokens, nil
}

// tokens returns the tokens of s and the request without other ones. Of several cookies of the name the one with the
// tokens of s counts.
func (m *Manager) tokens(r *http.Request, s *Session) (tokens []byte, of *http.Request, err error) {
	name := m.config.Name + tokensSuffix
	for _, of := range append([]*http.Request{r}, cookie.Apart(r, name)...) {
		data, _, err := m.records.LoadRecord(of, name)
		if err != nil {
			return nil, nil, err
		}
		if tokens, ours := bytes.CutPrefix(data, m.tokensHead(&s.Record)); ours && len(tokens) > 0 {
			return tokens, of, nil
		}
	}
	return nil, r, nil
}

// UpdateTokens replaces the tokens that LoadTokens returned for the request. [ErrGone] means that they were deleted in
// the meantime and stay deleted; any other error wraps [ErrStore] or is a [*TooLargeError].
func (m *Manager) UpdateTokens(h http.Header, r *http.Request, s *Session, tokens []byte) error {
	if len(cookie.Apart(r, m.config.Name+tokensSuffix)) > 0 {
		old, of, err := m.tokens(r, s)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrStore, err)
		case old == nil:
			return ErrGone
		}
		r = of
	}
	return m.saveTokens(h, r, &s.Record, tokens)
}

// destroyTokens deletes the tokens that the request carries, if any.
func (m *Manager) destroyTokens(h http.Header, r *http.Request) error {
	name := m.config.Name + tokensSuffix
	if !cookie.Carries(r, name) {
		return nil
	}
	return m.destroy(h, r, name)
}

// saveTokens keeps tokens until the end of the session's lifetime. They are useless without the session, so renewing a
// session need not renew them.
func (m *Manager) saveTokens(h http.Header, r *http.Request, rec *Record, tokens []byte) error {
	maxAge := int((time.Until(rec.Created.Add(m.config.Lifetime)) + time.Second - 1) / time.Second)
	data := append(m.tokensHead(rec), tokens...)
	if err := m.saveRecord(h, r, rec, m.config.Name+tokensSuffix, data, max(maxAge, 1)); err != nil {
		return saveError(err, rec)
	}
	return nil
}

// tokensHead ties tokens to their session: audience ‖ id. Tokens of another session are never accepted, whatever wrote
// them there.
func (m *Manager) tokensHead(rec *Record) []byte {
	return append(rec.head(), rec.ID[:]...)
}
