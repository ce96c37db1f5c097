package returnto

import (
	"net/http"
	"strings"
)

// Site is an app as browsers see it. It finds the return target that a request stands for.
type Site struct {
	Rule
	Origin string // of the app, such as "https://app.example.com"
	Base   string // the path at which the app begins, without a trailing slash; "" for "/"
}

// Path returns the path of the request as the client knows it: with the base path, which a proxy may have stripped.
func (s Site) Path(r *http.Request) string {
	path := r.URL.EscapedPath()
	if path != s.Base && !strings.HasPrefix(path, s.Base+"/") {
		return s.Base + path
	}
	return path
}

// Current returns the path and query of the request, or "" if that is not an acceptable target.
func (s Site) Current(r *http.Request) string {
	target := s.Path(r)
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	if !s.Accept(target) {
		return ""
	}
	return target
}

// Referring returns the page of the app from which a request comes, by its Referer, or "" if that is not an acceptable
// target.
func (s Site) Referring(r *http.Request) string {
	target, own := strings.CutPrefix(r.Referer(), s.Origin)
	if target, _, _ = strings.Cut(target, "#"); !own || !strings.HasPrefix(target, "/") || !s.Accept(target) {
		return ""
	}
	return target
}

// Requested returns the page that the user requested: the one being opened, or for a posted form the page of the form.
// It returns "" if that is not an acceptable target.
func (s Site) Requested(r *http.Request) string {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return s.Current(r)
	}
	return s.Referring(r)
}
