package ginoidc

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// silentTimeout is how long a public page waits for a provider that is not known yet.
const silentTimeout = time.Second

// SilentSignIn signs in, without a page and once a browser session, who has a session at the provider already (OpenID
// Connect Core 1.0, section 3.1.2.1, prompt=none). Put it before public pages. It acts on navigations of nobody signed in;
// they come back to the same page, signed in or as they were. After a sign-out it lets the browser alone.
//
// Clients that keep no cookies, such as search engines, are sent to the provider on every page.
func (a *Auth) SilentSignIn() gin.HandlerFunc {
	a.silent.Store(true)
	return func(c *gin.Context) {
		target, ok := a.triesSilently(c)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(c.Request.Context(), silentTimeout)
		defer cancel()
		location, err := a.startAttempt(ctx, c, attempt.Purpose{ReturnTo: target, Silent: true}, asked{app: url.Values{"prompt": {"none"}}})
		if err != nil { // nobody asked for it: the page is served as it is
			a.emit(ctx, event{kind: eventSilentSignInFailed, err: err})
			return
		}
		a.markSilent(c.Writer.Header())
		c.Abort()
		redirect(c, http.StatusFound, location)
	}
}

// triesSilently decides whether a request is worth a trip to the provider, and where it comes back to.
func (a *Auth) triesSilently(c *gin.Context) (target string, ok bool) {
	r := c.Request
	if r.Method != http.MethodGet || !web.IsNavigation(r) {
		return "", false
	}
	if _, err := r.Cookie(a.silentCookie().Name); err == nil {
		return "", false
	}
	id, err := a.requestOf(c).identify(c)
	target = a.here(r) // of the plugin's own routes there is none
	return target, id.user == nil && err == nil && target != ""
}

// markSilent notes in the browser, until it is closed, that it is not to be signed in silently (case 14).
func (a *core) markSilent(h http.Header) {
	if a.silent.Load() {
		cookie.Set(h, a.silentCookie().String())
	}
}

func (a *core) silentCookie() *http.Cookie {
	return &http.Cookie{
		Name: a.cookie.name + ".silent", Value: "1", Path: a.cookie.path,
		Secure: a.cookie.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}
