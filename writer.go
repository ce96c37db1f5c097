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

// writer is what a visit's response goes through. When the headers go out, the cookies that the plugin set are in them,
// although a handler has set the header anew or a middleware has sent another one, and the response is not public. A
// response without such a cookie is let through as it is.
type writer struct {
	gin.ResponseWriter
	visit *visit
}

// settle puts the cookies back, and keeps a page of somebody signed in from the back button. It may be called often.
func (w *writer) settle() {
	v := w.visit
	sets, shown := v.sets.Load(), v.shown.Load()
	if !sets && !shown || w.Written() {
		return
	}
	if shown {
		web.KeepOutOfHistory(w.Header())
	}
	if !sets {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	h := w.Header()
	cookie.Set(h, v.cookies...)
	web.KeepPrivate(h)
}

// WriteHeader implements http.ResponseWriter. In Gin it is not yet the time of sending, but may be the last call.
func (w *writer) WriteHeader(status int) {
	w.settle()
	w.ResponseWriter.WriteHeader(status)
}

// WriteHeaderNow implements gin.ResponseWriter.
func (w *writer) WriteHeaderNow() {
	w.settle()
	w.ResponseWriter.WriteHeaderNow()
}

// Write implements http.ResponseWriter.
func (w *writer) Write(b []byte) (int, error) {
	w.settle()
	return w.ResponseWriter.Write(b)
}

// WriteString implements gin.ResponseWriter.
func (w *writer) WriteString(s string) (int, error) {
	w.settle()
	return w.ResponseWriter.WriteString(s)
}

// Flush implements http.Flusher.
func (w *writer) Flush() {
	w.settle()
	w.ResponseWriter.Flush()
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// headerNow is where the visit's marks and cookies go, nil when there is none or nobody waits for it any more: what c has
// now if ctx is a *gin.Context, and otherwise what it had when the visit began.
func (v *visit) headerNow(ctx context.Context) http.Header {
	if c, ok := ctx.(*gin.Context); ok {
		return headerOf(c)
	}
	if v.Err() != nil || ctx.Err() != nil { // a middleware that limits the time is answering by itself
		return nil
	}
	return v.header
}

// setCookies has set put cookies into a header, and passes them on to the response. If set fails, none is.
func (v *visit) setCookies(ctx context.Context, set func(http.Header) error) error {
	h := http.Header{setCookie: v.cookiesSet()}
	if err := set(h); err != nil {
		return err
	}
	v.send(v.headerNow(ctx), h[setCookie])
	return nil
}

// addCookies passes on cookies that were set for this response elsewhere.
func (v *visit) addCookies(ctx context.Context, lines []string) {
	h := http.Header{setCookie: v.cookiesSet()}
	cookie.Set(h, lines...)
	v.send(v.headerNow(ctx), h[setCookie])
}

// cookiesSet is for stores, which set each cookie once: what an earlier call set may not be wanted any more.
func (v *visit) cookiesSet() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.cookies)
}

// send puts lines into h in the place of those before, and keeps them for the [writer].
func (v *visit) send(h http.Header, lines []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sendLocked(h, lines)
}

func (v *visit) sendLocked(h http.Header, lines []string) {
	if h != nil {
		withdraw(h, v.cookies)
		cookie.Set(h, lines...)
		web.KeepPrivate(h)
	}
	v.cookies = lines
	v.sets.Store(len(lines) > 0)
}

// withdraw takes lines that were set before out of h.
func withdraw(h http.Header, lines []string) {
	if len(h[setCookie]) > 0 {
		h[setCookie] = slices.DeleteFunc(slices.Clone(h[setCookie]), func(line string) bool { return slices.Contains(lines, line) })
	}
}
