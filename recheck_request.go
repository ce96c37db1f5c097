package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// recheckDue reports whether the user of the request's session has to be read again. A session that the app started has
// nothing to be read again but the groups of a resolver.
func (req *request) recheckDue() bool {
	s := req.identity.session
	if s == nil || !s.RecheckDue() || req.rechecked {
		return false
	}
	return !s.Issued.IsZero() || req.auth.providers.ofSession(&s.Record).settings.GroupsResolver != nil
}

// recheck reads the user of the session again, or takes what another request has read. The session keeps it, unless h
// is nil because headers can no longer be sent. If the user may no longer sign in, nobody is signed in. If the provider
// does not respond, the known user stays for RecheckGrace; after that, it is an error. The caller holds the mutex.
func (req *request) recheck(h http.Header) {
	req.rechecked = true
	s := req.identity.session
	checker, of := req.auth.providers.ofSession(&s.Record).checker, req.httpNow()
	result, err := checker.Check(req.Context, &s.Record, func(ctx context.Context) ([]byte, error) {
		return req.auth.sessions.LoadTokens(of.WithContext(ctx), s)
	})
	if errors.Is(err, recheck.ErrEnded) {
		req.noLongerSignedIn()
		return
	}
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
	checked := *current
	checked.Record = *result.Applied(&current.Record)
	if err != nil && !checker.Usable(checked.CheckedAt()) {
		req.fail(fmt.Errorf("%w: %w", ErrProviderUnavailable, err))
		return
	}
	req.keepChecked(h, &checked, result, cookies, !checked.Checked.Equal(current.Checked), err)
}

// keepChecked makes s the session of the request. It saves s if adopted reports that s was read anew, with the tokens
// that are new since. failure is the error of the check.
func (req *request) keepChecked(
	h http.Header, s *session.Session, result recheck.Result, cookies []string, adopted bool, failure error,
) {
	a, renewed := req.auth, s.Renewed
	set := http.Header{setCookie: slices.Clone(req.cookies)}
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
		a.emit(req.Context, event{kind: eventRecheckNotSaved, subject: s.Subject, err: translated(err)})
	}
	req.identity = a.identityOf(s)
	if h == nil || slices.Equal(set[setCookie], req.cookies) {
		return
	}
	req.sendLocked(h, set[setCookie])
	req.later = cookie.After(req.httpNow(), req.cookies)
	if !s.Renewed.Equal(renewed) {
		a.providers.ofSession(&s.Record).ledger.enlist(req.Context, s, a.sessions.Left(&s.Record))
	}
}

// fail makes err the answer to who makes the request. The caller holds the mutex.
func (req *request) fail(err error) {
	req.unconfirmed, req.identity, req.err = req.identity.session, identity{}, err
}

// noLongerSignedIn records that the session of the request has ended. The caller holds the mutex.
func (req *request) noLongerSignedIn() {
	req.identity, req.ended = identity{}, true
	req.shown.Store(false)
}
