package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/authresponse"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Callback completes a sign-in. It validates the authorization response (RFC 6749, section 4.1.2), redeems the code
// once, validates the ID token and userinfo, starts a new session and redirects with 303 to the page where the sign-in
// began, or with SameSiteStrict responds with a page that goes there. It accepts GET only, or POST only if ResponseMode
// is form_post. A response that is invalid or belongs to no attempt of this browser gets 400; a refusal of the
// provider, or a token that fails validation, 401; an error of OnSignIn 403; an unusable response of the provider 502;
// and if the provider, the session store or State does not respond, 503. docs/errors.md lists all codes. A failed
// callback never creates, changes or ends a session.
func (a *Auth) Callback(c *gin.Context) {
	if a.throttled(c) {
		return
	}
	rp, err := a.providers.ofPath(c, a.requestOf)
	if err != nil { // whatever the method: there is no such route
		web.SecureHeaders(c.Writer.Header())
		a.denier.fail(c, "", err)
		return
	}
	method := http.MethodGet
	if rp.responseMode().FormPost() {
		method = http.MethodPost
	}
	if !a.begin(c, method) {
		rp.logOtherMode(c.Request)
		return
	}
	ctx := c.Request.Context()
	at, response, err := rp.receive(c, a.attempts)
	if err == nil {
		e := &codeExchange{auth: a.core, rp: rp, attempt: at}
		err = e.complete(c, response)
	}
	if err == nil {
		a.landing.land(c, at.ReturnTo)
		return
	}
	// The usual cause of a missing attempt: the sign-in began on another host or scheme, which has the cookie.
	attrs := append(refusalAttrs(response.Refusal), slog.String("host", ascii.Clean(c.Request.Host, 256)))
	if at != nil && at.Silent { // the user did not ask for the sign-in, so an error page would only confuse
		rp.emit(ctx, events.Event{Kind: events.SilentSignInFailed, Code: outcome.Of(err).Code, Attrs: attrs, Err: err})
		a.landing.land(c, at.ReturnTo)
		return
	}
	if isStale(err) { // back button, reload or a second tab: harmless if the user is signed in by now
		if a.landing.reopen(c, a.routes.Callback) {
			return
		}
		if _, ok := a.requestOf(c).signedInUser(c); ok {
			a.emit(ctx, events.Event{Kind: events.CallbackWithoutAttempt, Attrs: attrs, Err: err})
			a.landing.land(c, a.config.DefaultReturnTo)
			return
		}
	}
	wanted := ""
	if at != nil {
		wanted = at.ReturnTo
	}
	a.denier.about(rp).fail(c, wanted, err, attrs...)
}

// isStale reports whether a response is well-formed but its attempt no longer exists.
func isStale(err error) bool {
	return errors.Is(err, errNoAttempt) || errors.Is(err, errAttemptExpired) || errors.Is(err, errAttemptSpent)
}

// receive reads the authorization response and finds the attempt it belongs to, before any of it is used. With an
// error, it returns what it has found so far, for the log and the error page; the attempt may be nil.
func (rp *relyingParty) receive(
	c *gin.Context, attempts *attempt.Jar,
) (*attempt.Attempt, authresponse.Response, error) {
	ctx := c.Request.Context()
	if web.IsSubresource(c.Request) { // a prefetch, frame or image must not redeem the code
		return nil, authresponse.Response{}, errNotNavigation
	}
	r, err := rp.responseMode().Read(c.Writer, c.Request, rp.Client.ReadResponse)
	if err != nil { // nothing of r is used but the state, which says where the error page leads
		at, _ := attempts.Find(c.Request, r.State)
		return at, r, err
	}
	at, err := attempts.Find(c.Request, r.State)
	if err != nil {
		return at, r, translated(err)
	}
	// Each provider has a redirect URI of its own, where no other can answer (mix-up; RFC 9700, section 4.4.2.2).
	if at.Provider != rp.AttemptName() {
		return at, r, fmt.Errorf("%w: the sign-in was started with another provider", errInvalidCallback)
	}
	if err := rp.RequireMetadata(ctx); err != nil { // the attempt is not consumed, so a reload can complete it
		return at, r, err
	}
	if err := rp.verified(ctx, r.Signed); err != nil {
		return at, r, err
	}
	// Prevents mix-up attacks, in which the response of one provider is passed off as that of another (RFC 9207).
	if err := rp.Client.CheckResponseIssuer(ctx, r.Issuer, r.HasIssuer); err != nil {
		return at, r, fmt.Errorf("%w: %w", errInvalidCallback, err)
	}
	if r.Code == "" && r.Refusal == nil {
		return at, r, fmt.Errorf("%w: neither code nor error", errInvalidCallback)
	}
	return at, r, nil
}

// refusalAttrs returns the provider's error for the log. Most mistakes in a client's registration show only there.
func refusalAttrs(refusal *authresponse.Refusal) []slog.Attr {
	if refusal == nil {
		return nil
	}
	return []slog.Attr{
		slog.String("provider_code", refusal.Code),
		slog.String("provider_description", refusal.Description),
	}
}

// responseMode returns how the provider returns responses.
func (rp *relyingParty) responseMode() authresponse.Mode {
	return authresponse.Mode(rp.settings.ResponseMode)
}

// logOtherMode logs a response that came in another response mode than the configured one.
func (rp *relyingParty) logOtherMode(r *http.Request) {
	if m, ok := rp.responseMode().Mismatch(r); ok {
		attrs := append(refusalAttrs(m.Refusal), slog.String("came_as", m.Came), slog.String("fix", m.Fix))
		rp.emit(r.Context(), events.Event{Kind: events.ResponseModeMismatch, Attrs: attrs})
	}
}

// verified checks the signature of a signed response. It is called once the attempt is found, so that made-up responses
// cost neither cryptography nor a fetch of keys. Keys that cannot be fetched do not make the response invalid: that is
// 503.
func (rp *relyingParty) verified(ctx context.Context, signed *provider.SignedResponse) error {
	if signed == nil {
		return nil
	}
	err := rp.Client.VerifyResponse(ctx, signed)
	if errors.Is(err, provider.ErrInvalidToken) {
		return fmt.Errorf("%w: %w", errInvalidCallback, err)
	}
	return translated(err)
}
