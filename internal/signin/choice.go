package signin

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// Query parameters with which a request to the route says which provider it is about.
const (
	ProviderParameter = "provider"
	EmailParameter    = "email"
	issuerParameter   = "iss"
)

// Offer is a provider of the configuration, as the selection page shows it.
type Offer struct {
	Name, Label string
	Domains     []string // of e-mail addresses whose users sign in with it
	Public      bool     // shown although it has domains
}

// Choice finds the provider with which a user signs in, in an app with several. Nothing that it decides on is proof of
// anything: names, domains and the provider used last only save a question, and the provider itself says who the user
// is.
type Choice struct {
	Several      bool // there can be more than one
	Route        string
	Offers       []Offer
	Finds        bool // further ones are found at run time
	FindsDomains bool // and their domains
	Initiates    bool // a third party may initiate sign-ins
}

// Chosen is what leads to a provider: one of its fields, or none if the user has to choose.
type Chosen struct {
	Name   string
	Issuer string
	Domain string // of the e-mail address, which the configuration does not list
}

// forLink returns what a link leads to. It never takes a default for a name that is not known: the user would be asked
// for a password by another provider than the link has promised.
func (ch *Choice) forLink(form url.Values) Chosen {
	if name := form.Get(ProviderParameter); name != "" {
		return Chosen{Name: name}
	}
	if iss := form.Get(issuerParameter); iss != "" {
		return Chosen{Issuer: iss}
	}
	if listed := ch.listed(); len(listed) == 1 && !ch.asksForAddress() {
		return Chosen{Name: listed[0].Name}
	}
	return Chosen{}
}

// forAddress returns what an e-mail address leads to (home realm discovery), or nothing if its domain is that of no
// customer. The domain only leads to a provider: what that says about the user counts, not what the user has entered.
func (ch *Choice) forAddress(address string) Chosen {
	at := strings.LastIndexByte(address, '@')
	domain := strings.ToLower(strings.TrimSuffix(address[at+1:], "."))
	if at < 1 || !settings.IsDomain(domain) { // the app is not asked about arbitrary text
		return Chosen{}
	}
	for _, offer := range ch.Offers {
		if slices.Contains(offer.Domains, domain) {
			return Chosen{Name: offer.Name}
		}
	}
	if !ch.FindsDomains {
		return Chosen{}
	}
	return Chosen{Domain: domain}
}

// listed returns the providers that everybody may see. Those with domains are customers, and nobody's business.
func (ch *Choice) listed() (listed []Offer) {
	for _, offer := range ch.Offers {
		if len(offer.Domains) == 0 || offer.Public {
			listed = append(listed, offer)
		}
	}
	return listed
}

// asksForAddress reports whether the selection page has a field for an e-mail address, because a domain can lead to a
// provider.
func (ch *Choice) asksForAddress() bool {
	return ch.FindsDomains || slices.ContainsFunc(ch.Offers, func(o Offer) bool { return len(o.Domains) > 0 })
}

// Methods returns the methods of the sign-in route. A third party may initiate a sign-in with a form too, and the page
// of choice has one.
func (ch *Choice) Methods() []string {
	if ch.Finds || ch.Several && ch.asksForAddress() || ch.Initiates {
		return []string{http.MethodGet, http.MethodPost}
	}
	return []string{http.MethodGet}
}

// Page is what the selection page has. Its texts are keys of internal/pages.
type Page struct {
	Ways    []Way
	Form    bool // for an e-mail address
	Hidden  []Field
	Message string // the key of a text, or ""
}

// Way is one way to sign in.
type Way struct {
	Name, Label string
	URL         string // of the sign-in, with the return target
	Last        bool   // the one that this browser used last
}

// Field is a hidden field of the form.
type Field struct{ Name, Value string }

// Page returns the selection page. query has the parameters of the request, which each choice keeps, address is what
// the user has entered and leads nowhere, and last the provider that this browser used last, if it is known. A browser
// sees what everybody may see, and the one that it used last.
func (ch *Choice) Page(query url.Values, address string, last *Offer) Page {
	listed := ch.listed()
	if last != nil && !slices.ContainsFunc(listed, func(o Offer) bool { return o.Name == last.Name }) {
		listed = append([]Offer{*last}, listed...)
	}
	page := Page{Form: ch.asksForAddress(), Ways: make([]Way, 0, len(listed))}
	for _, offer := range listed {
		with := maps.Clone(query)
		with.Set(ProviderParameter, offer.Name)
		page.Ways = append(page.Ways, Way{
			Name: offer.Name, Label: offer.Label, URL: ch.Route + "?" + with.Encode(),
			Last: last != nil && offer.Name == last.Name,
		})
	}
	if page.Form {
		for _, name := range slices.Sorted(maps.Keys(query)) {
			page.Hidden = append(page.Hidden, Field{name, query.Get(name)})
		}
	}
	switch {
	case address != "" && len(page.Ways) > 0:
		page.Message = "sign_in.unknown_address_or_choose"
	case address != "":
		page.Message = "sign_in.unknown_address"
	case !page.Form && len(page.Ways) == 0:
		page.Message = "sign_in.no_choice"
	}
	return page
}
