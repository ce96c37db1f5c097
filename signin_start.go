package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/marker"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// signIns starts sign-ins.
type signIns struct {
	*reporter
	links    signin.Links
	choice   providerChoice
	origin   web.CrossOrigin
	linking  bool // accounts can be linked
	targets  returnto.Site
	home     string // the return target if the request names no other
	attempts *attempt.Jar
	sessions *session.Manager
	strict   bool // the session cookie is SameSite=Strict
	markers  marker.Cookies
	recent   marker.Recent
	appURL   string
	appState func(*gin.Context) (string, error) // nil unless the app has one
}

// newSignIns returns what starts the sign-ins of an Auth.
func newSignIns(a *core) signIns {
	cfg := &a.config
	return signIns{
		reporter: a.reporter, links: a.links, targets: a.targets, home: cfg.DefaultReturnTo, attempts: a.attempts,
		strict: cfg.strict(), origin: a.origin, linking: cfg.OnLink != nil,
		choice:   providerChoice{a.reporter, &a.providers, a.markers, a.routes.SignIn, cfg.FindDomain, a.pages},
		sessions: a.sessions, markers: a.markers, recent: a.recent, appURL: cfg.AppURL, appState: cfg.AppState,
	}
}

// signInRequest is what a sign-in is for, and its authentication request parameters in addition to the configured ones,
// by origin.
type signInRequest struct {
	rp      *relyingParty // nil: the user has to choose
	purpose attempt.Purpose
	app     url.Values // from the app or a guard; sealed on the way through the browser
	link    url.Values // from the link, which anyone can write
	sealed  string     // app as it came
	address string     // the e-mail address that the user has entered
}

// kept returns the parameters of the request with which the user chooses.
func (of signInRequest) kept() url.Values {
	kept := maps.Clone(of.link)
	kept.Set("return_to", of.purpose.ReturnTo)
	if of.sealed != "" {
		kept.Set(signin.SealedParameter, of.sealed)
	}
	if of.purpose.Remember {
		kept.Set(rememberParameter, "true")
	}
	if of.address != "" {
		kept.Del("login_hint")
	}
	return kept
}

// rememberParameter is the query parameter with which the user asks to stay signed in.
const rememberParameter = "remember"

// read reads a request to the sign-in route. The return target of the result is always acceptable, and known with most
// errors too, for the page that says what is wrong.
//
// Anyone can write such a link, so it may only choose among what does not weaken a sign-in: what the app requires is
// configured, or sealed into the link by the app or a guard.
func (s *signIns) read(c *gin.Context, req *request) (of signInRequest, err error) {
	form := c.Request.URL.Query()
	if c.Request.Method == http.MethodPost {
		if form, err = s.readForm(c); err != nil {
			return of, err
		}
	}
	ctx := c.Request.Context()
	of.purpose.ReturnTo = s.target(ctx, form.Get("return_to"))
	of.purpose.Remember = form.Get(rememberParameter) == "true"
	if of.sealed = form.Get(signin.SealedParameter); of.sealed != "" {
		var ok bool
		ownSession := func() (*session.Session, error) { return req.ownSession(c) }
		if of.app, ok = s.links.Open(of.sealed, ownSession); !ok { // forged, or sealed with an old secret: do without
			s.logIgnored(ctx, "they do not open", signin.SealedParameter)
		}
	}
	if of.rp, err = s.chosen(c, req, &of, form); err != nil {
		return of, err
	}
	if initiated(c.Request, form) {
		err = of.checkInitiation(form)
		of.link = s.readLink(ctx, provider.InitiationLink(), form, "iss", "target_link_uri")
		of.purpose.ReturnTo = s.target(ctx, form.Get("target_link_uri"))
		return of, err
	}
	if err := s.openLink(c, req, &of, form.Get(signin.LinkParameter)); err != nil {
		return of, err
	}
	own := []string{"return_to", rememberParameter, signin.SealedParameter}
	if s.linking {
		own = append(own, signin.LinkParameter, providerParameter)
	}
	if s.choice.parties.Several {
		own = append(own, providerParameter, emailParameter)
	}
	of.link = s.readLink(ctx, provider.SignInLink(), form, own...)
	if provider.IsHint(of.address) {
		of.link.Set("login_hint", of.address)
	}
	return of, nil
}

// chosen returns the relying party of a sign-in, or nil if the user has to choose.
func (s *signIns) chosen(c *gin.Context, req *request, of *signInRequest, form url.Values) (*relyingParty, error) {
	if name := of.app.Get(providerParameter); s.choice.parties.Several && name != "" {
		delete(of.app, providerParameter)
		return s.choice.parties.Named(c.Request.Context(), name)
	}
	if s.choice.parties.Several && c.Request.Method == http.MethodPost && form.Has(emailParameter) {
		of.address = strings.TrimSpace(form.Get(emailParameter))
		return s.choice.ofAddress(c.Request.Context(), of.address)
	}
	return s.choice.named(req, form)
}

// readForm reads a form that was posted to the sign-in route: by a third party, or by the page of choice. The
// latter has to come from the app itself.
func (s *signIns) readForm(c *gin.Context) (url.Values, error) {
	form, err := web.ReadForm(c.Writer, c.Request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInvalidInitiation, err)
	}
	if s.choice.parties.Several && form.Has(emailParameter) && s.origin.Check(c.Request) != nil {
		return nil, errCrossOrigin
	}
	return form, nil
}

// checkInitiation checks the request of a third party. Its return target is checked as that of every link.
func (of *signInRequest) checkInitiation(form url.Values) error {
	if of.rp == nil {
		return signin.CheckInitiation(nil, false, form)
	}
	return signin.CheckInitiation(of.rp.Client, of.rp.settings.InitiateLogin, form)
}

// initiated reports whether a third party initiates the sign-in (OpenID Connect Core 1.0, section 4). The only other
// form that is posted to the route is that of the page of choice.
func initiated(r *http.Request, form url.Values) bool {
	return form.Has("iss") || r.Method == http.MethodPost && !form.Has(emailParameter)
}

// target returns a return target if it is acceptable, and otherwise the default. A link with another one still signs
// the user in, but leads to no site of an attacker (open redirector, RFC 9700, section 4.11).
func (s *signIns) target(ctx context.Context, target string) string {
	if s.targets.Accept(target) {
		return target
	}
	if target != "" {
		s.log.DebugContext(ctx, "ginoidc: return target ignored: it is not acceptable")
	}
	return s.home
}

// readLink returns those parameters of a link that may be passed on, and logs the others. own are those of the route.
func (s *signIns) readLink(ctx context.Context, rules provider.LinkRules, link url.Values, own ...string) url.Values {
	params, malformed, unknown := rules.Read(link, own...)
	s.logIgnored(ctx, "their values are malformed", malformed...)
	s.logIgnored(ctx, "a link may not ask for them", unknown...)
	return params
}

// logIgnored logs the names of parameters that have no effect. Anyone can write a link, so it logs at debug, no values,
// which may be personal data, and a limited number of names.
func (s *signIns) logIgnored(ctx context.Context, why string, names ...string) {
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	for i := range names {
		names[i] = ascii.Clean(names[i], 64)
	}
	s.log.DebugContext(ctx, "ginoidc: sign-in parameters ignored", "why", why, "names", names[:min(len(names), 16)])
}

// start starts a sign-in attempt and returns the URL of the authorization request. It gets the provider's metadata
// first, so that no cookie is set if that fails. ctx bounds the calls to the provider.
func (s *signIns) start(
	ctx context.Context, c *gin.Context, req *request, of signInRequest,
) (string, error) {
	rp := of.rp
	if err := rp.RequireMetadata(ctx); err != nil {
		return "", err
	}
	purpose, attempts := of.purpose, s.attempts.CrossSite(rp.responseMode().FormPost())
	purpose.Provider = rp.AttemptName()
	params, ignored := provider.MergeParameters(rp.settings.SignInParameters, of.app, of.link)
	s.logIgnored(ctx, "the app asks for something else", ignored...)
	s.choice.pages.addLocales(c, params)
	purpose.MaxAge, purpose.ACRValues = provider.MaxAge(params), params.Get("acr_values")
	if s.appState != nil {
		var err error
		if purpose.AppState, err = s.appState(c); err != nil {
			return "", fmt.Errorf("ginoidc: AppState: %w", err)
		}
	}
	if s.strict || rp.responseMode().FormPost() { // the callback will come without the session cookie
		if id, err := req.identifyBrowser(c); err == nil && id.session() != nil {
			purpose.Replaces, purpose.Replaced = id.session().ID, id.session().Subject
			req.keepReplacedTokens(id.session())
		}
	}
	header := http.Header{} // merged into the response below: if the request cannot be pushed, no cookie is set
	at, err := attempts.Start(header, c.Request, purpose)
	if errors.Is(err, attempt.ErrTooLarge) { // a large app state leaves no room for a long target
		s.log.DebugContext(ctx, "ginoidc: return target ignored: with AppState it does not fit in a cookie")
		purpose.ReturnTo = s.home
		at, err = attempts.Start(header, c.Request, purpose)
	}
	if err != nil {
		return "", translated(err)
	}
	location, err := rp.Client.AuthorizationURL(ctx, provider.AuthRequest{
		State: at.State, Nonce: at.Nonce, Verifier: at.Verifier, Params: params,
	})
	if err != nil {
		return "", translated(err)
	}
	cookie.Set(c.Writer.Header(), header[setCookie]...)
	return location, nil
}
