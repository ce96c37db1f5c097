package ginoidc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/reply"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

// request is one HTTP request as one Auth sees it. It is also the context of the request, so that code called by the
// handler finds the user. It reads no cookie before the user is asked for, so public routes pay nothing.
type request struct {
	context.Context
	auth      *core
	gin       *gin.Context  // only to compare: Gin reuses it for other requests
	http      *http.Request // with the context below this one
	later     *http.Request // nil unless the response changes the session cookies: see httpNow
	first     bool          // the outermost of its HTTP request, which may be made with the context of another
	byToken   bool          // the Authorization header holds an access token, which decides
	noRenewal bool          // the session is not renewed
	quiet     bool          // not the one that UserFrom uses: that of another Auth came first

	opened    bool        // identity and err are set
	ended     bool        // the browser has a session that has been ended
	reported  atomic.Bool // the error for which the user is not known is in the log
	rechecked bool        // the user of the session has been read again, or that has failed

	copied http.Request // the request with req as its context, which the handlers after it see
	reply  reply.Reply

	mu          sync.Mutex // guards the rest, opened, ended and rechecked
	identity    identity
	rivals      []*session.Session // of several cookies, none of which is accepted
	unconfirmed *session.Session   // of a user whom the provider has not confirmed in time
	err         error

	kept refresh.Kept // the tokens of the session; only for the goroutine of the request
}

// requestKey is the context key of the request of the guard or Middleware that ran last. The key of the request of a
// particular Auth is its *core.
type requestKey struct{}

// Value returns the request itself for its keys, and otherwise the value of the parent context. An app may make an HTTP
// request with the context of another one, as with http.NewRequestWithContext. The requests in that context must not be
// found, or the inner request would have the user of the outer one.
func (req *request) Value(key any) any {
	switch key := key.(type) {
	case requestKey:
		if !req.quiet {
			return req
		}
	case *core:
		if key == req.auth {
			return req
		}
		if req.first {
			return nil
		}
	}
	return req.Context.Value(key)
}

// requestOf returns the request of c. It starts one if neither Middleware nor a guard has.
func (a *core) requestOf(c *gin.Context) *request {
	if req := requestAt(c, a); req != nil {
		return req
	}
	first := requestAt(c, requestKey{}) == nil
	return a.start(c, first, !first)
}

// attend is requestOf for guards and Middleware: [UserFrom] returns the user of the Auth that attended last.
func (a *core) attend(c *gin.Context) *request {
	if req, ok := c.Request.Context().(*request); ok && req.auth == a && !req.quiet && c.Request == &req.copied {
		return req // as for most guards: Middleware has just made it
	}
	last := requestAt(c, requestKey{})
	switch {
	case last == nil: // then there is none of any Auth
		return a.start(c, true, false)
	case last.auth == a:
		return last
	}
	req := requestAt(c, a)
	if req == nil {
		return a.start(c, false, false)
	}
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestKey{}, req))
	return req
}

// start attaches a new request to c: as the context of c.Request, and with its writer around that of c. first says that
// no Auth has one yet. If quiet is set, UserFrom still uses that of another Auth.
func (a *core) start(c *gin.Context, first, quiet bool) *request {
	req := &request{Context: a.withSource(c), auth: a, gin: c, first: first, quiet: quiet}
	req.reply.Attach(c)
	req.http, req.noRenewal = c.Request, asksForTimes(&a.routes, c)
	req.copied = *c.Request.WithContext(req) // into memory of req: one allocation instead of two
	c.Request = &req.copied
	return req
}

// requestAt returns the request under key in the context of c's HTTP request, or nil if there is none.
func requestAt(c *gin.Context, key any) *request {
	if c.Request == nil {
		return nil
	}
	req, ok := c.Request.Context().Value(key).(*request)
	if !ok || c.Request != &req.copied && !req.serves(c) {
		return nil
	}
	return req
}

// requestIn returns the request under key in ctx, or nil if there is none. ctx may be a *gin.Context or derived from
// one, which has the values of its request's context only if the engine sets ContextWithFallback.
func requestIn(ctx context.Context, key any) *request {
	if c, ok := ctx.(*gin.Context); ok {
		return requestAt(c, key)
	}
	if req, ok := ctx.Value(key).(*request); ok {
		return req
	}
	if c, ok := ctx.Value(gin.ContextKey).(*gin.Context); ok {
		return requestAt(c, key)
	}
	return nil
}

// serves reports whether c serves this HTTP request, and not another one that was made with its context.
func (req *request) serves(c *gin.Context) bool {
	of, own := c.Request, req.http
	if own.Header != nil && reflect.ValueOf(of.Header).Pointer() == reflect.ValueOf(own.Header).Pointer() {
		return true // http.Request.WithContext and gin.Context.Copy keep the header map
	}
	// Another middleware may have replaced the request with a clone. Gin reuses its contexts, so the same gin.Context
	// alone is not enough.
	return c == req.gin && req.Err() == nil && slices.Equal(of.Header["Cookie"], own.Header["Cookie"])
}

// requestContext returns ctx, or the context of its request if ctx is a *gin.Context. Without ContextWithFallback a
// *gin.Context is never done, and when its request ends, Gin reuses it for another.
func requestContext(ctx context.Context) context.Context {
	if c, ok := ctx.(*gin.Context); ok && c.Request != nil {
		return c.Request.Context()
	}
	return ctx
}

// httpNow returns the request as the browser would send it after it has received the session cookies set so far.
func (req *request) httpNow() *http.Request {
	if req.later != nil {
		return req.later
	}
	return req.http
}

// find returns the session of the request unless it has ended, and the cookies to send if another request has changed
// the session.
func (req *request) find() (*visit, []string, error) {
	ctx, r := req.Context, req.http
	if req.auth.oneServer {
		ctx = store.OneRound(ctx)
		r = r.WithContext(ctx)
	}
	var l session.Loaded // on the stack
	found, err := req.auth.sessions.LoadBrief(r, &l)
	switch {
	case err != nil:
		return nil, nil, translated(err)
	case !found:
		return req.findAmong(ctx, r)
	case l.Party.Of.(*relyingParty).ledger.Untouched(&l.Marks):
		return &visit{Brief: l.Brief}, nil, nil
	}
	return req.findCurrent(ctx, l.Session())
}

// findCurrent returns what a session of the request is now.
func (req *request) findCurrent(ctx context.Context, s *session.Session) (*visit, []string, error) {
	current, cookies, err := req.current(ctx, s)
	if current == nil || err != nil {
		req.ended = err == nil
		return nil, nil, translated(err)
	}
	return identityOf(current).visit, cookies, nil
}

// findAmong returns the one of several sessions in the cookies of a request that has not ended. If there is more than
// one, a sibling domain may have planted a cookie and none can be trusted: nobody is signed in, and a sign-in or
// sign-out ends them all.
func (req *request) findAmong(ctx context.Context, r *http.Request) (*visit, []string, error) {
	s, err := req.auth.sessions.LoadAmong(r)
	if s != nil {
		return req.findCurrent(ctx, s)
	}
	if err == nil {
		return nil, nil, nil
	}
	var several *session.RivalsError // declared here because it allocates
	if !errors.As(err, &several) {
		return nil, nil, translated(err)
	}
	var alive []*session.Session
	var cookies []string // of the last session that is alive
	for _, rival := range several.Sessions {
		s, newer, err := req.current(req.Context, rival)
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
		return identityOf(alive[0]).visit, cookies, nil
	}
	req.rivals, req.later = alive, nil
	req.auth.emit(req.Context, events.Event{Kind: events.SeveralSessions, Attrs: []slog.Attr{
		slog.String("cookie", req.auth.markers.Name), slog.Int("sessions", len(alive)),
	}})
	return nil, nil, nil
}
