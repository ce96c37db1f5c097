package ginoidc_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

var choiceLink = regexp.MustCompile(`<a href="([^"]*)"><span>([^<]*)</span>( <small>)?`)

// choicesOn returns the labels on a page of choice, the one used last with a star, and the address of each.
func choicesOn(page string) (labels []string, at map[string]string) {
	at = map[string]string{}
	for _, m := range choiceLink.FindAllStringSubmatch(page, -1) {
		label := m[2]
		at[label] = strings.ReplaceAll(m[1], "&amp;", "&")
		if m[3] != "" {
			label += "*"
		}
		labels = append(labels, label)
	}
	return labels, at
}

// customers makes "two" a customer with a domain, and adds another without.
func customers(c *ginoidc.Config, _ *fakeop.Config) {
	c.Providers[0].Label = "The <One>"
	c.Providers[1].EmailDomains = []string{"acme.example", "acme.test"}
}

// post sends the form of the page of choice, from a page of this origin.
func post(b *testapp.Browser, form url.Values, origin string) testapp.Reply {
	site := "cross-site"
	if origin == testapp.URL {
		site = "same-origin"
	}
	return b.Do(http.MethodPost, "/auth/signin", strings.NewReader(form.Encode()),
		"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html", "Origin", origin,
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", site)
}

// TestChoice: without a name the user chooses, and returns to the page that was wanted. The page starts no attempt.
func TestChoice(t *testing.T) {
	a := several(t)
	b := a.Browser()
	denied := b.Navigate("/me?x=1")
	r := b.Navigate(denied.Location())
	labels, at := choicesOn(r.Body)
	if r.StatusCode != http.StatusOK || !slices.Equal(labels, []string{"one", "two"}) || len(r.Cookies()) > 0 {
		t.Fatalf("%d %q %v", r.StatusCode, labels, r.Cookies())
	}
	if strings.Contains(r.Body, "<form") {
		t.Error("asks for an address, and no provider has domains")
	}
	r = b.Navigate(b.ApproveAt("two", "alice", at["two"]))
	if r.Location() != "/me?x=1" {
		t.Errorf("returns to %q", r.Location())
	}
	for _, name := range []string{"three", "One", "../one", "one%00", strings.Repeat("a", 10_000)} {
		if r := b.Navigate("/auth/signin?provider=" + name); r.StatusCode != http.StatusNotFound {
			t.Errorf("%.20s: %d", name, r.StatusCode)
		}
	}
}

// TestLastChoice: a cookie has the name of the provider that was used last and nothing else. What does not name a
// provider counts as absent.
func TestLastChoice(t *testing.T) {
	a := several(t)
	b := a.Browser()
	r := b.Navigate(b.StartAt("two", "alice"))
	i := slices.IndexFunc(r.Cookies(), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, ".provider") })
	if i < 0 {
		t.Fatalf("no cookie in %v", r.Cookies())
	}
	want := "__Host-ginoidc.provider=two; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax"
	if c := r.Cookies()[i]; c.Raw != want {
		t.Errorf("cookie: %s, want %s", c.Raw, want)
	}
	if labels, _ := choicesOn(b.Navigate("/auth/signin").Body); !slices.Equal(labels, []string{"one", "two*"}) {
		t.Errorf("choices: %q", labels)
	}
	b.SetCookie("__Host-ginoidc.provider", "three", "/")
	if labels, _ := choicesOn(b.Navigate("/auth/signin").Body); !slices.Equal(labels, []string{"one", "two"}) {
		t.Errorf("choices with an odd cookie: %q", labels)
	}
}

// TestHomeRealm: an address leads to the provider of its domain, which gets it as login_hint. The page names no
// provider with domains unless it is public, or this browser has used it.
func TestHomeRealm(t *testing.T) {
	a := several(t, customers)
	b := a.Browser()
	r := b.Navigate("/auth/signin?return_to=/me")
	if named := strings.Contains(r.Body, "two") || strings.Contains(r.Body, "acme"); named ||
		!strings.Contains(r.Body, "The &lt;One&gt;") {
		t.Errorf("the page: %s", r.Body)
	}
	for address, want := range map[string]string{
		"alice@acme.example": "two", " alice@ACME.test ": "two", "a@b@acme.example": "two", "alice@acme.example.": "two",
		"alice@sub.acme.example": "", "alice@acme.example.evil.example": "", "acme.example": "", "@acme.example": "", "": "",
		"alice@acme.example\r\nx": "",
	} {
		r := post(a.Browser(), url.Values{"email": {address}, "return_to": {"/me"}}, testapp.URL)
		if want == "" {
			if r.StatusCode != http.StatusOK || !strings.Contains(r.Body, `type="email"`) || strings.Contains(r.Body, "two") {
				t.Errorf("%q: %d %s", address, r.StatusCode, r.Body)
			}
			continue
		}
		to := testapp.ParseURL(t, r.Location())
		if r.StatusCode != http.StatusSeeOther || "https://"+to.Host != testapp.IssuerOf(want) ||
			to.Query().Get("login_hint") != strings.TrimSpace(address) {
			t.Errorf("%q: %d %s", address, r.StatusCode, r.Location())
		}
	}
	b.MustSignInAt("two", "alice")
	labels, _ := choicesOn(b.Navigate("/auth/signin").Body)
	if !slices.Equal(labels, []string{"two*", "The &lt;One&gt;"}) {
		t.Errorf("choices of a user of two: %q", labels)
	}
	public := several(t, customers, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[1].Public = true })
	if labels, _ := choicesOn(public.Browser().Navigate("/auth/signin").Body); len(labels) != 2 {
		t.Errorf("choices with a public one: %q", labels)
	}
}

// TestAddressOfAnotherSite: another site cannot post an address, or it could find out by frames or timing which
// customers exist, and start sign-ins (case 331).
func TestAddressOfAnotherSite(t *testing.T) {
	a := several(t, customers)
	for _, site := range []string{"https://evil.example", "null"} {
		r := post(a.Browser(), url.Values{"email": {"alice@acme.example"}}, site)
		if r.StatusCode != http.StatusForbidden || len(r.Cookies()) > 0 {
			t.Errorf("%s: %d %v", site, r.StatusCode, r.Cookies())
		}
	}
}

// TestFindDomain: domains of providers in the app's database lead to them. An error is 503, and the name of nobody is
// the page again.
func TestFindDomain(t *testing.T) {
	a, _ := newTenants(t, []string{"acme"}, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.FindDomain = func(_ context.Context, domain string) (string, error) {
			switch domain {
			case "acme.example":
				return "acme", nil
			case "down.example":
				return "", errors.New("no database")
			}
			return "", nil
		}
	})
	for domain, want := range map[string]int{"acme.example": 303, "down.example": 503, "x.example": 200} {
		if r := post(a.Browser(), url.Values{"email": {"a@" + domain}}, testapp.URL); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", domain, r.StatusCode, want)
		}
	}
}

// TestChooseProvider: an app can show a page of its own, with everything that the default page has.
func TestChooseProvider(t *testing.T) {
	var got []ginoidc.ProviderChoice
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.ChooseProvider = func(c *gin.Context, choices []ginoidc.ProviderChoice) {
			got = choices
			c.String(http.StatusOK, "mine")
		}
	})
	b := a.Browser()
	b.MustSignInAt("two", "alice")
	r := b.Navigate("/auth/signin?return_to=/me")
	want := []ginoidc.ProviderChoice{
		{Name: "one", Label: "one", URL: "/auth/signin?provider=one&return_to=%2Fme"},
		{Name: "two", Label: "two", URL: "/auth/signin?provider=two&return_to=%2Fme", Last: true},
	}
	if r.Body != "mine" || !slices.Equal(got, want) {
		t.Errorf("%q %+v", r.Body, got)
	}
}

// TestNothingToChoose: an app with one provider shows no page, whatever the link says.
func TestNothingToChoose(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].EmailDomains = []string{"acme.example"}
	})
	for _, query := range []string{"", "?provider=x", "?email=a@acme.example"} {
		if r := a.Browser().Navigate("/auth/signin" + query); r.StatusCode != http.StatusFound {
			t.Errorf("%q: %d", query, r.StatusCode)
		}
	}
	r := post(a.Browser(), url.Values{"email": {"a@acme.example"}}, testapp.URL)
	if r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a form: %d", r.StatusCode)
	}
}

// TestSealedProvider: SignInURLWith can name the provider, and a link cannot replace it.
func TestSealedProvider(t *testing.T) {
	a := several(t)
	link, err := a.Auth.SignInURLWith("/me", url.Values{"provider": {"two"}, "prompt": {"create"}})
	if err != nil {
		t.Fatal(err)
	}
	to := testapp.ParseURL(t, a.Browser().Navigate(link+"&provider=one").Location())
	if "https://"+to.Host != testapp.IssuerOf("two") || to.Query().Get("prompt") != "create" ||
		to.Query().Has("provider") {
		t.Errorf("leads to %s", to)
	}
}

// TestStepUpAtTheSameProvider: a user who has to sign in again is sent to the provider of the session.
func TestStepUpAtTheSameProvider(t *testing.T) {
	a := several(t)
	a.Engine.GET("/mfa", a.Auth.RequireACR("mfa"), a.Protected)
	b := a.Browser()
	b.MustSignInAt("two", "alice")
	again := b.Navigate("/mfa").Location()
	if to := testapp.ParseURL(t, b.Navigate(again).Location()); "https://"+to.Host != testapp.IssuerOf("two") ||
		to.Query().Get("acr_values") != "mfa" {
		t.Errorf("%s leads to %s", again, to)
	}
}

// TestSilentAtTheLastProvider: a silent sign-in asks the provider that was used last, and none if none was.
func TestSilentAtTheLastProvider(t *testing.T) {
	a := several(t)
	a.Engine.GET("/silent", a.Auth.SilentSignIn(), a.Public)
	b := a.Browser()
	if r := b.Navigate("/silent"); r.StatusCode != http.StatusOK {
		t.Errorf("a new browser: %d %s", r.StatusCode, r.Location())
	}
	b.MustSignInAt("two", "alice")
	last := b.Twin()
	last.SetCookie("__Host-ginoidc", "", "/")
	r := last.Navigate("/silent")
	if to := testapp.ParseURL(t, r.Location()); "https://"+to.Host != testapp.IssuerOf("two") {
		t.Errorf("a browser that used two: %d %s", r.StatusCode, to)
	}
}

// TestInitiatedAtSeveral: a third party starts a sign-in at the provider that iss names, if that one allows it.
func TestInitiatedAtSeveral(t *testing.T) {
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[1].InitiateLogin = true })
	for iss, want := range map[string]int{
		testapp.IssuerOf("two"): http.StatusFound, testapp.IssuerOf("one"): http.StatusNotFound,
		"https://evil.example": http.StatusBadRequest,
	} {
		if r := a.Browser().Navigate("/auth/signin?iss=" + url.QueryEscape(iss)); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", iss, r.StatusCode, want)
		}
	}
	r := a.Browser().Navigate("/auth/signin?provider=one&iss=" + url.QueryEscape(testapp.IssuerOf("two")))
	if r.StatusCode == http.StatusFound {
		t.Errorf("two names: %s", r.Location())
	}
}
