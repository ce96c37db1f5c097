package ginoidc

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// visit is one request's use of the session. It is the request's context, so that code below the handler finds
// the user too, and opens the cookie at the first need: a public route that never asks never pays.
type visit struct {
	context.Context
	auth    *core
	request *http.Request
	header  http.Header // the response's; gin pools its writers, so none is kept

	mu      sync.Mutex
	opened  bool
	session *session.Session
	user    *User
	err     error

	// For the request's own goroutine: nil until asked for, and whether this request has refreshed them.
	tokens    *provider.Tokens
	refreshed bool
}

type visitKey struct{}

// Value finds the visit itself and otherwise what the parent context holds.
func (v *visit) Value(key any) any {
	if key == (visitKey{}) {
		return v
	}
	return v.Context.Value(key)
}

// visit returns the request's visit, and starts one where Middleware has not, or did for another Auth.
func (a *core) visit(c *gin.Context) *visit {
	ctx := c.Request.Context()
	if v, ok := ctx.Value(visitKey{}).(*visit); ok && v.auth == a {
		return v
	}
	v := &visit{Context: ctx, auth: a, header: c.Writer.Header()}
	c.Request = c.Request.WithContext(v)
	v.request = c.Request
	return v
}

// open loads the session once a request. nil, nil: nobody is signed in. From here on the response depends on the
// session, so it is marked private, and a session past half of its idle limit is renewed while headers can be sent.
func (v *visit) open() (*User, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.opened {
		return v.user, v.err
	}
	v.opened = true
	keepPrivate(v.header)
	s, err := v.load()
	if s == nil || err != nil {
		v.err = err
		return nil, err
	}
	v.session, v.user = s, v.auth.userOf(s)
	renewed := s.Renewed
	if err := v.auth.sessions.Renew(v.header, v.request, s); err != nil {
		v.auth.log.WarnContext(v, "ginoidc: session not renewed", "error", err)
	}
	if !s.Renewed.Equal(renewed) {
		v.auth.enlist(v, s)
	}
	return v.user, nil
}

// signedIn tells whether the visit has a session. A store that cannot answer counts as none.
func (v *visit) signedIn() bool {
	u, err := v.open()
	return u != nil && err == nil
}

// load returns the request's session unless it was ended.
func (v *visit) load() (*session.Session, error) {
	s, err := v.auth.sessions.Load(v.request)
	if s == nil || err != nil {
		return nil, translated(err)
	}
	if ended, err := v.auth.ended(v, v.auth.traceOf(&s.Record)); ended || err != nil {
		return nil, err
	}
	return s, nil
}

// replace tells the visit that its session was begun, changed or ended by this request itself.
func (v *visit) replace(s *session.Session, u *User) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.opened, v.session, v.user, v.err, v.tokens = true, s, u, nil, nil
}

func (a *core) userOf(s *session.Session) *User { return a.shape.userOf(a.issuer, &s.Record) }

// keepPrivate keeps shared caches from handing one user's page to another. A handler may set a stricter
// Cache-Control after it.
func keepPrivate(h http.Header) {
	values := &[2]string{"private, no-store", "Cookie"} // one allocation for both, never shared between responses
	if len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = values[0:1:1]
	}
	switch vary := h["Vary"]; {
	case len(vary) == 0:
		h["Vary"] = values[1:2:2]
	case !slices.Contains(vary, "Cookie"):
		h["Vary"] = append(vary, "Cookie")
	}
}

// UserFrom returns the signed-in user. false: nobody is, the session store cannot answer, or neither Middleware nor
// a guard ran before. It is meant for the request's own goroutine.
func UserFrom(c *gin.Context) (*User, bool) {
	if c.Request == nil {
		return nil, false
	}
	return UserFromContext(c.Request.Context())
}

// UserFromContext is UserFrom for code that has the request's context only. The first use of a request marks the
// response as private and so belongs into the request's own goroutine; later ones may come from any.
func UserFromContext(ctx context.Context) (*User, bool) {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		return nil, false
	}
	u, err := v.open()
	return u, err == nil && u != nil
}
