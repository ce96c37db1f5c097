// Package reply keeps the plugin's cookies in the response to a request, and the response private, whatever a handler
// or other middleware does with its headers.
package reply

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

const setCookie = "Set-Cookie"

// Reply is the response to one request. The zero value is one that nobody writes to.
type Reply struct {
	header  http.Header // as of the start of the request; nil if there is none
	writer  writer      // through which the response is written
	private [2]string   // the values of the headers that mark the response private

	sets  atomic.Bool // cookies is not empty
	shown atomic.Bool // see Show

	mu      sync.Mutex
	cookies []string // the plugin's Set-Cookie lines of the response
}

// Attach makes r the response of c, and writes through a writer of its own from now on, unless c is a copy that sends
// nothing.
func (r *Reply) Attach(c *gin.Context) {
	if r.header = HeaderOf(c); r.header != nil {
		r.writer = writer{c.Writer, r}
		c.Writer = &r.writer
	}
}

// Collect makes r a response that consists of the header h alone.
func (r *Reply) Collect(h http.Header) { r.header = h }

// Show says whether a browser shows the response to a signed-in user in a window. Such a page stays out of the
// browser's history, so that the back button does not show it after a sign-out.
func (r *Reply) Show(shown bool) {
	if r.shown.Load() != shown { // which takes less time than to store it
		r.shown.Store(shown)
	}
}

// Header returns the header of the response: that of the current writer if ctx is a *gin.Context, and otherwise the one
// at the start of the request. It returns nil if there is none, or if ctx or the request is over.
func (r *Reply) Header(ctx, request context.Context) http.Header {
	if c, ok := ctx.(*gin.Context); ok {
		return HeaderOf(c)
	}
	if request.Err() != nil || ctx.Err() != nil { // a timeout middleware may be writing its own response
		return nil
	}
	return r.header
}

// KeepPrivate marks h as the header of a response that depends on the user.
func (r *Reply) KeepPrivate(h http.Header) { web.KeepPrivateIn(h, &r.private) }

// Cookies returns a header with the plugin's cookies of the response so far. Stores replace them by name, so an
// outdated cookie is not sent.
func (r *Reply) Cookies() http.Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	return http.Header{setCookie: slices.Clone(r.cookies)}
}

// Send replaces the plugin's cookies in h, the header of the response, by those of set, and keeps them for the time
// when the headers are sent. h is nil if they can no longer be sent.
func (r *Reply) Send(h, set http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := set[setCookie]
	if h != nil {
		withdraw(h, r.cookies)
		cookie.Set(h, lines...)
		web.KeepPrivate(h)
	}
	r.cookies = lines
	r.sets.Store(len(lines) > 0)
}

// restore sets the plugin's cookies in h, and marks it private, before it is sent.
func (r *Reply) restore(h http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cookie.Set(h, r.cookies...)
	web.KeepPrivate(h)
}

// withdraw removes lines from the Set-Cookie headers of h.
func withdraw(h http.Header, lines []string) {
	if len(h[setCookie]) > 0 {
		withdrawn := func(line string) bool { return slices.Contains(lines, line) }
		h[setCookie] = slices.DeleteFunc(slices.Clone(h[setCookie]), withdrawn)
	}
}

// HeaderOf returns the header that c would send now. Other middleware may replace the writer, and with it the header,
// at any time. It returns nil for a copy of a gin.Context, which sends nothing.
func HeaderOf(c *gin.Context) http.Header {
	if c.Writer == nil {
		return nil
	}
	if _, ours := c.Writer.(*writer); ours { // as for every guard after Middleware
		return c.Writer.Header()
	}
	if w, ok := c.Writer.(interface{ Unwrap() http.ResponseWriter }); ok && w.Unwrap() == nil {
		return nil
	}
	return c.Writer.Header()
}
