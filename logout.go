package ginoidc

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// maxLogoutBody bounds the body of a back-channel call before anything reads it (case 285).
const maxLogoutBody = 64 << 10

// BackChannelLogout ends sessions by the provider's word (OpenID Connect Back-Channel Logout 1.0): those of the sid or,
// without one, of the subject in a logout token. It works with every store, sealed cookies included, and needs no
// cookie. 200 when the token is good, also when no session is left; 400 JSON for a bad token or one used before; 503
// when the provider's keys or the shared state cannot be read, so that the provider tries again.
func (a *Auth) BackChannelLogout(c *gin.Context) {
	if !a.begin(c, http.MethodPost) {
		return
	}
	raw, err := logoutToken(c)
	if err != nil {
		a.refuseLogout(c, err)
		return
	}
	token, err := a.provider.VerifyLogoutToken(c.Request.Context(), raw)
	if err != nil {
		a.refuseLogout(c, translated(err))
		return
	}
	if err := a.endByToken(c, token); err != nil {
		a.refuseLogout(c, err)
		return
	}
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
}

// logoutToken reads the form without Gin, which would parse up to 32 MB of any kind.
func logoutToken(c *gin.Context) (string, error) {
	if kind, _, err := mime.ParseMediaType(c.GetHeader("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return "", errors.New("the body is not a form")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxLogoutBody))
	if err != nil {
		return "", err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["logout_token"]) != 1 {
		return "", errors.New("the form has not exactly one logout_token")
	}
	return form.Get("logout_token"), nil
}

// endByToken ends the sessions first and remembers the token second: when the memory fails, the provider's second try
// has the same effect and no other (case 182).
func (a *Auth) endByToken(c *gin.Context, token *provider.LogoutToken) error {
	ctx := c.Request.Context()
	name := a.providerKey(token.Subject, token.SID)
	if err := errors.Join(a.revoke(ctx, issued(name), token.IssuedAt), a.revoke(ctx, name, time.Now())); err != nil {
		return err
	}
	first, err := a.state.Once(ctx, key('j', a.hash(token.JTI)), time.Until(token.Expires)+a.config.ClockTolerance)
	if err != nil {
		a.log.WarnContext(ctx, "ginoidc: a logout token is not remembered", "error", err)
	} else if !first {
		return errors.New("the logout token was used before")
	}
	a.sessionEnded(ctx, SessionEnd{Subject: token.Subject, SID: token.SID, Reason: EndedByBackChannel})
	return nil
}

// refuseLogout answers the provider as Back-Channel Logout 1.0, section 2.8, says.
func (a *Auth) refuseLogout(c *gin.Context, err error) {
	status, code := http.StatusBadRequest, "invalid_request"
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrProviderUnavailable), errors.Is(err, ErrProviderResponse), errors.Is(err, ErrSessionStore):
		o := outcomeOf(err)
		status, code = o.status, o.code
	}
	a.log.WarnContext(c.Request.Context(), "ginoidc: back-channel logout refused", "code", code, "error", err)
	c.Abort()
	if status == http.StatusServiceUnavailable {
		askLater(c, err)
	}
	c.JSON(status, gin.H{"error": code, "error_description": "The logout token was not accepted."})
}

// FrontChannelLogout ends the session of this browser when the provider loads the route in a frame with its iss and
// the session's sid (OpenID Connect Front-Channel Logout 1.0, section 3). A browser sends the session cookie into a
// frame only if provider and app are of one site; otherwise the page changes nothing, and back-channel logout is the
// way. Wrong or missing parameters change nothing either.
func (a *Auth) FrontChannelLogout(c *gin.Context) {
	if !a.begin(c, http.MethodGet) {
		return
	}
	h := c.Writer.Header()
	h.Del("X-Frame-Options")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors "+a.providerOrigin)
	query := c.Request.URL.Query()
	v := a.visit(c)
	if _, err := v.open(); err != nil {
		a.fail(c, err)
		return
	}
	named := len(query["iss"]) == 1 && query.Get("iss") == a.issuer && len(query["sid"]) == 1
	if s := v.session; s != nil && named && s.SID != "" && s.SID == query.Get("sid") {
		if err := a.end(c, EndedByFrontChannel); err != nil {
			a.fail(c, err)
			return
		}
	}
	c.Data(http.StatusOK, "text/html; charset=utf-8", []byte("<!doctype html><title>Signed out</title>"))
}
