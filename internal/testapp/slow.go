package testapp

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// SlowToken makes the token endpoint process the next request at once and respond after d.
func (a *App) SlowToken(d time.Duration) { a.Slow(fakeop.Token, d) }

// Slow is SlowToken for any endpoint.
func (a *App) Slow(endpoint fakeop.Endpoint, d time.Duration) {
	a.OP.Intercept(endpoint, func(w http.ResponseWriter, r *http.Request) {
		a.OP.Intercept(endpoint, nil)
		recorded := httptest.NewRecorder()
		a.OP.ServeHTTP(recorded, r)
		time.Sleep(d)
		maps.Copy(w.Header(), recorded.Header())
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(recorded.Body.Bytes())
	})
}
