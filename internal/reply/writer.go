package reply

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// writer wraps the ResponseWriter of a request. Before the headers are sent, it restores the plugin's cookies, which a
// handler or middleware may have removed, and marks the response private. A response without such cookies passes
// through unchanged.
type writer struct {
	gin.ResponseWriter
	reply *Reply
}

// finishHeaders restores the cookies. It may be called several times.
func (w *writer) finishHeaders() {
	if w.Written() {
		return
	}
	r, h := w.reply, w.Header()
	if r.shown.Load() {
		web.KeepOutOfHistory(h)
	}
	if r.sets.Load() {
		r.restore(h)
	}
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
