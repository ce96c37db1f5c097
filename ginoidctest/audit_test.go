package ginoidctest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// table returns the table of the app's routes, with single spaces and without those of the plugin.
func table(routes ginoidctest.Routes) string {
	own := slices.DeleteFunc(slices.Clone(routes), func(r ginoidctest.Route) bool { return r.Plugin })
	var lines []string
	for line := range strings.Lines(own.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

// TestAudit: every guard in front of a route is listed with what it requires, and no handler behind a guard runs. Case
// 210.
func TestAudit(t *testing.T) {
	auth, _ := ginApp(t, func(c *ginoidc.Config) { c.Providers[0].Name = "one" })
	engine := gin.New()
	ran := map[string]bool{}
	handler := func(c *gin.Context) { ran[c.FullPath()] = true }
	check := func(*ginoidc.User) error { return nil }
	checkFor := func(*gin.Context, *ginoidc.User) error { return nil }
	engine.Use(auth.Middleware(), auth.ProtectAll("/", "/reports/:id"))
	auth.Mount(engine)
	engine.GET("/", handler)
	engine.GET("/reports/:id", auth.RequireGroups("staff"), handler)
	engine.POST("/reports/:id", auth.RequireGroups("staff", "audit"), handler)
	admin := engine.Group("/admin", auth.RequireAllGroups("admin", "audit"), func(c *gin.Context) { c.Header("X", "x") })
	admin.GET("/mfa", auth.RequireACR("mfa"), auth.RequireFreshSignIn(5*time.Minute), auth.RequireAMR("hwk"), handler)
	admin.DELETE("/orgs/:org", auth.RequireOrganization("org"), handler)
	admin.GET("/rules", auth.Require(check), auth.RequireFunc(checkFor), handler)
	admin.GET("/people", auth.RequireEmailDomain("a.example", "B.example"), auth.RequireProvider("one"),
		auth.RequirePerson(), handler)
	admin.GET("/machines", auth.RequireMachine(), auth.RequireScopes("read", "write"), handler)
	other := auth.With(ginoidc.AbortHandlers{Unauthenticated: func(c *gin.Context) { c.Status(http.StatusTeapot) }})
	engine.GET("/derived", other.RequireGroups("x"), handler)
	guard := auth.RequireAuth()
	engine.GET("/wrapped", func(c *gin.Context) { guard(c) }, auth.RequireGroups("x"), handler)

	const admins = " ProtectAll, RequireAllGroups(admin, audit), "
	want := strings.Join([]string{
		"GET / public",
		"GET /admin/machines" + admins + "RequireMachine, RequireScopes(read, write)",
		"GET /admin/mfa" + admins + "RequireACR(mfa), RequireFreshSignIn(5m0s), RequireAMR(hwk)",
		"DELETE /admin/orgs/:org" + admins + "RequireOrganization(:org)",
		"GET /admin/people" + admins + "RequireEmailDomain(a.example, b.example), RequireProvider(one), RequirePerson",
		"GET /admin/rules" + admins + "Require, RequireFunc",
		"GET /derived ProtectAll, RequireGroups(x)",
		"GET /reports/:id RequireGroups(staff)",
		"POST /reports/:id RequireGroups(staff, audit)",
		"GET /wrapped ProtectAll, RequireAuth", // one that is called by a handler of the app stands for those behind it
	}, "\n")
	routes := ginoidctest.Audit(engine)
	if got := table(routes); got != want || len(ran) > 0 {
		t.Errorf("handlers ran: %v; routes:\n%s\nwant\n%s", ran, got, want)
	}
	for _, r := range routes {
		if r.Public != (r.Path == "/") {
			t.Errorf("%s %s: public %t", r.Method, r.Path, r.Public)
		}
	}
}

// TestAuditOfOpenRoutes: what nothing protects stands out, and the plugin's own routes are listed once each.
func TestAuditOfOpenRoutes(t *testing.T) {
	auth, engine := ginApp(t, nil)
	engine.GET("/news", auth.OptionalAuth(), func(c *gin.Context) { c.Status(http.StatusOK) })
	engine.GET("/healthz", func(c *gin.Context) { t.Error("a public route was requested") })
	routes := ginoidctest.Audit(engine, "/healthz")
	own := 0
	for _, r := range routes {
		if r.Plugin && r.Method == "*" && !r.Open() {
			own++
		}
		if !r.Open() && r.Path == "/news" || r.Open() && r.Path != "/news" {
			t.Errorf("%+v", r)
		}
		if is := r.GuardedBy("RequireGroups") && r.GuardedBy("RequireGroups(admin)"); is != (r.Path == "/admin") ||
			r.GuardedBy("Require") || r.GuardedBy("RequireGroups(a") {
			t.Errorf("guarded by groups: %t: %+v", is, r)
		}
	}
	want := "POST /admin RequireGroups(admin)\nGET /away RequireAuth\nGET /healthz public\nGET /me RequireAuth\n" +
		"GET /news OPEN"
	if got := table(routes); got != want || own != 10 {
		t.Errorf("%d routes of the plugin, and\n%s\nwant\n%s", own, got, want)
	}
	text, err := json.Marshal(routes[0:1])
	if err != nil || string(text) != `[{"method":"POST","path":"/admin","guards":["RequireGroups(admin)"]}]` {
		t.Errorf("%s, %v", text, err)
	}
	if got := ginoidctest.OpenRoutes(engine, "/healthz"); !slices.Equal(got, []string{"GET /news"}) {
		t.Errorf("open: %q", got)
	}
}
