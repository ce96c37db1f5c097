package ginoidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// several returns an app with the providers "one" and "two", which have the same users, and a route that shows the
// user.
func several(t *testing.T, change ...testapp.Change) *testapp.App {
	t.Helper()
	a := testapp.NewSeveral(t, []string{"one", "two"}, change...)
	a.Engine.GET("/user", a.Auth.RequireAuth(), showUser)
	return a
}

func showUser(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	c.String(http.StatusOK, "%s %s %s", u.Provider, u.Issuer, u.Subject)
}

// userOf returns what showUser says.
func userOf(b *testapp.Browser) string {
	r := b.Fetch("/user")
	if r.StatusCode != http.StatusOK {
		return ""
	}
	return r.Body
}

// TestSubjectOfTwoProviders: a subject that two providers use is two users (case 328). What ends the sessions of one,
// and a logout token of the one provider, does not touch those of the other.
func TestSubjectOfTwoProviders(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(a *testapp.App) error
	}{
		{"by the app", func(a *testapp.App) error { return a.Auth.ForProvider("one").EndUserSessions(t.Context(), "alice") }},
		{"by logout token", func(a *testapp.App) error {
			token, err := a.OPs["one"].LogoutToken("alice", "", nil)
			a.PostBackChannel(url.Values{"logout_token": {token}}.Encode())
			return err
		}},
	} {
		a := several(t)
		one, two := a.Browser(), a.Browser()
		one.MustSignInAt("one", "alice")
		two.MustSignInAt("two", "alice")
		if got, want := userOf(one), "one "+testapp.IssuerOf("one")+" alice"; got != want {
			t.Errorf("%s: the user of one is %q, want %q", tt.name, got, want)
		}
		if got, want := userOf(two), "two "+testapp.IssuerOf("two")+" alice"; got != want {
			t.Errorf("%s: the user of two is %q, want %q", tt.name, got, want)
		}
		for _, name := range []string{"one", "two"} {
			if mine, err := a.Auth.ForProvider(name).UserSessions(t.Context(), "alice"); err != nil || len(mine) != 1 {
				t.Errorf("%s: sessions of %s: %v, %v", tt.name, name, mine, err)
			}
		}
		if err := tt.end(a); err != nil {
			t.Fatal(err)
		}
		if userOf(one) != "" || userOf(two) == "" {
			t.Errorf("%s: one has %q, two has %q; want the latter only", tt.name, userOf(one), userOf(two))
		}
	}
}

// TestEndAllOfSeveral: all sessions end, whatever their providers, also of those found at run time.
func TestEndAllOfSeveral(t *testing.T) {
	a, _ := newTenants(t, []string{"acme"})
	staff, acme := a.Browser(), a.Browser()
	staff.MustSignInAt("staff", "alice")
	acme.MustSignInAt("acme", "alice")
	if err := a.Auth.EndAllSessions(t.Context()); err != nil {
		t.Fatal(err)
	}
	if userOf(staff) != "" || userOf(acme) != "" {
		t.Errorf("staff has %q, acme has %q", userOf(staff), userOf(acme))
	}
}

// TestTwoClientsOfOneIssuer: a logout token at the route for all finds the client in its audience.
func TestTwoClientsOfOneIssuer(t *testing.T) {
	for _, order := range [][]string{{"one", "two"}, {"two", "one"}} {
		a := testapp.NewSeveral(t, order, func(c *ginoidc.Config, _ *fakeop.Config) {
			i := slices.Index(order, "two")
			c.Providers[i].Issuer, c.Providers[i].Transport = testapp.IssuerOf("one"), c.Providers[1-i].Transport
		})
		token, err := a.OPs["one"].LogoutToken("alice", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := a.PostBackChannel(url.Values{"logout_token": {token}}.Encode()); r.StatusCode != http.StatusOK {
			t.Errorf("%v: %d %s", order, r.StatusCode, r.Body)
		}
	}
}

// TestProviderMustBeNamed: with several providers a subject alone identifies nobody.
func TestProviderMustBeNamed(t *testing.T) {
	a := several(t)
	if err := a.Auth.EndUserSessions(t.Context(), "alice"); err == nil || !strings.Contains(err.Error(), "ForProvider") {
		t.Errorf("without a name: %v", err)
	}
	if _, err := a.Auth.ForProvider("three").UserSessions(t.Context(), "alice"); err == nil {
		t.Error("with an unknown name: no error")
	}
	derived := a.Auth.ForProvider("two").With(ginoidc.AbortHandlers{})
	if err := derived.EndUserSession(t.Context(), "alice", "x"); err != nil {
		t.Errorf("derived: %v", err)
	}
}

// TestCrossedProviders: what one provider issues is of no use at the callback and the routes of the other (cases 326
// and 327), whichever of the two it is.
func TestCrossedProviders(t *testing.T) {
	for _, pair := range [][2]string{{"one", "two"}, {"two", "one"}} {
		from, to := pair[0], pair[1]
		a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.KeepTokens = true })
		for _, op := range a.OPs { // iss is a defence of its own, which not every provider has
			op.OnDiscovery(func(doc map[string]any) { delete(doc, "authorization_response_iss_parameter_supported") })
		}
		other := func(callback string) string { return strings.Replace(callback, "/callback/"+from, "/callback/"+to, 1) }

		b := a.Browser()
		callback := withoutIssuer(t, b.StartAt(from, "alice"))
		if !strings.HasPrefix(callback, testapp.URL+"/auth/callback/"+from+"?") {
			t.Fatalf("redirect URI of %s: %s", from, callback)
		}
		if r := b.Navigate(other(callback)); r.StatusCode != http.StatusBadRequest || userOf(b) != "" {
			t.Errorf("response of %s at the callback of %s: %d", from, to, r.StatusCode)
		}
		if n := a.OPs[to].Count(fakeop.Token); n != 0 {
			t.Errorf("the code of %s was sent to %s", from, to)
		}
		if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther {
			t.Errorf("the attempt at %s did not survive: %d", from, r.StatusCode)
		}

		// A code of the one with the state of the other, and with the iss of either.
		b = a.Browser()
		code := testapp.ParseURL(t, b.StartAt(from, "alice")).Query()
		mixed := testapp.ParseURL(t, b.StartAt(to, "alice"))
		for _, iss := range []string{testapp.IssuerOf(from), testapp.IssuerOf(to)} {
			query := mixed.Query()
			query.Set("code", code.Get("code"))
			query.Set("iss", iss)
			mixed.RawQuery = query.Encode()
			if r := b.Navigate(mixed.String()); r.StatusCode == http.StatusSeeOther || userOf(b) != "" {
				t.Errorf("code of %s with iss %s at the callback of %s: %d", from, iss, to, r.StatusCode)
			}
		}
		testCrossedTokens(t, a, from, to)
	}
}

// withoutIssuer returns a callback's URL as a provider without RFC 9207 makes it.
func withoutIssuer(t *testing.T, callback string) string {
	t.Helper()
	u := testapp.ParseURL(t, callback)
	query := u.Query()
	query.Del("iss")
	u.RawQuery = query.Encode()
	return u.String()
}

// testCrossedTokens is the part of TestCrossedProviders about ID tokens, logout tokens and cookies.
func testCrossedTokens(t *testing.T, a *testapp.App, from, to string) {
	t.Helper()
	b := a.Browser()
	var stolen map[string]any
	a.OPs[from].OnTokenAnswer(func(answer map[string]any) { stolen = map[string]any{"id_token": answer["id_token"]} })
	b.MustSignInAt(from, "alice")
	a.OPs[to].OnTokenAnswer(func(answer map[string]any) { answer["id_token"] = stolen["id_token"] })
	victim := a.Browser()
	if r := victim.Navigate(victim.StartAt(to, "bob")); r.StatusCode != http.StatusUnauthorized || userOf(victim) != "" {
		t.Errorf("ID token of %s from %s: %d", from, to, r.StatusCode)
	}
	a.OPs[to].OnTokenAnswer(nil)
	victim.MustSignInAt(to, "alice")
	for _, path := range []string{"/auth/backchannel-logout", "/auth/backchannel-logout/" + to} {
		for _, edit := range []func(map[string]any){nil, func(c map[string]any) {
			c["iss"], c["aud"] = testapp.IssuerOf(to), "app-"+to
		}} {
			if path == "/auth/backchannel-logout" && edit == nil {
				continue // that is the right route for it
			}
			token, err := a.OPs[from].LogoutToken("alice", "", edit)
			if err != nil {
				t.Fatal(err)
			}
			r := a.Browser().Do(http.MethodPost, path, strings.NewReader(url.Values{"logout_token": {token}}.Encode()),
				"Content-Type", "application/x-www-form-urlencoded")
			if r.StatusCode != http.StatusBadRequest || userOf(victim) == "" {
				t.Errorf("logout token of %s at %s: %d, user %q", from, path, r.StatusCode, userOf(victim))
			}
		}
	}
}

// TestSignOutAtTheRightProvider: a sign-out goes to the provider of the session, and to none if nobody is signed in.
func TestSignOutAtTheRightProvider(t *testing.T) {
	a := several(t)
	for _, name := range []string{"one", "two"} {
		b := a.Browser()
		b.MustSignInAt(name, "alice")
		r := b.Do(http.MethodPost, "/auth/signout", nil, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
		if !strings.HasPrefix(r.Location(), testapp.IssuerOf(name)+"/") || userOf(b) != "" {
			t.Errorf("sign-out of a user of %s: %d %s", name, r.StatusCode, r.Location())
		}
		r = b.Do(http.MethodPost, "/auth/signout", nil, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
		if strings.Contains(r.Location(), "idp.example") {
			t.Errorf("sign-out of nobody: %s", r.Location())
		}
	}
}

// TestFrontChannelOfSeveral: a front-channel logout concerns the provider that iss or the path names, which alone may
// frame the answer.
func TestFrontChannelOfSeveral(t *testing.T) {
	a := several(t)
	sid := ""
	for _, op := range a.OPs {
		op.OnIDToken(func(claims map[string]any) { claims["sid"], sid = "same", "same" })
	}
	one, two := a.Browser(), a.Browser()
	one.MustSignInAt("one", "alice")
	two.MustSignInAt("two", "alice")
	query := "?sid=" + sid + "&iss=" + url.QueryEscape(testapp.IssuerOf("one"))
	if r := a.Browser().Do(http.MethodGet, "/auth/frontchannel-logout/two"+query, nil); userOf(one) == "" {
		t.Errorf("iss of one at the route of two: %d", r.StatusCode)
	}
	r := a.Browser().Do(http.MethodGet, "/auth/frontchannel-logout?sid=same&iss=https://x.example", nil)
	if r.StatusCode != http.StatusNotFound {
		t.Errorf("unknown iss: %d", r.StatusCode)
	}
	r = a.Browser().Do(http.MethodGet, "/auth/frontchannel-logout"+query, nil)
	policy := r.Header.Get("Content-Security-Policy")
	if !strings.HasSuffix(policy, "frame-ancestors "+testapp.IssuerOf("one")) {
		t.Errorf("may be framed by %s", policy)
	}
	if userOf(one) != "" || userOf(two) == "" {
		t.Errorf("one has %q, two has %q; want the latter only", userOf(one), userOf(two))
	}
}

// TestRemovedProvider: if a provider is removed or renamed, its sessions end with their next request, which the log
// says. Those of others remain (case 329), also if the app had only one provider before.
func TestRemovedProvider(t *testing.T) {
	a := several(t)
	one, two := a.Browser(), a.Browser()
	one.MustSignInAt("one", "alice")
	two.MustSignInAt("two", "alice")
	for _, tt := range []struct {
		name, of1, of2 string
		change         testapp.Change
	}{
		{"unchanged", "one", "two", func(*ginoidc.Config, *fakeop.Config) {}},
		{"another client", "", "two", func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ClientID = "x" }},
		{"renamed", "", "two", func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Name = "uno" }},
		{"removed", "", "two", func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers = c.Providers[1:] }},
		{"in another order", "one", "two", func(c *ginoidc.Config, _ *fakeop.Config) { slices.Reverse(c.Providers) }},
	} {
		next := several(t, tt.change)
		for _, b := range []struct {
			*testapp.Browser
			want string
		}{{one, tt.of1}, {two, tt.of2}} {
			twin := b.Twin()
			twin.App = next
			if got, _, _ := strings.Cut(userOf(twin), " "); got != b.want {
				t.Errorf("%s: the user is of %q, want %q", tt.name, got, b.want)
			}
		}
		gone := strings.Contains(next.Logs.String(), "not configured")
		if want := tt.name == "renamed" || tt.name == "removed"; gone != want {
			t.Errorf("%s: the log says that a provider is gone: %v, want %v", tt.name, gone, want)
		}
	}
}

// TestSecondProviderIsAdded: users of an app with one provider remain signed in when a second one is added, and the
// first one gets a name.
func TestSecondProviderIsAdded(t *testing.T) {
	single := testapp.New(t)
	b := single.Browser()
	b.MustSignIn("alice")
	b.App = several(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[1].Issuer, c.Providers[1].ClientID = testapp.Issuer, "app"
	})
	if got := userOf(b); got != "two "+testapp.Issuer+" alice" {
		t.Errorf("the user is %q", got)
	}
}

// TestRequireProvider: users of other providers are denied, also if they have the same subject.
func TestRequireProvider(t *testing.T) {
	a := several(t)
	a.Engine.GET("/staff", a.Auth.RequireProvider("one"), a.Protected)
	for name, want := range map[string]int{"one": http.StatusOK, "two": http.StatusForbidden} {
		b := a.Browser()
		b.MustSignInAt(name, "alice")
		if r := b.Fetch("/staff"); r.StatusCode != want {
			t.Errorf("a user of %s: %d, want %d", name, r.StatusCode, want)
		}
	}
	for _, names := range [][]string{nil, {""}, {"one", "three"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("RequireProvider(%q) does not panic", names)
				}
			}()
			a.Auth.RequireProvider(names...)
		}()
	}
}

// TestGroupsPrefix: the groups and organizations of a provider get its prefix, so that its "admin" is not another
// provider's (case 330). A resolver of the app is trusted with the prefix, and gets it added where it is left out.
func TestGroupsPrefix(t *testing.T) {
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[1].GroupsPrefix = "two:" })
	a.Engine.GET("/two-admin", a.Auth.RequireGroups("two:admin"), a.Protected)
	a.Engine.GET("/orgs/:org", a.Auth.RequireOrganization("org"), a.Protected)
	for name, want := range map[string][]int{"one": {200, 403, 200, 403}, "two": {403, 200, 403, 200}} {
		b := a.Browser()
		b.MustSignInAt(name, "alice")
		var got []int
		for _, path := range []string{"/admin", "/two-admin", "/orgs/acme", "/orgs/two:acme"} {
			got = append(got, b.Fetch(path).StatusCode)
		}
		if !slices.Equal(got, want) {
			t.Errorf("a user of %s: %v, want %v", name, got, want)
		}
	}
}
