// Package marker has the cookies that keep one fact about a browser each, apart from the session: that a silent sign-in
// was tried, that a sign-in has just been completed, which provider was used last, and that pages of the session are to
// be dropped.
package marker

import (
	"net/http"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
)

// Cookies are the attributes of the session cookie, from which those of the markers derive.
type Cookies struct {
	Name, Path string
	Secure     bool
}

// named returns a cookie with the name of the session cookie and a suffix. It has neither Max-Age nor Expires, so
// browsers delete it when they close.
func (c Cookies) named(suffix, value string) *http.Cookie {
	return &http.Cookie{
		Name: c.Name + suffix, Value: value, Path: c.Path,
		Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// SetSilent prevents further silent sign-ins until the browser is closed: without it, a silent sign-in would loop, or
// undo a sign-out.
func (c Cookies) SetSilent(h http.Header) { cookie.Set(h, c.named(".silent", "1").String()) }

// IsSilent reports whether the browser was told to try no further silent sign-in.
func (c Cookies) IsSilent(r *http.Request) bool {
	_, err := r.Cookie(c.Name + ".silent")
	return err == nil
}

// DropPages makes Chromium drop the pages of the session that it keeps for the back button. Chromium drops
// pages with no-store for which an HttpOnly cookie has changed since, not counting changes by the page's own
// navigation. For the page after a sign-in it discounts one change too many if the attempt's cookie is scoped to the
// plugin's routes, so the deletion of the session cookie has no effect. Hence this cookie, which changes several times
// and is then deleted. It is the only one that a response sets more than once. Clear-Site-Data: "cache" is no
// alternative: it keeps the page that shows the button, and deletes all cached files of the site, which can take
// seconds.
func (c Cookies) DropPages(h http.Header) {
	out := c.named(".out", "")
	for _, out.Value = range []string{"1", "2", "3"} {
		h.Add("Set-Cookie", out.String())
	}
	out.Value, out.MaxAge = "", -1
	h.Add("Set-Cookie", out.String())
}

// Chosen returns the cookie that says which provider a browser used last, and nothing else. It lasts for a year.
func (c Cookies) Chosen(provider string) *http.Cookie {
	chosen := c.named(".provider", provider)
	chosen.MaxAge = 365 * 24 * 60 * 60
	return chosen
}

// LastChosen returns the provider in the cookie of Chosen, which the browser may have changed, or "".
func (c Cookies) LastChosen(r *http.Request) string {
	chosen, err := r.Cookie(c.Name + ".provider")
	if err != nil {
		return ""
	}
	return chosen.Value
}
