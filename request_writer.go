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

// writer is what a response goes through. When the headers are sent, it puts the plugin's cookies into them again, which
// a handler or middleware may have replaced, and makes the response private. A response without such a cookie passes
// through unchanged.
type writer struct {
	gin.ResponseWriter
	req *request
}

// finishHeaders puts the cookies back, and keeps a page of somebody signed in from the back button. It may be called
// often.
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

// WriteHeader implements http.ResponseWriter. In Gin it is not yet the time of sending, but may be the last call.
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

// headerNow returns the header for marks and cookies, nil when there is none or nobody waits for it any longer: that of
// the present writer if ctx is a *gin.Context, and otherwise the one that c had when req was made.
func (req *request) headerNow(ctx context.Context) http.Header {
	if c, ok := ctx.(*gin.Context); ok {
		return headerOf(c)
	}
	if req.Err() != nil || ctx.Err() != nil { // a middleware that limits the time is answering by itself
		return nil
	}
	return req.header
}

// setCookies has set put cookies into a header, and passes them on to the response. If set fails, none is.
func (req *request) setCookies(ctx context.Context, set func(http.Header) error) error {
	h := http.Header{setCookie: req.cookiesSet()}
	if err := set(h); err != nil {
		return err
	}
	req.send(req.headerNow(ctx), h[setCookie])
	return nil
}

// addCookies passes on cookies that were set for this response elsewhere.
func (req *request) addCookies(ctx context.Context, lines []string) {
	h := http.Header{setCookie: req.cookiesSet()}
	cookie.Set(h, lines...)
	req.send(req.headerNow(ctx), h[setCookie])
}

// cookiesSet is for stores, which set each cookie once: what an earlier call set may not be wanted any more.
func (req *request) cookiesSet() []string {
	req.mu.Lock()
	defer req.mu.Unlock()
	return slices.Clone(req.cookies)
}

// send puts lines into h in the place of those before, and keeps them for the [writer].
func (req *request) send(h http.Header, lines []string) {
	req.mu.Lock()
	defer req.mu.Unlock()
	req.sendLocked(h, lines)
}

func (req *request) sendLocked(h http.Header, lines []string) {
	if h != nil {
		withdraw(h, req.cookies)
		cookie.Set(h, lines...)
		web.KeepPrivate(h)
	}
	req.cookies = lines
	req.sets.Store(len(lines) > 0)
}

// withdraw takes lines that were set before out of h.
func withdraw(h http.Header, lines []string) {
	if len(h[setCookie]) > 0 {
		h[setCookie] = slices.DeleteFunc(slices.Clone(h[setCookie]), func(line string) bool { return slices.Contains(lines, line) })
	}
}
