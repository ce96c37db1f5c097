package ginoidc

import (
	"context"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// A form that the provider's page posts brings no cookie of the session that the sign-in replaces, and so none of its tokens.
// They are left in the shared state when the sign-in starts: one value for each session, however many sign-ins it starts,
// sealed and bound to the session, which the attempt names.

// leaveTokens leaves the tokens of the request's session for the callback that may replace it, if the provider revokes tokens.
// The sign-in does not depend on it.
func (a *core) leaveTokens(req *request) {
	metadata, err := a.provider.Metadata(req)
	if err != nil || metadata.RevocationEndpoint == "" {
		return
	}
	r, tokens := a.tokensToRevoke(req)
	if tokens == nil {
		return
	}
	t := a.ledger.TraceOf(r)
	text, ttl := string(t.SID[:])+string(tokens.Encode()), a.config.AttemptLife+a.config.exchangeLimit()
	if err := a.values.Keep(req, replacedTokens, shared.Key(shared.KindReplaced, t.ID), r.Owner(), text, ttl); err != nil {
		a.emit(req, event{kind: eventReplacedTokensNotLeft, subject: r.Subject, err: err})
	}
}

// leftTokens are the tokens that leaveTokens has left, with what is known of their session; nil for none.
func (a *core) leftTokens(ctx context.Context, at *attempt.Attempt) (*session.Record, revocation.Trace, *provider.Tokens) {
	r := &session.Record{ID: at.Replaces, Subject: at.Replaced}
	t := a.ledger.TraceOf(r)
	text, ok, err := a.values.Kept(ctx, replacedTokens, shared.Key(shared.KindReplaced, t.ID), r.Owner())
	if err != nil {
		a.emit(ctx, event{kind: eventTokensNotRevoked, subject: at.Replaced, err: err})
	}
	if !ok || len(text) < len(t.SID) {
		return nil, t, nil
	}
	t.SID = shared.Hash([]byte(text[:len(t.SID)]))
	tokens, _ := provider.DecodeTokens([]byte(text[len(t.SID):]))
	return r, t, tokens
}
