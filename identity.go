package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// identity is who makes a request, and by what that was shown. The zero value is nobody.
type identity struct {
	user    *User
	session *session.Session // nil where a user was shown by other means
}

// errNoSession is for users who were shown by other means than a session, where one is needed.
var errNoSession = fmt.Errorf("%w: this needs a session, and the user was shown by other means", ErrForbidden)

// ownSession returns the session that shows the user: [ErrUnauthenticated] when nobody is signed in, errNoSession when
// the user was shown by other means.
func (id identity) ownSession() (*session.Session, error) {
	if err := signedIn(id.user); err != nil {
		return nil, err
	}
	if id.session == nil {
		return nil, errNoSession
	}
	return id.session, nil
}

// identify returns who makes the request, nobody without an error. It opens the session at the first call. From then on
// the response depends on the session, so it is marked private, and a session past half of its idle limit is renewed
// while headers can still be sent.
func (req *request) identify(ctx context.Context) (identity, error) {
	req.mu.Lock()
	defer req.mu.Unlock()
	if !req.opened {
		req.load(ctx, req.keepPrivate(ctx))
	}
	return req.identity, req.err
}

// identifyForGuard is identify for a guard. Handlers after a guard may loosen the Cache-Control, those before may not.
func (req *request) identifyForGuard(ctx context.Context) (identity, error) {
	req.mu.Lock()
	defer req.mu.Unlock()
	if h := req.keepPrivate(ctx); !req.opened {
		req.load(ctx, h)
	}
	return req.identity, req.err
}

// keepPrivate marks the response private and returns its header, nil when nothing can be sent any more.
func (req *request) keepPrivate(ctx context.Context) http.Header {
	h := req.headerNow(ctx)
	web.KeepPrivate(h)
	return h
}

// load finds out who makes the request. h is nil when nothing can be sent any more. A store, a State or a log handler of
// the app that asks who is signed in would wait for this very call: they get the context below req, in which nobody is.
func (req *request) load(ctx context.Context, h http.Header) {
	req.opened = true
	if id, decided, err := req.authenticate(ctx); decided {
		req.identity, req.err = id, err
		req.shown.Store(id.user != nil && web.OpensWindow(req.http))
		return
	}
	s, cookies, err := req.find()
	if s == nil || err != nil {
		req.err = err
		return
	}
	req.identity = identity{req.auth.userOf(s), s}
	req.shown.Store(web.OpensWindow(req.http))
	if h == nil || req.asIs || len(cookies) == 0 && !req.auth.sessions.Due(s) {
		return
	}
	renewed, set := s.Renewed, http.Header{setCookie: slices.Clone(req.cookies)}
	cookie.Set(set, cookies...)
	if err := req.auth.sessions.Renew(set, req.httpNow(), s); err != nil {
		req.auth.emit(req.Context, event{kind: eventSessionNotRenewed, subject: s.Subject, err: err})
	}
	req.sendLocked(h, set[setCookie])
	if !s.Renewed.Equal(renewed) {
		req.auth.emit(req.Context, event{kind: eventSessionRenewed, subject: s.Subject, sid: s.SID})
		req.auth.enlist(req.Context, s)
	}
}

// withoutRenewal has the session opened as it is: who only looks at it does not use it.
func (req *request) withoutRenewal() {
	req.mu.Lock()
	defer req.mu.Unlock()
	req.asIs = true
}

// find returns the session of the request unless it was ended, and the cookies that the browser should have by now.
func (req *request) find() (*session.Session, []string, error) {
	s, err := req.auth.sessions.Load(req.http)
	if err != nil {
		var rivals *session.RivalsError // in here, since it takes an allocation
		if errors.As(err, &rivals) {
			return req.findAmong(rivals.Sessions)
		}
		return nil, nil, translated(err)
	}
	if s == nil {
		return nil, nil, nil
	}
	current, cookies, err := req.current(s)
	req.ended = current == nil && err == nil
	return current, cookies, translated(err)
}

// findAmong returns the one of several sessions that was not ended. If there are more, nobody can tell which one the user
// means: nobody is signed in, and a sign-in or sign-out ends them all.
func (req *request) findAmong(rivals []*session.Session) (*session.Session, []string, error) {
	var alive []*session.Session
	var cookies []string // of the one alive, if it is one
	for _, rival := range rivals {
		s, newer, err := req.current(rival)
		if err != nil {
			return nil, nil, translated(err)
		}
		if s != nil {
			alive, cookies = append(alive, s), newer
		}
	}
	switch len(alive) {
	case 0:
		req.ended = true
		return nil, nil, nil
	case 1:
		return alive[0], cookies, nil
	}
	req.rivals, req.later = alive, nil
	req.auth.emit(req.Context, event{kind: eventSeveralSessions, attrs: []slog.Attr{
		slog.String("cookie", req.auth.cookie.name), slog.Int("sessions", len(alive)),
	}})
	return nil, nil, nil
}

// ownSession returns the session that shows the user of the request, and otherwise an error: see [identity.ownSession].
func (req *request) ownSession(ctx context.Context) (*session.Session, error) {
	id, err := req.identify(ctx)
	if err != nil {
		return nil, err
	}
	return id.ownSession()
}

// carried returns the sessions that end with a sign-in or sign-out of the browser.
func (req *request) carried() []*session.Session {
	if s := req.identity.session; s != nil {
		return []*session.Session{s}
	}
	return req.rivals
}

// replace records that this request itself began, changed or, with nil, ended its session.
func (req *request) replace(s *session.Session) {
	req.mu.Lock()
	defer req.mu.Unlock()
	req.opened, req.identity, req.rivals, req.err, req.tokens = true, identity{}, nil, nil, nil
	if s != nil {
		req.identity = identity{req.auth.userOf(s), s}
	}
}

func (a *core) userOf(s *session.Session) *User { return userOf(a.shape, a.issuer, &s.Record) }

// UserFrom returns the signed-in user. It returns false if nobody is signed in, the session store cannot answer, or
// neither Middleware nor a guard ran before. Call it on the goroutine of the request. With several Auths in one engine it
// asks the one whose guard or Middleware ran last; [Auth.UserFrom] asks a particular one.
func UserFrom(c *gin.Context) (*User, bool) {
	return requestAt(c, requestKey{}).signedInUser(c)
}

// UserFromContext is UserFrom for code that has only the context of the request, or one derived from it. The first use
// in a request marks the response as private and must run on the goroutine of the request; later ones may run on any. A
// *gin.Context, or a context derived from one, works until the request ends: Gin reuses it for another request then.
func UserFromContext(ctx context.Context) (*User, bool) {
	return requestIn(ctx, requestKey{}).signedInUser(ctx)
}

// UserFrom returns the user who is signed in by this Auth, whichever guard ran. It needs no Middleware.
func (a *Auth) UserFrom(c *gin.Context) (*User, bool) {
	if c.Request == nil {
		return nil, false
	}
	return a.requestOf(c).signedInUser(c)
}

func (req *request) signedInUser(ctx context.Context) (*User, bool) {
	if req == nil {
		return nil, false
	}
	id, err := req.identify(ctx)
	return id.user, err == nil && id.user != nil
}
