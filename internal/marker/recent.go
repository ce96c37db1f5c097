package marker

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
)

// recentLife is the time after a sign-in within which another one may be part of a loop.
const recentLife = time.Minute

// Recent is the cookie that names the session a browser has just received. A browser that does not send the session
// cookie back would loop: the guard redirects it to the sign-in, and the provider, where the user is signed in,
// redirects it back at once. So a successful sign-in sets this cookie for the sign-in route, which detects a request
// with this cookie only.
type Recent struct {
	Name, Path string // the path is narrower than __Host- allows
	Secure     bool
	SameSite   http.SameSite // that of the session cookie, so that a request carries both or neither; default Lax
	Seal       *sealed.Text
	Idle       time.Duration // the idle limit of sessions: after it, a session is expected to be gone
}

func (c Recent) cookie(value string, maxAge int) *http.Cookie {
	name := c.Name + ".landed"
	if c.Secure {
		name = "__Secure-" + name
	}
	return &http.Cookie{
		Name: name, Value: value, Path: c.Path, MaxAge: maxAge,
		Secure: c.Secure, HttpOnly: true, SameSite: cmp.Or(c.SameSite, http.SameSiteLaxMode),
	}
}

// Set returns the cookie for a session that has just begun. again reports whether it is the second sign-in in a row.
func (c Recent) Set(begun revocation.Ref, again bool) *http.Cookie {
	e := begun.Entries()[0]
	text := fmt.Sprint(time.Now().UnixMilli(), " ", again, " ", e.Owner, " ", e.Session)
	return c.cookie(c.Seal.Seal(text, ""), int(recentLife/time.Second))
}

// Delete returns the cookie that deletes it.
func (c Recent) Delete() *http.Cookie { return c.cookie("", -1) }

// Find returns the session of the sign-in that the browser has just completed. again reports whether it was the second
// one in a row.
func (c Recent) Find(r *http.Request) (ref revocation.Ref, again, ok bool) {
	for _, cookie := range r.CookiesNamed(c.Delete().Name) {
		text, _ := c.Seal.Open(cookie.Value, "")
		fields := strings.Split(text, " ")
		if len(fields) != 4 {
			continue
		}
		at, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil || time.Since(time.UnixMilli(at)) >= min(recentLife, c.Idle) {
			continue
		}
		if ref, ok = revocation.ParseEntry(revocation.Entry{Owner: fields[2], Session: fields[3]}); ok {
			return ref, fields[1] == "true", true
		}
	}
	return revocation.Ref{}, false, false
}
