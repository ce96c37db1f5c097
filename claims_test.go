package ginoidc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
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
	if err := nobody.Claims(&m); !errors.Is(err, ginoidc.ErrUnauthenticated) || nobody.IsMachine() {
		t.Errorf("a nil user: %v", err)
	}
	var wrong struct{ Sub int }
	if err := handMade.Claims(&wrong); err == nil {
		t.Error("a subject was decoded into a number")
	}
}

// TestGroupsShapes: groups are found in any shape and place of the claim. Cases 110, 195, 196 and 199.
func TestGroupsShapes(t *testing.T) {
	name := func(n string) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) { c.Providers[0].GroupsClaim = n }
	}
	path := func(p ...string) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) { c.Providers[0].GroupsPath = p }
	}
	format := func(f string) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) { c.Providers[0].GroupsFormat = f }
	}
	separated, keys := format("separated"), format("keys")
	none := func(*ginoidc.Config) {}
	for _, tt := range []struct {
		name              string
		change            func(*ginoidc.Config)
		idToken, userInfo string
		want              []string
	}{
		{"list, sorted and once", none, `{"groups":["b","a","b",""]}`, `{}`, []string{"a", "b"}},
		{"one string", none, `{"groups":"admin"}`, `{}`, []string{"admin"}}, // case 196
		{"one string of two words", none, `{"groups":"admin helpers"}`, `{}`, []string{"admin helpers"}},
		{"one string, whole", none, `{"groups":" b, a c,"}`, `{}`, []string{" b, a c,"}},
		{"one string, said to be a list", format("list"), `{"groups":"a,b"}`, `{}`, []string{"a,b"}},
		{"empty string", none, `{"groups":""}`, `{"groups":["a"]}`, nil},
		{"elements are not split", none, `{"groups":["a b","c,d"," e"]}`, `{}`, []string{" e", "a b", "c,d"}},
		{"objects", none, `{"groups":[{"id":"1","name":"admin"},{"name":"staff"},{"id":7},{}]}`,
			`{}`, []string{"1", "admin", "staff"}},
		{"one object", none, `{"groups":{"name":"admin"}}`, `{}`, []string{"admin"}},
		{"objects with odd ids", none, `{"groups":[{"id":7,"name":"admin"},{"id":"","name":"admin"},
			{"id":["1"],"name":"admin"},{"id":false,"name":"admin"},
			{"id":null,"name":"staff"},{"id":"2","name":7}]}`, `{}`, []string{"2", "staff"}},
		{"an object of names", none, `{"groups":{"admin":{},"staff":true}}`, `{}`, nil},
		{"null", none, `{"groups":null}`, `{"groups":["a"]}`, []string{"a"}},
		{"null everywhere", none, `{"groups":null}`, `{"groups":null}`, nil},
		{"null on the way", name("realm_access.roles"), `{"realm_access":null}`, `{"realm_access":{"roles":["a"]}}`,
			[]string{"a"}},
		{"null at the end of the way", name("realm_access.roles"), `{"realm_access":{"roles":null,"x":1}}`,
			`{"realm_access":{"roles":["a"]}}`, []string{"a"}},
		{"null at the literal name", name("a.b"), `{"a.b":null,"a":{"b":["path"]}}`, `{"a.b":["userinfo"]}`,
			[]string{"path"}},
		{"null at the explicit path", path("a", "b"), `{"a":{"b":null}}`, `{"a":{"b":"one name"}}`, []string{"one name"}},

		{"separated: spaces", separated, `{"groups":"b  a"}`, `{}`, []string{"a", "b"}},
		{"separated: no-break spaces", separated, "{\"groups\":\"site\u00a0staff\\u2003x\\tb\"}", `{}`,
			[]string{"b", "site\u00a0staff\u2003x"}},
		{"separated: no-break spaces at commas", separated, "{\"groups\":\"b,\u00a0a\\t, c\"}",
			`{}`, []string{"b", "c", "\u00a0a"}},
		{"separated: commas", separated, `{"groups":"b, a c,"}`, `{}`, []string{"a c", "b"}},
		{"separated: one", separated, `{"groups":"admin"}`, `{}`, []string{"admin"}},
		{"separated: a list all the same", separated, `{"groups":["a b","c,d",{"name":"e f"}]}`,
			`{}`, []string{"a b", "c,d", "e f"}},
		{"separated: an object", separated, `{"groups":{"name":"a b"}}`, `{}`, []string{"a b"}},
		{"separated: null", separated, `{"groups":null}`, `{"groups":"a b"}`, []string{"a", "b"}},
		{"separated: a number", separated, `{"groups":7}`, `{"groups":"a b"}`, nil},

		{"keys", keys, `{"groups":{"admin":{"2345":"acme.example"},"site staff":["x"],"a,b":true,"empty":{},"none":[]}}`,
			`{}`,
			[]string{"a,b", "admin", "empty", "none", "site staff"}}, // ZITADEL
		{"keys: id and name are keys", keys, `{"groups":{"id":{},"name":"admin"}}`, `{}`, []string{"id"}},
		{"keys: what says nothing", keys, `{"groups":{"a":null,"b":false,"c":0,"d":1,"e":"true","f":"","":{}}}`,
			`{"groups":["g"]}`, nil},
		{"keys: a list all the same", keys, `{"groups":["a b",{"name":"c"},{"d":{}}]}`, `{}`, []string{"a b", "c"}},
		{"keys: a string", keys, `{"groups":"a b"}`, `{}`, []string{"a b"}},
		{"keys: null", keys, `{"groups":null}`, `{"groups":{"a":{}}}`, []string{"a"}},
		{"keys: empty", keys, `{"groups":{}}`, `{"groups":{"a":{}}}`, nil},
		{"odd elements", none, `{"groups":[1,true,null,["admin"],"a"]}`, `{}`, []string{"a"}}, // case 196
		{"number", none, `{"groups":7}`, `{}`, nil},                                           // case 196
		{"absent", none, `{}`, `{}`, nil},                                                     // case 195
		{"userinfo only", none, `{}`, `{"groups":["a"]}`, []string{"a"}},
		{"both: the ID token's", none, `{"groups":["a"]}`, `{"groups":["b"]}`, []string{"a"}}, // case 110
		{"both, empty in the ID token", none, `{"groups":[]}`, `{"groups":["b"]}`, nil},       // case 110
		// case 199
		{"URL as the name", name("https://app.example/groups"), `{"https://app.example/groups":["a"]}`, `{}`, []string{"a"}},
		{"dotted path", name("realm_access.roles"), `{"realm_access":{"roles":["a"]}}`, `{}`, []string{"a"}}, // case 199
		{"the literal name goes first", name("a.b"), `{"a":{"b":["path"]},"a.b":["literal"]}`, `{}`, []string{"literal"}},
		{"explicit path", path("resource_access", "my.app", "roles"), `{"resource_access":{"my.app":{"roles":["a"]}}}`,
			`{}`, []string{"a"}},
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

// TestOrganizationShapes: if an organization is an object, its id counts, because names are not unique.
func TestOrganizationShapes(t *testing.T) {
	for _, tt := range []struct {
		format, claim string
		want          []string
	}{
		{"", `[{"id":"o2","name":"acme"},{"name":"globex"},"o1"]`, []string{"globex", "o1", "o2"}},
		{"", `[{"id":7,"name":"acme"},{"id":"","name":"acme"},{"id":{},"name":"acme"}]`, nil},
		{"", `{"id":null,"name":"acme"}`, []string{"acme"}},
		{"", `"acme imitators"`, []string{"acme imitators"}},
		{"list", `{"acme":{"id":"o1"}}`, nil},
		{"separated", `"acme globex"`, []string{"acme", "globex"}},
		{"keys", `{"acme":{"id":"o1"},"globex":{}}`, []string{"acme", "globex"}}, // Keycloak
		{"keys", `["acme"]`, []string{"acme"}},
		{"keys", `{"acme":false}`, nil},
	} {
		u := user(t, func(c *ginoidc.Config) {
			p := &c.Providers[0]
			p.OrganizationsPath, p.OrganizationsFormat = []string{"org", "list"}, tt.format
		},
			`{"org":{"list":`+tt.claim+`}}`, `{}`)
		if !slices.Equal(u.Organizations, tt.want) || len(u.Groups) > 0 {
			t.Errorf("%s %s: %q", tt.format, tt.claim, u.Organizations)
		}
		for _, id := range []string{"acme", "globex", "o1"} {
			if u.InOrganization(id) != slices.Contains(tt.want, id) {
				t.Errorf("%s %s: InOrganization(%q) is wrong", tt.format, tt.claim, id)
			}
		}
	}
}

// TestOverage: the overage marker denies with its own error, its endpoint is never called, and a resolver can provide
// the groups. Case 102.
func TestOverage(t *testing.T) {
	for _, marker := range []string{
		`{"groups":null,"hasgroups":true}`,
		`{"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"http://169.254.169.254/groups"}}}`,
		`{"hasgroups":true}`, `{"hasgroups":"true"}`,
	} {
		u := user(t, func(*ginoidc.Config) {}, marker, `{"groups":["admin"]}`)
		if !u.GroupsOverage || len(u.Groups) != 0 {
			t.Errorf("%s: %+v", marker, u)
		}
	}
	if u := user(t, func(*ginoidc.Config) {}, `{}`, `{"_claim_names":{"groups":null},"hasgroups":null}`); u.GroupsOverage {
		t.Error("null is taken for a marker")
	}
	a := testapp.New(t)
	a.Engine.GET("/both", a.Auth.RequireAllGroups("admin", "staff"), a.Protected)
	a.OP.Misbehave(fakeop.GroupsOverage)
	b := a.Browser()
	b.MustSignIn("alice")
	for _, path := range []string{"/admin", "/both"} {
		if r := b.Fetch(path); r.StatusCode != 403 || r.JSON(t)["error"] != "groups_overage" {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.Body)
		}
	}
	if r := b.Fetch("/me"); r.StatusCode != 200 {
		t.Errorf("/me: %d", r.StatusCode)
	}
	if a.OP.Count(fakeop.Elsewhere) != 0 {
		t.Error("a distributed claim was fetched")
	}
}

// TestAbsentGroups: a sign-in without the groups claim is logged at debug. An empty claim is not an absent one.
func TestAbsentGroups(t *testing.T) {
	path := func(c *ginoidc.Config) {
		c.Providers[0].GroupsClaim, c.Providers[0].GroupsPath = "", []string{"realm_access", "roles"}
	}
	for _, tt := range []struct {
		change            func(*ginoidc.Config)
		idToken, userInfo string
		want              string
	}{
		{nil, `{}`, `{}`, "claim=groups"},
		{nil, `{"groups":null,"roles":["admin"]}`, `{"Groups":["admin"]}`, "claim=groups"},
		{path, `{"realm_access":{}}`, `{"groups":["admin"]}`, "claim=realm_access.roles"},
		{func(c *ginoidc.Config) { c.Providers[0].SkipUserInfo = true }, `{}`, `{"groups":["admin"]}`, "claim=groups"},
		{nil, `{}`, `{"groups":["admin"]}`, ""},
		{nil, `{"groups":[]}`, `{}`, ""},
		{nil, `{"hasgroups":true}`, `{}`, ""},
		{path, `{"realm_access":{"roles":7}}`, `{}`, ""},
		{func(c *ginoidc.Config) {
			c.Providers[0].GroupsResolver = func(context.Context, *ginoidc.User, string) ([]string, error) { return nil, nil }
		}, `{}`, `{}`, ""},
	} {
		var log bytes.Buffer
		user(t, func(c *ginoidc.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			if tt.change != nil {
				tt.change(c)
			}
		}, tt.idToken, tt.userInfo)
		said := strings.Contains(log.String(), `level=DEBUG msg="ginoidc: the provider sends no groups claim" `+tt.want)
		if said != (tt.want != "") {
			t.Errorf("%s %s: %s", tt.idToken, tt.userInfo, log.String())
		}
	}
}

// TestGroupsResolver: the resolver replaces the groups, and its error ends the sign-in.
func TestGroupsResolver(t *testing.T) {
	var fail error
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].GroupsResolver = func(_ context.Context, u *ginoidc.User, accessToken string) ([]string, error) {
			if !u.GroupsOverage || u.Subject != "bob" || accessToken == "" {
				t.Errorf("resolver called with %+v", u)
			}
			return []string{"zeta", "admin", "admin"}, fail
		}
	})
	a.OP.Misbehave(fakeop.GroupsOverage)
	b := a.Browser()
	b.MustSignIn("bob")
	if r := b.Fetch("/admin"); r.StatusCode != 200 {
		t.Errorf("resolved groups: %d", r.StatusCode)
	}
	fail = errors.New("directory down")
	if r := a.Browser().SignIn("bob"); r.StatusCode != 502 {
		t.Errorf("failing resolver: %d", r.StatusCode)
	}
}

// TestGroupsMissing: if guards require groups and none of the first sign-ins had any, the log says so once.
func TestGroupsMissing(t *testing.T) {
	guardAny := func(a *ginoidc.Auth) { a.RequireGroups("admin") }
	for name, tt := range map[string]struct {
		guard func(*ginoidc.Auth)
		claim map[string]any // of one of the sign-ins
		says  int
	}{
		"any":      {guardAny, nil, 1},
		"all":      {func(a *ginoidc.Auth) { a.RequireAllGroups("admin") }, nil, 1},
		"no guard": {func(*ginoidc.Auth) {}, nil, 0},
		"one has":  {guardAny, map[string]any{"groups": []string{"staff"}}, 0},
		"one has too many": {guardAny, map[string]any{
			"_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]any{}},
		}, 0},
	} {
		var cfg *ginoidc.Config
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { cfg = c })
		var err error
		if a.Auth, err = ginoidc.New(*cfg); err != nil {
			t.Fatal(err)
		}
		a.Engine = gin.New()
		a.Auth.Mount(a.Engine)
		tt.guard(a.Auth)
		n := 0
		a.OP.OnIDToken(func(claims map[string]any) {
			delete(claims, "groups")
			if n++; n == 5 {
				maps.Copy(claims, tt.claim)
			}
		})
		a.OP.AddUser(fakeop.User{Subject: "dave"})
		for range 12 {
			if r := a.Browser().SignIn("dave"); r.StatusCode != http.StatusSeeOther {
				t.Fatalf("%d %s", r.StatusCode, r.Body)
			}
		}
		if says := strings.Count(a.Logs.String(), "groups are required"); says != tt.says {
			t.Errorf("%s: the log says so %d times\n%s", name, says, a.Logs)
		}
	}
}

// TestActorIsKept: a session keeps the actor with data of the app, and without it if that is no JSON.
func TestActorIsKept(t *testing.T) {
	a := testapp.New(t)
	var actor *ginoidc.User
	a.Engine.POST("/start", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "bob", Actor: actor}); err != nil {
			t.Error(err)
		}
	})
	var kept *ginoidc.User
	a.Engine.GET("/actor", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		kept = u.Actor
	})
	for data, want := range map[string]string{`{"desk":7}`: `{"desk":7}`, "[": "null"} {
		actor = &ginoidc.User{Subject: "alice", Data: json.RawMessage(data)}
		b := a.Browser()
		b.Do(http.MethodPost, "/start", nil)
		kept = nil
		if b.Fetch("/actor"); kept == nil || kept.Subject != "alice" || string(kept.Data) != want {
			t.Errorf("%s: %+v", data, kept)
		}
	}
}

// TestEmailVerified: the address is verified only if its own source has the JSON value true. Case 101.
func TestEmailVerified(t *testing.T) {
	for _, tt := range []struct {
		idToken, userInfo string
		email             string
		want, asString    bool // without and with StringEmailVerified
	}{
		{`{"email":"a@x","email_verified":true}`, `{}`, "a@x", true, true},
		{`{"email":"a@x","email_verified":"true"}`, `{}`, "a@x", false, true},
		{`{}`, `{"email":"a@x","email_verified":"true"}`, "a@x", false, true},
		{`{"email":"a@x","email_verified":"True"}`, `{}`, "a@x", false, false},
		{`{"email":"a@x","email_verified":" true"}`, `{}`, "a@x", false, false},
		{`{"email":"a@x","email_verified":"1"}`, `{}`, "a@x", false, false},
		{`{"email":"a@x","email_verified":1}`, `{}`, "a@x", false, false},
		{`{"email":"a@x","email_verified":[true]}`, `{}`, "a@x", false, false},
		{`{"email":"a@x","email_verified":{}}`, `{"email":"a@x","email_verified":{}}`, "a@x", false, false},
		// Never the address of one source and email_verified of the other.
		{`{"email":"a@x"}`, `{"email":"b@x","email_verified":true}`, "a@x", false, false},
		{`{"email":"a@x"}`, `{"email":"a@x","email_verified":true}`, "a@x", false, false},
		{`{"email":"a@x","email_verified":null}`, `{"email":"a@x","email_verified":true}`, "a@x", false, false},
		{`{"email":"a@x","email_verified":true}`, `{"email":"b@x","email_verified":false}`, "a@x", true, true},
		{`{"email_verified":true}`, `{"email":"b@x","email_verified":false}`, "b@x", false, false},
		{`{"email_verified":true}`, `{"email":"b@x"}`, "b@x", false, false},
		{`{"email_verified":false}`, `{"email":"b@x","email_verified":true}`, "b@x", true, true},
		{`{"email":null,"email_verified":false}`, `{"email":"b@x","email_verified":true}`, "b@x", true, true},
		{`{}`, `{"email":"a@x","email_verified":true}`, "a@x", true, true},
		// Without an address.
		{`{"email_verified":true}`, `{"email_verified":true}`, "", false, false},
		{`{"email":"","email_verified":true}`, `{"email":"b@x","email_verified":true}`, "", false, false},
		{`{"email":["a@x"],"email_verified":true}`, `{"email":["a@x"],"email_verified":true}`, "", false, false},
		{`{"email":{"a":1}}`, `{"email":"b@x","email_verified":true}`, "", false, false},
	} {
		for _, accepted := range []bool{false, true} {
			want := tt.want
			if accepted {
				want = tt.asString
			}
			u := user(t, func(c *ginoidc.Config) { c.Providers[0].StringEmailVerified = accepted }, tt.idToken, tt.userInfo)
			if u.EmailVerified != want || u.Email != tt.email {
				t.Errorf("%s %s, as a string %v: %q, %v", tt.idToken, tt.userInfo, accepted, u.Email, u.EmailVerified)
			}
		}
	}
}

// TestNullIsAbsent: a claim that is null in the ID token comes from userinfo, and no null is kept.
func TestNullIsAbsent(t *testing.T) {
	u := user(t, func(*ginoidc.Config) {},
		`{"name":null,"picture":null,"preferred_username":null,"nickname":null,"locale":null,"acr":null,"auth_time":null,`+
			`"address":{"region":null}}`,
		`{"name":"Caroline","picture":"https://x/p","preferred_username":"caro","nickname":"caz","locale":null}`)
	if u.Name != "Caroline" || u.Picture != "https://x/p" || u.PreferredUsername != "caro" ||
		u.ACR != "" || !u.AuthTime.IsZero() ||
		string(u.Extra) != `{"address":{"region":null},"nickname":"caz"}` {
		t.Errorf("%+v with %s", u, u.Extra)
	}
}

// TestNumbersInClaims: numbers keep their digits, and one that cannot be decoded does not affect other claims.
func TestNumbersInClaims(t *testing.T) {
	u := user(t, func(*ginoidc.Config) {},
		`{"big":12345678901234567890,"beyond":1e999,"within":{"deep":[1,-1e400]},"small":0.1}`, `{}`)
	var claims struct{ Big, Small json.Number }
	if err := u.Claims(&claims); err != nil || claims.Big != "12345678901234567890" || claims.Small != "0.1" {
		t.Errorf("%+v, %v", claims, err)
	}
	var m map[string]any
	if err := u.Claims(&m); err != nil || m["beyond"] != nil || m["within"] != nil || m["small"] != 0.1 {
		t.Errorf("%v, %v", m, err)
	}
}

// TestUserInfoShowsGroupsAlone: of an object with groups or organizations, /auth/userinfo shows only these.
func TestUserInfoShowsGroupsAlone(t *testing.T) {
	const nested = `{"realm_access":{"roles":["b","a"],"secret":1},"org":{"acme":{"tier":"gold"}},"plan":"pro"}`
	for _, tt := range []struct {
		name, claims string
		change       func(*ginoidc.Config)
		want         string
	}{
		{"dotted name", nested, func(c *ginoidc.Config) { c.Providers[0].GroupsClaim = "realm_access.roles" },
			`{"realm_access":{"roles":["a","b"]},"sub":"carol"}`},
		{"path", nested, func(c *ginoidc.Config) { c.Providers[0].GroupsPath = []string{"realm_access", "roles"} },
			`{"realm_access":{"roles":["a","b"]},"sub":"carol"}`},
		{"keys", nested, func(c *ginoidc.Config) {
			c.Providers[0].OrganizationsClaim, c.Providers[0].OrganizationsFormat = "org", "keys"
		},
			`{"org":["acme"],"sub":"carol"}`},
		{"both in one object", `{"a":{"g":"x","o":"y","z":1}}`,
			func(c *ginoidc.Config) { c.Providers[0].GroupsClaim, c.Providers[0].OrganizationsClaim = "a.g", "a.o" },
			`{"a":{"g":["x"],"o":["y"]},"sub":"carol"}`},
		{"literal", `{"a.b":["x"],"a":{"b":["y"],"z":1}}`, func(c *ginoidc.Config) { c.Providers[0].GroupsClaim = "a.b" },
			`{"a.b":["x"],"sub":"carol"}`},
		{"null at the literal name", `{"a.b":null,"a":{"b":["y"],"z":1}}`,
			func(c *ginoidc.Config) { c.Providers[0].GroupsClaim = "a.b" },
			`{"a":{"b":["y"]},"sub":"carol"}`},
		{"none", `{"realm_access":{"secret":1}}`,
			func(c *ginoidc.Config) { c.Providers[0].GroupsClaim = "realm_access.roles" },
			`{"sub":"carol"}`},
		{"null", `{"realm_access":{"roles":null,"secret":1}}`,
			func(c *ginoidc.Config) { c.Providers[0].GroupsClaim = "realm_access.roles" }, `{"sub":"carol"}`},
		{"listed by name", nested, func(c *ginoidc.Config) {
			c.Providers[0].GroupsClaim, c.UserInfoClaims = "realm_access.roles", []string{"plan", "realm_access.roles"}
		}, `{"plan":"pro","realm_access":{"roles":["a","b"]}}`},
		{"not listed", nested, func(c *ginoidc.Config) {
			c.Providers[0].GroupsClaim, c.UserInfoClaims = "realm_access.roles",
				[]string{"plan"}
		}, `{"plan":"pro"}`},
		{"the object listed", nested, func(c *ginoidc.Config) {
			c.Providers[0].GroupsClaim, c.UserInfoClaims = "realm_access.roles", []string{"realm_access"}
		}, `{"realm_access":{"roles":["a","b"],"secret":1}}`},
	} {
		for _, source := range []string{"ID token", "userinfo"} {
			t.Run(tt.name+" in the "+source, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { tt.change(c) })
				edit := func(with bool) func(map[string]any) {
					return func(claims map[string]any) {
						maps.DeleteFunc(claims, func(name string, _ any) bool {
							return slices.Contains([]string{"name", "preferred_username", "email", "email_verified"}, name)
						})
						if with {
							addMembers(t, claims, tt.claims)
						}
					}
				}
				a.OP.OnIDToken(edit(source == "ID token"))
				a.OP.OnUserInfo(edit(source == "userinfo"))
				b := a.Browser()
				b.MustSignIn("carol")
				if r := b.Fetch("/auth/userinfo"); r.StatusCode != 200 || r.Body != tt.want {
					t.Errorf("%d %s, want %s", r.StatusCode, r.Body, tt.want)
				}
			})
		}
	}
}

// TestUnknownGroupsClaim: if guards require groups and no sign-in has any, one warning is logged. Case 312.
func TestUnknownGroupsClaim(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].GroupsClaim = "gruops" })
	for range 25 {
		a.Browser().MustSignIn("alice")
	}
	if n := strings.Count(a.Logs.String(), "claim=gruops"); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

// TestIdentity: issuer and subject identify a user; an e-mail address does not. Cases 99 and 100.
func TestIdentity(t *testing.T) {
	a := testapp.New(t)
	a.OP.AddUser(fakeop.User{Subject: "Alice", Email: "alice@example.com"})
	for _, subject := range []string{"alice", "Alice"} {
		b := a.Browser()
		b.MustSignIn(subject)
		if b.WhoAmI() != subject {
			t.Errorf("%q became %q", subject, b.WhoAmI())
		}
	}
	other := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) { // the same secret, another issuer
		c.Providers[0].Issuer, op.Issuer = "https://other.example", "https://other.example"
	})
	b := a.Browser()
	b.MustSignIn("alice")
	foreign := other.Browser()
	foreign.Jar = b.Jar
	if foreign.WhoAmI() != "" {
		t.Error("a session of one issuer is taken by another")
	}
	if strings.Contains(other.Logs.String(), "not configured") {
		t.Errorf("a provider without a name is reported: %s", other.Logs)
	}
}

// addMembers adds the members of a JSON object, each exactly as written.
func addMembers(t *testing.T, claims map[string]any, object string) {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Error(err)
	}
	for name, value := range members {
		claims[name] = value
	}
}
