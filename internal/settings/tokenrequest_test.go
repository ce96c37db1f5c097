package settings_test

import (
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// TestTokenRequestProblem: what is wrong is said before a provider is asked.
func TestTokenRequestProblem(t *testing.T) {
	const notURI, words = "Resource is not an absolute URI without a fragment", "Scopes are not single words"
	for _, tt := range []struct {
		r        provider.TokenRequest
		exchange bool
		want     string
	}{
		{provider.TokenRequest{}, false, ""},
		{provider.TokenRequest{Resource: "https://api.example.com/x?y=z"}, false, ""},
		{provider.TokenRequest{Resource: "urn:api"}, true, ""},
		{provider.TokenRequest{Resource: "api.example.com"}, false, notURI},
		{provider.TokenRequest{Resource: "https://api.example.com/#x"}, false, notURI},
		{provider.TokenRequest{Resource: "https://api.example.com/#"}, false, notURI},
		{provider.TokenRequest{Resource: "https://%zz"}, false, notURI},
		{provider.TokenRequest{Scopes: []string{"a", "b"}}, true, ""},
		{provider.TokenRequest{Scopes: []string{"a b"}}, false, words},
		{provider.TokenRequest{Scopes: []string{"a", ""}}, false, words},
		{provider.TokenRequest{Audience: "api"}, true, ""},
		{provider.TokenRequest{Audience: "api"}, false, "Audience is set without Exchange"},
		{provider.TokenRequest{}, true, "Exchange names neither an API nor scopes"},
	} {
		if got := settings.TokenRequestProblem(tt.r, tt.exchange); got != tt.want {
			t.Errorf("%+v, exchange %v: %q, want %q", tt.r, tt.exchange, got, tt.want)
		}
	}
}
