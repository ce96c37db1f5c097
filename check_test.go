package ginoidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

// codesOf returns the codes of a severity.
func codesOf(found []ginoidc.Finding, severity string) (codes []string) {
	for _, f := range found {
		if f.Severity == severity {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// TestCheck: an app that works has nothing to change. What Check does is no event, and its calls are few.
func TestCheck(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Providers[0].Scopes = []string{"openid", "groups"}
		op.RedirectURIs = []string{testapp.URL + "/auth/callback"}
	})
	a.Logs.Reset()
	found := a.Auth.Check(t.Context())
	want := []string{"cookies", "store", "state", "tls", "discovery", "issuer", "clock", "keys", "algorithms", "endpoints",
		"client", "pkce", "redirect_uri", "sign_out", "scopes", "claims"}
	if got := codesOf(found, ginoidc.SeverityOK); !slices.Equal(got, want) || len(found) != len(want) {
		t.Errorf("found %+v", found)
	}
	if a.Logs.Len() > 0 {
		t.Errorf("logged %s", a.Logs)
	}
	for _, e := range []fakeop.Endpoint{fakeop.Token, fakeop.Authorize, fakeop.JWKS} {
		if n := a.OP.Count(e); n != 1 {
			t.Errorf("%d requests to %s", n, e)
		}
	}
}

// TestCheckFindsMistakes: the fix names the field, and the finding has no secret.
func TestCheckFindsMistakes(t *testing.T) {
	for code, tt := range map[string]struct {
		change testapp.Change
		fix    string
	}{
		"client_refused": {func(_ *ginoidc.Config, op *fakeop.Config) { op.ClientSecret = "another" },
			"Providers[0].ClientSecret"},
		"redirect_uri_refused": {func(_ *ginoidc.Config, op *fakeop.Config) {
			op.RedirectURIs = []string{testapp.URL + "/callback"}
		}, testapp.URL + "/auth/callback"},
		"issuer_slash": {func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Issuer += "/" },
			"set Providers[0].Issuer to exactly " + testapp.Issuer},
		"algorithm_not_offered": {func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].SigningAlgs = nil },
			"Providers[0].SigningAlgs"},
		"request_refused": {func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].SignInParameters = map[string][]string{"resource": {"not a URI"}}
		}, "Providers[0].SignInParameters"},
	} {
		found := testapp.New(t, tt.change).Auth.Check(t.Context())
		if got := codesOf(found, ginoidc.SeverityError); !slices.Equal(got, []string{code}) {
			t.Errorf("%s: found %+v", code, found)
		}
		for _, f := range found {
			if f.Code == code && !strings.Contains(f.Fix, tt.fix) || strings.Contains(f.Seen+f.Fix, testapp.ClientSecret) {
				t.Errorf("%s: %+v", code, f)
			}
		}
	}
}

// TestCheckOfEnvironment: the fix names the variable.
func TestCheckOfEnvironment(t *testing.T) {
	t.Setenv("OIDC_ISSUER", testapp.Issuer+"/")
	t.Setenv("OIDC_CLIENT_ID", "app")
	t.Setenv("OIDC_CLIENT_SECRET", testapp.ClientSecret)
	t.Setenv("OIDC_COOKIE_SECRET", testapp.CookieSecret)
	cfg, err := ginoidc.ConfigFromEnv("OIDC_")
	if err != nil {
		t.Fatal(err)
	}
	found := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { *c = cfg }).Auth.Check(t.Context())
	fixes := ""
	for _, f := range found {
		fixes += f.Fix + "\n"
	}
	if !strings.Contains(fixes, "set OIDC_ISSUER to exactly "+testapp.Issuer+"\n") ||
		!strings.Contains(fixes, "set OIDC_APP_URL to the https URL") {
		t.Errorf("fixes:\n%s", fixes)
	}
}

// TestCheckOfSeveral: each provider has findings of its own, and ForProvider selects one.
func TestCheckOfSeveral(t *testing.T) {
	a := testapp.NewSeveral(t, []string{"google", "staff"}, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[1].ClientSecret = "another secret"
	})
	of := func(found []ginoidc.Finding, code string) (providers []string) {
		for _, f := range found {
			if f.Code == code {
				providers = append(providers, f.Provider)
			}
		}
		return providers
	}
	found := a.Auth.Check(t.Context())
	if ok, refused := of(found, "client"), of(found, "client_refused"); !slices.Equal(ok, []string{"google"}) ||
		!slices.Equal(refused, []string{"staff"}) || !slices.Equal(of(found, "store"), []string{""}) {
		t.Errorf("found %+v", found)
	}
	for _, f := range found {
		if f.Code == "redirect_uri" && !strings.HasSuffix(f.Seen, "/auth/callback/"+f.Provider) {
			t.Errorf("%+v", f)
		}
	}
	found = a.Auth.ForProvider("staff").Check(t.Context())
	if !slices.Equal(of(found, "client_refused"), []string{"staff"}) || of(found, "client") != nil {
		t.Errorf("of one: %+v", found)
	}
	found = a.Auth.ForProvider("nobody").Check(t.Context())
	if !slices.Equal(codesOf(found, ginoidc.SeverityError), []string{"provider_unknown"}) || len(found) != 1 {
		t.Errorf("of none: %+v", found)
	}
}

// policyState is a state on a server that may evict keys.
type policyState struct {
	ginoidc.SharedState
	policy string
	err    error
}

func (s policyState) MaxMemoryPolicy(context.Context) (string, error) { return s.policy, s.err }

// awayStore is a store whose server is away.
type awayStore struct{ sessions.Store }

func (awayStore) New(*http.Request, string) (*gsessions.Session, error) {
	return nil, errors.New("connection refused")
}

// TestCheckOfStores: the store and the state are tried out, and a server of theirs is asked for its policy.
func TestCheckOfStores(t *testing.T) {
	store := memorystore.New(memorystore.Config{})
	for name, tt := range map[string]struct {
		change func(*ginoidc.Config)
		want   []string
	}{
		"on a server":    {func(c *ginoidc.Config) { c.Store, c.State = store, state.NewMemory(0) }, nil},
		"away":           {func(c *ginoidc.Config) { c.Store = awayStore{store} }, []string{"store_unavailable"}},
		"keeps its keys": {func(c *ginoidc.Config) { c.State = policyState{state.NewMemory(0), "noeviction", nil} }, nil},
		"evicts keys": {func(c *ginoidc.Config) { c.State = policyState{state.NewMemory(0), "allkeys-lru", nil} },
			[]string{"eviction_policy"}},
		"may evict keys": {func(c *ginoidc.Config) {
			c.State = policyState{state.NewMemory(0), "", errors.New("not allowed")}
		}, []string{"eviction_unknown"}},
	} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].Scopes = []string{"openid", "groups"}
			tt.change(c)
		})
		found := a.Auth.Check(t.Context())
		got := append(codesOf(found, ginoidc.SeverityError), codesOf(found, ginoidc.SeverityWarning)...)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: found %+v", name, found)
		}
	}
}

// TestFindingAsJSON: the names are those of docs/doctor.md.
func TestFindingAsJSON(t *testing.T) {
	text, err := json.Marshal([]ginoidc.Finding{
		{Code: "a", Severity: ginoidc.SeverityOK, Seen: "b"},
		{Code: "c", Severity: ginoidc.SeverityError, Provider: "p", Seen: "d", Fix: "e"},
	})
	const want = `[{"code":"a","severity":"ok","seen":"b"},` +
		`{"code":"c","severity":"error","provider":"p","seen":"d","fix":"e"}]`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}
