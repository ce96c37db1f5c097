package ginoidc

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/pages"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Denial says why a request was denied or failed. It has everything that the default responses show. [Denied] returns
// it in [AbortHandlers].
type Denial struct {
	// Err is the cause, for errors.Is with the Err… values and errors.As with ProviderError and StepUpError. Its text is
	// for logs, not for pages.
	Err error
	// Status is the status of the response unless a handler sets another.
	Status int
	// Code is the stable code of the cause, such as "forbidden" or "attempt_expired". docs/errors.md lists all codes.
	Code string
	// Title and Message are for people, and plain text. Neither contains text of the request or the provider.
	Title, Message string
	// Lang is the language of the texts: that of a page as [Config].Pages says, and otherwise English.
	Lang string
	// RequestID identifies the failure in the log. It is empty if there is nothing to look up, as when a guard denies.
	RequestID string

	// Page reports whether a browser shows the response to a person: the request is a navigation or a posted form. Answer
	// all other requests with JSON.
	Page bool
	// SignInURL is the path of the sign-in route, with the parameters that a step-up or a sign-in as another user needs.
	// If Page is true, the sign-in returns to the requested page: the one that was opened, the one with the form, or the
	// one where the sign-in began. Otherwise it returns to the page of the app whose script sent the request, if the
	// Referer names it.
	SignInURL string
	// Link and LinkText are the link that the default page offers: to a sign-in, to the same page again, or to the app.
	Link, LinkText string

	language *pages.Language
}

// MarshalJSON returns the body of the default JSON response: Code as error, Message, and either RequestID or, if Status
// is 401, SignInURL. It leaves out Err and everything else that is for logs or pages.
func (d Denial) MarshalJSON() ([]byte, error) { return json.Marshal(d.body()) }

// denialBody is the body of the default JSON response.
type denialBody struct {
	Code      string `json:"error"`
	Message   string `json:"message"`
	RequestID string `json:"request_id,omitempty"`
	SignInURL string `json:"sign_in_url,omitempty"`
}

func (d *Denial) body() *denialBody {
	body := &denialBody{Code: d.Code, Message: d.Message, RequestID: d.RequestID}
	if d.RequestID == "" && d.Status == http.StatusUnauthorized {
		body.SignInURL = d.SignInURL
	}
	return body
}

// denialKey is the key of the Denial in a gin.Context.
type denialKey struct{}

// Denied returns why the request was denied or failed. Outside of [AbortHandlers] it returns the zero Denial.
func Denied(c *gin.Context) Denial {
	value, _ := c.Get(denialKey{})
	d, _ := value.(Denial)
	return d
}

// Reason returns Err of [Denied], which is nil outside of [AbortHandlers]. If it matches none of the Err… values, see
// Code of [Denied].
func Reason(c *gin.Context) error { return Denied(c).Err }

// The links that an error page offers, by the keys of their texts.
const (
	linkSignIn   = "link.sign_in"
	linkAgain    = "link.sign_in_again"
	linkOther    = "link.sign_in_other"
	linkRetry    = "link.retry"
	linkContinue = "link.continue"
)

// denial collects everything about an error that a response may show. wanted is the return target of a sign-in, or "".
func (d *denier) denial(c *gin.Context, err error, o outcome, wanted string) Denial {
	r := c.Request
	why := Denial{Err: err, Status: o.status, Code: o.code, Page: web.ShowsPage(r), language: d.pages.set.English()}
	if why.Page {
		why.language = d.pages.language(c, "")
	}
	texts := o.texts(err)
	why.Lang, why.Title = why.language.Tag, why.language.Text(texts+".title")
	why.Message, why.LinkText = why.language.Text(texts+".text"), why.language.Text(o.link)
	if !why.Page { // for a script: the page that it runs on; any other client of an API knows itself where to return to
		wanted = d.targets.Referring(r)
	}
	var stepUp error
	if o.err == ErrStepUpRequired { // the error of an app's check may wrap a StepUpError too, but stays a plain 403
		stepUp = err
	}
	why.SignInURL = d.signInURL(c, wanted, o.link, stepUp)
	if why.Page && r.Method == http.MethodPost && o.err == ErrUnauthenticated {
		why.Message += " " + why.language.Text("form_not_processed") // their session ended before they sent the form
	}
	switch o.link {
	case linkRetry:
		why.Link = wanted
	case linkSignIn, linkAgain, linkOther:
		why.Link = why.SignInURL
	}
	if why.Link == "" {
		why.Link, why.LinkText = d.home, why.language.Text(linkContinue)
	}
	return why
}

// signInURL returns the path of the sign-in route with the return target and with the parameters that err requires.
func (d *denier) signInURL(c *gin.Context, wanted, link string, err error) string {
	params := url.Values{}
	var e *StepUpError
	if errors.As(err, &e) {
		params = e.params()
	}
	if link == linkOther { // without it, the provider would sign the same user in again
		params.Set("prompt", "login")
	}
	if !d.targets.Accept(wanted) {
		wanted = ""
	}
	configured := url.Values{}
	if rp := d.sameProvider(c, link); rp != nil {
		configured = rp.settings.SignInParameters
		if d.providers.Several {
			params.Set(signin.ProviderParameter, rp.settings.Name)
		}
	}
	ownSession := func() (*session.Session, error) { return d.requestOf(c).ownSession(c) }
	return d.links.Required(wanted, params, configured, ownSession)
}

// sameProvider returns the relying party of the user who is to sign in again, or the only one, or nil: another user may
// have another provider.
func (d *denier) sameProvider(c *gin.Context, link string) *relyingParty {
	if only := d.providers.Only(); only != nil {
		return only
	}
	s, err := d.requestOf(c).ownSession(c)
	if err != nil || link == linkOther {
		return nil
	}
	return relyingPartyOf(&s.Record)
}

// challenges tell clients how to authenticate (RFC 9110, section 11.6.1).
type challenges struct {
	bearer.Challenges
	providers *relyingParties
}

// set sets the challenges of a response: in the way that the client tried, and if it tried none in each way that the
// app accepts. byToken reports whether the request had an access token.
func (ch challenges) set(h http.Header, byToken bool, err error) {
	h.Del("WWW-Authenticate")
	params := ""
	var scope *guard.ScopeError
	var stepUp *StepUpError
	if errors.As(err, &scope) {
		params = scope.Challenge()
	} else if errors.As(err, &stepUp) {
		params = stepUp.challenge()
	}
	if !byToken {
		h.Add("WWW-Authenticate", `Cookie realm="`+ch.Realm+`"`+params)
	}
	if ch.providers.AcceptsTokens() {
		ch.Add(h, byToken, err, params)
	}
}

// askLater sets the Retry-After header of a 503 or 429 (RFC 9110, section 10.2.3).
func askLater(c *gin.Context, err error) { c.Header("Retry-After", strconv.Itoa(retryAfter(err))) }

// retryAfter returns the seconds that a client should wait after a 503 or 429: those that the provider or
// Config.Throttle asked for, or the time after which the plugin itself has tried again.
func retryAfter(err error) int {
	var ofProvider *provider.Error
	var throttled *throttledError
	if errors.As(err, &throttled) {
		return int(math.Ceil(throttled.wait.Seconds()))
	}
	if errors.As(err, &ofProvider) && ofProvider.RetryAfter > 0 {
		return int(math.Ceil(ofProvider.RetryAfter.Seconds()))
	}
	return 5
}
