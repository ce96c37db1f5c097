package ginoidc

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// request is one HTTP request as one Auth sees it. It is the context of the request, so that code below the handler finds
// the user too. It reads no cookie until somebody asks for the user: a public route that never asks never pays.
type request struct {
	context.Context
	auth  *core
	gin   *gin.Context  // only compared: Gin reuses it for another request when this one has ended
	http  *http.Request // with the context below this one
	later *http.Request // nil until the browser has other cookies than http: see httpNow
	first bool          // the outermost of its HTTP request: those in the context below belong to the request that made it
	asIs  bool          // the session is not renewed
	quiet bool          // not the one that UserFrom asks: the guard or Middleware of another Auth came first

	header http.Header // of the response, when this began
	writer writer      // what the response goes through

	mu       sync.Mutex
	opened   bool
	identity identity
	ended    bool               // the browser has a session that was ended elsewhere
	rivals   []*session.Session // of several cookies, none of which counts
	err      error
	cookies  []string    // the plugin's Set-Cookie lines of the response
	sets     atomic.Bool // there are cookies
	shown    atomic.Bool // the browser shows the response in a window, to a signed-in user

	// For the goroutine of the request: nil until asked for, and whether this request has refreshed them.
	tokens    *provider.Tokens
	refreshed bool
}

// requestKey finds the request of the guard or Middleware that ran last, whatever its Auth. A *core finds its own.
type requestKey struct{}

// Value finds the request itself, and otherwise what the parent context holds. An HTTP request may be made with the
// context of another, such as by http.NewRequestWithContext: what is in that context of other requests does not count.
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

// requestOf returns the request of c, and starts one if neither Middleware nor a guard has.
func (a *core) requestOf(c *gin.Context) *request {
	if req := requestAt(c, a); req != nil {
		return req
	}
	return a.start(c, true)
}

// attend is requestOf for guards and Middleware, which decide whose user [UserFrom] returns.
func (a *core) attend(c *gin.Context) *request {
	if req := requestAt(c, requestKey{}); req != nil && req.auth == a {
		return req
	}
	req := requestAt(c, a)
	if req == nil {
		return a.start(c, false)
	}
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestKey{}, req))
	return req
}

func (a *core) start(c *gin.Context, quiet bool) *request {
	first := requestAt(c, requestKey{}) == nil
	req := &request{Context: c.Request.Context(), auth: a, gin: c, first: first, quiet: quiet && !first}
	if req.header = headerOf(c); req.header != nil {
		req.writer = writer{c.Writer, req}
		c.Writer = &req.writer
	}
	req.http = c.Request
	c.Request = c.Request.WithContext(req)
	return req
}

// requestAt returns what key finds in the context of c's HTTP request, nil when there is none.
func requestAt(c *gin.Context, key any) *request {
	if c.Request == nil {
		return nil
	}
	req, ok := c.Request.Context().Value(key).(*request)
	if !ok || !req.serves(c) {
		return nil
	}
	return req
}

// requestIn returns what key finds in ctx. That may be a *gin.Context or be derived from one, which has the
// values of its request's context only with ContextWithFallback.
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

// serves reports whether c serves this very HTTP request, and not another that was made with its context.
func (req *request) serves(c *gin.Context) bool {
	of, own := c.Request, req.http
	if own.Header != nil && reflect.ValueOf(of.Header).Pointer() == reflect.ValueOf(own.Header).Pointer() {
		return true // http.Request.WithContext keeps the header, and so does gin.Context.Copy
	}
	// A middleware may have put a clone in its place. Gin uses its contexts again, so the same one is not proof enough.
	return c == req.gin && req.Err() == nil && slices.Equal(of.Header["Cookie"], own.Header["Cookie"])
}

// requestContext is ctx, or the context of its request if that is a *gin.Context: without ContextWithFallback these are
// never done, and they are another request's as soon as theirs has ended.
func requestContext(ctx context.Context) context.Context {
	if c, ok := ctx.(*gin.Context); ok && c.Request != nil {
		return c.Request.Context()
	}
	return ctx
}

// headerOf is the header that c sends as things are: a middleware may put another writer in its place, with a header of
// its own, at any time. A copy of a gin.Context sends nothing and has none.
func headerOf(c *gin.Context) http.Header {
	if c.Writer == nil {
		return nil
	}
	if w, ok := c.Writer.(interface{ Unwrap() http.ResponseWriter }); ok && w.Unwrap() == nil {
		return nil
	}
	return c.Writer.Header()
}

// httpNow is the request as the browser sends it once it has the cookies of the session as it is now.
func (req *request) httpNow() *http.Request {
	if req.later != nil {
		return req.later
	}
	return req.http
}
