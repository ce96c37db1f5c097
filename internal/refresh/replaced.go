package refresh

import (
	"context"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// With the response mode form_post, and with SameSiteStrict, a callback comes without the cookies of the session that
// the sign-in replaces, and so without the tokens to revoke. They are kept in the shared state when the sign-in starts:
// one value for each session, however many sign-ins it starts, sealed and bound to the session that the attempt names.

// replacedPurpose is the purpose of these values. Those of one provider do not open for another, which would otherwise
// get to see the tokens when they are revoked.
func (r *Refresher) replacedPurpose() string {
	if r.Name == "" {
		return "replaced tokens"
	}
	return "replaced tokens of " + r.Name
}

// Leave keeps the tokens of a session for ttl, for the callback of a sign-in that may replace it. sid is the hash of
// the session at the provider.
func (r *Refresher) Leave(
	ctx context.Context, of *session.Record, sid shared.Hash, tokens *provider.Tokens, ttl time.Duration,
) error {
	text := string(sid[:]) + string(tokens.Encode())
	return r.Values.Keep(ctx, r.replacedPurpose(), shared.Key(shared.KindReplaced, of.ID), of.Owner(), text, ttl)
}

// Left returns what Leave has kept for a session, of which the ID and the subject are known; ok is false if there is
// nothing. Tokens that another version wrote are nil.
func (r *Refresher) Left(
	ctx context.Context, of *session.Record,
) (tokens *provider.Tokens, sid shared.Hash, ok bool, err error) {
	text, ok, err := r.Values.Kept(ctx, r.replacedPurpose(), shared.Key(shared.KindReplaced, of.ID), of.Owner())
	if !ok || len(text) < len(sid) {
		return nil, sid, false, err
	}
	sid = shared.Hash([]byte(text[:len(sid)]))
	tokens, _ = provider.DecodeTokens([]byte(text[len(sid):]))
	return tokens, sid, true, nil
}
