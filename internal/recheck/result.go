package recheck

import (
	"context"
	"errors"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// Result is what the checks of a session have found, as one request keeps it for the others.
type Result struct {
	At       time.Time       // when the user was read last; zero for never
	User     *session.Record // as of then
	Tokens   []byte          // of the session if a check has refreshed them, otherwise nil
	RetryAt  time.Time       // no check before this time; zero unless the last one failed
	Unshared bool            // the last user did not fit: each request has to wait for a check of its own
}

// Applied returns r with the user of the result, if that was read after the one in r. What the sign-in proved stays:
// a check never raises AuthTime, ACR or AMR. Data stays unless the check changed it.
func (res Result) Applied(r *session.Record) *session.Record {
	applied := *r
	if res.User == nil || !res.At.After(r.CheckedAt()) {
		return &applied
	}
	u := res.User
	applied.Checked = res.At
	applied.Name, applied.PreferredUsername, applied.Picture = u.Name, u.PreferredUsername, u.Picture
	applied.Email, applied.EmailVerified = u.Email, u.EmailVerified
	applied.Groups, applied.GroupsOverage, applied.Organizations = u.Groups, u.GroupsOverage, u.Organizations
	applied.Claims, applied.Expires = u.Claims, u.Expires
	if len(u.Data) > 0 {
		applied.Data = u.Data
	}
	return &applied
}

// failing returns an error as long as the last check has failed and the next one is not due.
func (res Result) failing() error {
	wait := time.Until(res.RetryAt)
	if wait <= 0 {
		return nil
	}
	return &provider.Error{
		Kind: provider.Unavailable, Op: "re-check", Code: "recheck_failed", RetryAfter: wait,
		Err: errFailing,
	}
}

// pause returns the time until a failed check is tried again: as the provider asks, or a fixed time, but no longer than
// users are checked at all.
func (c *Checker) pause(err error) time.Duration {
	pause := retryAfter
	if ofProvider := (*provider.Error)(nil); errors.As(err, &ofProvider) && ofProvider.RetryAfter > 0 {
		pause = ofProvider.RetryAfter
	}
	return min(pause, c.Every)
}

func key(r *session.Record) string { return shared.Key(shared.KindRecheck, r.ID) }

// kept returns the last result of the session, the zero Result if there is none.
func (c *Checker) kept(ctx context.Context, r *session.Record) (Result, error) {
	text, ok, err := c.Values.Kept(ctx, purpose, key(r), r.Owner())
	if !ok || err != nil {
		return Result{}, err
	}
	result, _ := decode([]byte(text)) // another version may have written it
	return result, nil
}

// keep keeps a result for other requests. If the user does not fit, the tokens are kept alone: they must not be lost.
func (c *Checker) keep(ctx context.Context, r *session.Record, result Result) {
	ttl := c.Every + c.Grace + reuse
	save := func(result Result) error {
		_, err := flight.Try(c.Log, func() (struct{}, error) {
			return struct{}{}, c.Values.Keep(ctx, purpose, key(r), r.Owner(), string(result.encode()), ttl)
		})
		return err
	}
	err := save(result)
	if err != nil && result.User != nil {
		_ = save(Result{Tokens: result.Tokens, RetryAt: result.RetryAt, Unshared: true})
	}
	if err != nil {
		c.Report(ctx, NotShared, r, err)
	}
}

const resultVersion = 1

// encode returns the result as
//
//	version ‖ Unshared ‖ At ‖ RetryAt ‖ User ‖ Tokens
//
// with times in Unix seconds (0: none) and a record of package session, which is empty if there is no user.
func (res Result) encode() []byte {
	flags := byte(0)
	if res.Unshared {
		flags = 1
	}
	b := wire.AppendSeconds([]byte{resultVersion, flags}, res.At)
	b = wire.AppendSeconds(b, res.RetryAt)
	var user []byte
	if res.User != nil {
		user = res.User.Encode()
	}
	return wire.AppendText(wire.AppendText(b, user), res.Tokens)
}

func decode(b []byte) (Result, bool) {
	rd := wire.NewReader(b)
	if rd.Byte() != resultVersion {
		return Result{}, false
	}
	res := Result{Unshared: rd.Byte() == 1, At: rd.Seconds(), RetryAt: rd.Seconds()}
	user, tokens := rd.Block(), rd.Block()
	if !rd.Done() {
		return Result{}, false
	}
	if len(user) > 0 {
		res.User = &session.Record{}
		if !res.User.Decode(user) {
			return Result{}, false
		}
	}
	if len(tokens) > 0 {
		res.Tokens = tokens
	}
	return res, true
}
