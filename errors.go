package ginoidc

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/pages"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// The errors that an app may branch on with [errors.Is]. Methods return them, and Err of a [Denial] wraps them. Every
// other reason for which a request is denied or fails has a code only: see Code of [Denial], and docs/errors.md for all
// codes with their statuses and fixes.
var (
	// ErrUnauthenticated: nobody is signed in. 401, code "unauthorized".
	ErrUnauthenticated = outcome.ErrUnauthenticated
	// ErrStepUpRequired: the user is signed in, but not as recently or as strongly as the route requires; a
	// [StepUpError] says what a sign-in has to ask for. 401, code "step_up_required".
	ErrStepUpRequired = outcome.ErrStepUpRequired
	// ErrNoToken: the session has no usable access token, because none is kept or it has expired and cannot be refreshed.
	// 401, code "no_token".
	ErrNoToken = refresh.ErrNoToken
	// ErrForbidden: the user is signed in but not allowed. 403, code "forbidden".
	ErrForbidden = guard.ErrForbidden
	// ErrGroupsOverage: the provider left out the groups because there are too many (the overage marker of Microsoft Entra
	// ID), so it is unknown whether the user is in a group. 403, code "groups_overage".
	ErrGroupsOverage = guard.ErrGroupsOverage
	// ErrSignInRefused: the provider did not sign the user in; a [ProviderError] has its code. 401, code
	// "sign_in_refused".
	ErrSignInRefused = outcome.ErrSignInRefused
	// ErrProviderUnavailable: the provider does not respond in time. 503, code "provider_unavailable".
	ErrProviderUnavailable = relyingparty.ErrUnavailable
	// ErrUnknownProvider: there is no provider of the name. 404, code "unknown_provider". [Config].FindProvider returns
	// it.
	ErrUnknownProvider = relyingparty.ErrUnknown
	// ErrSessionStore: the session store or State does not respond. 503, code "session_unavailable".
	ErrSessionStore = shared.ErrUnavailable
)

// Calls that cannot work, which are no decision about the user.
var (
	errWritten    = outcome.Misuse("ginoidc: the response has started, so no session can be saved")
	errTokensOff  = outcome.Misuse("ginoidc: Config.KeepTokens is not set")
	errNoProvider = relyingparty.ErrUnnamed
	errNoSignals  = fmt.Errorf("ginoidc: Provider.Signals is not set: %w", errors.ErrUnsupported)
)

// translated wraps an error of an internal package in the corresponding error of this package.
func translated(err error) error { return outcome.Translated(err) }

// ProviderError is an error response of the authorization endpoint (RFC 6749, section 4.1.2.1). Both texts come from
// the request and are untrusted: escape them before you show them.
type ProviderError struct {
	Code        string // "access_denied", "login_required" …; at most 64 characters
	Description string // at most 256 characters, printable ASCII
}

// Error names the code only.
func (e *ProviderError) Error() string { return "ginoidc: the provider answered " + e.Code }

// Unwrap makes a ProviderError an [ErrSignInRefused].
func (e *ProviderError) Unwrap() error { return ErrSignInRefused }

// ConfigError is one problem of a [Config]. [New] and [ConfigFromEnv] join all problems that they find.
type ConfigError struct {
	Field    string // path in Config, such as "AppURL" or "Providers[0].Issuer"; "" for a variable that sets no field
	Variable string // variable that set the field or should have, such as "OIDC_APP_URL"; "" if code set it
	Problem  string // what is wrong
	Fix      string // how to fix it
}

// Error names the variable, the field, the problem, the fix and where to read more, on one line.
func (e *ConfigError) Error() string {
	where := e.Variable
	switch {
	case e.Variable == "":
		where = e.Field
	case e.Field != "":
		where += " (" + e.Field + ")"
	}
	return fmt.Sprintf("ginoidc: %s: %s; %s (see %s)", where, e.Problem, e.Fix, e.Doc())
}

// Doc returns where the documentation explains the field, such as "docs/configuration.md#issuer".
func (e *ConfigError) Doc() string { return settings.Doc(e.Field) }

// configErrors joins problems, each as a ConfigError. variables has the names of environment variables by field.
func configErrors(problems []settings.Problem, variables map[string]string) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = &ConfigError{p.Field, cmp.Or(p.Variable, variables[p.Field]), p.Text, p.Fix}
	}
	return errors.Join(errs...)
}

// isCancelled reports whether the user cancelled the sign-in, so that nothing has failed.
func isCancelled(err error) bool {
	var refusal *ProviderError
	return errors.As(err, &refusal) && outcome.Cancelled(refusal.Code)
}

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

func (d *Denial) body() *outcome.Body {
	body := &outcome.Body{Code: d.Code, Message: d.Message, RequestID: d.RequestID}
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

// denial collects everything about an error that a response may show. wanted is the return target of a sign-in, or "".
func (d *denier) denial(c *gin.Context, err error, o outcome.Outcome, wanted string) Denial {
	r := c.Request
	why := Denial{Err: err, Status: o.Status, Code: o.Code, Page: web.ShowsPage(r), language: d.pages.set.English()}
	if why.Page {
		why.language = d.pages.language(c, "")
	} else { // for a script: the page that it runs on; any other client of an API knows itself where to return to
		wanted = d.targets.Referring(r)
	}
	var stepUp error
	if o.Err == ErrStepUpRequired { // the error of an app's check may wrap a StepUpError too, but stays a plain 403
		stepUp = err
	}
	why.SignInURL = d.signInURL(c, wanted, o.Link, stepUp)
	text := o.Explain(err, why.language, outcome.Facts{
		Cancelled: o.Err == ErrSignInRefused && isCancelled(err), Posted: why.Page && r.Method == http.MethodPost,
		Wanted: wanted, SignIn: why.SignInURL, Home: d.home,
	})
	why.Lang, why.Title, why.Message = why.language.Tag, text.Title, text.Message
	why.Link, why.LinkText = text.Link, text.LinkText
	return why
}

// AbortHandlers answer denied and failed requests. If one is nil, the default response is sent.
//
// The chain is aborted before a handler is called, so the protected handler never runs, whatever the abort handler
// does. If it writes nothing, the response has the default status. [Denied] returns everything that the default
// responses show, and [UserFrom] the user.
type AbortHandlers struct {
	// Unauthenticated answers if nobody is signed in, or if a step-up is required (StepUpError), with the status 401.
	// Example: [Auth.RedirectToSignIn] for pages, and JSON of the app for scripts. Default: browser navigations are
	// redirected to the sign-in route, posted forms get a 401 page with a link to the sign-in and back to the form, and
	// all other requests get 401 JSON.
	Unauthenticated gin.HandlerFunc
	// Forbidden answers if the user is signed in but not allowed, with the status 403. Example: a page that says whom to
	// ask for access. Default: a page for navigations and posted forms, and JSON otherwise. It never redirects to the
	// sign-in, which would loop.
	Forbidden gin.HandlerFunc
	// Failed answers if a guard or one of the plugin's routes fails, such as the callback: with the status of the error,
	// from 400 to 503. Example: the error page of the app with the RequestID of [Denied]. Default: a page or JSON.
	Failed gin.HandlerFunc
}

// or fills the handlers that h leaves nil.
func (h AbortHandlers) or(other AbortHandlers) AbortHandlers {
	if h.Unauthenticated == nil {
		h.Unauthenticated = other.Unauthenticated
	}
	if h.Forbidden == nil {
		h.Forbidden = other.Forbidden
	}
	if h.Failed == nil {
		h.Failed = other.Failed
	}
	return h
}
