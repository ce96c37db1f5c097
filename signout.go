package ginoidc

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// SignOut ends the session and then redirects the browser to the provider's end-session endpoint (OpenID Connect
// RP-Initiated Logout 1.0). If the provider has none, or if the session was started by [Auth.StartSession], it
// redirects to PostSignOutURL. It works if nobody is signed in. If the session store or State does not respond, the
// response is 503, and the user is still signed in. A POST of another origin gets 403, code "cross_origin".
//
// It accepts same-origin POST requests and same-origin GET navigations. Any other GET gets a confirmation page, so that
// an image or link of another site cannot sign users out (cross-site request forgery). It reads no parameters, so it
// cannot be used as an open redirector. A script that uses fetch gets 200 and the address as JSON, {"location":
// "https://…"}. It must go there with location.assign, because only a navigation ends the provider's session.
func (a *Auth) SignOut(c *gin.Context) {
	if !a.begin(c, http.MethodGet, http.MethodPost) {
		return
	}
	if c.Request.Method == http.MethodGet && !web.IsSameOriginNavigation(c.Request) {
		a.confirmSignOut(c)
		return
	}
	if !a.origin.Trusts(c.Request) {
		a.denier.fail(c, "", outcome.ErrCrossOrigin)
		return
	}
	req, header := a.requestOf(c), c.Writer.Header()
	id, err := req.identifyBrowser(c)
	hints := endSessionHints(id)
	rp := a.providers.Only() // nil if it is unknown which provider the user is signed in at
	if id.session() != nil {
		rp = relyingPartyOf(&id.session().Record)
	}
	// The provider knows no session of StartSession.
	atProvider := rp != nil && (id.session() == nil || !id.session().Issued.IsZero())
	of, tokens := req.tokensToRevoke(id.session())
	if err == nil {
		err = req.end(c, id.session(), EndedBySignOut)
	}
	if err != nil { // the session has not ended, so the user can try again
		a.denier.fail(c, a.routes.SignOut, err)
		return
	}
	req.revoke(of, tokens)
	if !id.nobody() {
		a.hooks.signedOut(req, id.user())
	}
	a.attempts.ClearAll(header, c.Request)
	if a.silent.Load() {
		a.markers.SetSilent(header)
	}
	req.addCookies(c, []string{a.recent.Delete().String()})
	a.markers.DropPages(header)
	location := a.signOuts.target
	if atProvider {
		if location, err = a.signOuts.url(c, rp, hints); err != nil {
			a.denier.fail(c, "", err)
			return
		}
	}
	if web.WantsJSON(c.Request) { // fetch would follow a redirect to the provider, which ends nothing there
		c.JSON(http.StatusOK, gin.H{"location": location})
		return
	}
	redirect(c, http.StatusSeeOther, location)
}

// confirmSignOut asks whether the user wants to sign out, and says who that is, if it can be read.
func (a *Auth) confirmSignOut(c *gin.Context) {
	req, language := a.requestOf(c), a.pages.language(c, "")
	req.withoutRenewal()
	id, _ := req.identifyBrowser(c)
	p := &Page{
		Kind: PageSignOut, User: id.user(),
		Form: &PageForm{Action: a.routes.SignOut, Button: language.Text("sign_out.button")},
	}
	if p.User != nil {
		p.Back = PageLink{a.config.DefaultReturnTo, language.Text("sign_out.stay")}
	}
	a.pages.show(c, language, p)
}

// SignedOut is the page to which the provider's end-session endpoint returns the browser, if it is set as
// PostSignOutURL. A request with the state of a sign-out of this browser (OpenID Connect RP-Initiated Logout 1.0,
// section 3) is redirected to DefaultReturnTo. Any other request, even with the state of a sign-in, gets a page that
// says whether the user is signed in. No parameter can redirect the browser elsewhere.
func (a *Auth) SignedOut(c *gin.Context) {
	if !a.begin(c, http.MethodGet) {
		return
	}
	query := c.Request.URL.Query()
	at, err := a.attempts.FindSignOut(c.Request, query.Get("state"))
	if err == nil && len(query["state"]) == 1 {
		a.attempts.Clear(c.Writer.Header(), at.State)
		redirect(c, http.StatusSeeOther, at.ReturnTo)
		return
	}
	if a.landing.reopen(c, a.routes.SignedOut) {
		return
	}
	language := a.pages.language(c, "")
	p := &Page{Kind: PageSignedOut, Link: PageLink{a.config.DefaultReturnTo, language.Text(outcome.LinkContinue)}}
	switch id, err := a.requestOf(c).identify(c); {
	case err != nil:
		a.denier.fail(c, "", err)
		return
	case !id.nobody():
		p.Kind, p.User = PageStillSignedIn, id.user()
	}
	a.pages.show(c, language, p)
}

// SignOutURL returns the path of the sign-out route. Post a form of the app to it: one of another origin gets 403.
func (a *Auth) SignOutURL() string { return a.routes.SignOut }

// maxLogoutHint bounds the length of a claim in the URL of the end-session endpoint.
const maxLogoutHint = 1024

// endSessionHints returns the parameters that identify the session to the provider (OpenID Connect RP-Initiated Logout
// 1.0, section 2), so that it need not ask the user. There are none if nobody is signed in. Call it before the session
// ends.
//
// The specification leaves the value of logout_hint to provider and client. It is the claim login_hint if there is one,
// as Entra ID requires. Otherwise it is the session id, as Auth0 requires and the specification suggests, or else the
// subject. Neither reveals more, to the provider or to a log on the way, than id_token_hint does; an e-mail address
// would.
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
	if all, err := id.user().claims(); err == nil {
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

// signOuts leads browsers on after a sign-out.
type signOuts struct {
	attempts *attempt.Jar
	target   string // Config.PostSignOutURL
	page     string // the address of SignedOut
	home     string // where SignedOut redirects to
}

// params returns the parameters of a sign-out request.
func (s signOuts) params(rp *relyingParty, state string, hints url.Values) url.Values {
	params := url.Values{
		"client_id":                {rp.settings.ClientID},
		"post_logout_redirect_uri": {s.target},
		"state":                    {state},
	}
	maps.Copy(params, hints)
	maps.Copy(params, rp.settings.SignOutParameters) // New refuses those that are set above
	return params
}

// url returns the address to which the browser goes after the session has ended. If the provider returns it
// to SignedOut, the state binds that request to this browser.
func (s signOuts) url(c *gin.Context, rp *relyingParty, hints url.Values) (string, error) {
	state := rand.Text()
	if s.target == s.page {
		signOut := attempt.Purpose{ReturnTo: s.home, SignOut: true}
		at, err := s.attempts.Start(c.Writer.Header(), c.Request, signOut)
		if err != nil {
			return "", translated(err)
		}
		state = at.State
	}
	location, ok := rp.Client.EndSessionURL(c.Request.Context(), s.params(rp, state, hints))
	if !ok {
		location = s.target
	}
	return location, nil
}
