package signin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Starter starts sign-in attempts.
type Starter struct {
	Attempts *attempt.Jar
	Home     string // the return target where a longer one does not fit
	Log      *slog.Logger
}

// SignIn is a sign-in with a provider.
type SignIn struct {
	Provider *provider.Provider
	Posts    bool // the provider's page posts the response
	Purpose  attempt.Purpose
	Params   url.Values // of the authorization request
}

// Start starts an attempt, sets its cookie and returns the URL of the authorization request. If the request cannot be
// made, such as one that is pushed to the provider, no cookie is set: it would be of no use, and could push out that of
// another tab. ctx bounds the calls to the provider.
func (s Starter) Start(
	ctx context.Context, h http.Header, r *http.Request, in SignIn,
) (location string, err error) {
	attempts, set := s.Attempts.CrossSite(in.Posts), http.Header{}
	at, err := attempts.Start(set, r, in.Purpose)
	if errors.Is(err, attempt.ErrTooLarge) { // a large app state leaves no room for a long target
		s.Log.DebugContext(ctx, "ginoidc: return target ignored: with AppState it does not fit in a cookie")
		in.Purpose.ReturnTo = s.Home
		at, err = attempts.Start(set, r, in.Purpose)
	}
	if err != nil {
		return "", err
	}
	location, err = in.Provider.AuthorizationURL(ctx, provider.AuthRequest{
		State: at.State, Nonce: at.Nonce, Verifier: at.Verifier, Params: in.Params,
	})
	if err != nil {
		return "", err
	}
	cookie.Set(h, set["Set-Cookie"]...)
	return location, nil
}
