package refresh

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// Kept are the tokens that a session keeps, as one request knows them: they are loaded once, and refreshed once at
// most. It belongs to the goroutine of the request.
type Kept struct {
	tokens    *provider.Tokens // nil until loaded
	refreshed bool
}

// Carrier is the request that carries a session, and the response to it.
type Carrier struct {
	Sessions *session.Manager
	Session  *session.Session
	Request  *http.Request                       // with the cookies that the response has set so far
	Set      func(func(http.Header) error) error // sends the cookies that a function sets

	// Writable returns an error if no cookies can be sent any longer. It is asked before a refresh token is redeemed: the
	// one that replaces it would be lost, and with it the grant.
	Writable func() error
}

// Load returns the tokens of a session, nil if there are none. An error wraps [session.ErrStore].
func Load(m *session.Manager, r *http.Request, s *session.Session) (*provider.Tokens, error) {
	data, err := m.LoadTokens(r, s)
	if err != nil {
		return nil, err
	}
	tokens, _ := provider.DecodeTokens(data) // nil if there are none or another version wrote them
	return tokens, nil
}

// Forget makes the next use load the tokens of another session.
func (k *Kept) Forget() { k.tokens = nil }

// load loads the tokens of the session, unless they are loaded.
func (k *Kept) load(c Carrier) (err error) {
	if k.tokens == nil {
		if k.tokens, err = Load(c.Sessions, c.Request, c.Session); err == nil && k.tokens == nil {
			err = ErrNoToken
		}
	}
	return err
}

// Fresh returns the tokens of the session, refreshed if they are about to expire. Tokens that are still valid for a
// moment are better than none if they cannot be refreshed. Errors are those of [Refresher.Refresh] and of the store;
// [session.ErrGone] means that the session was deleted while its tokens were refreshed, and these are revoked then.
func (k *Kept) Fresh(ctx context.Context, r *Refresher, c Carrier) (*provider.Tokens, error) {
	if err := k.load(c); err != nil {
		return nil, err
	}
	if Usable(k.tokens) || k.refreshed && time.Until(k.tokens.Expiry) > 0 {
		// A token that expires within moments of its refresh is not refreshed again.
		return k.tokens, nil
	}
	old := k.tokens
	fresh, err := r.refreshFor(ctx, c, old)
	if err != nil && time.Until(old.Expiry) > 0 && !errors.Is(err, ErrEnded) && !errors.Is(err, session.ErrGone) {
		return old, nil
	}
	k.tokens, k.refreshed = fresh, err == nil
	return fresh, err
}

func (r *Refresher) refreshFor(ctx context.Context, c Carrier, old *provider.Tokens) (*provider.Tokens, error) {
	if err := c.Writable(); err != nil {
		return nil, err
	}
	fresh, err := r.Refresh(ctx, &c.Session.Record, old)
	if err != nil {
		return nil, err
	}
	return fresh, r.update(ctx, c, fresh)
}

// For returns another access token than that of the sign-in: see [Refresher.For]. It keeps the new refresh token with
// the session. Errors are those of Fresh.
func (k *Kept) For(
	ctx context.Context, r *Refresher, c Carrier, want provider.TokenRequest,
) (*provider.Tokens, error) {
	if err := k.load(c); err != nil {
		return nil, err
	}
	of := &c.Session.Record
	if token, err := r.Kept(ctx, of, want); token != nil || err != nil {
		return token, err
	}
	if err := c.Writable(); err != nil {
		return nil, err
	}
	token, tokens, err := r.For(ctx, of, k.tokens, want)
	if err != nil {
		return nil, err
	}
	if tokens != nil && *tokens != *k.tokens {
		if err := r.update(ctx, c, tokens); err != nil {
			return nil, err
		}
		k.tokens = tokens
	}
	return token, nil
}

// update keeps fresh with the session. If the session was deleted meanwhile, by a sign-out, nobody would revoke them.
func (r *Refresher) update(ctx context.Context, c Carrier, fresh *provider.Tokens) error {
	err := c.Set(func(h http.Header) error {
		return c.Sessions.UpdateTokens(h, c.Request, c.Session, fresh.Encode())
	})
	if errors.Is(err, session.ErrGone) {
		r.Revoke(ctx, &c.Session.Record, fresh)
	}
	return err
}
