package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// newChecker connects the re-checks of a provider's sessions with it, or returns nil if there are none.
func newChecker(rp *relyingParty, cfg *Config, values shared.Values, ask hooks) *recheck.Checker {
	if cfg.RecheckEvery == 0 {
		return nil
	}
	return recheck.New(recheck.Config{
		Values: values, Every: cfg.RecheckEvery, Grace: cfg.RecheckGrace, Background: cfg.RecheckInBackground,
		Limit: rp.refresher.MaxTime() + rp.redeemLimit() + hooksLimit, Wait: rp.settings.Timeout, Log: rp.log,
		Ended: func(ctx context.Context, r *session.Record) (bool, error) {
			return rp.ledger.Ended(ctx, rp.ledger.RefOf(r))
		},
		Read: recheck.Reader{
			Provider: rp.Client, Refresher: rp.refresher, SkipUserInfo: rp.settings.SkipUserInfo,
			Shape: rp.shape, Resolved: rp.settings.GroupsResolver != nil,
			Vet: func(
				ctx context.Context, r *session.Record, found recheck.Found, accessToken string,
			) (*session.Record, error) {
				return rp.vet(ctx, ask, r, found, accessToken)
			},
			Changed: func(ctx context.Context, r *session.Record, attrs []slog.Attr) {
				rp.emit(ctx, events.Event{Kind: events.MembershipsChanged, Subject: r.Subject, SID: r.SID, Attrs: attrs})
			},
		}.Read,
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
	// A refusal that is not recorded does not hold: the next request of the session asks the provider again.
	if err := rp.ledger.EndSession(ctx, r.ID); err != nil {
		return err
	}
	tokens, _ := provider.DecodeTokens(answer.Tokens) // nil if there are none
	defer rp.refresher.Revoke(ctx, r, tokens)
	rp.ledger.Close(ctx, r, string(EndedByRecheck))
	return nil
}

// recheckDue reports whether the user of the request's session has to be read again. A session that the app started has
// nothing to be read again but the groups of a resolver.
func (req *request) recheckDue() bool {
	if v := req.identity.visit; v == nil || !v.RecheckDue() || req.rechecked {
		return false
	}
	s := req.identity.session() // only now: most requests need only what guards ask for
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
	switch recheck.OutcomeOf(err) {
	case recheck.Over:
		req.noLongerSignedIn()
		return
	case recheck.Unknown:
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
	if checker.TooOld(err, checked.CheckedAt()) {
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
	if h != nil {
		err = result.Save(a.sessions, set, req.httpNow(), s, adopted, !req.noRenewal, failure)
	}
	switch {
	case errors.Is(err, session.ErrGone):
		req.noLongerSignedIn()
		return
	case err != nil: // the next request has to find out again
		a.emit(req.Context, events.Event{Kind: events.RecheckNotSaved, Subject: s.Subject, Err: translated(err)})
	}
	req.identity = identityOf(s)
	req.reply.Send(h, set)
	req.later = cookie.After(req.httpNow(), set[setCookie])
	if !s.Renewed.Equal(renewed) {
		relyingPartyOf(&s.Record).ledger.Add(req.Context, &s.Record, a.sessions.Left(&s.Record))
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
