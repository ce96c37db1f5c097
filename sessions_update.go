package ginoidc

import (
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const (
	updateGrace = 10 * time.Second // for requests that are on their way with what the session was before
	updateLimit = 10 * time.Second // to wait for other updates of the session
	updateLease = 20 * time.Second

	maxUpdates = 32 // within the grace, that a request is taken past
)

// UpdateSession changes what the session keeps of the signed-in user: Data, groups or the profile. Issuer and Subject
// stay. change gets a copy of its own: with an error nothing has changed. Call it before the response is written.
//
// The session is another one for the browser from then on: the earlier cookie is good no more, with every store, so that
// sending it does not undo the change. Requests that are on their way with it are served for ten seconds, as the user is
// now, and bring the new cookie. Updates of a session wait for each other: of two at once both succeed, and the later one
// is given what the earlier has made of the user. change may not call UpdateSession itself.
//
// [ErrUnauthenticated] when nobody is signed in or the session was ended meanwhile: it does not come back.
// [ErrSessionStore] when the store or State cannot answer. A user who no longer fits into the store has the code
// "session_too_large" (see [Denial]).
func (a *Auth) UpdateSession(c *gin.Context, change func(*User) error) error {
	if err := checkNotWritten(c); err != nil {
		return err
	}
	req := a.requestOf(c)
	was, err := req.ownSession(c)
	if err != nil {
		return err
	}
	release, _, err := a.inTurn(req, shared.Key(shared.KindUpdate, was.ID), updateLease, updateLimit)
	if err != nil {
		return err
	}
	defer release()
	s, cookies, err := req.current(was) // another request may have updated or ended it while this one waited
	if err == nil && s != nil {
		req.addCookies(c, cookies)
		now := a.userOf(s)
		changed := now.copied()
		if err := change(changed); err != nil {
			return err
		}
		changed.Subject, changed.Actor = now.Subject, now.Actor
		s, err = req.update(c, s, changed.copied())
	}
	if err == nil && s == nil {
		req.replace(nil)
		return ErrUnauthenticated
	}
	if err != nil {
		return translated(err)
	}
	req.replace(s)
	return nil
}

// update puts a session with another user in the place of s; nil, nil when it has been ended meanwhile. Until the shared
// state has taken it the request's own session is what counts, so an error changes nothing.
func (req *request) update(c *gin.Context, s *session.Session, u *User) (*session.Session, error) {
	a := req.auth
	if ended, err := a.ledger.Ended(req, a.ledger.RefOf(&s.Record)); ended || err != nil {
		return nil, err
	}
	var next *session.Session
	var cookies []string
	old, rec := *s, u.record()
	size := rec.Size() + len(old.SID) + len(old.AskedACR) + len(old.IDToken)
	err := req.saveHinted(size, &old.IDToken, func() (err error) {
		next, cookies, err = a.sessions.Change(req.httpNow(), &old, rec, s.Updated)
		return err
	})
	if errors.Is(err, session.ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	later := cookie.After(req.httpNow(), cookies)
	if err := a.values.Keep(req, updatedCookies, graceKey(a.audience, s), s.Owner(), strings.Join(cookies, "\n"), updateGrace); err != nil {
		a.log.DebugContext(req, "ginoidc: no grace for requests with the session as it was before its update", "error", err)
	}
	gone, err := false, a.ledger.Update(req, s.ID, next.Updated)
	if err == nil {
		retired := a.sessions.Retire(req.httpNow(), s, updateGrace)
		if gone = errors.Is(retired, session.ErrGone); !gone && retired != nil {
			a.emit(req, event{kind: eventOldStateStored, subject: s.Subject, err: retired})
		}
	}
	if gone || err != nil {
		a.sessions.Discard(later)
		return nil, err
	}
	req.addCookies(c, cookies)
	req.later = later
	return next, nil
}

// current is what has become of a session, by updates of other requests: nil, nil when it was ended. An update ends what
// the session was before, but for the grace, in which its cookies are kept for requests like this one. The caller hands
// them on, since the answer that brought them may have been lost.
func (req *request) current(s *session.Session) (is *session.Session, cookies []string, err error) {
	ended, updated, err := req.auth.ledger.Judge(req.Context, req.auth.ledger.RefOf(&s.Record))
	if ended || err != nil {
		return nil, nil, err
	}
	if !s.Updated.Before(updated) {
		return s, nil, nil
	}
	request := req.httpNow()
	for range maxUpdates {
		text, ok, err := req.auth.values.Kept(req.Context, updatedCookies, graceKey(req.auth.audience, s), s.Owner())
		if !ok || err != nil {
			return nil, nil, err
		}
		cookies = strings.Split(text, "\n")
		request = cookie.After(request, cookies)
		next, err := req.auth.sessions.Load(request)
		if err != nil {
			return nil, nil, err
		}
		if next == nil || next.ID != s.ID || next.Subject != s.Subject || !next.Updated.After(s.Updated) {
			return nil, nil, nil
		}
		if s = next; !s.Updated.Before(updated) {
			req.later = request
			return s, cookies, nil
		}
	}
	return nil, nil, nil
}

// graceKey is where what comes after this state of a session is kept.
func graceKey(audience shared.Audience, s *session.Session) string {
	state := binary.BigEndian.AppendUint64(s.ID[:len(s.ID):len(s.ID)], uint64(s.Updated.UnixMicro()))
	return shared.Key(shared.KindUpdated, audience.Hash("\x00updated "+string(state)))
}

// copied shares no memory with u.
func (u *User) copied() *User {
	c := *u
	c.Groups, c.Organizations = slices.Clone(u.Groups), slices.Clone(u.Organizations)
	c.Extra, c.Data = slices.Clone(u.Extra), slices.Clone(u.Data)
	if u.Actor != nil {
		c.Actor = u.Actor.copied()
	}
	return &c
}

// EndSession ends the session of the request. The provider is not told, except that kept tokens are revoked. It succeeds
// when nobody is signed in. Call it before the response is written.
func (a *Auth) EndSession(c *gin.Context) error {
	if err := checkNotWritten(c); err != nil {
		return err
	}
	req := a.requestOf(c)
	if _, err := req.identify(c); err != nil {
		return err
	}
	of, tokens := req.tokensToRevoke()
	if err := req.end(c, EndedByApp); err != nil {
		return err
	}
	a.refresher.Revoke(req, of, tokens)
	return nil
}

// end ends the opened session of the request: first in the shared state, so that neither a copy of its cookie nor a
// request that is just saving it brings it back (case 169), then in its store.
func (req *request) end(c *gin.Context, reason EndReason) error {
	a, ctx := req.auth, c.Request.Context()
	carried := req.carried()
	for _, s := range carried {
		if err := a.ledger.EndSession(ctx, s.ID); err != nil {
			return err
		}
	}
	if err := req.setCookies(c, func(h http.Header) error { return a.sessions.Destroy(h, req.httpNow()) }); err != nil {
		return translated(err)
	}
	req.replace(nil)
	for _, s := range carried {
		a.delist(ctx, a.ledger.RefOf(&s.Record))
		a.sessionEnded(ctx, SessionEnd{Subject: s.Subject, SID: s.SID, Reason: reason})
	}
	return nil
}

// forgetEnded deletes the cookies, and what a store keeps, of a session that was ended from elsewhere. A sign-in may go on
// without.
func (req *request) forgetEnded(c *gin.Context) {
	a := req.auth
	if !req.ended || c.Writer.Written() {
		return
	}
	if err := req.setCookies(c, func(h http.Header) error { return a.sessions.Destroy(h, req.httpNow()) }); err != nil {
		a.emit(req, event{kind: eventCookiesNotDeleted, err: err})
	}
}

// checkNotWritten refuses to set a cookie that would be lost without a word, case 146.
func checkNotWritten(c *gin.Context) error {
	if c.Writer.Written() {
		return errWritten
	}
	return nil
}
