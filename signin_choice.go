package ginoidc

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/marker"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

const (
	providerParameter = "provider"
	emailParameter    = "email"
)

// ProviderChoice is one way to sign in, on a [Page].
type ProviderChoice struct {
	Name, Label string
	URL         string // of the sign-in, with the return target
	Last        bool   // the one that this browser used last
}

// providerChoice finds the provider with which a user signs in. Nothing that it decides on is proof of anything: names,
// domains and the provider used last only save a question, and the provider itself says who the user is.
type providerChoice struct {
	*reporter
	parties    *relyingParties
	markers    marker.Cookies
	route      string // of the sign-in
	findDomain func(ctx context.Context, domain string) (string, error)
	pages      *ownPages
}

// named returns the relying party that a request to the sign-in route names, or nil if the user has to choose. It never
// takes a default for a name that is not known: the user would be asked for a password by another provider than the
// link has promised.
func (p providerChoice) named(req *request, query url.Values) (*relyingParty, error) {
	if only := p.parties.Only(); only != nil {
		return only, nil
	}
	if name := query.Get(providerParameter); name != "" {
		return p.parties.Named(req, name)
	}
	if iss := query.Get("iss"); iss != "" {
		if rp := p.parties.Issuing(iss, nil); rp != nil {
			return rp, nil
		}
		return nil, fmt.Errorf("%w: iss is no configured issuer", errInvalidInitiation)
	}
	if listed := p.listed(); len(listed) == 1 && !p.asksForAddress() {
		return listed[0], nil
	}
	return nil, nil
}

// listed returns the providers that everybody may see. Those with domains are customers, and nobody's business.
func (p providerChoice) listed() (listed []*relyingParty) {
	for _, rp := range p.parties.Fixed() {
		if len(rp.settings.EmailDomains) == 0 || rp.settings.Public {
			listed = append(listed, rp)
		}
	}
	return listed
}

// asksForAddress reports whether the page of choice has a field for an e-mail address, because a domain can lead to a
// provider.
func (p providerChoice) asksForAddress() bool {
	return p.findDomain != nil || slices.ContainsFunc(p.parties.Fixed(), func(rp *relyingParty) bool {
		return len(rp.settings.EmailDomains) > 0
	})
}

// ofAddress returns the relying party for an e-mail address (home realm discovery), or nil if there is none. The domain
// only leads to a provider: what it says about the user counts, not what the user has entered.
func (p providerChoice) ofAddress(ctx context.Context, address string) (*relyingParty, error) {
	at := strings.LastIndexByte(address, '@')
	domain := strings.ToLower(strings.TrimSuffix(address[at+1:], "."))
	if at < 1 || !settings.IsDomain(domain) { // no domain of a customer: FindDomain is not asked about arbitrary text
		return nil, nil
	}
	for _, rp := range p.parties.Fixed() {
		if slices.Contains(rp.settings.EmailDomains, domain) {
			return rp, nil
		}
	}
	if p.findDomain == nil {
		return nil, nil
	}
	name, err := p.findDomain(ctx, domain)
	if err != nil {
		return nil, fmt.Errorf("%w: FindDomain: %w", ErrProviderUnavailable, err)
	}
	if name == "" {
		return nil, nil
	}
	return p.parties.Named(ctx, name)
}

// show answers with the page of choice. query is that of the request to the sign-in route, which the choices
// keep. address is what the user has entered, if it leads nowhere.
func (p providerChoice) show(c *gin.Context, req *request, query url.Values, address string) {
	language := p.pages.language(c, query.Get("ui_locales"))
	page := &Page{
		Kind: PageSignIn, Choices: p.choices(c, req, query), LastUsed: language.Text("sign_in.last_used"),
	}
	if p.asksForAddress() {
		page.Form = &PageForm{
			Action: p.route, Button: language.Text("sign_in.continue"),
			EmailLabel: language.Text("sign_in.email"), Email: address, Invalid: address != "",
		}
		for _, name := range slices.Sorted(maps.Keys(query)) {
			page.Form.Hidden = append(page.Form.Hidden, PageField{name, query.Get(name)})
		}
	}
	switch {
	case address != "" && len(page.Choices) > 0:
		page.Message = language.Text("sign_in.unknown_address_or_choose")
	case address != "":
		page.Message = language.Text("sign_in.unknown_address")
	case page.Form == nil && len(page.Choices) == 0:
		page.Message = language.Text("sign_in.no_choice")
	}
	p.pages.show(c, language, page)
}

// choices returns the ways to sign in that this browser may see: those that everybody may, and the one it used last.
// The return target and the parameters of the request go along in each.
func (p providerChoice) choices(c *gin.Context, req *request, query url.Values) []ProviderChoice {
	listed, last := p.listed(), p.lastUsed(c, req)
	if last != nil && !slices.Contains(listed, last) {
		listed = append([]*relyingParty{last}, listed...)
	}
	choices := make([]ProviderChoice, 0, len(listed))
	for _, rp := range listed {
		with := maps.Clone(query)
		with.Set(providerParameter, rp.settings.Name)
		choices = append(choices, ProviderChoice{
			Name: rp.settings.Name, Label: rp.settings.label(), URL: p.route + "?" + with.Encode(), Last: rp == last,
		})
	}
	return choices
}

// lastUsed returns the relying party with which this browser signed in last, or nil if that is not known, or if there
// is none of that name.
func (p providerChoice) lastUsed(c *gin.Context, req *request) *relyingParty {
	rp, err := p.parties.Named(req, p.markers.LastChosen(c.Request))
	if err != nil {
		return nil
	}
	return rp
}

// methods returns the methods of the sign-in route. A third party may initiate a sign-in with a form too, and the
// page of choice has one.
func (p providerChoice) methods() []string {
	posts := p.parties.Finds() || p.parties.Several && p.asksForAddress() ||
		slices.ContainsFunc(p.parties.Fixed(), func(rp *relyingParty) bool { return rp.settings.InitiateLogin })
	if posts {
		return []string{http.MethodGet, http.MethodPost}
	}
	return []string{http.MethodGet}
}

// label returns the name of the provider for people.
func (p *Provider) label() string {
	if p.Label != "" {
		return p.Label
	}
	return p.Name
}
