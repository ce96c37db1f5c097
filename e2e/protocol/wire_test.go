package protocol_test

import (
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// wire is a Config.Transport that records the calls of an app to its provider: the kind of each and the names in it,
// never a value. Metadata and keys are ignored.
type wire struct {
	mu    sync.Mutex
	lines []string
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var words []string
	if scheme, _, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		words = append(words, scheme)
	}
	if r.Header.Get("DPoP") != "" {
		words = append(words, proof)
	}
	if r.GetBody != nil {
		form, err := formOf(r)
		if err != nil {
			return nil, err
		}
		words = append(words, slices.Collect(maps.Keys(form))...)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || strings.HasPrefix(r.URL.Path, "/.well-known/") || r.URL.Path == "/jwks" {
		return resp, err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, call(r.Method, r.URL.Path, resp.StatusCode, kind, words...))
	return resp, nil
}

// take returns the calls so far and forgets them.
func (w *wire) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	return lines
}

func formOf(r *http.Request) (url.Values, error) {
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(text))
}

// Words in a line of calls. Those for header fields begin with a capital, and so come first; the others are names of
// form parameters.
const (
	basic, bearer, dpop = "Basic", "Bearer", "DPoP" // schemes of Authorization
	proof               = "Proof"                   // DPoP header field

	request   = "client_id code_challenge code_challenge_method nonce redirect_uri response_type scope state"
	grant     = "code code_verifier grant_type redirect_uri"
	secret    = "client_id client_secret"
	assertion = "client_assertion client_assertion_type client_id"
)

// names returns words in order, deduplicated.
func names(lists ...string) string {
	words := strings.Fields(strings.Join(lists, " "))
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}

// inOrder returns the names of all parameters, repeated ones included.
func inOrder(params url.Values) string {
	var all []string
	for name, values := range params {
		all = append(all, slices.Repeat([]string{name}, len(values))...)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func call(method, path string, status int, kind string, words ...string) string {
	return fmt.Sprintf("%s %s [%s] %d %s", method, path, names(words...), status, kind)
}

func pushes(words ...string) string {
	return call("POST", "/request", 201, "application/json", words...)
}

func redeems(words ...string) string {
	return call("POST", "/token", 200, "application/json", append(words, grant)...)
}

func asks(words ...string) string { return call("GET", "/me", 200, "application/json", words...) }
