package pages

import (
	"html/template"
	"net/url"
	"regexp"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

var dataImage = regexp.MustCompile(`^data:image/(svg\+xml|png|jpeg|gif|webp|avif);base64,[A-Za-z0-9+/]+={0,2}$`)

// imageSource returns the address of a logo, and what the Content-Security-Policy has to allow for it: the narrowest
// source that has no path, because the path may contain characters that end a directive.
func imageSource(logo string) (template.URL, string) {
	switch u, err := url.Parse(logo); {
	case logo == "" || err != nil:
		return "", ""
	case u.Scheme == "data":
		return template.URL(logo), "; img-src data:"
	case u.Host == "":
		return template.URL(logo), "; img-src 'self'"
	default:
		return template.URL(logo), "; img-src " + origin.Of(u)
	}
}

// isLogo reports whether a text is the address of an image that pages can show: a path, an https URL, or a data URL.
func isLogo(logo string) bool {
	u, err := url.Parse(logo)
	switch {
	case err != nil || strings.ContainsAny(logo, " \\\"'<>") || u.User != nil:
		return false
	case u.Scheme == "data":
		return dataImage.MatchString(logo)
	case u.Scheme == "":
		return strings.HasPrefix(logo, "/") && u.Host == ""
	}
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && origin.IsLoopback(u.Hostname()))
}
