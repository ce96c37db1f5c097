package ginoidc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// newChecker connects the re-checks of a provider's sessions with it, or returns nil if there are none.
func newChecker(a *core, rp *relyingParty) *recheck.Checker {
	cfg := &a.config
	if cfg.RecheckEvery == 0 {
		return nil
	}
	return recheck.New(recheck.Config{
		Values: a.values.Values, Every: cfg.RecheckEvery, Grace: cfg.RecheckGrace, Background: cfg.RecheckInBackground,
		Limit: rp.refresher.MaxTime() + rp.redeemLimit() + hooksLimit, Wait: rp.settings.Timeout, Log: rp.log,
		Ended: func(ctx context.Context, r *session.Record) (bool, error) {
			return rp.ledger.Ended(ctx, rp.ledger.RefOf(r))
		},
		Read: func(ctx context.Context, r *session.Record, tokens []byte) (recheck.Answer, error) {
			return rp.reread(ctx, a.hooks, r, tokens)
		},
		End: rp.endChecked,
		Report: func(ctx context.Context, e recheck.Event, r *session.Record, err error) {
			kind := map[recheck.Event]events.Kind{
				recheck.Failed: events.RecheckFailed, recheck.NotShared: events.RecheckNotShared,
				recheck.LeaseNotReleased: events.LeaseNotReleased,
			}[e]
			rp.emit(ctx, events.Event{Kind: kind, Subject: r.Subject, SID: r.SID, Err: err})
		},
	})
}

// endChecked ends a session because its user may no longer sign in. Tokens that are still valid are revoked, also if
// code of the app panics that is told about the end.
func (rp *relyingParty) endChecked(
	ctx context.Context, r *session.Record, answer recheck.Answer, refusal error,
) error {
	rp.emit(ctx, events.Event{Kind: events.RecheckRefused, Subject: r.Subject, SID: r.SID, Err: refusal})
	ref := rp.ledger.RefOf(r)
	if err := rp.ledger.EndSession(ctx, ref.ID); err != nil {
		return err
	}
	tokens, _ := provider.DecodeTokens(answer.Tokens) // nil if there are none
	defer rp.refresher.Revoke(ctx, r, tokens)
	rp.ledger.delist(ctx, ref)
	rp.sessionEnded(ctx, SessionEnd{Subject: r.Subject, SID: r.SID, Reason: EndedByRecheck})
	return nil
}

// recheckDue reports whether the user of the request's session has to be read again. A session that the app started has
// nothing to be read again but the groups of a resolver.
func (req *request) recheckDue() bool {
	if v := req.identity.visit; v == nil || !v.RecheckDue() || req.rechecked {
		return false
	}
	s := req.identity.session()
	return !s.Issued.IsZero() || relyingPartyOf(&s.Record).settings.GroupsResolver != nil
}

// recheck reads the user of the session again, or takes what another request has read. The session keeps it, unless h
// is nil because headers can no longer be sent. If the user may no longer sign in, nobody is signed in. If the provider
// does not respond, the known user stays for RecheckGrace; after that, it is an error. The caller holds the mutex.
func (req *request) recheck(h http.Header) {
	req.rechecked = true
	s := req.identity.session()
	// The check may continue after the request, whose headers are the handler's to change.
	checker, of := relyingPartyOf(&s.Record).checker, req.httpNow().Clone(req.Context)
	result, err := checker.Check(req.Context, &s.Record, func(ctx context.Context) ([]byte, error) {
		return req.auth.sessions.LoadTokens(of.WithContext(ctx), s)
	})
	if errors.Is(err, recheck.ErrEnded) {
		req.noLongerSignedIn()
		return
	}
	// Without the shared state it is unknown whether the session still lives. A check that failed, or whose turn did not
	// come, leaves what is known of the user.
	if errors.Is(err, shared.ErrUnavailable) && !errors.Is(err, recheck.ErrFailed) && !errors.Is(err, shared.ErrTurn) {
		req.fail(err)
		return
	}
	// Another request may have ended or updated the session in the meantime.
	current, cookies, currentErr := req.current(req.Context, s)
	switch {
	case currentErr != nil:
		req.fail(translated(currentErr))
		return
	case current == nil:
		req.noLongerSignedIn()
		return
	}
	checked := current.With(result.Applied(&current.Record))
	if err != nil && !checker.Usable(checked.CheckedAt()) {
		req.fail(fmt.Errorf("%w: %w", ErrProviderUnavailable, err))
		return
	}
	req.keepChecked(h, checked, result, cookies, !checked.Checked.Equal(current.Checked), err)
}

// keepChecked makes s the session of the request. It saves s if adopted reports that s was read anew, with the tokens
// that are new since. failure is the error of the check.
func (req *request) keepChecked(
	h http.Header, s *session.Session, result recheck.Result, cookies []string, adopted bool, failure error,
) {
	a, renewed := req.auth, s.Renewed
	set := req.reply.Cookies() // sent only if all of it succeeds
	cookie.Set(set, cookies...)
	var err error
	if h != nil && adopted {
		err = a.sessions.SaveChecked(set, req.httpNow(), s, !req.noRenewal)
	}
	if h != nil && err == nil && result.Tokens != nil && (adopted || recheck.Made(failure)) {
		err = a.sessions.UpdateTokens(set, req.httpNow(), s, result.Tokens)
	}
	switch {
	case errors.Is(err, session.ErrGone):
		req.noLongerSignedIn()
		return
	case err != nil: // the next request has to find out again
		a.emit(req.Context, events.Event{Kind: events.RecheckNotSaved, Subject: s.Subject, Err: translated(err)})
	}
	req.identity = identityOf(s)
	if h == nil || req.reply.Has(set) {
		return
	}
	req.reply.Send(h, set)
	req.later = cookie.After(req.httpNow(), set[setCookie])
	if !s.Renewed.Equal(renewed) {
		relyingPartyOf(&s.Record).ledger.enlist(req.Context, s, a.sessions.Left(&s.Record))
	}
}

// fail makes err the answer to who makes the request. The caller holds the mutex.
func (req *request) fail(err error) {
	req.unconfirmed, req.identity, req.err = req.identity.session(), identity{}, err
}

// noLongerSignedIn records that the session of the request has ended. The caller holds the mutex.
func (req *request) noLongerSignedIn() {
	req.identity, req.ended = identity{}, true
	req.reply.Show(false)
}

// reread reads the user of a session again: by a refresh if there is a refresh token, from userinfo unless that is left
// out, and from the app's resolver. It emits what has changed.
func (rp *relyingParty) reread(
	ctx context.Context, ask hooks, r *session.Record, encoded []byte,
) (answer recheck.Answer, err error) {
	tokens, _ := provider.DecodeTokens(encoded) // nil if there are none or another version wrote them
	reader := recheck.Reader{Provider: rp.client, Refresher: rp.refresher, SkipUserInfo: rp.settings.SkipUserInfo}
	from, tokens, err := reader.Ask(ctx, r, tokens)
	if tokens != nil {
		answer.Tokens = tokens.Encode()
	}
	if err != nil {
		return answer, err
	}
	before := rp.userOf(r)
	after, err := rp.userAfter(from, r, before)
	if err != nil {
		return answer, err
	}
	expires, err := expiresAfter(from, r.Expires)
	if err != nil {
		return answer, err
	}
	if err := rp.vet(ctx, ask, r, after, tokens); err != nil {
		return answer, refusal(err)
	}
	// A check reads the user, and neither begins nor renews the session.
	record := after.record()
	record.ID, record.Created, record.Renewed = r.ID, r.Created, r.Renewed
	if record.Expires = expires; bytes.Equal(record.Data, r.Data) {
		record.Data = nil // the app may change it in the meantime
	}
	answer.User = &record
	if attrs := recheck.Changes(membershipsOf(before), membershipsOf(after)); attrs != nil {
		rp.emit(ctx, events.Event{Kind: events.MembershipsChanged, Subject: r.Subject, SID: r.SID, Attrs: attrs})
	}
	return answer, nil
}

// vet asks code of the app: the resolver for the groups, and OnSignIn whether the user may still sign in.
func (rp *relyingParty) vet(
	ctx context.Context, ask hooks, r *session.Record, u *User, tokens *provider.Tokens,
) error {
	accessToken := ""
	if tokens != nil {
		accessToken = tokens.AccessToken
	}
	if resolve := rp.settings.GroupsResolver; resolve != nil {
		groups, err := resolve(ctx, u, accessToken)
		if err != nil {
			return fmt.Errorf("groups: %w", err)
		}
		u.Groups, u.GroupsOverage = rp.shape.Within(groups), false
	}
	if r.Issued.IsZero() { // StartSession does not call OnSignIn either
		return nil
	}
	err := ask.signIn(ctx, &PendingSignIn{User: u, AccessToken: accessToken, Recheck: true})
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrProviderUnavailable) || errors.Is(err, ErrSessionStore) || ctx.Err() != nil {
		return fmt.Errorf("OnSignIn: %w", errors.Join(errUndecided, err))
	}
	return err
}

// errUndecided marks errors of OnSignIn that refuse nobody, although the hook's errors are wrapped in ErrForbidden.
var errUndecided = errors.New("undecided")

// refusal returns an error of the app's code as a [recheck.ErrRefused] if it means that the user may no longer sign in.
func refusal(err error) error {
	switch {
	case errors.Is(err, errUndecided):
		return err
	case errors.Is(err, ErrForbidden), errors.Is(err, ErrUnauthenticated):
		return fmt.Errorf("%w: %w", recheck.ErrRefused, err)
	}
	return recheck.Judged(err)
}

// userAfter returns the user as the sources of a check describe them. With an ID token that is everything; without one
// only the memberships are read again.
func (rp *relyingParty) userAfter(from recheck.Sources, r *session.Record, before *User) (*User, error) {
	known, err := from.Memberships(rp.shape, membershipsOf(before), rp.settings.GroupsResolver != nil, r.Issued.IsZero())
	if err != nil {
		return nil, err
	}
	after := before.copied()
	if from.IDToken != nil {
		if after, err = newUser(rp.shape, from.IDToken, from.UserInfo); err != nil {
			return nil, err
		}
		after.Data, after.Actor, after.Provider = before.Data, before.Actor, before.Provider
	}
	after.Groups, after.GroupsOverage, after.Organizations = known.Groups, known.GroupsOverage, known.Organizations
	return after, nil
}

// membershipsOf returns what a re-check compares of a user.
func membershipsOf(u *User) recheck.Memberships {
	return recheck.Memberships{Groups: u.Groups, GroupsOverage: u.GroupsOverage, Organizations: u.Organizations}
}
