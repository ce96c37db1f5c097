package ginoidc

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/marker"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// ProviderChoice is one way to sign in, on a [Page].
type ProviderChoice struct {
	Name, Label string
	URL         string // of the sign-in, with the return target
	Last        bool   // the one that this browser used last
}

// signIns starts sign-ins. What a request may ask for is decided in internal/signin; here are the provider that it
// leads to, the selection page, and what the attempt keeps of the browser's session.
type signIns struct {
	*reporter
	config   *Config
	reader   signin.Reader
	starter  signin.Starter
	parties  *relyingParties
	sessions *session.Manager
	markers  marker.Cookies
	recent   marker.Recent
	origin   web.CrossOrigin
	pages    *ownPages
}

// newSignInReader returns what reads requests to the sign-in route. targets is the rule for return targets.
func newSignInReader(cfg *Config, route string, links signin.Links, targets returnto.Rule) signin.Reader {
	choice := signin.Choice{
		Several: cfg.severalProviders(), Route: route, Finds: cfg.FindProvider != nil, FindsDomains: cfg.FindDomain != nil,
	}
	for i := range cfg.Providers {
		p := &cfg.Providers[i]
		choice.Offers = append(choice.Offers, signin.Offer{
			Name: p.Name, Label: p.label(), Domains: p.EmailDomains, Public: p.Public,
		})
		choice.Initiates = choice.Initiates || p.InitiateLogin
	}
	return signin.Reader{
		Links: links, Choice: choice, Targets: targets, Home: cfg.DefaultReturnTo, Linking: cfg.OnLink != nil,
		Log: cfg.Logger,
	}
}

// label returns the name of the provider for people.
func (p *Provider) label() string { return cmp.Or(p.Label, p.Name) }

// signInRequest is a request to the sign-in route.
type signInRequest struct {
	signin.Request
	rp *relyingParty // nil: the user has to choose
}

// read reads a request to the sign-in route. The return target of the result is known with most errors too, for the
// page that says what is wrong.
func (s *signIns) read(c *gin.Context, req *request) (of signInRequest, err error) {
	form, posted := c.Request.URL.Query(), c.Request.Method == http.MethodPost
	if posted {
		if form, err = s.readForm(c); err != nil {
			return of, err
		}
	}
	ctx := c.Request.Context()
	ownSession := func() (*session.Session, error) { return req.ownSession(c) }
	of.Request = s.reader.Read(ctx, form, posted, ownSession)
	if of.rp, err = s.chosen(ctx, of.Chosen); err != nil {
		return of, err
	}
	if signin.Initiated(form, posted) {
		err = of.checkInitiation(form)
		s.reader.ReadInitiated(ctx, &of.Request, form)
		return of, err
	}
	if err := s.openLink(c, req, &of, form.Get(signin.LinkParameter)); err != nil {
		return of, err
	}
	s.reader.ReadLink(ctx, &of.Request, form)
	return of, nil
}

// readForm reads a form that was posted to the sign-in route: by a third party, or by the selection page. The latter
// has to come from the app itself, or another site could try out which addresses lead to a provider.
func (s *signIns) readForm(c *gin.Context) (url.Values, error) {
	form, err := web.ReadForm(c.Writer, c.Request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", signin.ErrInitiation, err)
	}
	if s.parties.Several && form.Has(signin.EmailParameter) && !s.origin.Trusts(c.Request) {
		return nil, outcome.ErrCrossOrigin
	}
	return form, nil
}

// chosen returns the relying party of a sign-in, or nil if the user has to choose. A lookup that fails is an error and
// no choice: the user would be asked for a password by another provider than the one that the domain leads to.
func (s *signIns) chosen(ctx context.Context, by signin.Chosen) (*relyingParty, error) {
	if only := s.parties.Only(); only != nil {
		return only, nil
	}
	switch {
	case by.Issuer != "":
		if rp := s.parties.Issuing(by.Issuer, nil); rp != nil {
			return rp, nil
		}
		return nil, fmt.Errorf("%w: iss is no configured issuer", signin.ErrInitiation)
	case by.Domain != "":
		name, err := s.config.FindDomain(ctx, by.Domain)
		if err != nil {
			return nil, fmt.Errorf("%w: FindDomain: %w", ErrProviderUnavailable, err)
		}
		by.Name = name
	}
	if by.Name == "" {
		return nil, nil
	}
	return s.parties.Named(ctx, by.Name)
}

// checkInitiation checks the request of a third party, which could otherwise sign users of other sites in to accounts
// that it knows (login cross-site request forgery; RFC 9700, section 4.7).
func (of *signInRequest) checkInitiation(form url.Values) error {
	if of.rp == nil {
		return signin.CheckInitiation(nil, false, form)
	}
	return signin.CheckInitiation(of.rp.Client, of.rp.settings.InitiateLogin, form)
}

// openLink makes a sign-in one that links an account, if the request has a valid link of this session.
func (s *signIns) openLink(c *gin.Context, req *request, of *signInRequest, sealed string) error {
	if sealed == "" || of.rp == nil {
		return nil
	}
	own, err := req.ownSession(c)
	if err != nil {
		return err
	}
	if !s.reader.Links.Links(own, of.rp.Name, sealed) {
		return fmt.Errorf("%w: the link is not of this session", errLinkRefused)
	}
	// The response links the account only in this session, and only if the user proves the account now: one who is signed
	// in at the provider on a shared computer might be somebody else.
	of.Purpose.Link, of.Purpose.Replaces, of.Purpose.Replaced = true, own.ID, own.Subject
	of.App = url.Values{"prompt": {"login"}}
	return nil
}

// choose answers with the page on which the user chooses a provider.
func (s *signIns) choose(c *gin.Context, req *request, of signInRequest) {
	query := of.Kept()
	language := s.pages.language(c, query.Get("ui_locales"))
	var last *signin.Offer
	if rp := s.lastUsed(c, req); rp != nil {
		last = &signin.Offer{Name: rp.Name, Label: rp.settings.label()}
	}
	choice := s.reader.Choice.Page(query, of.Address, last)
	page := &Page{Kind: PageSignIn, LastUsed: language.Text("sign_in.last_used")}
	page.Choices = make([]ProviderChoice, len(choice.Ways))
	for i, way := range choice.Ways {
		page.Choices[i] = ProviderChoice(way)
	}
	if choice.Form {
		page.Form = &PageForm{
			Action: s.reader.Choice.Route, Button: language.Text("sign_in.continue"),
			EmailLabel: language.Text("sign_in.email"), Email: of.Address, Invalid: of.Address != "",
		}
		for _, hidden := range choice.Hidden {
			page.Form.Hidden = append(page.Form.Hidden, PageField(hidden))
		}
	}
	if choice.Message != "" {
		page.Message = language.Text(choice.Message)
	}
	s.pages.show(c, language, page)
}

// lastUsed returns the relying party with which this browser signed in last, or nil if that is not known, or if there
// is none of that name. The cookie may be forged, which at worst asks the user to sign in with another provider.
func (s *signIns) lastUsed(c *gin.Context, req *request) *relyingParty {
	rp, err := s.parties.Named(req, s.markers.LastChosen(c.Request))
	if err != nil {
		return nil
	}
	return rp
}

// start starts a sign-in attempt and returns the URL of the authorization request. It gets the provider's metadata
// first, so that no cookie is set if that fails. ctx bounds the calls to the provider.
func (s *signIns) start(ctx context.Context, c *gin.Context, req *request, of signInRequest) (string, error) {
	rp, purpose := of.rp, of.Purpose
	if err := rp.RequireMetadata(ctx); err != nil {
		return "", err
	}
	params, ignored := provider.MergeParameters(rp.settings.SignInParameters, of.App, of.Link)
	s.reader.LogIgnored(ctx, "the app asks for something else", ignored...)
	s.pages.addLocales(c, params)
	// The session keeps what was requested: a step-up that the provider cannot meet is not requested again, in a loop.
	purpose.MaxAge, purpose.ACRValues = provider.MaxAge(params), params.Get("acr_values")
	purpose.Provider = rp.AttemptName()
	if s.config.AppState != nil {
		var err error
		if purpose.AppState, err = s.config.AppState(c); err != nil {
			return "", fmt.Errorf("ginoidc: AppState: %w", err)
		}
	}
	posts := rp.mode().FormPost()
	// The callback will come without the session cookie, since another site sends the browser there. So the attempt says
	// which session the new one replaces: otherwise copies of its cookie would stay valid, and its tokens unrevoked.
	if s.config.strict() || posts {
		if id, err := req.identifyBrowser(c); err == nil && id.session() != nil {
			purpose.Replaces, purpose.Replaced = id.session().ID, id.session().Subject
			req.keepReplacedTokens(id.session())
		}
	}
	location, err := s.starter.Start(ctx, c.Writer.Header(), c.Request, signin.SignIn{
		Provider: rp.Client, Posts: posts, Purpose: purpose, Params: params,
	})
	return location, translated(err)
}
