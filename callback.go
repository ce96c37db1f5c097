package ginoidc

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Callback completes a sign-in. It validates the authorization response (RFC 6749, section 4.1.2), redeems the code
// once, validates the ID token and userinfo, starts a new session and redirects with 303 to the page where the sign-in
// began. It accepts GET only, or POST only if ResponseMode is form_post. docs/errors.md lists what can go wrong. A
// failed callback never creates, changes or ends a session.
func (a *Auth) Callback(c *gin.Context) {
	rp, method := a.providers.ofRequest(c.Request), http.MethodGet
	if rp.settings.formPost() {
		method = http.MethodPost
	}
	if !begin(c, method) {
		rp.logOtherMode(c.Request)
		return
	}
	ctx := c.Request.Context()
	at, response, err := a.receive(c, rp)
	if err == nil {
		err = a.complete(c, at, response)
	}
	if err == nil {
		redirect(c, http.StatusSeeOther, at.ReturnTo)
		return
	}
	// The usual cause of a missing attempt: the sign-in began on another host or scheme, which has the cookie (case 50).
	attrs := append(response.attrs(), slog.String("host", ascii.Clean(c.Request.Host, 256)))
	if at != nil && at.Silent { // the user did not ask for the sign-in, so an error page would only confuse
		a.emit(ctx, event{kind: eventSilentSignInFailed, code: outcomeOf(err).code, attrs: attrs, err: err})
		redirect(c, http.StatusSeeOther, at.ReturnTo)
		return
	}
	if isStale(err) { // back button, reload or a second tab: harmless if the user is signed in by now
		if _, ok := a.requestOf(c).signedInUser(c); ok {
			a.emit(ctx, event{kind: eventCallbackWithoutAttempt, attrs: attrs, err: err})
			redirect(c, http.StatusSeeOther, a.config.DefaultReturnTo)
			return
		}
	}
	wanted := ""
	if at != nil {
		wanted = at.ReturnTo
	}
	a.failWithTarget(c, wanted, err, attrs...)
}

// isStale reports whether a response is well-formed but its attempt no longer exists.
func isStale(err error) bool {
	return errors.Is(err, errNoAttempt) || errors.Is(err, errAttemptExpired) || errors.Is(err, errAttemptSpent)
}

// receive reads the authorization response and finds the attempt it belongs to, before any of it is used. With an
// error, it returns what it has found so far, for the log and the error page; the attempt may be nil.
func (a *Auth) receive(c *gin.Context, rp *relyingParty) (*attempt.Attempt, response, error) {
	ctx := c.Request.Context()
	if web.IsSubresource(c.Request) { // case 41: a prefetch, frame or image must not redeem the code
		return nil, response{}, errNotNavigation
	}
	params, signed, err := rp.responseParams(c)
	r := response{refusal: refusalOf(params)}
	if err == nil {
		r, err = parseResponse(params)
	}
	if err != nil {
		return nil, r, err
	}
	at, err := a.attempts.Find(c.Request, r.state)
	if err != nil {
		return at, r, translated(err)
	}
	if err := rp.requireMetadata(ctx); err != nil { // the attempt is not consumed, so a reload can complete it
		return at, r, err
	}
	if err := rp.verified(ctx, signed); err != nil {
		return at, r, err
	}
	// Prevents mix-up attacks, in which the response of one provider is passed off as that of another (RFC 9207).
	if err := rp.client.CheckResponseIssuer(ctx, r.issuer, r.hasIssuer); err != nil {
		return at, r, fmt.Errorf("%w: %w", errInvalidCallback, err)
	}
	if r.code == "" && r.refusal == nil {
		return at, r, fmt.Errorf("%w: neither code nor error", errInvalidCallback)
	}
	return at, r, nil
}
