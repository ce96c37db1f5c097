package testapp

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// Reply is a response read to its end.
type Reply struct {
	*http.Response
	Body string
}

// Location returns the header as it stands.
func (r Reply) Location() string { return r.Header.Get("Location") }

// JSON returns the members of a JSON object.
func (r Reply) JSON(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
		t.Fatalf("body is not a JSON object: %v: %s", err, r.Body)
	}
	return v
}

func (r Reply) subject(t testing.TB) string {
	if r.StatusCode != http.StatusOK {
		return ""
	}
	sub, _ := r.JSON(t)["sub"].(string)
	return sub
}

// ParseURL parses a URL and fails the test if it is malformed.
func ParseURL(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Eventually waits until another goroutine makes the condition true. Only the deadline of the whole test bounds it, so
// that a busy machine does not fail a test.
func Eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline, ok := t.Deadline()
	for !is() {
		if ok && time.Until(deadline) < 30*time.Second {
			t.Fatalf("still waiting: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
