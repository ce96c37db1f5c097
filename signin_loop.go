package ginoidc

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// A browser that does not send the session cookie back would loop: the guard redirects it to the sign-in, and the
// provider, where the user is signed in, redirects it back at once. So a successful sign-in sets a second cookie for
// the sign-in route. A request there with only that cookie gets an error page.

// recentLife is the time after a sign-in within which another one may be part of a loop.
const recentLife = time.Minute

// recentCookie returns the cookie that names the session a browser has just received. Its path is narrower than __Host-
// allows. Like the session cookie it is SameSite=Lax, so that a request carries both or neither. If s is nil, it
// deletes the cookie.
func (a *core) recentCookie(s *session.Session, again bool) *http.Cookie {
	cookie := &http.Cookie{
		Name: a.config.CookieName + ".landed", Path: a.routes.signIn, MaxAge: -1,
		Secure: a.cookie.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if cookie.Secure {
		cookie.Name = "__Secure-" + cookie.Name
	}
	if s != nil {
		t := a.providers.ofSession(&s.Record).ledger.RefOf(&s.Record)
		e := t.Entries()[0]
		text := fmt.Sprint(time.Now().UnixMilli(), " ", again, " ", e.Owner, " ", e.Session)
		cookie.MaxAge, cookie.Value = int(recentLife/time.Second), a.seals.recent.Seal(text, "")
	}
	return cookie
}

// recentSignIn returns the session of the sign-in that the browser has just completed. again reports whether it was the
// second one in a row.
func (a *core) recentSignIn(r *http.Request) (t revocation.Ref, again, ok bool) {
	for _, cookie := range r.CookiesNamed(a.recentCookie(nil, false).Name) {
		text, _ := a.seals.recent.Open(cookie.Value, "")
		fields := strings.Split(text, " ")
		if len(fields) != 4 {
			continue
		}
		at, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil || time.Since(time.UnixMilli(at)) >= min(recentLife, a.config.SessionIdle) {
			continue
		}
		if t, ok = revocation.ParseEntry(revocation.Entry{Owner: fields[2], Session: fields[3]}); ok {
			return t, fields[1] == "true", true
		}
	}
	return revocation.Ref{}, false, false
}

// detectLoop detects a sign-in loop: the browser has just completed a sign-in but has no session. If the session cookie
// is missing, another sign-in would end the same way, so it is an error with everything that leads to the cause. If the
// cookie opens no session, the cause may be temporary, such as a store that lags or has lost its sessions, so it is an
// error only the second time. A session that has been ended is not an error.
func (a *Auth) detectLoop(c *gin.Context) (again bool, err error) {
	t, again, ok := a.recentSignIn(c.Request)
	if !ok {
		return false, nil
	}
	req := a.requestOf(c)
	if id, err := req.identify(c); id.user != nil || err != nil {
		return false, nil
	}
	if s, err := a.sessions.Load(req.http); s != nil || err != nil {
		return false, nil
	}
	if ended, err := a.providers.ofRequest(req.http).ledger.Ended(req, t); ended || err != nil {
		return false, nil
	}
	n := len(c.Request.CookiesNamed(a.cookie.name))
	missing := &cookieMissingError{
		name: a.cookie.name, path: a.cookie.path, appURL: a.config.AppURL, host: ascii.Clean(c.Request.Host, 256), came: n,
	}
	if n > 0 && !again {
		a.emit(req, event{kind: eventSessionLost, err: missing})
		return true, nil
	}
	req.addCookies(c, []string{a.recentCookie(nil, false).String()}) // so that the link of the page starts a new sign-in
	return false, missing
}

// cookieMissingError is an errCookieMissing with hints for the operator.
type cookieMissingError struct {
	name, path, appURL, host string
	came                     int // number of cookies with that name
}

// Error says what is wrong and what to check.
func (e *cookieMissingError) Error() string {
	where := fmt.Sprintf("cookie %s, path %s, app URL %s, host of the request %s", e.name, e.path, e.appURL, e.host)
	switch e.came {
	case 0:
		return errCookieMissing.Error() + ": none came (" + where + "): compare AppURL, base path included, " +
			"with the address in the browser, and check that no proxy removes Set-Cookie from responses"
	case 1:
		return errCookieMissing.Error() + ": the one that came opens no session (" + where + "): " +
			"give all instances the same CookieSecrets and Store, and no other app the same CookieName"
	}
	return fmt.Sprintf("%v: of %d that came none opens a session (%s): "+
		"remove those of other paths and domains, or set another CookieName", errCookieMissing, e.came, where)
}

// Unwrap returns errCookieMissing.
func (e *cookieMissingError) Unwrap() error { return errCookieMissing }
