package sessiontest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Browser keeps cookies like a browser that never expires one by itself: it obeys deletions and ignores Max-Age, so
// that only the server ends a session.
type Browser map[string]string

// Request returns a GET request with the browser's cookies.
func (b Browser) Request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
	for name, value := range b {
		r.Header["Cookie"] = []string{strings.TrimPrefix(r.Header.Get("Cookie")+"; "+name+"="+value, "; ")}
	}
	return r
}

// Receive stores the cookies of a response. It fails the test if the response sets one of them twice.
func (b Browser) Receive(t *testing.T, h http.Header) {
	t.Helper()
	seen := map[string]bool{}
	for _, line := range h["Set-Cookie"] {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatalf("Set-Cookie %q: %v", line, err)
		}
		if seen[cookie.Name] {
			t.Errorf("the response sets the cookie %s twice", cookie.Name)
		}
		seen[cookie.Name] = true
		if cookie.MaxAge < 0 {
			delete(b, cookie.Name)
		} else {
			b[cookie.Name] = cookie.Value
		}
	}
}
