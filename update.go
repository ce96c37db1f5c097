package ginoidc

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// UpdateSession changes what the session keeps of the signed-in user: Data, groups or the profile. Issuer and Subject
// stay. Two requests that update at once both succeed, and the later one counts whole. Call it before the response is
// written. [ErrUnauthenticated] when nobody is signed in or the session was ended meanwhile: it does not come back.
func (a *Auth) UpdateSession(c *gin.Context, change func(*User) error) error {
	if err := unwritten(c); err != nil {
		return err
	}
	v := a.visit(c)
	u, err := v.open(c)
	if err != nil {
		return err
	}
	if err := signedIn(u); err != nil {
		return err
	}
	changed := *u
	if err := change(&changed); err != nil {
		return err
	}
	changed.Subject = u.Subject
	s := v.session
	err = v.setCookies(c, func(h http.Header) error { return a.sessions.Update(h, v.request, s, changed.record()) })
	ended := errors.Is(err, session.ErrGone)
	if err == nil { // a sealed cookie is saved whatever happened meanwhile
		ended, err = a.ended(v, a.traceOf(&s.Record))
	}
	switch {
	case ended:
		v.replace(nil, nil)
		return ErrUnauthenticated
	case err != nil:
		return translated(err)
	}
	v.replace(s, a.userOf(s))
	return nil
}

// Destroy ends the session of the request without the provider, but for kept tokens, which are revoked. It succeeds when
// nobody is signed in. Call it before the response is written.
func (a *Auth) Destroy(c *gin.Context) error {
	if err := unwritten(c); err != nil {
		return err
	}
	v := a.visit(c)
	if _, err := v.open(c); err != nil {
		return err
	}
	tokens := a.tokensToRevoke(v)
	if err := a.end(c, EndedByApp); err != nil {
		return err
	}
	a.revokeTokens(v, tokens)
	return nil
}

// end ends the opened session of the request: first in the shared state, so that neither a copy of its cookie nor a
// request that is just saving it brings it back (case 169), then in its store.
func (a *core) end(c *gin.Context, reason EndReason) error {
	ctx, v := c.Request.Context(), a.visit(c)
	carried := v.carried()
	for _, s := range carried {
		if err := a.revoke(ctx, sessionKey(s.ID), time.Now()); err != nil {
			return err
		}
	}
	if err := v.setCookies(c, func(h http.Header) error { return a.sessions.Destroy(h, v.request) }); err != nil {
		return translated(err)
	}
	v.replace(nil, nil)
	for _, s := range carried {
		a.delist(ctx, a.traceOf(&s.Record))
		a.sessionEnded(ctx, SessionEnd{Subject: s.Subject, SID: s.SID, Reason: reason})
	}
	return nil
}

// unwritten refuses to set a cookie that would be lost without a word, case 146.
func unwritten(c *gin.Context) error {
	if c.Writer.Written() {
		return errors.New("ginoidc: the response has started, so no session can be saved")
	}
	return nil
}
