package ginoidc

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// UpdateSession changes the user that the session keeps: Data, groups or the profile. It ignores changes of Issuer,
// Subject and Actor. change gets a copy of the user; if it returns an error, nothing changes. Call it before the
// response is written.
//
// The browser gets a new cookie. The earlier one is no longer valid, with every store, so replaying it does not undo
// the change. For ten seconds, concurrent requests that carry the earlier cookie see the changed user and get the new
// cookie. Concurrent updates of a session run one after the other, each with the result of the previous one. change
// must not call UpdateSession.
//
// The error is [ErrUnauthenticated] if nobody is signed in or the session has ended in the meantime, and
// [ErrSessionStore] if the store or State does not respond. If the user no longer fits into the store, the code is
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
	release, err := a.updates.Turn(req, was)
	if err != nil {
		return err
	}
	defer release()
	s, cookies, err := req.current(req.Context, was) // another request may have updated or ended it in the meantime
	if err == nil && s != nil {
		req.addCookies(c, cookies)
		now := userOf(s)
		changed := now.copied()
		if err := change(changed); err != nil {
			return err
		}
		// A session belongs to one user: who that is, a sign-in or StartSession says.
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

// update replaces s by a session with the user u. It returns nil, nil if s has ended in the meantime.
func (req *request) update(c *gin.Context, s *session.Session, u *User) (*session.Session, error) {
	ledger := relyingPartyOf(&s.Record).ledger.Ledger
	next, err := req.auth.updates.Change(req, ledger, req.httpNow(), s, u.record())
	if next.Session != nil {
		req.addCookies(c, next.Cookies)
		req.later = next.Request
	}
	return next.Session, err
}

// current returns the latest state of a session after updates by other requests, or nil if the session has ended. The
// caller sends the cookies.
func (req *request) current(
	ctx context.Context, s *session.Session,
) (is *session.Session, cookies []string, err error) {
	latest, err := req.auth.updates.Latest(ctx, relyingPartyOf(&s.Record).ledger.Ledger, req.httpNow(), s)
	if latest.Request != nil {
		req.later = latest.Request
	}
	return latest.Session, latest.Cookies, err
}

// copied returns a deep copy of u.
func (u *User) copied() *User {
	c := *u
	c.Scopes = slices.Clone(u.Scopes)
	c.Groups, c.Organizations = slices.Clone(u.Groups), slices.Clone(u.Organizations)
	c.Extra, c.Data = slices.Clone(u.Extra), slices.Clone(u.Data)
	if u.Actor != nil {
		c.Actor = u.Actor.copied()
	}
	return &c
}

// EndSession ends the session of the request. The provider is not informed, except that kept tokens are revoked. It
// succeeds if nobody is signed in. Call it before the response is written. The error is [ErrSessionStore] if the store
// or State does not respond: the session has not ended then.
func (a *Auth) EndSession(c *gin.Context) error {
	if err := checkNotWritten(c); err != nil {
		return err
	}
	req := a.requestOf(c)
	id, err := req.identifyBrowser(c)
	if err != nil {
		return err
	}
	of, tokens := req.tokensToRevoke(id.session())
	if err := req.end(c, id.session(), EndedByApp); err != nil {
		return err
	}
	req.revoke(of, tokens)
	return nil
}

// end ends s, the session of the browser, or those of which none can be trusted: first in the shared state and then in
// the store. In this order neither a copy of the cookie nor a concurrent request that saves the session can restore it.
func (req *request) end(c *gin.Context, s *session.Session, reason EndReason) error {
	a, ctx := req.auth, c.Request.Context()
	ended := req.browserSessions(s)
	for _, s := range ended {
		if err := relyingPartyOf(&s.Record).ledger.EndSession(ctx, s.ID); err != nil {
			return err
		}
	}
	if err := req.setCookies(c, func(h http.Header) error { return a.sessions.Destroy(h, req.httpNow()) }); err != nil {
		return translated(err)
	}
	req.replace(nil)
	for _, s := range ended {
		relyingPartyOf(&s.Record).ledger.Close(ctx, &s.Record, string(reason))
	}
	return nil
}

// forgetEnded deletes the cookies and the stored data of a session that has been ended elsewhere. A failure is only
// logged, because a sign-in can continue without it.
func (req *request) forgetEnded(c *gin.Context) {
	a := req.auth
	if !req.ended || c.Writer.Written() {
		return
	}
	if err := req.setCookies(c, func(h http.Header) error { return a.sessions.Destroy(h, req.httpNow()) }); err != nil {
		a.emit(req, events.Event{Kind: events.CookiesNotDeleted, Err: err})
	}
}

const setCookie = "Set-Cookie"

// setCookies calls set with a header for cookies and sends these cookies with the response. If set fails, none is sent.
func (req *request) setCookies(ctx context.Context, set func(http.Header) error) error {
	h := req.cookies()
	if err := set(h); err != nil {
		return err
	}
	req.send(ctx, h)
	return nil
}

// addCookies sends cookies that were set elsewhere with this response.
func (req *request) addCookies(ctx context.Context, lines []string) {
	h := req.cookies()
	cookie.Set(h, lines...)
	req.send(ctx, h)
}

// cookies returns the plugin's cookies of the response. It waits for a goroutine that identifies the user, and may send
// cookies in the end: a cookie that deletes the session must not be lost among them.
func (req *request) cookies() http.Header {
	req.mu.Lock()
	defer req.mu.Unlock()
	return req.reply.Cookies()
}

// send replaces the plugin's cookies of the response by those of set.
func (req *request) send(ctx context.Context, set http.Header) {
	req.mu.Lock()
	defer req.mu.Unlock()
	req.reply.Send(req.reply.Header(ctx, req), set)
}

// checkNotWritten returns an error if the headers are sent, because a cookie would be lost silently.
func checkNotWritten(c *gin.Context) error {
	if c.Writer.Written() {
		return errWritten
	}
	return nil
}
