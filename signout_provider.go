package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// BackChannelLogout ends the sessions that a logout token of the provider names (OpenID Connect Back-Channel Logout
// 1.0): those with its sid or, if it has none, those of its subject. If it has both, it also ends the subject's
// sessions without a known sid. It works with every store, sealed cookies included, and needs no cookie.
//
// It responds with 200 if the token is valid, even if no session is left; with 400 and JSON if the token is invalid or
// was used before (replay); and with 503 if the provider's keys or the shared state cannot be read, so that the
// provider tries again.
func (a *Auth) BackChannelLogout(c *gin.Context) {
	if a.throttled(c) {
		return
	}
	if !a.begin(c, http.MethodPost) {
		return
	}
	req := a.requestOf(c)
	form, err := web.ReadForm(c.Writer, c.Request)
	if err == nil && len(form["logout_token"]) != 1 {
		err = errors.New("the form has not exactly one logout_token")
	}
	if err != nil {
		a.refuseLogout(c, nil, err)
		return
	}
	rp, err := a.providers.ofLogoutToken(req, c, form.Get("logout_token"))
	if err != nil {
		a.refuseLogout(c, nil, err)
		return
	}
	// Of the request, only the token counts: anyone can send one.
	token, err := rp.Client.VerifyLogoutToken(req, form.Get("logout_token"))
	if err != nil {
		a.refuseLogout(c, rp, translated(err))
		return
	}
	if err := rp.endByToken(c.Request.Context(), token); err != nil {
		a.refuseLogout(c, rp, err)
		return
	}
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
}

// ofLogoutToken returns the relying party whose provider has issued a logout token, as far as the path or the token
// says. Nothing is verified yet: a wrong one refuses the token, because its keys did not sign it.
func (ps *relyingParties) ofLogoutToken(
	ctx context.Context, c *gin.Context, raw string,
) (*relyingParty, error) {
	if only := ps.Only(); only != nil {
		return only, nil
	}
	if name := nameInPath(c); name != "" {
		return ps.Kept(ctx, name)
	}
	iss, audience, _ := provider.Unverified(raw)
	if rp := ps.Issuing(iss, audience); rp != nil {
		return rp, nil
	}
	return nil, fmt.Errorf("%w: the token is of no configured issuer", provider.ErrInvalidToken)
}

// ofFramed returns the relying party of a front-channel logout: that of the path, or of iss. The request proves
// nothing, so all that it can do is to end sessions whose sid the sender knows.
func (ps *relyingParties) ofFramed(
	c *gin.Context, requestOf func(*gin.Context) *request,
) (*relyingParty, error) {
	if only := ps.Only(); only != nil {
		return only, nil
	}
	if name := nameInPath(c); name != "" {
		return ps.Kept(requestOf(c), name)
	}
	if rp := ps.Issuing(c.Query("iss"), nil); rp != nil {
		return rp, nil
	}
	return nil, fmt.Errorf("%w: iss is no configured issuer", ErrUnknownProvider)
}

// endByToken ends the sessions before it marks the token as used. If marking fails, a second delivery has the same
// effect, because ending sessions is idempotent.
func (rp *relyingParty) endByToken(ctx context.Context, token *provider.LogoutToken) error {
	if err := rp.ledger.EndByProvider(ctx, token.Subject, token.SID, token.IssuedAt); err != nil {
		return err
	}
	life := time.Until(token.Expires) + rp.settings.ClockTolerance
	first, err := rp.MarkUsed(ctx, shared.KindLogoutToken, token.JTI, life)
	if err != nil {
		rp.emit(ctx, events.Event{Kind: events.LogoutTokenForgotten, Err: err})
	} else if !first {
		return errors.New("the logout token was used before")
	}
	rp.emit(ctx, events.Event{Kind: events.LogoutCall, Subject: token.Subject, SID: token.SID, Unlogged: true})
	rp.ledger.Report(ctx, roster.End{Subject: token.Subject, SID: token.SID, Reason: string(EndedByBackChannel)})
	return nil
}

// refuseLogout responds to the provider as Back-Channel Logout 1.0, section 2.8, requires. rp is nil if the provider is
// not known.
func (r *reporter) refuseLogout(c *gin.Context, rp *relyingParty, err error) {
	status, code := http.StatusBadRequest, "invalid_request"
	switch {
	case errors.Is(err, web.ErrFormTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, new(*flight.PanicError)): // not the token's fault
		status, code = http.StatusInternalServerError, "internal"
	case errors.Is(err, ErrProviderUnavailable), errors.Is(err, ErrSessionStore),
		errors.Is(err, outcome.ErrProviderResponse):
		o := outcome.Of(err)
		status, code = o.Status, o.Code
	}
	refused := events.Event{Kind: events.LogoutRefused, Code: code, Err: err}
	if rp != nil {
		refused.Provider = rp.settings.Name
	}
	if errors.Is(err, provider.ErrUntypedLogoutToken) {
		refused.Attrs = []slog.Attr{slog.String("accepted_with", rp.names.Of("UntypedLogoutTokens"))}
	}
	r.emit(c.Request.Context(), refused)
	c.Abort()
	if status == http.StatusServiceUnavailable {
		askLater(c, err)
	}
	c.JSON(status, struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}{code, "The logout token was not accepted."})
}

// FrontChannelLogout ends the session that the provider names with iss and sid in a frame (OpenID Connect Front-Channel
// Logout 1.0, section 3). It needs no cookie, because browsers send none in the frame of another site. Wrong or missing
// parameters and an unknown sid change nothing and are logged. It responds with 200 and a small page, which only the
// provider may frame, and with 503 if State does not respond.
//
// If State keeps no list of sessions, it can end only the session of this browser, which works if provider and app are
// on the same site. Otherwise it responds with 501.
func (a *Auth) FrontChannelLogout(c *gin.Context) {
	if a.throttled(c) {
		return
	}
	if !a.begin(c, http.MethodGet) {
		return
	}
	rp, err := a.providers.ofFramed(c, a.requestOf)
	if err != nil {
		a.denier.fail(c, "", err)
		return
	}
	h := c.Writer.Header()
	h.Del("X-Frame-Options")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors "+rp.Origin)
	status, title := http.StatusOK, "Signed out"
	ended, err := rp.endFramed(c, a.requestOf(c))
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		status, title = http.StatusNotImplemented, "Not signed out"
	case err != nil:
		a.denier.fail(c, "", err)
		return
	case ended == 0:
		title = "No session to sign out"
	}
	c.Data(status, "text/html; charset=utf-8", []byte("<!doctype html><title>"+title+"</title><p>"+title))
}

// endFramed ends the sessions that the parameters of a front-channel logout name, and logs why if there are none.
func (rp *relyingParty) endFramed(c *gin.Context, req *request) (ended int, err error) {
	query := c.Request.URL.Query()
	why := "no session with this sid is known"
	switch sid := query.Get("sid"); {
	case len(query["iss"]) != 1 || len(query["sid"]) != 1 || sid == "":
		why = "not exactly one iss and one sid: at the provider, set frontchannel_logout_session_required"
	case !rp.Client.Issues(query.Get("iss")):
		why = "iss is not the configured issuer"
	default:
		ended, err = rp.endBySID(c, req, sid)
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		rp.emit(req, events.Event{Kind: events.FrontChannelNoList, Err: err})
	case err == nil && ended == 0:
		rp.emit(req, events.Event{Kind: events.FrontChannelNothing, Attrs: []slog.Attr{slog.String("reason", why)}})
	case err == nil:
		rp.emit(req, events.Event{Kind: events.LogoutCall, SID: query.Get("sid"), Unlogged: true})
	}
	return ended, err
}

// endBySID ends the request's own session if it has this sid, its cookie included, and those that are listed under the
// sid. Anyone can send the request, so nothing is written for an unknown sid.
func (rp *relyingParty) endBySID(c *gin.Context, req *request, sid string) (ended int, err error) {
	id, err := req.identifyBrowser(c)
	if err != nil {
		return 0, err
	}
	if s := id.session(); s != nil && s.SID == sid && relyingPartyOf(&s.Record).Audience == rp.Audience {
		if err := req.end(c, s, EndedByFrontChannel); err != nil {
			return 0, err
		}
		ended++
	}
	listed, err := rp.ledger.EndSID(req, sid, string(EndedByFrontChannel))
	if errors.Is(err, errors.ErrUnsupported) && ended > 0 {
		return ended, nil
	}
	return ended + listed, err
}
