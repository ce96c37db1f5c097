package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

type (
	app    = settings.App
	idp    = settings.Provider
	events = settings.Signals
)

// wantProblems compares the problems with the beginnings of the wanted ones, in order: field and text.
func wantProblems(t *testing.T, found *settings.Problems, want ...string) {
	t.Helper()
	ok := len(found.All) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = strings.HasPrefix(found.All[i].Field+" "+found.All[i].Text, want[i]) && found.All[i].Fix != ""
	}
	if !ok {
		t.Errorf("got  %s\nwant %q", text(found), want)
	}
}

// TestSiteOfApp: routes and cookies cannot lead elsewhere or lose their prefix, and only origins are trusted.
func TestSiteOfApp(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*app)
		want   string
	}{
		"a prefix of two":    {func(a *app) { a.RoutePrefix = "/a/auth" }, ""},
		"no plain prefix":    {func(a *app) { a.RoutePrefix = "/a/../auth" }, "RoutePrefix"},
		"the root":           {func(a *app) { a.RoutePrefix = "/" }, `RoutePrefix "/" is not a plain path`},
		"a cookie's prefix":  {func(a *app) { a.CookieName = "__Host-a" }, `CookieName "__Host-a" is not accepted`},
		"trusted pattern":    {func(a *app) { a.TrustedOrigins = []string{"*"} }, `TrustedOrigins "*"`},
		"trusted":            {func(a *app) { a.TrustedOrigins = []string{"https://a.example"} }, ""},
		"a route":            {func(a *app) { a.CrossOriginRoutes = []string{"/hook/:id"} }, ""},
		"no route":           {func(a *app) { a.CrossOriginRoutes = []string{"hook"} }, `CrossOriginRoutes "hook"`},
		"after the sign-out": {func(a *app) { a.PostSignOutURL = "https://app.example/bye" }, ""},
		"a path":             {func(a *app) { a.PostSignOutURL = "/bye" }, "PostSignOutURL"},
		"plain http":         {func(a *app) { a.AppURL = "http://localhost" }, ""},
		"https, enterprise":  {func(a *app) { a.Enterprise = true }, ""},
		"claims":             {func(a *app) { a.UserInfoClaims = []string{"a", " b"} }, "UserInfoClaims has a blank"},
		"no secret":          {func(a *app) { a.CookieSecrets = nil }, "CookieSecrets is empty"},
		"a list of ends": {func(a *app) { a.UnsupportedEnds = []string{"Revoke"} },
			"State does not support [Revoke]"},
	} {
		t.Run(name, func(t *testing.T) {
			a, found := validApp(), &settings.Problems{}
			tt.change(a)
			if a.Check(found); tt.want == "" {
				wantProblems(t, found)
			} else {
				wantProblems(t, found, tt.want)
			}
		})
	}
}

// TestLimitsOfApp: a limit in the wrong unit, or out of range, would end sessions at once or never.
func TestLimitsOfApp(t *testing.T) {
	const second, ns = time.Second, time.Nanosecond
	for name, tt := range map[string]struct {
		change func(*app)
		want   []string
	}{
		"the shortest":     {func(a *app) { a.SessionIdle, a.SessionLifetime = second, second }, nil},
		"idle in other":    {func(a *app) { a.SessionIdle = 12 }, []string{"SessionIdle is below"}},
		"idle of a second": {func(a *app) { a.SessionIdle = second }, nil},
		"both in other":    {func(a *app) { a.SessionIdle, a.SessionLifetime = 12, 12 }, []string{"SessionLifetime is"}},
		"a negative life": {func(a *app) { a.SessionLifetime = -1 },
			[]string{"SessionLifetime", "SessionIdle 1h0m0s is above"}},
		"idle above life":  {func(a *app) { a.SessionIdle += ns }, []string{"SessionIdle 1h0m0.000000001s is above"}},
		"no age":           {func(a *app) { a.MaxAuthAge = 0 }, nil},
		"the shortest age": {func(a *app) { a.MaxAuthAge = second }, nil},
		"age in other":     {func(a *app) { a.MaxAuthAge = 8 }, []string{"MaxAuthAge 8ns is below"}},
		"the longest":      {func(a *app) { a.AttemptLife = 24 * time.Hour }, nil},
		"too long": {func(a *app) { a.AttemptLife = 24*time.Hour + ns },
			[]string{"AttemptLife 24h0m0.000000001s"}},
		"too short":         {func(a *app) { a.AttemptLife = time.Minute - ns }, []string{"AttemptLife 59.999999999s"}},
		"ID token":          {func(a *app) { a.KeepIDToken = "yes" }, []string{`KeepIDToken "yes" is not one`}},
		"many sessions":     {func(a *app) { a.MaxSessions = 3 }, nil},
		"fewer than none":   {func(a *app) { a.MaxSessions = -1 }, []string{"MaxSessions is negative"}},
		"no list, no limit": {func(a *app) { a.UnsupportedLists = []string{"Listed"} }, nil},
		"re-checks":         {func(a *app) { a.RecheckEvery, a.RecheckGrace = second, second }, nil},
		"as rare as can":    {func(a *app) { a.RecheckEvery, a.RecheckGrace = time.Hour, second }, nil},
		"too often":         {func(a *app) { a.RecheckEvery, a.RecheckGrace = 5, second }, []string{"RecheckEvery 5ns"}},
		"never in time": {func(a *app) { a.RecheckEvery, a.RecheckGrace = time.Hour+ns, second },
			[]string{"RecheckEvery 1h"}},
		"a short grace": {func(a *app) { a.RecheckEvery, a.RecheckGrace = second, 10 },
			[]string{"RecheckGrace 10ns"}},
		"in background": {func(a *app) { a.RecheckInBackground = true },
			[]string{"RecheckInBackground is set without"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, found := validApp(), &settings.Problems{}
			tt.change(a)
			a.Check(found)
			wantProblems(t, found, tt.want...)
		})
	}
}

// TestAPIOfApp: the app is a resource server at its own address, and believes only its proxy what the client's
// certificate is.
func TestAPIOfApp(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*app)
		want   []string
	}{
		"all": {func(*app) {}, nil},
		"no tokens": {func(a *app) { a.AccessTokens, a.Resource = false, "" },
			[]string{"CertificateHeader is set without"}},
		"no header": {func(a *app) { a.CertificateHeader = "" },
			[]string{"CertificateFormat is", "CertificateProxies is"}},
		"no name":    {func(a *app) { a.CertificateHeader = "a b" }, []string{`CertificateHeader "a b" is not`}},
		"no format":  {func(a *app) { a.CertificateFormat = "" }, []string{`CertificateFormat ""`}},
		"no proxies": {func(a *app) { a.CertificateProxies = nil }, []string{"CertificateProxies is empty"}},
		"a host":     {func(a *app) { a.CertificateProxies = []string{"proxy"} }, []string{"CertificateProxies"}},
		"at the app": {func(a *app) { a.Resource = "https://app.example" }, nil},
		"below a path": {func(a *app) { a.AppURL, a.Resource = "https://app.example/a/", "https://app.example/a/b" },
			nil},
		"at a path": {func(a *app) { a.AppURL, a.Resource = "https://app.example/a", "https://app.example/a" }, nil},
		"beside it": {func(a *app) { a.AppURL, a.Resource = "https://app.example/a", "https://app.example/ab" },
			[]string{`Resource "https://app.example/ab" is not a plain URL`}},
		"another host": {func(a *app) { a.Resource = "https://api.example" },
			[]string{`Resource "https://api.example"`}},
		"another scheme": {func(a *app) { a.Resource = "http://localhost" },
			[]string{`Resource "http://localhost" is not a plain`}},
		"http, the same host": {func(a *app) { a.AppURL, a.Resource = "https://localhost", "http://localhost" },
			[]string{`Resource "http://localhost" is not a plain`}},
		"no plain path": {func(a *app) { a.Resource += "/a//b" }, []string{"Resource"}},
		"a query":       {func(a *app) { a.Resource += "?a" }, []string{"Resource has a user part"}},
		"no URL": {func(a *app) { a.Resource = "https://%zz" },
			[]string{"Resource \"https://%zz\" is not an absolute"}},
		"no URL of an app": {func(a *app) { a.AppURL = "https://%zz" }, []string{"AppURL"}}, // alone
		"alone": {func(a *app) {
			a.AccessTokens, a.CertificateHeader, a.CertificateFormat, a.CertificateProxies = false, "", "", nil
		},
			[]string{"Resource is set without Audience"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, found := validApp(), &settings.Problems{}
			a.AccessTokens, a.Resource = true, "https://app.example/api"
			a.CertificateHeader, a.CertificateFormat = "Client-Cert", "rfc9440"
			a.CertificateProxies = []string{"10.0.0.0/8"}
			tt.change(a)
			a.Check(found)
			wantProblems(t, found, tt.want...)
		})
	}
}
