package ginoidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// user signs carol in and returns what a handler sees. Claims are given as JSON, to be sure of their shape.
func user(t *testing.T, change func(*ginoidc.Config), idToken, userInfo string) *ginoidc.User {
	t.Helper()
	a := newApp(t, func(c *ginoidc.Config, _ *ginoidctest.Config) { change(c) })
	edit := func(raw string) func(map[string]any) {
		return func(claims map[string]any) {
			for _, name := range []string{"groups", "organizations", "email", "email_verified"} {
				delete(claims, name)
			}
			if err := json.Unmarshal([]byte(raw), &claims); err != nil {
				t.Error(err)
			}
		}
	}
	a.op.OnIDToken(edit(idToken))
	a.op.OnUserInfo(edit(userInfo))
	var u *ginoidc.User
	a.engine.GET("/user", a.auth.RequireAuth(), func(c *gin.Context) { u, _ = ginoidc.UserFrom(c) })
	b := a.browser()
	b.mustSignIn("carol")
	b.fetch("/user")
	if u == nil {
		t.Fatal("no user")
	}
	return u
}

// TestGroupsShapes: groups from any claim shape and place. Cases 110, 195, 196 and 199.
func TestGroupsShapes(t *testing.T) {
	name := func(n string) func(*ginoidc.Config) { return func(c *ginoidc.Config) { c.GroupsClaim = n } }
	path := func(p ...string) func(*ginoidc.Config) { return func(c *ginoidc.Config) { c.GroupsPath = p } }
	none := func(*ginoidc.Config) {}
	for _, tt := range []struct {
		name              string
		change            func(*ginoidc.Config)
		idToken, userInfo string
		want              []string
	}{
		{"list, sorted and once", none, `{"groups":["b","a","b",""]}`, `{}`, []string{"a", "b"}},
		{"one string", none, `{"groups":"admin"}`, `{}`, []string{"admin"}}, // case 196
		{"spaces", none, `{"groups":"b  a"}`, `{}`, []string{"a", "b"}},
		{"commas", none, `{"groups":"b, a c,"}`, `{}`, []string{"a c", "b"}},
		{"elements are not split", none, `{"groups":["a b","c,d"," e"]}`, `{}`, []string{" e", "a b", "c,d"}},
		{"objects", none, `{"groups":[{"id":"1","name":"admin"},{"name":"staff"},{"id":7},{}]}`, `{}`, []string{"1", "admin", "staff"}},
		{"one object", none, `{"groups":{"name":"admin"}}`, `{}`, []string{"admin"}},
		{"null", none, `{"groups":null}`, `{"groups":["a"]}`, nil},
		{"odd elements", none, `{"groups":[1,true,null,["admin"],"a"]}`, `{}`, []string{"a"}}, // case 196
		{"number", none, `{"groups":7}`, `{}`, nil},                                           // case 196
		{"absent", none, `{}`, `{}`, nil},                                                     // case 195
		{"userinfo only", none, `{}`, `{"groups":["a"]}`, []string{"a"}},
		{"both: the ID token's", none, `{"groups":["a"]}`, `{"groups":["b"]}`, []string{"a"}},                                // case 110
		{"both, empty in the ID token", none, `{"groups":[]}`, `{"groups":["b"]}`, nil},                                      // case 110
		{"URL as the name", name("https://app.example/groups"), `{"https://app.example/groups":["a"]}`, `{}`, []string{"a"}}, // case 199
		{"dotted path", name("realm_access.roles"), `{"realm_access":{"roles":["a"]}}`, `{}`, []string{"a"}},                 // case 199
		{"the literal name goes first", name("a.b"), `{"a":{"b":["path"]},"a.b":["literal"]}`, `{}`, []string{"literal"}},
		{"explicit path", path("resource_access", "my.app", "roles"), `{"resource_access":{"my.app":{"roles":["a"]}}}`, `{}`, []string{"a"}},
		{"path to nowhere", name("realm_access.roles"), `{"realm_access":["roles"],"roles":["a"]}`, `{}`, nil}, // case 199
		{"another name", name("roles"), `{"groups":["a"]}`, `{}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := user(t, tt.change, tt.idToken, tt.userInfo)
			if !slices.Equal(u.Groups, tt.want) || u.GroupsOverage {
				t.Errorf("groups %q (overage %v), want %q", u.Groups, u.GroupsOverage, tt.want)
			}
			for _, g := range tt.want {
				if !u.InGroup(g) || u.InGroup(g+"x") {
					t.Errorf("InGroup(%q) is wrong", g)
				}
			}
		})
	}
}

// TestOrganizationShapes: of an object the id counts, since names are not unique.
func TestOrganizationShapes(t *testing.T) {
	u := user(t, func(c *ginoidc.Config) { c.OrganizationsPath = []string{"org", "list"} },
		`{"org":{"list":[{"id":"o2","name":"acme"},{"name":"globex"},"o1"]}}`, `{}`)
	if !slices.Equal(u.Organizations, []string{"globex", "o1", "o2"}) || u.InOrganization("acme") || !u.InOrganization("o2") {
		t.Errorf("organizations %q", u.Organizations)
	}
}

// TestOverage: the marker denies with its own error, is never followed, and a resolver can help. Case 102.
func TestOverage(t *testing.T) {
	for _, marker := range []string{
		`{"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"http://169.254.169.254/groups"}}}`, `{"hasgroups":true}`, `{"hasgroups":"true"}`,
	} {
		u := user(t, func(*ginoidc.Config) {}, marker, `{"groups":["admin"]}`)
		if !u.GroupsOverage || len(u.Groups) != 0 {
			t.Errorf("%s: %+v", marker, u)
		}
	}
	a := newApp(t)
	a.engine.GET("/both", a.auth.RequireAllGroups("admin", "staff"), a.protected)
	a.op.Misbehave(ginoidctest.GroupsOverage)
	b := a.browser()
	b.mustSignIn("alice")
	for _, path := range []string{"/admin", "/both"} {
		if r := b.fetch(path); r.StatusCode != 403 || r.json(t)["error"] != "groups_overage" {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
	if r := b.fetch("/me"); r.StatusCode != 200 {
		t.Errorf("/me: %d", r.StatusCode)
	}
	if a.op.Count(ginoidctest.Elsewhere) != 0 {
		t.Error("a distributed claim was fetched")
	}
}

// TestGroupsResolver replaces the groups, and its error ends the sign-in.
func TestGroupsResolver(t *testing.T) {
	var fail error
	a := newApp(t, func(c *ginoidc.Config, _ *ginoidctest.Config) {
		c.GroupsResolver = func(_ context.Context, u *ginoidc.User, accessToken string) ([]string, error) {
			if !u.GroupsOverage || u.Subject != "bob" || accessToken == "" {
				t.Errorf("resolver called with %+v", u)
			}
			return []string{"zeta", "admin", "admin"}, fail
		}
	})
	a.op.Misbehave(ginoidctest.GroupsOverage)
	b := a.browser()
	b.mustSignIn("bob")
	if r := b.fetch("/admin"); r.StatusCode != 200 {
		t.Errorf("resolved groups: %d", r.StatusCode)
	}
	fail = errors.New("directory down")
	if r := a.browser().signIn("bob"); r.StatusCode != 502 {
		t.Errorf("failing resolver: %d", r.StatusCode)
	}
}

// TestClaims: typed fields and Claims agree, protocol claims are gone, and groups stand where they came from.
func TestClaims(t *testing.T) {
	u := user(t, func(c *ginoidc.Config) { c.GroupsClaim = "realm_access.roles" },
		`{"realm_access":{"roles":["b","a"],"other":1},"tenant":{"id":"t1"},"email":"carol@corp.example","email_verified":true}`,
		`{"name":"Carol from userinfo","nickname":"caz","email":"else@corp.example","email_verified":false}`)
	var claims struct {
		Sub, Iss, Email, Nickname, Nonce string
		EmailVerified                    bool `json:"email_verified"`
		Exp, Other                       any
		Tenant                           struct{ ID string }
		Realm                            struct {
			Roles []string
			Other int
		} `json:"realm_access"`
	}
	if err := u.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if claims.Sub != "carol" || claims.Iss != "https://idp.example" || claims.Email != "carol@corp.example" || !claims.EmailVerified || claims.Nickname != "caz" ||
		claims.Nonce != "" || claims.Exp != nil || claims.Tenant.ID != "t1" || !slices.Equal(claims.Realm.Roles, []string{"a", "b"}) || claims.Realm.Other != 1 {
		t.Errorf("claims %+v", claims)
	}
	if strings.Contains(string(u.Extra), "carol") || strings.Contains(string(u.Extra), `"a"`) {
		t.Errorf("claims are kept twice: %s", u.Extra)
	}
	handMade := &ginoidc.User{Subject: "x", Groups: []string{"b", "a"}, Extra: json.RawMessage(`{"plan":"pro"}`)}
	var m map[string]any
	if err := handMade.Claims(&m); err != nil || m["plan"] != "pro" || len(m["groups"].([]any)) != 2 || !handMade.InGroup("a") {
		t.Errorf("hand-made user: %v %v", m, err)
	}
	if err := (&ginoidc.User{Extra: json.RawMessage(`[`)}).Claims(&m); err == nil {
		t.Error("broken claims were decoded")
	}
}

// TestEmailVerified is true for the JSON value true of this very address only, case 101.
func TestEmailVerified(t *testing.T) {
	for _, tt := range []struct {
		idToken, userInfo string
		want              bool
	}{
		{`{"email":"a@x","email_verified":true}`, `{}`, true},
		{`{"email":"a@x","email_verified":"true"}`, `{}`, false},
		{`{"email":"a@x","email_verified":1}`, `{}`, false},
		{`{"email":"a@x"}`, `{"email":"b@x","email_verified":true}`, false},
		{`{"email":"a@x"}`, `{"email":"a@x","email_verified":true}`, true},
		{`{}`, `{"email":"a@x","email_verified":true}`, true},
	} {
		if u := user(t, func(*ginoidc.Config) {}, tt.idToken, tt.userInfo); u.EmailVerified != tt.want {
			t.Errorf("%s %s: %v", tt.idToken, tt.userInfo, u.EmailVerified)
		}
	}
}

// TestUnknownGroupsClaim: when groups are required and no sign-in ever has any, the log says so, once. Case 312.
func TestUnknownGroupsClaim(t *testing.T) {
	a := newApp(t, func(c *ginoidc.Config, _ *ginoidctest.Config) { c.GroupsClaim = "gruops" })
	for range 25 {
		a.browser().mustSignIn("alice")
	}
	if n := strings.Count(a.logs.String(), "claim=gruops"); n != 1 {
		t.Errorf("%d warnings", n)
	}
}
