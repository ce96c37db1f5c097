package blackbox_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestRedirectToSignIn: a handler of the app sends a navigation to the sign-in route, which returns to the page.
func TestRedirectToSignIn(t *testing.T) {
	a := testapp.New(t)
	a.Engine.GET("/members", a.Auth.RedirectToSignIn)
	r := a.Browser().Navigate("/members?page=2")
	if want := "/auth/signin?return_to=%2Fmembers%3Fpage%3D2"; r.Location() != want || r.StatusCode/100 != 3 {
		t.Errorf("%d to %q", r.StatusCode, r.Location())
	}
}

// TestWithoutRequest: a context without a request has no user.
func TestWithoutRequest(t *testing.T) {
	a := testapp.New(t)
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	if u, ok := a.Auth.UserFrom(c); ok || u != nil {
		t.Errorf("%+v", u)
	}
}

// TestUserInfoURL: with several providers, the session says whose userinfo it is, and nobody's without one.
func TestUserInfoURL(t *testing.T) {
	a := testapp.NewSeveral(t, []string{"one", "two"})
	var got string
	var failed error
	a.Engine.GET("/where", func(c *gin.Context) { got, failed = a.Auth.UserInfoURL(c) })
	b := a.Browser()
	if b.Fetch("/where"); failed == nil || got != "" {
		t.Errorf("without a session: %q, %v", got, failed)
	}
	if r := b.Callback(b.StartAt("two", "alice")); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("callback: %d", r.StatusCode)
	}
	if b.Fetch("/where"); failed != nil || !strings.HasPrefix(got, testapp.IssuerOf("two")) {
		t.Errorf("with a session: %q, %v", got, failed)
	}
}

// TestWithoutTokens: without a session, there is no client with a token.
func TestWithoutTokens(t *testing.T) {
	a := testapp.NewWithTokens(t)
	a.Engine.GET("/upstream", func(c *gin.Context) {
		client, err := a.Auth.Client(c)
		transport, also := a.Auth.Transport(c)
		if client != nil || transport != nil || !errors.Is(err, ginoidc.ErrUnauthenticated) ||
			!errors.Is(also, ginoidc.ErrUnauthenticated) {
			t.Errorf("%v, %v and %v, %v", client, err, transport, also)
		}
	})
	a.Browser().Fetch("/upstream")
}
