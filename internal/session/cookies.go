package session

import (
	"net/http"
	"slices"
	"strings"
)

const setCookie = "Set-Cookie"

// replaceCookies sets lines in h, in the place of earlier ones of the same
// cookies: a response sets each cookie once.
func replaceCookies(h http.Header, lines []string) {
	kept := slices.DeleteFunc(slices.Clone(h[setCookie]), func(line string) bool { return sets(lines, line) })
	h[setCookie] = append(kept, lines...)
}

// addCookies adds those of lines whose cookies h does not set.
func addCookies(h http.Header, lines []string) {
	for _, line := range lines {
		if !sets(h[setCookie], line) {
			h[setCookie] = append(h[setCookie], line)
		}
	}
}

// sets reports whether one of lines sets the same cookie as line.
func sets(lines []string, line string) bool {
	name, _, _ := strings.Cut(line, "=")
	return slices.ContainsFunc(lines, func(other string) bool {
		otherName, _, _ := strings.Cut(other, "=")
		return otherName == name
	})
}

// withoutCookies returns r as a browser without any cookie would have sent it.
func withoutCookies(r *http.Request) *http.Request {
	bare := r.WithContext(r.Context())
	bare.Header = r.Header.Clone()
	bare.Header.Del("Cookie")
	return bare
}

// headerWriter lends a store the header of a response and nothing else of it.
type headerWriter struct{ header http.Header }

func (w headerWriter) Header() http.Header         { return w.header }
func (w headerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w headerWriter) WriteHeader(int)             {}
