package signin

import (
	"errors"
	"fmt"
)

// ErrCookieMissing means that a browser has just signed in and does not have the session: another sign-in would end the
// same way, and loop.
var ErrCookieMissing = errors.New("ginoidc: the session's cookie did not come back")

// CookieMissingError is an ErrCookieMissing with hints for the operator.
type CookieMissingError struct {
	Name, Path   string // of the cookie
	AppURL, Host string // what is configured, and the host of the request
	Came         int    // number of cookies with that name
}

// Loops reports whether another sign-in would end the same way: none of the cookies came, or the second sign-in in a
// row has ended like this. If a cookie came and opens no session, the cause may be temporary, such as a store that lags
// or has lost its sessions, so that is tried once more.
func (e *CookieMissingError) Loops(again bool) bool { return e.Came == 0 || again }

// Error says what is wrong and what to check.
func (e *CookieMissingError) Error() string {
	where := fmt.Sprintf("cookie %s, path %s, app URL %s, host of the request %s", e.Name, e.Path, e.AppURL, e.Host)
	switch e.Came {
	case 0:
		return ErrCookieMissing.Error() + ": none came (" + where + "): compare AppURL, base path included, " +
			"with the address in the browser, and check that no proxy removes Set-Cookie from responses"
	case 1:
		return ErrCookieMissing.Error() + ": the one that came opens no session (" + where + "): " +
			"give all instances the same CookieSecrets and Store, and no other app the same CookieName"
	}
	return fmt.Sprintf("%v: of %d that came none opens a session (%s): "+
		"remove those of other paths and domains, or set another CookieName", ErrCookieMissing, e.Came, where)
}

// Unwrap returns ErrCookieMissing.
func (e *CookieMissingError) Unwrap() error { return ErrCookieMissing }
