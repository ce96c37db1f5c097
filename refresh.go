package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

const (
	refreshLimit = 15 * time.Second // for one refresh, waiting included
	refreshLease = 20 * time.Second // longer than a refresh can take, so that it needs no renewal (case 270)
	refreshWait  = 50 * time.Millisecond
	refreshKept  = 10 * time.Minute // for requests that still come with the old tokens
)

// refresh gets new tokens for old ones, once for all requests that have the old ones. The work goes on when the browser of
// the first has gone, for the others wait for it too (case 272).
func (a *core) refresh(ctx context.Context, r *session.Record, old *provider.Tokens) (*provider.Tokens, error) {
	name := a.refreshKey(old)
	tokens, _, err := a.refreshes.Do(ctx, name, func() (*provider.Tokens, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshLimit)
		defer cancel()
		return a.refreshInTurn(ctx, name, r, old)
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
	for {
		switch tokens, err := a.keptResult(ctx, name); {
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
		release, ok, err := a.state.Lease(ctx, name, refreshLease)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSessionStore, err)
		}
		if ok {
			return a.refreshNow(ctx, name, r, old, release)
		}
		select {
		case <-time.After(refreshWait):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: another instance has been refreshing for too long", ErrProviderUnavailable)
		}
	}
}

// refreshNow makes the one request. What comes back is left for the others before the lease is given back.
func (a *core) refreshNow(ctx context.Context, name string, r *session.Record, old *provider.Tokens, release func(context.Context) error) (*provider.Tokens, error) {
	defer func() {
		if err := release(context.WithoutCancel(ctx)); err != nil {
			a.log.WarnContext(ctx, "ginoidc: lease of a refresh not given back", "error", err)
		}
	}()
	if tokens, err := a.keptResult(ctx, name); tokens != nil || err != nil { // got while this one took the lease
		return tokens, err
	}
	fresh, _, err := a.provider.Refresh(ctx, old, r.Subject)
	if errors.Is(err, provider.ErrRefused) { // case 70, and 72 for invalid_grant: who is refused is signed in no more
		return nil, a.refusedRefresh(ctx, r, err)
	}
	if err != nil {
		return nil, translated(err)
	}
	if ended, err := a.ended(ctx, a.traceOf(r)); ended || err != nil { // signed out meanwhile, case 170
		a.revokeTokens(ctx, fresh)
		return nil, errors.Join(ErrUnauthenticated, err)
	}
	sealed := a.attempts.SealText(attempt.RefreshedTokens, string(fresh.Encode()))
	if err := a.state.Keep(ctx, name, sealed, refreshKept); err != nil {
		a.log.ErrorContext(ctx, "ginoidc: refreshed tokens not left for other requests", "error", err)
	}
	a.log.InfoContext(ctx, "ginoidc: tokens refreshed", "sub", r.Subject)
	return fresh, nil
}

// refusedRefresh ends the session whose refresh the provider refuses: it has revoked the grant, or its answer is forged.
func (a *core) refusedRefresh(ctx context.Context, r *session.Record, refusal error) error {
	a.log.WarnContext(ctx, "ginoidc: refresh refused, which ends the session", "sub", r.Subject, "error", refusal)
	e := SessionEnd{Subject: r.Subject, SID: r.SID, Reason: EndedByRefresh}
	if err := a.endListed(ctx, a.traceOf(r), e); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnauthenticated, refusal)
}

// keptResult is what a request before has got for these tokens; nil, nil when there is nothing.
func (a *core) keptResult(ctx context.Context, name string) (*provider.Tokens, error) {
	sealed, ok, err := a.state.Kept(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSessionStore, err)
	}
	if !ok {
		return nil, nil
	}
	text, _ := a.attempts.OpenText(attempt.RefreshedTokens, sealed) // "" does not decode either
	tokens, _ := provider.DecodeTokens([]byte(text))
	return tokens, nil
}

// newest follows tokens to what they were refreshed to, for a sign-out that comes with old ones.
func (a *core) newest(ctx context.Context, tokens *provider.Tokens) *provider.Tokens {
	for range 8 { // each lasts for a while, so there are few
		next, err := a.keptResult(ctx, a.refreshKey(tokens))
		if tokens.RefreshToken == "" || next == nil || err != nil {
			break
		}
		tokens = next
	}
	return tokens
}

func (a *core) refreshKey(tokens *provider.Tokens) string {
	return key('t', a.hash(tokens.RefreshToken+" "+tokens.AccessToken)) // a refresh token may stay the same
}
