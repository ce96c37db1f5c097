package ginoidc_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// user signs carol in and returns the User that a handler sees. The claims are given as JSON, to control their shape.
func user(t *testing.T, change func(*ginoidc.Config), idToken, userInfo string) *ginoidc.User {
	t.Helper()
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { change(c) })
	edit := func(raw string) func(map[string]any) {
		return func(claims map[string]any) {
			for _, name := range []string{"groups", "organizations", "email", "email_verified"} {
				delete(claims, name)
			}
			addMembers(t, claims, raw)
		}
	}
	a.OP.OnIDToken(edit(idToken))
	a.OP.OnUserInfo(edit(userInfo))
	var u *ginoidc.User
	a.Engine.GET("/user", a.Auth.RequireAuth(), func(c *gin.Context) { u, _ = ginoidc.UserFrom(c) })
	b := a.Browser()
	b.MustSignIn("carol")
	b.Fetch("/user")
	if u == nil {
		t.Fatal("no user")
	}
	return u
}

// TestClaims: the typed fields and Claims agree, protocol claims are left out, and groups are where the provider put
// them.
func TestClaims(t *testing.T) {
	u := user(t, func(c *ginoidc.Config) { c.Providers[0].GroupsClaim = "realm_access.roles" },
		`{"realm_access":{"roles":["b","a"],"other":1},"tenant":{"id":"t1"},`+
			`"email":"carol@corp.example","email_verified":true}`,
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
	if claims.Sub != "carol" || claims.Iss != "https://idp.example" || claims.Email != "carol@corp.example" ||
		!claims.EmailVerified || claims.Nickname != "caz" ||
		claims.Nonce != "" || claims.Exp != nil || claims.Tenant.ID != "t1" ||
		!slices.Equal(claims.Realm.Roles, []string{"a", "b"}) || claims.Realm.Other != 1 {
		t.Errorf("claims %+v", claims)
	}
	if strings.Contains(string(u.Extra), "carol") || strings.Contains(string(u.Extra), `"a"`) {
		t.Errorf("claims are kept twice: %s", u.Extra)
	}
	handMade := &ginoidc.User{Subject: "x", Groups: []string{"b", "a"}, Extra: json.RawMessage(`{"plan":"pro"}`)}
	var m map[string]any
	if err := handMade.Claims(&m); err != nil || m["plan"] != "pro" || len(m["groups"].([]any)) != 2 ||
		!handMade.InGroup("a") {
		t.Errorf("hand-made user: %v %v", m, err)
	}
	nowhere := &ginoidc.User{Subject: "x", Extra: json.RawMessage(`{"groups":["admin"]}`)} // the field takes precedence
	var fields map[string]any
	if err := nowhere.Claims(&fields); err != nil || fields["groups"] != nil {
		t.Errorf("groups that nobody has: %v %v", fields, err)
	}
	for _, broken := range []string{`[`, `[]`, `{} {}`, `"x"`} {
		if err := (&ginoidc.User{Extra: json.RawMessage(broken)}).Claims(&m); err == nil {
			t.Errorf("%s was decoded", broken)
		}
	}
	if err := (&ginoidc.User{Extra: json.RawMessage(`null`)}).Claims(&m); err != nil {
		t.Error(err)
	}
	var nobody *ginoidc.User
	if err := nobody.Claims(&m); !errors.Is(err, ginoidc.ErrUnauthenticated) {
		t.Errorf("a nil user: %v", err)
	}
}
