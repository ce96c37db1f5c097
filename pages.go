package ginoidc

import (
	"cmp"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/pages"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Pages has the settings of the plugin's own pages. See docs/pages.md.
type Pages struct {
	// AppName is the name of the app, which pages show. Example: "Acme Shop". Default: none.
	AppName string

	// Logo is the address of an image that pages show, in light and in dark. Example: "/static/logo.svg". Default: none.
	// Refused: anything but a path of the app, an https URL, or a data URL of an image in base64.
	Logo string

	// Style is CSS that follows that of the plugin, usually with values for its variables. Example:
	//
	//	:root { --act: #0a7d4f; --on-act: white }
	//
	// Default: none. Refused: "</". Style can load nothing, because the Content-Security-Policy allows it only itself.
	Style string

	// Languages lists the languages of pages, the default first. Example: "de", "en". Default: "en", "de" and those of
	// Texts. Refused: those without texts. Browsers say which of them their users prefer.
	Languages []string

	// Texts replaces texts, or adds a language, by the tag of the language and the key of the text. Example:
	//
	//	{"en": {"forbidden.text": "Ask the service desk for access."}}
	//
	// Default: none. Refused: keys that do not exist, and texts without the placeholder of the original. What a language
	// lacks is in English. See [PageTexts].
	Texts map[string]map[string]string

	// Language returns the language that the user has chosen in the app. Example: what a cookie of the app says. Then
	// pages use it, and sign-ins ask the provider for it (ui_locales; OpenID Connect Core 1.0, section 3.1.2.1) unless
	// they ask for another one. Default, also if it returns "": what the browser prefers.
	Language func(c *gin.Context) string

	// Show responds with a page of the app instead of the plugin's: usually c.HTML(p.Status, "auth.html", p). It is called
	// for all pages; if it writes nothing, the plugin's page is sent. Default: none. [AbortHandlers] come first.
	Show func(c *gin.Context, p *Page)
}

// PageTexts returns the plugin's texts in a language by their keys: "en" or "de", and nil for any other. They are what
// a further language of [Pages].Texts needs.
func PageTexts(language string) map[string]string { return pages.Texts(language) }

// The kinds of pages.
const (
	PageSignIn        = "sign_in"         // the choice of how to sign in
	PageSignOut       = "sign_out"        // asks whether to sign out
	PageSignedOut     = "signed_out"      // after a sign-out
	PageStillSignedIn = "still_signed_in" // the same address, if somebody is signed in
	PageReturning     = "returning"       // opens the next address by itself
	PageError         = "error"           // says why a request was denied or failed
)

// Page is a page of the plugin with everything that is on it, for [Pages].Show. All texts are plain, and in the
// language of the page.
type Page struct {
	Kind            string // PageSignIn …
	Status          int    // of the response
	Code            string // of an error: see docs/errors.md
	Lang, Direction string // for the attributes lang and dir
	AppName, Logo   string
	Title, Message  string

	// Choices are the ways to sign in, and LastUsed marks the one with Last.
	Choices  []ProviderChoice
	LastUsed string
	// Form is nil or a form that is sent with POST.
	Form *PageForm
	// Link leads on, and Back to the start page or away from the question. A link without an address is none.
	Link, Back PageLink

	User               *User  // who is signed in; nil for nobody, and if the page does not know
	SignedInAs         string // says who
	RequestID, Request string // what to look up in the log, and a text with it
	Next               string // the address that the browser opens by itself: the header Refresh is set
	CutAddress         bool   // the address in the browser may hold an authorization code
}

// PageLink is a link of a [Page].
type PageLink struct{ URL, Text string }

// PageForm is a form of a [Page].
type PageForm struct {
	Action, Button string
	Hidden         []PageField
	// EmailLabel is the label of a field with the name "email" and the value Email; "" for no such field. Invalid says
	// that Message is about this value.
	EmailLabel, Email string
	Invalid           bool
}

// PageField is a hidden field of a [PageForm].
type PageField struct{ Name, Value string }

// ownPages shows the pages of the plugin.
type ownPages struct {
	*reporter
	set      *pages.Set
	settings *Pages
}

// newOwnPages returns the pages of an app. A language of the app may lack texts that a later version of the plugin has
// added, so that is a line in the log and no error.
func newOwnPages(c *Config, r *reporter) (*ownPages, error) {
	settings := c.Pages.settings()
	settings.Home = c.DefaultReturnTo
	set, missing, err := pages.New(settings)
	if err != nil {
		return nil, err
	}
	for _, tag := range slices.Sorted(maps.Keys(missing)) {
		c.Logger.Warn("ginoidc: some texts of pages are in English", "language", tag, "missing", missing[tag])
	}
	return &ownPages{reporter: r, set: set, settings: &c.Pages}, nil
}

func (p *Pages) settings() pages.Settings {
	return pages.Settings{AppName: p.AppName, Logo: p.Logo, Style: p.Style, Languages: p.Languages, Texts: p.Texts}
}

// language returns the language of a page: one that the link to the sign-in asks for (ui_locales), or that the user has
// chosen in the app, or else what the browser prefers.
func (o *ownPages) language(c *gin.Context, wanted string) *pages.Language {
	return o.set.Language(c.Request, wanted, func() string {
		if o.settings.Language == nil {
			return ""
		}
		return o.settings.Language(c)
	})
}

// addLocales makes a sign-in ask for the language that the user has chosen in the app, unless it asks for another one.
// What the browser prefers, it says to the provider itself.
func (o *ownPages) addLocales(c *gin.Context, params url.Values) {
	if o.settings.Language == nil || params.Has("ui_locales") {
		return
	}
	if chosen := o.settings.Language(c); provider.IsHint(chosen) {
		params.Set("ui_locales", chosen)
	}
}

// show responds with a page in a language, the app's own if it has one. It fills in what follows from the kind.
func (o *ownPages) show(c *gin.Context, l *pages.Language, p *Page) {
	p.Lang, p.Direction, p.AppName, p.Logo = l.Tag, l.Direction, o.settings.AppName, o.settings.Logo
	if p.Status == 0 {
		p.Status = http.StatusOK
	}
	if p.Kind != PageError {
		p.Title, p.Message = l.Text(p.Kind+".title"), cmp.Or(p.Message, l.Text(p.Kind+".text"))
	}
	if u := p.User; u != nil {
		if name := pages.Called(u.Name, u.PreferredUsername, u.Email); name != "" {
			p.SignedInAs = l.With("signed_in_as", name)
		}
	}
	if p.RequestID != "" {
		p.Request = l.With("request", p.RequestID)
	}
	if home := o.set.Back(l); p.Back.URL == "" && p.Link.URL != home.URL && p.Next == "" {
		p.Back = PageLink(home)
	}
	h := c.Writer.Header()
	o.set.Headers(h, l, p.Next)
	if p.Form != nil {
		h.Set("Referrer-Policy", "same-origin") // with no-referrer the form would come with Origin: null, which is refused
	}
	if o.settings.Show != nil {
		if o.settings.Show(c, p); c.Writer.Written() {
			return
		}
	}
	if err := o.set.Write(c.Writer, l, p.Status, p.rendered()); err != nil {
		o.log.DebugContext(c.Request.Context(), "ginoidc: page not written", "error", err)
	}
}

// rendered returns the page as the plugin's template shows it.
func (p *Page) rendered() *pages.Page {
	shown := &pages.Page{
		Title: p.Title, Message: p.Message, User: p.SignedInAs, Request: p.Request, CutAddress: p.CutAddress,
		Link: pages.Link(p.Link), Back: pages.Link(p.Back),
	}
	for _, choice := range p.Choices {
		note := ""
		if choice.Last {
			note = p.LastUsed
		}
		shown.Choices = append(shown.Choices, pages.Choice{Label: choice.Label, URL: choice.URL, Note: note})
	}
	if f := p.Form; f != nil {
		shown.Form = &pages.Form{Action: f.Action, Button: f.Button, Label: f.EmailLabel, Email: f.Email}
		shown.Invalid = f.Invalid
		for _, field := range f.Hidden {
			shown.Form.Hidden = append(shown.Form.Hidden, pages.Field(field))
		}
	}
	return shown
}

// TemplateFuncs returns functions for the templates of an app's pages. Pass the *gin.Context of the request to the
// template, which gives it to each function:
//
//	signedIn .C                 reports whether somebody is signed in
//	user .C                     the *User, or nil
//	inGroup .C "admin"          reports whether the user is in the group
//	inOrganization .C "acme"    reports whether the user is a member of the organization
//	signInURL .C                the address of a sign-in that returns to this page
//	signOutForm .C "Sign out"   a form with a button that signs the user out; nothing if nobody is signed in
//
// They decide what a page shows, not who may see it: use guards for that, and OptionalAuth for a public page. Register
// them before the templates:
//
//	router.SetFuncMap(auth.TemplateFuncs())
//	router.LoadHTMLGlob("pages/*")
func (a *Auth) TemplateFuncs() template.FuncMap {
	user := func(c *gin.Context) *User {
		u, _ := a.UserFrom(c)
		return u
	}
	return template.FuncMap{
		"signedIn":       func(c *gin.Context) bool { return user(c) != nil },
		"user":           user,
		"inGroup":        func(c *gin.Context, name string) bool { return user(c).InGroup(name) },
		"inOrganization": func(c *gin.Context, id string) bool { return user(c).InOrganization(id) },
		"signInURL":      func(c *gin.Context) string { return a.SignInURL(a.targets.Requested(c.Request)) },
		"signOutForm": func(c *gin.Context, label string) template.HTML {
			if user(c) == nil {
				return ""
			}
			return web.PostButton(a.routes.SignOut, label)
		},
	}
}
