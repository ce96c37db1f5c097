package testapp

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/url"
)

// Network stands for the plugin's own transport: set as Config.Transport, the app reaches its provider over a real
// network.
type Network struct{ http.RoundTripper }

// Recorder is a transport to the provider that records the last call to each endpoint.
type Recorder struct {
	Header map[string]http.Header // by path
	Form   map[string]url.Values  // query and body, by path

	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (s *Recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.Header == nil {
		s.Header, s.Form = map[string]http.Header{}, map[string]url.Values{}
	}
	form := r.URL.Query()
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		maps.Copy(form, values)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	s.Header[r.URL.Path], s.Form[r.URL.Path] = r.Header.Clone(), form
	return s.next.RoundTrip(r)
}
