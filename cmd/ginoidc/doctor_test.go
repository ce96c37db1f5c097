package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
)

// configured runs a provider, and sets the variables of an app that fits it.
func configured(t *testing.T) {
	t.Helper()
	exported(t, runDevProvider(t))
	t.Setenv("OIDC_APP_URL", "http://localhost:8080")
}

// examined runs the command with -json.
func examined(t *testing.T, args ...string) (status int, found []ginoidc.Finding) {
	t.Helper()
	status, out, errOut := called(append([]string{"doctor", "-json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &found); err != nil || errOut != "" {
		t.Fatalf("%v: %s%s", err, out, errOut)
	}
	return status, found
}

// TestDoctor: an app that fits its provider gets status 0, and text that says what works.
func TestDoctor(t *testing.T) {
	configured(t)
	status, out, errOut := called("doctor")
	if status != exitOK || errOut != "" || !strings.HasSuffix(out, "\n0 errors, 1 warning\n") {
		t.Errorf("%d %s%s", status, out, errOut)
	}
	for _, line := range []string{
		"ok       client: the provider accepts the client app with client_secret_basic\n",
		"ok       redirect_uri: the provider sends browsers back to http://localhost:8080/auth/callback\n",
		"warning  cookies_insecure: ", "\n         → in production, set OIDC_APP_URL to the https URL",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("lacks %q:\n%s", line, out)
		}
	}
}

// TestDoctorFindsMistakes: a mistake in the variables is named with its fix and status 1, and no secret is printed.
func TestDoctorFindsMistakes(t *testing.T) {
	configured(t)
	for name, tt := range map[string]struct {
		env, code, severity, fix string
	}{
		"secret":      {"OIDC_CLIENT_SECRET=SECRET of another", "client_refused", "error", "OIDC_CLIENT_SECRET"},
		"redirect":    {"OIDC_ROUTE_PREFIX=/login", "redirect_uri_refused", "error", "http://localhost:8080/login/callback"},
		"scope":       {"OIDC_SCOPES=openid nothing", "scope_not_listed", "warning", "OIDC_SCOPES"},
		"algorithm":   {"OIDC_SIGNING_ALGS=ES256", "algorithm_not_offered", "error", "OIDC_SIGNING_ALGS"},
		"variable":    {"OIDC_ISUER=x", "startup_warning", "warning", "variable"},
		"unreadable":  {"OIDC_SESSION_IDLE=SECRET", "config", "error", "12h"},
		"insecure":    {"OIDC_APP_URL=http://app.example.com", "config", "error", "https://app.example.com"},
		"no redis":    {"REDIS_URL=", "config", "error", "correct REDIS_URL"},
		"wrong redis": {"REDIS_URL=http://localhost:SECRET", "config", "error", "correct REDIS_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			variable, value, _ := strings.Cut(tt.env, "=")
			t.Setenv(variable, value)
			var args []string
			if variable == "REDIS_URL" {
				args = []string{"-redis", variable}
			}
			status, found := examined(t, args...)
			i := slices.IndexFunc(found, func(f ginoidc.Finding) bool { return f.Code == tt.code })
			if i < 0 || found[i].Severity != tt.severity || !strings.Contains(found[i].Fix, tt.fix) {
				t.Errorf("found %+v", found)
			}
			if (status == exitFailed) != (tt.severity == "error") || status > exitFailed {
				t.Errorf("exit status %d", status)
			}
			for _, f := range found {
				if strings.Contains(f.Seen+f.Fix, "SECRET of") || strings.Contains(f.Seen+f.Fix, ":SECRET") {
					t.Errorf("prints a secret: %+v", f)
				}
			}
		})
	}
}

// TestOutputOfPage: the output in docs/doctor.md is that of the command.
func TestOutputOfPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	configured(t)
	issuer := os.Getenv("OIDC_ISSUER")
	for _, mistakes := range [][]string{
		nil, {"OIDC_CLIENT_SECRET=secrat", "OIDC_ROUTE_PREFIX=/login", "OIDC_SCOPES=openid grouops"},
	} {
		for _, mistake := range mistakes {
			name, value, _ := strings.Cut(mistake, "=")
			t.Setenv(name, value)
			if !strings.Contains(string(page), mistake) {
				t.Errorf("docs/doctor.md does not say %s", mistake)
			}
		}
		_, out, _ := called("doctor")
		out = strings.ReplaceAll(out, issuer, "http://localhost:9400")
		if !strings.Contains(string(page), "```text\n"+out+"```") {
			t.Errorf("docs/doctor.md lacks the output\n%s", out)
		}
	}
}

// TestDoctorOfSeveral: each provider has a part of its own, in order.
func TestDoctorOfSeveral(t *testing.T) {
	configured(t)
	t.Setenv("APP_PROVIDERS", "google staff")
	t.Setenv("APP_COOKIE_SECRET", newSecret())
	for _, variable := range []string{"ISSUER", "CLIENT_ID", "CLIENT_SECRET"} {
		t.Setenv("APP_GOOGLE_"+variable, os.Getenv("OIDC_"+variable))
		t.Setenv("APP_STAFF_"+variable, os.Getenv("OIDC_"+variable))
	}
	t.Setenv("APP_STAFF_ISSUER", "http://"+unused(t))
	status, out, _ := called("doctor", "-prefix", "APP")
	google, staff := strings.Index(out, "\ngoogle\n"), strings.Index(out, "\nstaff\n")
	if status != exitFailed || google < 0 || staff < google ||
		!strings.Contains(out[google:staff], "http://localhost:8080/auth/callback/google") ||
		!strings.Contains(out[staff:], "error    discovery_unreachable: ") ||
		!strings.Contains(out[staff:], "APP_STAFF_ISSUER") {
		t.Errorf("%d\n%s", status, out)
	}
}

// TestDoctorOfRedis: a Redis that is away is named, and its password is not.
func TestDoctorOfRedis(t *testing.T) {
	configured(t)
	t.Setenv("REDIS_URL", (&url.URL{Scheme: "redis", User: url.UserPassword("app", "SECRET"), Host: unused(t)}).String())
	status, out, errOut := called("doctor", "-redis", "REDIS_URL")
	if status != exitFailed || !strings.Contains(out, "error    store_unavailable: ") ||
		!strings.Contains(out, "error    state_unavailable: ") || strings.Contains(out+errOut, "SECRET") {
		t.Errorf("%d\n%s%s", status, out, errOut)
	}
}

// TestDoctorFollowsNoRedirect: neither the client's secret nor a code goes to where the provider points.
func TestDoctorFollowsNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request for %s", r.URL.Path)
	}))
	defer elsewhere.Close()
	configured(t)
	redirects := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer redirects.Close()
	t.Setenv("OIDC_ISSUER", redirects.URL)
	if status, found := examined(t); status != exitFailed || found[len(found)-1].Code != "discovery_redirect" {
		t.Errorf("%d %+v", status, found)
	}
}

// unused returns an address at which nothing listens.
func unused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
