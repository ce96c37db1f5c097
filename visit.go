package ginoidc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// visit is one request's use of the session of one Auth. It is the request's context, so that code below the handler
// finds the user too, and opens the cookie at the first need: a public route that never asks never pays.
type visit struct {
	context.Context
	auth    *core
	gin     *gin.Context  // compared and nothing else: Gin gives it to another request when this one has ended
	request *http.Request // with the context below the visit
	later   *http.Request // nil until it differs from request: see requestNow
	first   bool          // the outermost of its request: those in the context below it are of the request that made this one
	quiet   bool          // not what [UserFrom] asks, since another Auth's guard or Middleware came first

	header http.Header // the response's, when the visit began
	writer writer      // what the response goes through

	mu      sync.Mutex
	opened  bool
	ended   bool // the browser has a session that was ended from elsewhere
	session *session.Session
	rivals  []*session.Session // of several cookies, none of which counts
	user    *User
	err     error
	cookies []string    // the Set-Cookie lines of the response that are the plugin's
	sets    atomic.Bool // there are cookies
	shown   atomic.Bool // a browser shows the response in a window, to somebody signed in

	// For the request's own goroutine: nil until asked for, and whether this request has refreshed them.
	tokens    *provider.Tokens
	refreshed bool
}

// open loads the session once a request. nil, nil: nobody is signed in. From here on the response depends on the
// session, so it is marked private, and a session past half of its idle limit is renewed while headers can be sent.
func (v *visit) open(ctx context.Context) (*User, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.opened {
		h := v.headerNow(ctx)
		web.KeepPrivate(h)
		v.load(h)
	}
	return v.user, v.err
}

// openFirst is open for a guard. The handlers to come may loosen the Cache-Control, those before may not.
func (v *visit) openFirst(ctx context.Context) (*User, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.headerNow(ctx)
	web.KeepPrivate(h)
	if !v.opened {
		v.load(h)
	}
	return v.user, v.err
}

// load fills the visit. h is nil when nothing more can be sent. A store, a State or a log handler of the app may ask who is
// signed in, which waits for this very call: they get the context below the visit, where nobody is.
func (v *visit) load(h http.Header) {
	v.opened = true
	s, cookies, err := v.find()
	if s == nil || err != nil {
		v.err = err
		return
	}
	v.session, v.user = s, v.auth.userOf(s)
	v.shown.Store(web.OpensWindow(v.request))
	if h == nil || len(cookies) == 0 && !v.auth.sessions.Due(s) {
		return
	}
	renewed, set := s.Renewed, http.Header{setCookie: slices.Clone(v.cookies)}
	cookie.Set(set, cookies...)
	if err := v.auth.sessions.Renew(set, v.requestNow(), s); err != nil {
		v.auth.emit(v.Context, event{kind: eventSessionNotRenewed, subject: s.Subject, err: err})
	}
	v.sendLocked(h, set[setCookie])
	if !s.Renewed.Equal(renewed) {
		v.auth.emit(v.Context, event{kind: eventSessionRenewed, subject: s.Subject, sid: s.SID})
		v.auth.enlist(v.Context, s)
	}
}

// find returns the request's session unless it was ended, and cookies that the browser should have by now.
func (v *visit) find() (*session.Session, []string, error) {
	s, err := v.auth.sessions.Load(v.request)
	if err != nil {
		var rivals *session.RivalsError // in here, since it takes an allocation
		if errors.As(err, &rivals) {
			return v.findAmong(rivals.Sessions)
		}
		return nil, nil, translated(err)
	}
	if s == nil {
		return nil, nil, nil
	}
	current, cookies, err := v.current(s)
	v.ended = current == nil && err == nil
	return current, cookies, translated(err)
}

// requestNow is the request as the browser sends it once it has the cookies of the session as it is now.
func (v *visit) requestNow() *http.Request {
	if v.later != nil {
		return v.later
	}
	return v.request
}

// findAmong returns the one of several sessions that was not ended. If there are more it cannot be known which of them the
// user means: nobody is signed in, and a sign-in or sign-out ends them all.
func (v *visit) findAmong(rivals []*session.Session) (*session.Session, []string, error) {
	var alive []*session.Session
	var cookies []string // of the one alive, if it is one
	for _, rival := range rivals {
		s, newer, err := v.current(rival)
		if err != nil {
			return nil, nil, translated(err)
		}
		if s != nil {
			alive, cookies = append(alive, s), newer
		}
	}
	switch len(alive) {
	case 0:
		v.ended = true
		return nil, nil, nil
	case 1:
		return alive[0], cookies, nil
	}
	v.rivals, v.later = alive, nil
	v.auth.emit(v.Context, event{kind: eventSeveralSessions, attrs: []slog.Attr{
		slog.String("cookie", v.auth.cookie.name), slog.Int("sessions", len(alive)),
	}})
	return nil, nil, nil
}

// carried are the sessions that end with the request's own one.
func (v *visit) carried() []*session.Session {
	if v.session != nil {
		return []*session.Session{v.session}
	}
	return v.rivals
}

// signedIn tells whether the visit has a session. A store that cannot answer counts as none.
func (v *visit) signedIn(ctx context.Context) bool {
	u, err := v.open(ctx)
	return u != nil && err == nil
}

// replace tells the visit that its session was begun, changed or ended by this request itself.
func (v *visit) replace(s *session.Session, u *User) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.opened, v.session, v.rivals, v.user, v.err, v.tokens = true, s, nil, u, nil, nil
}

func (a *core) userOf(s *session.Session) *User { return userOf(a.shape, a.issuer, &s.Record) }
