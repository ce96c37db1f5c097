package ginoidc_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestIPSIEProblems: the profile refuses what it does not allow, and sets what is left out.
func TestIPSIEProblems(t *testing.T) {
	_, rsaKey := testKeys(t)
	type change = func(*ginoidc.Config, *ginoidc.Provider)
	algs := func(algs ...string) change {
		return func(_ *ginoidc.Config, p *ginoidc.Provider) { p.SigningAlgs = algs }
	}
	for name, tt := range map[string]struct {
		change change
		field  string // "": accepted
	}{
		"nothing else":  {func(*ginoidc.Config, *ginoidc.Provider) {}, ""},
		"its algorithm": {algs("PS256"), ""},
		"RS256":         {algs("ES256", "RS256"), "SigningAlgs"},
		"http":          {func(c *ginoidc.Config, _ *ginoidc.Provider) { c.AppURL = "http://localhost:8080" }, "AppURL"},
		"http provider": {func(_ *ginoidc.Config, p *ginoidc.Provider) { p.Issuer = "http://localhost:9090" }, "Issuer"},
		"audiences": {func(_ *ginoidc.Config, p *ginoidc.Provider) {
			p.TrustedAudiences = []string{"a"}
		}, "TrustedAudiences"},
		"a secret's signature": {func(_ *ginoidc.Config, p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret = ginoidc.ClientSecretJWT, strings.Repeat("secret-", 6)
		}, "ClientAuthMethod"},
		"an RSA key": {func(_ *ginoidc.Config, p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret, p.ClientKey = ginoidc.PrivateKeyJWT, "", rsaKey
		}, ""},
		"an RSA key with RS256": {func(_ *ginoidc.Config, p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret, p.ClientKey, p.ClientKeyAlg = ginoidc.PrivateKeyJWT, "", rsaKey, "RS256"
		}, "ClientKeyAlg"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := validConfig()
			cfg.Providers[0].Profile = ginoidc.ProfileIPSIESL1
			tt.change(&cfg, &cfg.Providers[0])
			_, err := ginoidc.New(cfg)
			switch got := problemsOf(err); {
			case tt.field == "" && err != nil:
				t.Error(err)
			case tt.field != "" && (len(got) != 1 || !strings.HasPrefix(got[0], tt.field) &&
				!strings.HasPrefix(got[0], "Providers[0]."+tt.field)):
				t.Errorf("problems %q, %v", got, err)
			}
		})
	}
}

// newIPSIE returns an app with the profile and a provider that has all it requires.
func newIPSIE(t *testing.T) *testapp.App {
	t.Helper()
	a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Providers[0].Profile, c.Providers[0].SigningAlgs = ginoidc.ProfileIPSIESL1, nil
		op.ACRValues = []string{"phr"}
	})
	a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = time.Now().Add(time.Hour).Unix() })
	return a
}

// TestIPSIESignIn: the ID token has to be for this app alone and say how the user was authenticated and how long the
// session may last. Third parties may start sign-ins.
func TestIPSIESignIn(t *testing.T) {
	a := newIPSIE(t)
	if r := a.Browser().Navigate("/auth/signin?iss=" + testapp.Issuer); r.StatusCode != http.StatusFound {
		t.Errorf("third party: %d %s", r.StatusCode, r.Body)
	}
	later := time.Now().Add(time.Hour).Unix()
	for name, change := range map[string]map[string]any{
		"all": {}, "aud as a list": {"aud": []string{"app"}}, "no acr": {"acr": nil}, "empty acr": {"acr": ""},
		"acr as a number": {"acr": 1}, "no amr": {"amr": nil}, "empty amr": {"amr": []string{}}, "amr a text": {"amr": "pwd"},
		"amr of numbers": {"amr": []int{1}}, "no auth_time": {"auth_time": nil}, "auth_time as text": {"auth_time": "1"},
		"no session_expiry": {"session_expiry": nil},
	} {
		t.Run(name, func(t *testing.T) {
			a.OP.OnIDToken(func(claims map[string]any) {
				claims["session_expiry"] = later
				for claim, value := range change {
					if claims[claim] = value; value == nil {
						delete(claims, claim)
					}
				}
			})
			want := http.StatusUnauthorized
			if len(change) == 0 {
				want = http.StatusSeeOther
			}
			if r := a.Browser().SignIn("alice"); r.StatusCode != want {
				t.Errorf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
			}
		})
	}
}

// TestIPSIEProvider: a provider that does not announce what the profile needs gets no browser.
func TestIPSIEProvider(t *testing.T) {
	a := newIPSIE(t)
	a.OP.OnDiscovery(func(doc map[string]any) { delete(doc, "authorization_response_iss_parameter_supported") })
	r := a.Browser().Navigate("/auth/signin")
	if r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.Logs.String(), "ipsie_unsupported") {
		t.Errorf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
	}
	if slices.Contains(a.Browser().Cookies(), "ginoidc") {
		t.Error("an attempt was started")
	}
}
