package signin_test

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/signin"
)

// offers are a provider for everybody, one of a customer, and one of a customer that is shown.
func offers() []signin.Offer {
	return []signin.Offer{
		{Name: "google", Label: "Google"},
		{Name: "acme", Label: "Acme", Domains: []string{"acme.example", "acme.test"}},
		{Name: "globex", Label: "Globex", Domains: []string{"globex.example"}, Public: true},
	}
}

// read returns what a request to the route leads to.
func read(t *testing.T, choice signin.Choice, method, query string) signin.Request {
	t.Helper()
	form, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	rd := newReader(t)
	rd.Choice = choice
	return rd.Read(t.Context(), form, method == http.MethodPost, nobody)
}

// TestChosen: what leads to a provider, and when the user has to choose. Nothing takes a default for a name.
func TestChosen(t *testing.T) {
	of := func(offers []signin.Offer, findsDomains bool) signin.Choice {
		return signin.Choice{Several: true, Offers: offers, FindsDomains: findsDomains}
	}
	all := offers()
	for _, test := range []struct {
		name          string
		choice        signin.Choice
		method, query string
		want          signin.Chosen
	}{
		{"name", of(all, false), "GET", "provider=acme", signin.Chosen{Name: "acme"}},
		{"unknown name", of(all, false), "GET", "provider=x&iss=https://a.example", signin.Chosen{Name: "x"}},
		{"issuer", of(all, false), "GET", "iss=https://a.example", signin.Chosen{Issuer: "https://a.example"}},
		{"issuer in a form", of(all, false), "POST", "iss=https://a.example", signin.Chosen{Issuer: "https://a.example"}},
		{"nothing", of(all, false), "GET", "", signin.Chosen{}},
		{"a single one", of(all[:1], false), "GET", "", signin.Chosen{Name: "google"}},
		{"a single one with domains", of(all[2:], false), "GET", "", signin.Chosen{}},
		{"a customer alone", of(all[1:2], false), "GET", "", signin.Chosen{}},
		{"a single one, and domains that are found", of(all[:1], true), "GET", "", signin.Chosen{}},
		{"none", of(nil, false), "GET", "", signin.Chosen{}},
		{"an address in a link", of(all, false), "GET", "email=a@acme.example", signin.Chosen{}},
		{"address", of(all, false), "POST", "email=a@acme.example", signin.Chosen{Name: "acme"}},
		{"second domain", of(all, false), "POST", "email=a@acme.test", signin.Chosen{Name: "acme"}},
		{"spelled otherwise", of(all, false), "POST", "email=+A@ACME.example.+", signin.Chosen{Name: "acme"}},
		{"two signs", of(all, false), "POST", "email=a@acme.example@globex.example", signin.Chosen{Name: "globex"}},
		{"subdomain", of(all, true), "POST", "email=a@x.acme.example", signin.Chosen{Domain: "x.acme.example"}},
		{"unknown domain", of(all, true), "POST", "email=a@x.example", signin.Chosen{Domain: "x.example"}},
		{"unknown domain, and none are found", of(all, false), "POST", "email=a@x.example", signin.Chosen{}},
		{"no user", of(all, true), "POST", "email=@acme.example", signin.Chosen{}},
		{"no domain", of(all, true), "POST", "email=a@", signin.Chosen{}},
		{"no address", of(all, true), "POST", "email=acme.example", signin.Chosen{}},
		{"empty address", of(all, true), "POST", "email=", signin.Chosen{}},
		{"arbitrary text", of(all, true), "POST", "email=a@b c.example", signin.Chosen{}},
		{"an address outranks a name", of(all, false), "POST", "email=x&provider=acme", signin.Chosen{}},
		{"an app with one provider", signin.Choice{Offers: all[:1]}, "GET", "provider=acme", signin.Chosen{}},
		{"its form", signin.Choice{Offers: all[:1]}, "POST", "email=a@acme.example", signin.Chosen{}},
	} {
		if got := read(t, test.choice, test.method, test.query).Chosen; got != test.want {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}

// TestMethods: the route takes forms only if there is one.
func TestMethods(t *testing.T) {
	both, all := []string{http.MethodGet, http.MethodPost}, offers()
	for name, test := range map[string]struct {
		choice signin.Choice
		want   []string
	}{
		"one provider":                  {signin.Choice{Offers: all[:1]}, both[:1]},
		"one with domains":              {signin.Choice{Offers: all[1:2]}, both[:1]},
		"several, listed":               {signin.Choice{Several: true, Offers: all[:1]}, both[:1]},
		"several, with domains":         {signin.Choice{Several: true, Offers: all}, both},
		"domains are found":             {signin.Choice{Several: true, FindsDomains: true}, both},
		"providers are found":           {signin.Choice{Several: true, Finds: true}, both},
		"a third party may initiate it": {signin.Choice{Offers: all[:1], Initiates: true}, both},
	} {
		if got := test.choice.Methods(); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestPage: the page lists what everybody may see, and the provider that the browser used last. Each choice keeps the
// parameters of the request, and so does the form.
func TestPage(t *testing.T) {
	choice := signin.Choice{Several: true, Route: "/auth/signin", Offers: offers()}
	query := url.Values{"return_to": {"/orders"}, "prompt": {"login"}}
	want := signin.Page{
		Ways: []signin.Way{
			{Name: "google", Label: "Google", URL: "/auth/signin?prompt=login&provider=google&return_to=%2Forders"},
			{Name: "globex", Label: "Globex", URL: "/auth/signin?prompt=login&provider=globex&return_to=%2Forders"},
		},
		Form: true, Hidden: []signin.Field{{"prompt", "login"}, {"return_to", "/orders"}},
	}
	if got := choice.Page(query, "", nil); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if query.Has("provider") {
		t.Error("the parameters of the request were changed")
	}
	want.Ways[1].Last = true
	if got := choice.Page(query, "", &signin.Offer{Name: "globex"}); !reflect.DeepEqual(got, want) {
		t.Errorf("the last one is listed: %+v", got)
	}
	got := choice.Page(query, "", &signin.Offer{Name: "acme", Label: "Acme"})
	if len(got.Ways) != 3 || got.Ways[0].Name != "acme" || !got.Ways[0].Last || got.Ways[1].Last || got.Ways[2].Last {
		t.Errorf("the last one is not listed: %+v", got)
	}
}

// TestPageMessage: what the page says if an address leads nowhere, and if there is nothing to choose.
func TestPageMessage(t *testing.T) {
	all := offers()
	for name, test := range map[string]struct {
		choice  signin.Choice
		address string
		want    string
		form    bool
	}{
		"choices":                  {signin.Choice{Offers: all[:1]}, "", "", false},
		"choices and a form":       {signin.Choice{Offers: all}, "", "", true},
		"address, with choices":    {signin.Choice{Offers: all}, "x", "sign_in.unknown_address_or_choose", true},
		"address, without choices": {signin.Choice{Offers: all[1:2]}, "x", "sign_in.unknown_address", true},
		"a form alone":             {signin.Choice{FindsDomains: true}, "", "", true},
		"no choice":                {signin.Choice{}, "", "sign_in.no_choice", false},
	} {
		got := test.choice.Page(url.Values{"return_to": {"/"}}, test.address, nil)
		if got.Message != test.want || got.Form != test.form || (len(got.Hidden) > 0) != test.form {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
