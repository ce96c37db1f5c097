package main

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// TestPolicy: users of the provider may do what the policy says of them and of their groups, and nothing else.
func TestPolicy(t *testing.T) {
	idp, err := ginoidctest.New(ginoidctest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	idp.AddUser(ginoidctest.User{Subject: "group:admin", Groups: []string{"user:carol"}}) // names chosen to deceive
	engine, auth, err := newApp(configFor(idp))
	if err != nil {
		t.Fatal(err)
	}
	clients := map[string]*http.Client{}
	for _, subject := range []string{"alice", "bob", "carol", "group:admin"} {
		clients[subject] = ginoidctest.SignIn(t, auth, engine, idp, subject)
	}
	nobody := ginoidctest.SignIn(t, auth, engine, idp, "bob")
	nobody.Jar = nil
	clients["nobody"] = nobody
	for _, test := range []struct {
		user, method, path string
		status             int
	}{
		{"alice", "GET", "/documents", 200},
		{"alice", "GET", "/documents/handbook", 200},
		{"alice", "PUT", "/documents/handbook", 200},
		{"alice", "DELETE", "/documents/handbook", 200},
		{"bob", "GET", "/documents", 200},
		{"bob", "GET", "/documents/handbook", 200},
		{"bob", "PUT", "/documents/handbook", 403},
		{"bob", "DELETE", "/documents/handbook", 403},
		{"carol", "GET", "/documents", 403},
		{"carol", "GET", "/documents/handbook", 200},
		{"carol", "GET", "/documents/other", 403},
		{"carol", "PUT", "/documents/handbook", 403},
		{"group:admin", "GET", "/documents/handbook", 403},
		{"group:admin", "DELETE", "/documents/handbook", 403},
		{"nobody", "GET", "/documents", 401},
		{"nobody", "PUT", "/documents/handbook", 401},
	} {
		r, err := http.NewRequest(test.method, test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := clients[test.user].Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != test.status {
			t.Errorf("%s %s %s: got %d, want %d", test.user, test.method, test.path, response.StatusCode, test.status)
		}
	}
	if open := ginoidctest.OpenRoutes(engine); len(open) > 0 {
		t.Errorf("without a guard: %q", open)
	}
}

// TestBrokenPolicy: what Casbin cannot decide is denied.
func TestBrokenPolicy(t *testing.T) {
	rules, err := model.NewModelFromString(modelText)
	if err != nil {
		t.Fatal(err)
	}
	enforcer, err := casbin.NewEnforcer(rules, stringadapter.NewAdapter("p, group:staff, /documents, ("))
	if err != nil {
		t.Fatal(err)
	}
	c := &gin.Context{Request: &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/documents"}}}
	if err := allowedBy(enforcer)(c, &ginoidc.User{Subject: "bob", Groups: []string{"staff"}}); err == nil {
		t.Error("allowed by a policy that is no regular expression")
	}
}
