package recheck

import (
	"errors"
	"net/http"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// Outcome is what a check leaves for a request.
type Outcome int

// The outcomes of a check.
const (
	Lives   Outcome = iota // what is known of the user may be used, unless TooOld says otherwise
	Over                   // the session has ended
	Unknown                // it is not known whether the session still lives
)

// OutcomeOf returns what the error of [Checker.Check] means. Without the shared state it is unknown whether the session
// still lives. A check that failed, or whose turn did not come, leaves what is known of the user: an outage of the
// provider signs nobody out.
func OutcomeOf(err error) Outcome {
	switch {
	case errors.Is(err, ErrEnded):
		return Over
	case errors.Is(err, shared.ErrUnavailable) && !errors.Is(err, ErrFailed) && !errors.Is(err, shared.ErrTurn):
		return Unknown
	}
	return Lives
}

// TooOld reports whether a check with this error leaves a user, read at that time, who must not be served any longer:
// otherwise an attacker who keeps the provider from answering would keep what it has taken away.
func (c *Checker) TooOld(err error, read time.Time) bool { return err != nil && !c.Usable(read) }

// Made reports whether a check has just been made, for this request or for others, if err is the error of Check.
func Made(err error) bool { return !errors.Is(err, ErrPending) && !errors.Is(err, errFailing) }

// Save saves s, to which the result has been applied, in h. adopted reports that this changed s. Tokens that a check
// has refreshed replace those of the session as long as they may be newer: failure is the error of the check. With
// renew, the idle limit starts again. Errors are those of [session.Manager.SaveChecked].
func (res Result) Save(
	m *session.Manager, h http.Header, r *http.Request, s *session.Session, adopted, renew bool, failure error,
) (err error) {
	if adopted {
		err = m.SaveChecked(h, r, s, renew)
	}
	if err == nil && res.Tokens != nil && (adopted || Made(failure)) {
		err = m.UpdateTokens(h, r, s, res.Tokens)
	}
	return err
}
