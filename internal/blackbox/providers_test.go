package blackbox_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

const (
	acmeTenant = "11111111-1111-4111-8111-111111111111"
	stranger   = "99999999-9999-4999-8999-999999999999"
)

// TestSignInOfTenants: users of an issuer of many tenants are users of their tenants, in the session too. Those of
// tenants that are not allowed do not get in, and if nobody can tell, they do not either. Case 322.
func TestSignInOfTenants(t *testing.T) {
	const template = "https://login.example/{tenantid}/v2.0"
	a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		op.Issuer = "https://login.example/organizations/v2.0"
		c.Providers[0].Issuer, c.Providers[0].Tenants = template, []string{acmeTenant}
		c.Providers[0].AllowTenant = func(context.Context, string) (bool, error) {
			return false, errors.New("no database")
		}
	})
	a.Engine.GET("/user", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, u.Issuer)
	})
	a.OP.OnDiscovery(func(doc map[string]any) {
		doc["issuer"] = template
		delete(doc, "authorization_response_iss_parameter_supported")
	})
	for tenant, want := range map[string]int{acmeTenant: http.StatusSeeOther, stranger: http.StatusInternalServerError} {
		issuer := strings.Replace(template, "{tenantid}", tenant, 1)
		a.OP.OnIDToken(func(claims map[string]any) { claims["iss"], claims["tid"] = issuer, tenant })
		b := a.Browser()
		callback := testapp.ParseURL(t, b.Start("/auth/signin", "alice"))
		query := callback.Query()
		query.Del("iss")
		callback.RawQuery = query.Encode()
		if r := b.Navigate(callback.String()); r.StatusCode != want {
			t.Errorf("%s: %d %s\n%s", tenant, r.StatusCode, r.Body, a.Logs)
		}
		if got := b.Fetch("/user").Body; (got == issuer) != (tenant == acmeTenant) {
			t.Errorf("%s: the user is of %s", tenant, got)
		}
	}
}

// apis returns an app that accepts access tokens of two of three providers, and asks the second one about opaque ones.
func apis(t *testing.T) *testapp.App {
	t.Helper()
	a := testapp.NewSeveral(t, []string{"one", "two", "three"}, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Audience, c.Providers[1].Audience = api, api
		c.Providers[1].Introspection = "json"
	})
	a.Engine.GET("/user", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, u.Provider+" "+u.Issuer)
	})
	return a
}

const api = "https://api.example.com"

// TestAccessTokensOfSeveral: an access token identifies a user of the provider that signed it. It is shown to no other
// provider, and a provider without Audience issues none.
func TestAccessTokensOfSeveral(t *testing.T) {
	a := apis(t)
	for name, want := range map[string]int{"one": http.StatusOK, "two": http.StatusOK, "three": http.StatusUnauthorized} {
		token, err := a.OPs[name].AccessToken("alice", api)
		if err != nil {
			t.Fatal(err)
		}
		r := a.Browser().Do(http.MethodGet, "/user", nil, "Authorization", "Bearer "+token)
		if r.StatusCode != want || want == http.StatusOK && r.Body != name+" "+testapp.IssuerOf(name) {
			t.Errorf("token of %s: %d %s", name, r.StatusCode, r.Body)
		}
		if says := r.Header.Get("WWW-Authenticate"); strings.Contains(says, `error="invalid_token"`) != (want != 200) {
			t.Errorf("token of %s: %s", name, says)
		}
	}
	for name, want := range map[string]int{"one": http.StatusUnauthorized, "two": http.StatusOK} {
		token, err := a.OPs[name].OpaqueToken("alice", api)
		if err != nil {
			t.Fatal(err)
		}
		r := a.Browser().Do(http.MethodGet, "/user", nil, "Authorization", "Bearer "+token)
		if r.StatusCode != want || a.OPs["one"].Count(fakeop.Introspection) != 0 {
			t.Errorf("opaque token of %s: %d %s", name, r.StatusCode, r.Body)
		}
	}
}

// TestRecheckOfSeveral: a re-check asks the provider of the session, and the groups keep its prefix, those of a
// resolver too. Case 330.
func TestRecheckOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		a := testapp.NewSeveral(t, []string{"one", "two"}, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.RecheckEvery = time.Minute
			c.Providers[1].GroupsPrefix = "two:"
			c.Providers[1].GroupsResolver = func(_ context.Context, u *ginoidc.User, _ string) ([]string, error) {
				return append(slices.Clone(u.Groups), "resolved"), nil
			}
			c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
				seen = append(seen, s.User.Provider)
				return nil
			}
		})
		b := a.Browser()
		b.MustSignInAt("two", "alice")
		for range 2 {
			if r := b.Fetch("/me"); !strings.Contains(r.Body, `"two:admin"`) || !strings.Contains(r.Body, `"two:resolved"`) ||
				strings.Contains(r.Body, `"admin"`) || strings.Contains(r.Body, `"resolved"`) {
				t.Errorf("groups: %s", r.Body)
			}
			time.Sleep(2 * time.Minute)
		}
		if a.OPs["two"].Refreshes() == 0 || a.OPs["one"].Count(fakeop.Token) != 0 ||
			!slices.Equal(seen, []string{"two", "two"}) {
			t.Errorf("%d refreshes, %q", a.OPs["two"].Refreshes(), seen)
		}
	})
}

// TestTokensOfReplacedProvider: a sign-in whose response comes without the session's cookie replaces a session of
// another provider, and shows that session's tokens to nobody else. Case 327.
func TestTokensOfReplacedProvider(t *testing.T) {
	a := testapp.NewSeveral(t, []string{"one", "two"}, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.KeepTokens, c.Providers[1].ResponseMode = true, "form_post"
	})
	b := a.Browser()
	b.MustSignInAt("one", "alice")
	if r := b.PostCallback(b.StartAt("two", "alice")); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", r.StatusCode, a.Logs)
	}
	if n := a.OPs["two"].Count(fakeop.Revocation); n != 0 {
		t.Errorf("tokens of one were sent to two: %d requests", n)
	}
	if b.WhoAmI() != "alice" {
		t.Error("nobody is signed in")
	}
}
