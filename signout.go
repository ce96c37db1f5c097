package ginoidc

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// SignOut ends the session here first and then sends the browser to the provider's end-session endpoint (OpenID
// Connect RP-Initiated Logout 1.0), or to PostSignOutURL where there is none, and after a session that
// [Auth.StartSession] made, of which the provider knows nothing. It works when nobody is signed in.
//
// It takes a POST of the same origin, or a GET that is a navigation of the same origin; any other GET gets a page
// that asks, so that an image or link of another site signs nobody out. No parameter is read, so there is
// nothing to redirect to but what is configured. A script that asks by fetch gets 200 and the same address as JSON,
// {"location": "https://…"}, and goes there with location.assign: the provider's session ends only in a navigation.
func (a *Auth) SignOut(c *gin.Context) {
	if !begin(c, http.MethodGet, http.MethodPost) {
		return
	}
	if c.Request.Method == http.MethodGet && !web.IsSameOriginNavigation(c.Request) {
		a.page(c, http.StatusOK, web.Page{
			Title: "Sign out?", Message: "Do you want to sign out of this site?", Post: a.routes.signOut, PostText: "Sign out",
			Referrer: "same-origin", // with no-referrer the form's Origin would be null, which is refused
		})
		return
	}
	if err := a.origin.Check(c.Request); err != nil {
		a.fail(c, errCrossOrigin)
		return
	}
	ctx, header := c.Request.Context(), c.Writer.Header()
	req := a.requestOf(c)
	id, err := req.identify(c)
	hints := endSessionHints(id)
	foreign := id.session == nil || !id.session.Issued.IsZero() // not by StartSession, of which the provider knows nothing
	of, tokens := req.tokensToRevoke()
	if err == nil {
		err = req.end(c, EndedBySignOut)
	}
	if err != nil { // not a half sign-out: the session lives and can be ended by another try
		a.failOnWay(c, a.routes.signOut, err)
		return
	}
	a.refresher.Revoke(ctx, of, tokens)
	if id.user != nil {
		a.signedOut(ctx, id.user)
	}
	a.attempts.ClearAll(header, c.Request)
	a.markSilent(header)
	req.addCookies(c, []string{a.landedCookie(nil, false).String()})
	a.dropPages(header)
	location := a.config.PostSignOutURL
	if foreign {
		if location, err = a.endSessionURL(c, hints); err != nil {
			a.fail(c, err)
			return
		}
	}
	if web.WantsJSON(c.Request) { // a redirect to the provider would be followed by the script, and end nothing there
		c.JSON(http.StatusOK, gin.H{"location": location})
		return
	}
	redirect(c, http.StatusSeeOther, location)
}

// dropPages makes Chromium drop the pages of the session that it keeps for its back button (case 172). It drops those
// with no-store of which an HttpOnly cookie has changed since, leaving out what their own navigation changed. For the
// page where a sign-in ended it leaves out one too many, the attempt's cookie where that is scoped to the plugin's
// routes, so the end of the session's cookie counts for nothing. Hence a cookie that changes a few times and is gone,
// the only one that a response sets more than once. Clear-Site-Data: "cache" drops pages too, but not the one with
// the button, and every file that the browser has cached besides, which can take seconds.
func (a *core) dropPages(h http.Header) {
	cookie := &http.Cookie{
		Name: a.cookie.name + ".out", Path: a.cookie.path, Secure: a.cookie.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	for _, cookie.Value = range []string{"1", "2", "3"} {
		h.Add(setCookie, cookie.String())
	}
	cookie.Value, cookie.MaxAge = "", -1
	h.Add(setCookie, cookie.String())
}

const signedOutPath = "/signed-out"

// SignedOut is where the browser comes back to from the provider's end-session endpoint, if PostSignOutURL says so.
// An answer with the state of a sign-out of this browser (OpenID Connect RP-Initiated Logout 1.0, section 3) goes on
// to DefaultReturnTo. Any other, whoever made it and with the state of a sign-in too, gets a page that says what is
// so, and no parameter redirects anywhere.
func (a *Auth) SignedOut(c *gin.Context) {
	if !begin(c, http.MethodGet) {
		return
	}
	query := c.Request.URL.Query()
	at, err := a.attempts.FindSignOut(c.Request, query.Get("state"))
	if err == nil && len(query["state"]) == 1 {
		a.attempts.Clear(c.Writer.Header(), at.State)
		redirect(c, http.StatusSeeOther, at.ReturnTo)
		return
	}
	p := web.Page{Title: "Signed out", Message: "You are not signed in to this site.", Link: a.config.DefaultReturnTo, LinkText: "Continue"}
	switch id, err := a.requestOf(c).identify(c); {
	case err != nil:
		a.fail(c, err)
		return
	case id.user != nil:
		p.Title, p.Message = "Still signed in", "This page was not opened by a sign-out here."
	}
	a.page(c, http.StatusOK, p)
}

// maxLogoutHint keeps a foreign claim from making the URL of the end-session endpoint too long.
const maxLogoutHint = 1024

// endSessionHints tell the provider whose session a sign-out is about (OpenID Connect RP-Initiated Logout 1.0, section 2), so
// that it need not ask. Nobody signed in has none. They are made before the session ends.
//
// What logout_hint holds is between provider and client. Entra ID wants the claim login_hint, where it sends one. Else it is
// the session's identifier, as Auth0 wants it and the specification suggests, or for want of that the subject. Neither tells
// the provider, or a log on the way, more than id_token_hint does; an e-mail address would.
func endSessionHints(id identity) url.Values {
	hints := url.Values{}
	s, err := id.ownSession()
	if err != nil {
		return hints
	}
	if token := s.IDToken; len(token) > 0 {
		hints.Set("id_token_hint", string(token))
	}
	loginHint := ""
	if all, err := id.user.claims(); err == nil {
		loginHint = claims.Text(all, "login_hint")
	}
	for _, hint := range []string{loginHint, s.SID, s.Subject} {
		if hint != "" && len(hint) <= maxLogoutHint {
			hints.Set("logout_hint", hint)
			break
		}
	}
	return hints
}

// endSessionURL is where the browser goes after the session here has ended. The state ties the provider's answer to
// this browser, where that answer comes back to SignedOut.
func (a *Auth) endSessionURL(c *gin.Context, hints url.Values) (string, error) {
	state := rand.Text()
	if a.config.PostSignOutURL == a.AppURL()+a.routes.prefix+signedOutPath {
		at, err := a.attempts.Start(c.Writer.Header(), c.Request, attempt.Purpose{ReturnTo: a.config.DefaultReturnTo, SignOut: true})
		if err != nil {
			return "", translated(err)
		}
		state = at.State
	}
	params := url.Values{
		"client_id":                {a.config.idp().ClientID},
		"post_logout_redirect_uri": {a.config.PostSignOutURL},
		"state":                    {state},
	}
	maps.Copy(params, hints)
	maps.Copy(params, a.config.idp().SignOutParameters) // none of which is one of these
	location, ok := a.provider.EndSessionURL(c.Request.Context(), params)
	if !ok {
		location = a.config.PostSignOutURL
	}
	return location, nil
}
