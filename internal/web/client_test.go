package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// TestServeClient: browsers get the module or its types under the right kind, keep it, and ask whether it has changed.
func TestServeClient(t *testing.T) {
	tags := map[string]bool{}
	for _, tt := range []struct {
		types      bool
		file, kind string
	}{
		{false, "client/client.js", "text/javascript; charset=utf-8"},
		{true, "client/client.d.ts", "text/plain; charset=utf-8"},
	} {
		file, err := os.ReadFile(tt.file)
		if err != nil {
			t.Fatal(err)
		}
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		web.ServeClient(w, r, tt.types)
		h := w.Header()
		if w.Code != http.StatusOK || w.Body.String() != string(file) || h.Get("Content-Type") != tt.kind ||
			h.Get("Cache-Control") != "no-cache" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", tt.file, w.Code, h)
		}
		tags[h.Get("ETag")] = true
		r.Header.Set("If-None-Match", h.Get("ETag"))
		w = httptest.NewRecorder()
		if web.ServeClient(w, r, tt.types); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
			t.Errorf("%s, unchanged: %d %s", tt.file, w.Code, w.Body)
		}
	}
	if len(tags) != 2 {
		t.Errorf("tags %v", tags)
	}
}
