package exchange

import (
	"context"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Steps are those of one exchange of a code.
type Steps struct {
	// Consume marks the attempt as used, on all instances. If it returns an error, the code is not redeemed: a replay must
	// not reach the provider, which would revoke the tokens of the first exchange (RFC 6749, section 4.1.2).
	Consume func(context.Context) error
	// Redeem redeems the code.
	Redeem func(context.Context) *Result
	// Cookies are those of a result without others, such as after a panic.
	Cookies []string
}

// Run is Do for the steps, which take at most r.Limit.
func (g *Group) Run(ctx context.Context, r Response, s Steps) (*Result, error) {
	return g.Do(ctx, r, s.within(r.Limit))
}

// within returns the exchange as Do runs it. Once the attempt is consumed, the result is left for other instances, even
// after a panic: they would otherwise wait for nothing.
func (s Steps) within(limit time.Duration) Redeem {
	return func(ctx context.Context, leave func(*Result)) *Result {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if err := s.Consume(ctx); err != nil {
			return &Result{Err: err}
		}
		result := &Result{Err: outcome.ErrPanicked, Cookies: s.Cookies}
		defer func() {
			if result.Err != nil {
				result.Code = outcome.Of(result.Err).Code
			}
			leave(result)
		}()
		result = s.Redeem(ctx)
		return result
	}
}

// Tokens exchanges a code for tokens and returns the claims of the ID token, which is validated against the attempt.
func Tokens(
	ctx context.Context, op *provider.Provider, code string, at *attempt.Attempt,
) (provider.Claims, *provider.Tokens, error) {
	tokens, err := op.Exchange(ctx, code, at.Verifier)
	if err != nil {
		return nil, nil, err
	}
	tokens.Nonce = at.Nonce // a refresh may repeat it
	claims, err := op.VerifyIDToken(ctx, tokens.IDToken, provider.Expect{
		Nonce: at.Nonce, MaxAge: at.MaxAge, AccessToken: tokens.AccessToken,
	})
	if err != nil {
		return nil, nil, err
	}
	return claims, tokens, nil
}
