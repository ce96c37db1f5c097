package blackbox_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// tokenTap passes calls to the provider on, and records the tokens of its responses.
type tokenTap struct {
	next   http.RoundTripper
	tokens []string
}

// RoundTrip implements http.RoundTripper.
func (tap *tokenTap) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := tap.next.RoundTrip(r)
	if err != nil || r.URL.Path != "/token" {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	tap.tokens = append(tap.tokens, answer.Access, answer.Refresh, answer.ID)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// TestTokensStayOnTheServer: with every token kept, neither bodies nor headers of any response have one, and cookies
// have none that can be read. The provider gets its ID token back in id_token_hint at the sign-out, and no one else.
func TestTokensStayOnTheServer(t *testing.T) {
	tap := &tokenTap{}
	a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.KeepTokens, c.KeepIDToken, op.AlwaysRefreshToken = true, ginoidc.Always, true
		c.Providers[0].Transport = tap
	})
	tap.next = a.OP.Transport()
	used := ""
	a.Engine.GET("/use", a.Auth.RequireAuth(), func(c *gin.Context) {
		token, err := a.Auth.Token(c)
		if err != nil {
			t.Error(err)
			return
		}
		used = token.AccessToken
	})
	b := a.Browser()
	shown := map[string]string{"the callback": shownTo(t, b.SignIn("alice"))}
	for _, path := range []string{
		"/", "/me", "/admin", "/use", "/auth/userinfo", "/auth/userinfo?session", "/auth/signout",
	} {
		shown[path] = shownTo(t, b.Navigate(path)) + shownTo(t, b.Fetch(path))
	}
	if len(tap.tokens) != 3 || used != tap.tokens[0] {
		t.Fatalf("tokens %q, used %q", tap.tokens, used)
	}
	for _, token := range tap.tokens {
		if len(token) < 16 {
			t.Fatalf("token %q", token)
		}
		for path, text := range shown {
			if strings.Contains(text, token) {
				t.Errorf("%s shows %s:\n%s", path, token, text)
			}
		}
	}
	out := b.Do("POST", "/auth/signout", nil, "Origin", testapp.URL)
	target := testapp.ParseURL(t, out.Location())
	if target.Query().Get("id_token_hint") != tap.tokens[2] || "https://"+target.Host != testapp.Issuer {
		t.Errorf("sign-out: %d to %s", out.StatusCode, out.Location())
	}
	for _, token := range tap.tokens[:2] {
		if strings.Contains(shownTo(t, out), token) {
			t.Errorf("the sign-out shows %s", token)
		}
	}
}

// shownTo returns what a browser can read of a response: body and headers, and the values of its cookies also decoded.
func shownTo(t *testing.T, r testapp.Reply) string {
	t.Helper()
	var shown strings.Builder
	if err := r.Header.Write(&shown); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Cookies() {
		if value, err := base64.RawURLEncoding.DecodeString(c.Value); err == nil {
			shown.Write(value)
		}
	}
	location, err := url.QueryUnescape(r.Location())
	if err != nil {
		t.Fatal(err)
	}
	return shown.String() + location + r.Body
}
