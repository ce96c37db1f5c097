package ginoidc

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Denial is what a request is denied for, or why it failed: all that the default answers are made of. [Denied] returns it
// to [AbortHandlers].
type Denial struct {
	// Err is for errors.Is with the Err… values, ProviderError and StepUpError. Its text is for logs, not for pages.
	Err error
	// Status is what the response has unless a handler sets another.
	Status int
	// Code is the stable name of what happened, as listed in docs/errors.md: "forbidden", "attempt_expired" …
	Code string
	// Title and Message are for people, in English and plain text. Neither has anything of the request or the provider.
	Title, Message string
	// RequestID finds the failure in the log. "": there is nothing to look up, as when a guard says no.
	RequestID string

	// Page tells whether a browser shows the answer to a person: a navigation, or a form that was posted as one. All
	// else is better answered with JSON.
	Page bool
	// SignInURL is the path of the sign-in route that leads out of this, with what a step-up or another user needs. For a
	// Page it comes back to the page that was wanted: the one that was opened, the one of the form, or the one for which
	// the sign-in was begun.
	SignInURL string
	// Link and LinkText are the way on that the default page offers: a sign-in, the same page once more, or the app.
	Link, LinkText string
}

// MarshalJSON writes what the default answer to a program is: Code as error, Message, and either RequestID or, with the
// status 401, SignInURL. Err is not in it, nor is anything else that is for logs or pages.
func (d Denial) MarshalJSON() ([]byte, error) {
	if d.RequestID != "" || d.Status != http.StatusUnauthorized {
		d.SignInURL = ""
	}
	return json.Marshal(struct {
		Code      string `json:"error"`
		Message   string `json:"message"`
		RequestID string `json:"request_id,omitempty"`
		SignInURL string `json:"sign_in_url,omitempty"`
	}{d.Code, d.Message, d.RequestID, d.SignInURL})
}

type denialKey struct{}

// Denied returns what the default handlers know about a request that was denied or failed. Outside of [AbortHandlers] it
// is the zero Denial.
func Denied(c *gin.Context) Denial {
	value, _ := c.Get(denialKey{})
	d, _ := value.(Denial)
	return d
}

// Reason is Err of [Denied], nil outside of [AbortHandlers]. Where no Err… value fits, Code of [Denied] tells what
// happened.
func Reason(c *gin.Context) error { return Denied(c).Err }

// The ways on that a page offers, as its link says them.
const (
	waySignIn   = "Sign in"
	wayAgain    = "Sign in again"
	wayOther    = "Sign in as someone else"
	wayRetry    = "Try again"
	wayContinue = "Continue"
)

// formIgnored tells somebody whose form came too late what has become of it.
const formIgnored = " What you sent was not processed, so please send it once more afterwards."

// denial says all about an error that an answer needs. wanted is the page to come back to, a return target or "".
func (a *Auth) denial(c *gin.Context, err error, o outcome, wanted string) Denial {
	r := c.Request
	d := Denial{
		Err: err, Status: o.status, Code: o.code, Title: o.title, Message: o.message, Page: web.ShowsPage(r), LinkText: o.way,
	}
	if !d.Page { // of an API: the page whose script asks; any other program knows better where it wants to go
		wanted = a.refererTarget(r)
	}
	var stepUp error
	if o.err == ErrStepUpRequired { // the error of a rule may wrap a StepUpError too, and that changes nothing
		stepUp = err
	}
	d.SignInURL = a.signInURL(c, wanted, o.way, stepUp)
	if d.Page && r.Method == http.MethodPost && o.err == ErrUnauthenticated {
		d.Message += formIgnored
	}
	switch o.way {
	case wayRetry:
		d.Link = wanted
	case waySignIn, wayAgain, wayOther:
		d.Link = d.SignInURL
	}
	if d.Link == "" {
		d.Link, d.LinkText = a.config.DefaultReturnTo, wayContinue
	}
	return d
}

// signInURL is the path of the sign-in route with the page to come back to and with what err asks for.
func (a *Auth) signInURL(c *gin.Context, wanted, way string, err error) string {
	params := url.Values{}
	var e *StepUpError
	if errors.As(err, &e) {
		params = e.params()
	}
	if way == wayOther { // or the provider signs the same user in again
		params.Set("prompt", "login")
	}
	if !a.targets.Accept(wanted) {
		wanted = ""
	}
	return a.ownSignInURL(c, wanted, params)
}

// wanted is the page that a person came for, as a return target: the one that is being opened, or the one whose form was
// posted. "" if there is none that is acceptable.
func (a *core) wanted(r *http.Request) string {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return a.currentTarget(r)
	}
	return a.refererTarget(r)
}

// refererTarget is the page of the app from which a request comes, as its Referer says, or "" if that is not acceptable as
// a return target.
func (a *core) refererTarget(r *http.Request) string {
	target, own := strings.CutPrefix(r.Referer(), a.realm)
	if target, _, _ = strings.Cut(target, "#"); !own || !strings.HasPrefix(target, "/") || !a.targets.Accept(target) {
		return ""
	}
	return target
}

// currentTarget is the request's own path and query as a return target, or "" if it is not acceptable as one. A proxy
// may have taken the base path off.
func (a *core) currentTarget(r *http.Request) string {
	target := r.URL.EscapedPath()
	if base := a.routes.base; base != "" && target != base && !strings.HasPrefix(target, base+"/") {
		target = base + target
	}
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	if !a.targets.Accept(target) {
		return ""
	}
	return target
}
