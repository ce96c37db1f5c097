package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const (
	newestPurpose   = "newest tokens"
	requestPurpose  = "requested token"
	exchangePurpose = "exchanged token"
)

// fetched is the result of a request for another access token. tokens are those of the session from then on; nil if
// another request has got the token.
type fetched struct{ token, tokens *provider.Tokens }

// Kept returns the access token that a request of the session got before, or nil if there is none that lasts for a
// call.
func (r *Refresher) Kept(
	ctx context.Context, of *session.Record, want provider.TokenRequest,
) (*provider.Tokens, error) {
	return r.usable(ctx, requestPurpose, r.requestKey(of, want), of.Owner())
}

// For returns another access token than that of the sign-in, for which it redeems the refresh token of old, once for
// all requests and instances. tokens are those to keep with the session from now on, or nil if these have not changed:
// a provider that rotates refresh tokens has issued another one. Errors are those of [Refresher.Refresh]; one that
// wraps [provider.ErrNotGranted] does not end the session.
func (r *Refresher) For(
	ctx context.Context, of *session.Record, old *provider.Tokens, want provider.TokenRequest,
) (token, tokens *provider.Tokens, err error) {
	got, _, err := r.fetching.Do(ctx, r.requestKey(of, want), func() (fetched, error) {
		return r.fetchInTurn(context.WithoutCancel(ctx), of, old, want)
	})
	if err != nil && err == ctx.Err() {
		return nil, nil, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
	return got.token, got.tokens, err
}

// fetchInTurn takes the access token that another request has got, or gets it with the newest refresh token. Requests
// for different access tokens take turns too, because they redeem the same refresh token.
func (r *Refresher) fetchInTurn(
	ctx context.Context, of *session.Record, old *provider.Tokens, want provider.TokenRequest,
) (fetched, error) {
	turn, cancel := context.WithTimeout(ctx, r.wait())
	defer cancel()
	for tries := 0; tries < maxSuccessors; {
		if token, err := r.Kept(turn, of, want); token != nil || err != nil {
			return fetched{token: token}, err
		}
		old = r.newest(turn, of, old)
		if old.RefreshToken == "" {
			return fetched{}, ErrNoToken
		}
		release, waited, err := r.Values.Turn(turn, r.key(old), r.lease(), r.wait())
		switch {
		case errors.Is(err, shared.ErrTurn):
			return fetched{}, ErrBusy
		case err != nil:
			return fetched{}, err
		}
		if !waited { // otherwise the time is limited
			tries++
		}
		token, err := r.Kept(ctx, of, want)
		if waited || token != nil || err != nil || r.key(r.newest(ctx, of, old)) != r.key(old) {
			r.release(ctx, of, release)
			continue
		}
		return r.fetchNow(ctx, of, old, want, release)
	}
	return fetched{}, ErrBusy
}

// fetchNow makes the one request, as [Refresher.now] does.
func (r *Refresher) fetchNow(
	ctx context.Context, of *session.Record, old *provider.Tokens, want provider.TokenRequest,
	release func(context.Context) error,
) (fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, r.lease())
	defer cancel()
	defer r.release(context.WithoutCancel(ctx), of, release)
	token, tokens, err := r.Provider.RefreshFor(ctx, old, of.Subject, want)
	switch {
	case errors.Is(err, provider.ErrNotGranted):
		return fetched{}, fmt.Errorf("%w: %w", ErrNoToken, err)
	case errors.Is(err, provider.ErrRefused): // the response is forged
		if endErr := r.End(ctx, of, err); endErr != nil {
			return fetched{}, endErr
		}
		return fetched{}, fmt.Errorf("%w: %w", ErrEnded, err)
	case err != nil:
		return fetched{}, err
	}
	if err := r.checkEnded(ctx, of, tokens); err != nil {
		return fetched{}, err
	}
	// The token comes first: a request that finds the new refresh token need not wait for the lease of the old one.
	r.keep(ctx, of, requestPurpose, r.requestKey(of, want), token, lifeOf(token))
	if tokens.RefreshToken != old.RefreshToken {
		r.share(ctx, of, old, tokens)
	}
	r.Report(ctx, Refreshed, of, nil)
	return fetched{token, tokens}, nil
}

// Exchange returns the access token for which the provider exchanges that of subject, once for all requests that have
// the latter: those of a session, or of an API client. It is kept for others until it expires.
func (r *Refresher) Exchange(
	ctx context.Context, subject *provider.Tokens, want provider.TokenRequest,
) (*provider.Tokens, error) {
	owner := subject.AccessToken // only who has it can open what is kept
	key := shared.Key(shared.KindTokens, r.Audience.Hash("exchange "+owner+" "+want.Key()))
	if token, err := r.usable(ctx, exchangePurpose, key, owner); token != nil || err != nil {
		return token, err
	}
	token, _, err := r.exchanges.Do(ctx, key, func() (*provider.Tokens, error) {
		return r.exchangeInTurn(context.WithoutCancel(ctx), subject, want, key)
	})
	if err != nil && err == ctx.Err() {
		return nil, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
	return token, err
}

// exchangeInTurn makes the request unless another instance has made it. An exchange spends nothing, so a fault of the
// lease costs no more than a second request.
func (r *Refresher) exchangeInTurn(
	ctx context.Context, subject *provider.Tokens, want provider.TokenRequest, key string,
) (*provider.Tokens, error) {
	release, _, err := r.Values.Turn(ctx, key, r.lease(), r.wait())
	if err == nil {
		defer func() { _ = release(context.WithoutCancel(ctx)) }()
	}
	owner := subject.AccessToken
	if token, err := r.usable(ctx, exchangePurpose, key, owner); token != nil || err != nil {
		return token, err
	}
	token, err := r.Provider.ExchangeToken(ctx, subject, want)
	if err != nil {
		return nil, err
	}
	if err := r.Values.Keep(ctx, exchangePurpose, key, owner, string(token.Encode()), lifeOf(token)); err != nil {
		r.Report(ctx, NotShared, &session.Record{}, err)
	}
	return token, nil
}

// usable returns tokens that were kept and last for a call, or nil.
func (r *Refresher) usable(ctx context.Context, purpose, key, owner string) (*provider.Tokens, error) {
	text, ok, err := r.Values.Kept(ctx, purpose, key, owner)
	if !ok || err != nil {
		return nil, err
	}
	if token, _ := provider.DecodeTokens([]byte(text)); token != nil && Usable(token) {
		return token, nil
	}
	return nil, nil
}

// lifeOf returns for how long a token is kept.
func lifeOf(token *provider.Tokens) time.Duration {
	if token.Expiry.IsZero() {
		return resultLife
	}
	return time.Until(token.Expiry)
}

// successor returns the result for these tokens, or the newest tokens of the session if those are newer: with a refresh
// token that is redeemed for several access tokens, responses reach the browser in any order, so its cookie may not
// have the last one.
func (r *Refresher) successor(ctx context.Context, of *session.Record, old *provider.Tokens) (*provider.Tokens, error) {
	if next, err := r.result(ctx, of, old); next != nil || err != nil {
		return next, err
	}
	text, ok, err := r.Values.Kept(ctx, newestPurpose, r.newestKey(of), of.Owner())
	if !ok || err != nil {
		return nil, err
	}
	if newest, _ := provider.DecodeTokens([]byte(text)); newest != nil && newest.Generation > old.Generation {
		return newest, nil
	}
	return nil, nil
}

func (r *Refresher) newestKey(of *session.Record) string {
	return shared.Key(shared.KindTokens, r.Audience.Hash("newest "+of.Owner()))
}

func (r *Refresher) requestKey(of *session.Record, want provider.TokenRequest) string {
	return shared.Key(shared.KindTokens, r.Audience.Hash("for "+of.Owner()+" "+want.Key()))
}
