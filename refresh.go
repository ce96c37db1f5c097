package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const (
	refreshWait  = 50 * time.Millisecond
	refreshKept  = 10 * time.Minute // for requests that still come with the old tokens
	refreshSlack = 10 * time.Second // for the shared state, around a refresh
)

// refreshLimit is how long a request waits for its turn to refresh: longer than a refresh takes.
func (c *Config) refreshLimit() time.Duration { return 3 * c.ProviderTimeout }

// refreshLease is longer than its holder can take, so that it needs no renewal (case 270): twice the limit of a call is
// what the room below allows itself.
func (c *Config) refreshLease() time.Duration { return 2*c.ProviderTimeout + refreshSlack }

// refresh gets new tokens for old ones, once for all requests that have the old ones. The work goes on when the browser of
// the first has gone, for the others wait for it too (case 272).
func (a *core) refresh(ctx context.Context, r *session.Record, old *provider.Tokens) (*provider.Tokens, error) {
	name := a.refreshKey(old)
	tokens, _, err := a.refreshes.Do(ctx, name, func() (*provider.Tokens, error) {
		return a.refreshInTurn(context.WithoutCancel(ctx), name, r, old)
	})
	if err != nil && err == ctx.Err() {
		return nil, fmt.Errorf("%w: %w", ErrProviderUnavailable, context.Cause(ctx))
	}
	return tokens, err
}

// refreshInTurn takes what another request has got for the old tokens, or is the one to get it. Where that has been used up
// as well, its own successor is asked for. A holder of the lease who was killed holds it up for no longer than the lease
// lasts (case 271).
func (a *core) refreshInTurn(ctx context.Context, name string, r *session.Record, old *provider.Tokens) (*provider.Tokens, error) {
	turn, cancel := context.WithTimeout(ctx, a.config.refreshLimit())
	defer cancel()
	for {
		switch tokens, err := a.keptResult(turn, name, r); {
		case err != nil:
			return nil, err
		case tokens != nil && usable(tokens):
			return tokens, nil
		case tokens != nil:
			old, name = tokens, a.refreshKey(tokens)
			continue
		case old.RefreshToken == "":
			return nil, ErrNoToken
		}
		release, ok, err := a.state.Lease(turn, name, a.config.refreshLease())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSessionStore, err)
		}
		if ok {
			return a.refreshNow(ctx, name, r, old, release)
		}
		select {
		case <-time.After(refreshWait):
		case <-turn.Done():
			return nil, fmt.Errorf("%w: another instance has been refreshing for too long", ErrProviderUnavailable)
		}
	}
}

// refreshNow makes the one request. What comes back is left for the others before the lease is given back. It has its full
// time however long it waited for its turn: a request that is cut off may have spent the refresh token.
func (a *core) refreshNow(ctx context.Context, name string, r *session.Record, old *provider.Tokens, release func(context.Context) error) (*provider.Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, a.config.refreshLease())
	defer cancel()
	defer func() {
		if err := release(context.WithoutCancel(ctx)); err != nil {
			a.emit(ctx, event{kind: eventLeaseNotReleased, err: err})
		}
	}()
	if tokens, err := a.keptResult(ctx, name, r); tokens != nil || err != nil { // got while this one took the lease
		return tokens, err
	}
	fresh, _, err := a.provider.Refresh(ctx, old, r.Subject)
	if errors.Is(err, provider.ErrRefused) { // case 70, and 72 for invalid_grant: who is refused is signed in no more
		return nil, a.refusedRefresh(ctx, r, err)
	}
	if err != nil {
		return nil, translated(err)
	}
	// The old refresh token is spent, so from here on no fault of the state may cost the new one.
	switch ended, err := flight.Try(a.log, func() (bool, error) { return a.ledger.Ended(ctx, a.ledger.TraceOf(r)) }); {
	case ended: // signed out meanwhile, case 170
		a.revokeTokens(ctx, r, fresh)
		return nil, ErrUnauthenticated
	case err != nil: // nobody is signed out for it, and the next request asks again
		a.emit(ctx, event{kind: eventRefreshUnchecked, subject: r.Subject, err: err})
	}
	if _, err := flight.Try(a.log, func() (any, error) {
		return nil, a.values.Keep(ctx, refreshedTokens, name, ownerOf(r), string(fresh.Encode()), refreshKept)
	}); err != nil {
		a.emit(ctx, event{kind: eventRefreshNotShared, subject: r.Subject, err: err})
	}
	a.emit(ctx, event{kind: eventTokensRefreshed, subject: r.Subject, sid: r.SID})
	return fresh, nil
}

// refusedRefresh ends the session whose refresh the provider refuses: it has revoked the grant, or its answer is forged.
func (a *core) refusedRefresh(ctx context.Context, r *session.Record, refusal error) error {
	a.emit(ctx, event{kind: eventRefreshRefused, subject: r.Subject, sid: r.SID, err: refusal})
	e := SessionEnd{Subject: r.Subject, SID: r.SID, Reason: EndedByRefresh}
	if err := a.endListed(ctx, a.ledger.TraceOf(r), e); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnauthenticated, refusal)
}

// keptResult is what a request before has got for these tokens; nil, nil when there is nothing.
func (a *core) keptResult(ctx context.Context, name string, r *session.Record) (*provider.Tokens, error) {
	text, ok, err := a.values.Kept(ctx, refreshedTokens, name, ownerOf(r))
	if !ok || err != nil {
		return nil, err
	}
	tokens, _ := provider.DecodeTokens([]byte(text))
	return tokens, nil
}

// newest follows tokens to what they were refreshed to, for a sign-out that comes with old ones.
func (a *core) newest(ctx context.Context, r *session.Record, tokens *provider.Tokens) *provider.Tokens {
	for range 8 { // each lasts for a while, so there are few
		next, err := a.keptResult(ctx, a.refreshKey(tokens), r)
		if tokens.RefreshToken == "" || next == nil || err != nil {
			break
		}
		tokens = next
	}
	return tokens
}

func (a *core) refreshKey(tokens *provider.Tokens) string {
	return shared.Key(shared.KindTokens, a.audience.Hash(tokens.RefreshToken+" "+tokens.AccessToken)) // a refresh token may stay the same
}
