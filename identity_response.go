package ginoidc

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

const setCookie = "Set-Cookie"

// writer wraps the ResponseWriter of a request. Before the headers are sent, it restores the plugin's cookies, which a
// handler or middleware may have removed, and marks the response private. A response without such cookies passes
// through unchanged.
type writer struct {
	gin.ResponseWriter
	req *request
}

// finishHeaders restores the cookies. It also keeps pages of signed-in users out of the browser's history, so that the
// back button does not show them after a sign-out. It may be called several times.
func (w *writer) finishHeaders() {
	req := w.req
	sets, shown := req.sets.Load(), req.shown.Load()
	if !sets && !shown || w.Written() {
		return
	}
	if shown {
		web.KeepOutOfHistory(w.Header())
	}
	if !sets {
		return
	}
	req.mu.Lock()
	defer req.mu.Unlock()
	h := w.Header()
	cookie.Set(h, req.cookies...)
	web.KeepPrivate(h)
}

// WriteHeader implements http.ResponseWriter. Gin does not send the headers yet, but this may be the last call.
func (w *writer) WriteHeader(status int) {
	w.finishHeaders()
	w.ResponseWriter.WriteHeader(status)
}

// WriteHeaderNow implements gin.ResponseWriter.
func (w *writer) WriteHeaderNow() {
	w.finishHeaders()
	w.ResponseWriter.WriteHeaderNow()
}

// Write implements http.ResponseWriter.
func (w *writer) Write(b []byte) (int, error) {
	w.finishHeaders()
	return w.ResponseWriter.Write(b)
}

// WriteString implements gin.ResponseWriter.
func (w *writer) WriteString(s string) (int, error) {
	w.finishHeaders()
	return w.ResponseWriter.WriteString(s)
}

// Flush implements http.Flusher.
func (w *writer) Flush() {
	w.finishHeaders()
	w.ResponseWriter.Flush()
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// headerNow returns the response header: that of the current writer if ctx is a *gin.Context, and otherwise the one at
// the start of the request. It returns nil if there is none or the request is over.
func (req *request) headerNow(ctx context.Context) http.Header {
	if c, ok := ctx.(*gin.Context); ok {
		return headerOf(c)
	}
	if req.Err() != nil || ctx.Err() != nil { // a timeout middleware may be writing its own response
		return nil
	}
	return req.header
}

// setCookies calls set with a header for cookies and sends these cookies with the response. If set fails, none is sent.
func (req *request) setCookies(ctx context.Context, set func(http.Header) error) error {
	h := http.Header{setCookie: req.cookiesSet()}
	if err := set(h); err != nil {
		return err
	}
	req.send(req.headerNow(ctx), h[setCookie])
	return nil
}

// addCookies sends cookies that were set elsewhere with this response.
func (req *request) addCookies(ctx context.Context, lines []string) {
	h := http.Header{setCookie: req.cookiesSet()}
	cookie.Set(h, lines...)
	req.send(req.headerNow(ctx), h[setCookie])
}

// cookiesSet returns the cookies set so far. Stores replace them by name, so an outdated cookie is not sent.
func (req *request) cookiesSet() []string {
	req.mu.Lock()
	defer req.mu.Unlock()
	return slices.Clone(req.cookies)
}

// send replaces the plugin's cookies in h by lines, and keeps them for the [writer].
func (req *request) send(h http.Header, lines []string) {
	req.mu.Lock()
	defer req.mu.Unlock()
	req.sendLocked(h, lines)
}

// sendLocked is send for callers that hold the mutex.
func (req *request) sendLocked(h http.Header, lines []string) {
	if h != nil {
		withdraw(h, req.cookies)
		cookie.Set(h, lines...)
		web.KeepPrivate(h)
	}
	req.cookies = lines
	req.sets.Store(len(lines) > 0)
}

// withdraw removes lines from the Set-Cookie headers of h.
func withdraw(h http.Header, lines []string) {
	if len(h[setCookie]) > 0 {
		withdrawn := func(line string) bool { return slices.Contains(lines, line) }
		h[setCookie] = slices.DeleteFunc(slices.Clone(h[setCookie]), withdrawn)
	}
}

// headerOf returns the header that c would send now. Other middleware may replace the writer, and with it the header,
// at any time. It returns nil for a copy of a gin.Context, which sends nothing.
func headerOf(c *gin.Context) http.Header {
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
