package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

const localhost = "http://localhost:8080"

// dora is in the group admin only.
func visitors() []string { return []string{"", "alice", "bob", "carol", "dora"} }

// TestRoutes requests every route as a program, as each of the visitors.
func TestRoutes(t *testing.T) {
	tests := []struct {
		path string
		want [5]int // in the order of visitors
	}{
		{"/", [5]int{200, 200, 200, 200, 200}},
		{"/healthz", [5]int{200, 200, 200, 200, 200}},
		{"/readyz", [5]int{200, 200, 200, 200, 200}},
		{"/static/style.css", [5]int{200, 200, 200, 200, 200}},
		{"/profile", [5]int{401, 200, 200, 200, 200}},
		{"/api/me", [5]int{401, 200, 200, 200, 200}},
		{"/api/notes", [5]int{401, 200, 200, 200, 200}},
		{"/api/sessions", [5]int{401, 200, 200, 200, 200}},
		{"/api/fresh", [5]int{401, 401, 401, 401, 401}}, // SignInAs sets no time of authentication
		{"/api/mfa", [5]int{401, 401, 401, 401, 401}},
		{"/silent", [5]int{200, 200, 200, 200, 200}},
		{"/api/admin", [5]int{401, 200, 403, 403, 200}},
		{"/api/auditors", [5]int{401, 200, 403, 403, 403}},
		{"/api/custom", [5]int{401, 200, 403, 403, 200}},
		{"/api/orgs/acme/projects", [5]int{401, 200, 403, 403, 403}},
		{"/api/orgs/globex/projects", [5]int{401, 403, 200, 403, 403}},
		{"/api/orgs/acme%2f/projects", [5]int{404, 404, 404, 404, 404}},
		{"/auth/userinfo", [5]int{204, 200, 200, 200, 200}},
		{"/nowhere", [5]int{404, 404, 404, 404, 404}},
	}
	a := newApp(t, localhost)
	for i, who := range visitors() {
		client := a.client(t, who)
		for _, test := range tests {
			if got := a.send(t, client, http.MethodGet, test.path, ""); got.StatusCode != test.want[i] {
				t.Errorf("%s as %q: %d, want %d; %s", test.path, who, got.StatusCode, test.want[i], got.body)
			}
		}
	}
}

func TestAnswers(t *testing.T) {
	me := `{"sub":%q,"iss":"https://idp.example","email":%q,"name":%q,"groups":[%s],"organizations":[%s]}`
	tests := []struct{ who, path, want string }{
		{"", "/api/custom", `{"error":"unauthorized","message":"Please sign in"}`},
		{"bob", "/api/custom",
			`{"error":"forbidden","message":"User bob@example.com does not have access to this resource."}`},
		{"alice", "/api/custom", `{"message":"Admin-only data"}`},
		{"alice", "/api/admin", `{"message":"Admin-only data"}`},
		{"alice", "/api/me",
			fmt.Sprintf(me, "alice", "alice@example.com", "Alice Archer", `"admin","audit","staff"`, `"acme"`)},
		{"carol", "/api/me", fmt.Sprintf(me, "carol", "carol@example.com", "Carol Cook", "", "")},
		{"alice", "/api/orgs/acme/projects", `{"org":"acme","projects":["acme website","acme warehouse"]}`},
		{"carol", "/api/notes", `{"notes":[]}`},
		{"", "/healthz", `{"status":"ok"}`},
		{"", "/readyz", `{"status":"ready"}`},
		{"", "/nowhere", `{"error":"not_found","message":"There is nothing here."}`},
	}
	a := newApp(t, localhost)
	for _, test := range tests {
		got := a.send(t, a.client(t, test.who), http.MethodGet, test.path, "")
		if got.body != test.want {
			t.Errorf("%s as %q:\n got %s\nwant %s", test.path, test.who, got.body, test.want)
		}
	}
}

// The route for programs: by access token and scope, for users and for the client itself.
func TestMachine(t *testing.T) {
	const machineAudience = "https://api.example.com"
	a := newAppUntil(t, t.Context(), localhost, func(c *ginoidc.Config) { c.Providers[0].Audience = machineAudience })
	for _, test := range []struct{ who, authorization, want string }{
		{"", "Bearer " + a.provider.AccessToken(t, "alice", machineAudience, "read:things", "list"),
			`200 {"sub":"alice","client_id":"app","scopes":["read:things","list"]}`},
		{"", "Bearer " + a.provider.AccessToken(t, "", machineAudience, "read:things"),
			`200 {"sub":"app","client_id":"app","scopes":["read:things"]}`},
		{"", "Bearer " + a.provider.AccessToken(t, "", machineAudience, "read"),
			`403 {"error":"insufficient_scope","message":"The access token does not allow this."}`},
		{"alice", "Bearer " + a.provider.AccessToken(t, "", "https://other.example", "read:things"),
			`401 {"error":"invalid_access_token","message":"The access token was not accepted.","sign_in_url":"/auth/signin"}`},
		{"alice", "", `403 {"error":"insufficient_scope","message":"The access token does not allow this."}`},
		{"", "", `401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}`},
	} {
		var header []string
		if test.authorization != "" {
			header = []string{"Authorization", test.authorization}
		}
		got := a.send(t, a.client(t, test.who), http.MethodGet, "/api/machine", "", header...)
		if text := fmt.Sprint(got.StatusCode, " ", got.body); text != test.want {
			t.Errorf("%q with %.20q: %s, want %s", test.who, test.authorization, text, test.want)
		}
	}
}

// A guard that is registered after its routes does not protect them: all open routes are intentional. // case 210
func TestOpenRoutes(t *testing.T) {
	a := newApp(t, localhost)
	public := []string{"/", "/healthz", "/readyz", "/silent", "/static/style.css", "/static/icon.svg"}
	if open := ginoidctest.OpenRoutes(a.engine, public...); len(open) > 0 {
		t.Errorf("without a guard: %q", open)
	}
}

// Who may use each route, in one table: a change of a guard is a change of this list.
func TestGuards(t *testing.T) {
	a := newApp(t, localhost)
	var got []string
	for _, r := range ginoidctest.Audit(a.engine) {
		if len(r.Guards) > 0 {
			got = append(got, r.Method+" "+r.Path+" "+strings.Join(r.Guards, ", "))
		}
	}
	want := []string{
		"GET /api/admin RequireGroups(admin)",
		"GET /api/auditors RequireAllGroups(admin, audit)",
		"GET /api/custom RequireGroups(admin)",
		"GET /api/fresh RequireFreshSignIn(1m0s)",
		"GET /api/machine RequireScopes(read:things)",
		"GET /api/me RequireAuth",
		"GET /api/mfa RequireACR(urn:example:mfa)",
		"GET /api/notes RequireAuth",
		"POST /api/notes RequireAuth",
		"GET /api/orgs/:org/projects RequireOrganization(:org)",
		"GET /api/sessions RequireAuth",
		"DELETE /api/sessions/:id RequireAuth",
		"POST /api/sign-out-everywhere RequireAuth",
		"GET /api/stream RequireAuth",
		"GET /profile RequireAuth",
	}
	if !slices.Equal(got, want) {
		t.Errorf("routes with guards:\n%s", strings.Join(got, "\n"))
	}
}

// The start page lists the status of each route; this follows the links.
func TestStartPageKeepsItsWord(t *testing.T) {
	row := regexp.MustCompile(`<td><a href="([^"]+)">[^<]*</a></td>\s*<td>[^<]*</td>\s*` +
		`<td><span class="status s\d+">(\d+)</span>`)
	a := newApp(t, localhost)
	for _, who := range visitors() {
		client := a.client(t, who)
		page := a.navigate(t, client, "/").body
		if who == "dora" && !strings.Contains(page, `id="user-name">dora<`) { // she has no name
			t.Errorf("start page without dora:\n%s", page)
		}
		rows := row.FindAllStringSubmatch(page, -1)
		if len(rows) != 8 {
			t.Errorf("as %q: %d routes to try, want 8", who, len(rows))
		}
		for _, r := range rows {
			if got := a.navigate(t, client, r[1]); fmt.Sprint(got.StatusCode) != r[2] {
				t.Errorf("%s as %q: %d, promised %s", r[1], who, got.StatusCode, r[2])
			}
		}
	}
}

// A complete flow: a guarded page, the provider, back to that page, and a sign-out.
func TestSignInAndOut(t *testing.T) {
	for _, base := range []string{"", "/shop"} {
		t.Run("base path "+base, func(t *testing.T) {
			a := newApp(t, localhost+base)
			client := a.client(t, "")
			toSignIn := a.navigate(t, client, base+"/profile")
			want := base + "/auth/signin?return_to=" + url.QueryEscape(base+"/profile")
			if got := toSignIn.Header.Get("Location"); got != want {
				t.Fatalf("%d to %q, want %q", toSignIn.StatusCode, got, want)
			}
			toProvider := a.navigate(t, client, toSignIn.Header.Get("Location"))
			callback, err := a.provider.Approve(toProvider.Header.Get("Location"), "alice")
			if err != nil {
				t.Fatal(err)
			}
			if back := a.navigate(t, client, callback); back.StatusCode != http.StatusSeeOther ||
				back.Header.Get("Location") != base+"/profile" {
				t.Fatalf("callback: %d %s, %s", back.StatusCode, back.Header.Get("Location"), back.body)
			}
			for _, path := range []string{base + "/", base + "/profile"} {
				page := a.navigate(t, client, path)
				for _, text := range []string{
					`<a href="` + base + `/profile" id="user-name">Alice Archer</a>`, `<li>admin</li>`, `id="groups"`,
					`<form method="post" action="` + base + `/auth/signout"><button class="quiet" id="sign-out">`,
					`href="` + base + `/static/style.css"`,
				} {
					if !strings.Contains(page.body, text) {
						t.Errorf("%s without %s:\n%s", path, text, page.body)
					}
				}
			}
			out := a.send(t, client, http.MethodPost, base+"/auth/signout", "", "Sec-Fetch-Site", "same-origin")
			at, err := url.Parse(out.Header.Get("Location"))
			if err != nil || at.Host != "idp.example" || at.Query().Get("post_logout_redirect_uri") != localhost+base+"/" {
				t.Errorf("sign-out: %d to %q", out.StatusCode, at)
			}
			if got := a.send(t, client, http.MethodGet, base+"/api/me", ""); got.StatusCode != http.StatusUnauthorized {
				t.Errorf("after sign-out: %d", got.StatusCode)
			}
			page := a.navigate(t, client, base+"/")
			link := `id="sign-in" href="` + base + `/auth/signin?return_to=` + url.QueryEscape(base+"/") + `"`
			if !strings.Contains(page.body, link) {
				t.Errorf("start page without %s:\n%s", link, page.body)
			}
		})
	}
}

func TestBasePath(t *testing.T) {
	a := newApp(t, localhost+"/shop/")
	client := a.client(t, "")
	for path, want := range map[string]int{
		"/shop": 200, "/shop/": 200, "/shop/healthz": 200, "/shop/static/icon.svg": 200, "/shop/api/me": 401,
		"/shop/auth/userinfo": 204,
		"/":                   404, "/healthz": 404, "/api/me": 404, "/auth/signin": 404,
	} {
		if got := a.send(t, client, http.MethodGet, path, ""); got.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, got.StatusCode, want)
		}
	}
}

const discovery = "/.well-known/openid-configuration"

func TestReadyNamesTheReason(t *testing.T) {
	tests := []struct {
		name    string
		broken  func(testing.TB, *ginoidctest.Provider)
		reasons []string
	}{
		{"down", func(t testing.TB, p *ginoidctest.Provider) {
			p.Intercept(t, discovery,
				func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		}, []string{"502"}},
		{"other issuer", func(t testing.TB, p *ginoidctest.Provider) { // case 111
			p.Misbehave(t, ginoidctest.IssuerMismatch)
		}, []string{"https://idp.example", "https://elsewhere.example"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newApp(t, localhost)
			test.broken(t, a.provider)
			client := a.client(t, "")
			got := a.send(t, client, http.MethodGet, "/readyz", "")
			if got.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(got.body, `{"reason":"`) {
				t.Errorf("%d %s", got.StatusCode, got.body)
			}
			for _, reason := range test.reasons {
				if !strings.Contains(got.body, reason) {
					t.Errorf("%q is not named in %s", reason, got.body)
				}
			}
			if alive := a.send(t, client, http.MethodGet, "/healthz", ""); alive.StatusCode != http.StatusOK {
				t.Errorf("healthz: %d", alive.StatusCode)
			}
		})
	}
}

// One of several providers that cannot be used leaves the app ready, and the probe says what is wrong with it.
func TestReadyNamesOneOfSeveral(t *testing.T) {
	other, err := ginoidctest.New(ginoidctest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	two := func(c *ginoidc.Config) {
		c.Providers[0].Name = "good"
		c.Providers = append(c.Providers, ginoidc.Provider{
			Name: "wrong", Issuer: other.Issuer(), ClientID: "app", ClientSecret: "secret", Transport: other.Transport(),
		})
	}
	a := newAppUntil(t, t.Context(), localhost, two)
	if got := a.send(t, a.client(t, ""), http.MethodGet, "/readyz", ""); got.body != `{"status":"ready"}` {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	other.Misbehave(t, ginoidctest.IssuerMismatch)
	a = newAppUntil(t, t.Context(), localhost, two)
	got := a.send(t, a.client(t, ""), http.MethodGet, "/readyz", "")
	var answer struct {
		Status    string
		Providers map[string]string
	}
	err = json.Unmarshal([]byte(got.body), &answer)
	if why := answer.Providers["wrong"]; err != nil || got.StatusCode != http.StatusOK || answer.Status != "ready" ||
		len(answer.Providers) != 1 || !strings.Contains(why, other.Issuer()) ||
		!strings.Contains(why, "https://elsewhere.example") {
		t.Errorf("%d %s, %v", got.StatusCode, got.body, err)
	}
	if !strings.Contains(a.log.String(), "issuer_mismatch") {
		t.Errorf("log %s", a.log)
	}
}

// A provider that does not respond must not delay the probe.
func TestReadyIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, localhost)
		a.provider.Intercept(t, discovery, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		start := time.Now()
		got := a.send(t, a.client(t, ""), http.MethodGet, "/readyz", "")
		if took := time.Since(start); got.StatusCode != http.StatusServiceUnavailable || took > readyLimit {
			t.Errorf("%d %s after %s", got.StatusCode, got.body, took)
		}
		time.Sleep(time.Minute) // so that the plugin's shared call to the provider ends too
	})
}
