package signin_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
)

// TestCheckInitiation: only the configured issuer starts a sign-in, if it may, with parameters that are not ambiguous.
func TestCheckInitiation(t *testing.T) {
	const issuer = "https://idp.example"
	op := provider.New(provider.Config{Issuer: issuer})
	for _, tt := range []struct {
		op      *provider.Provider
		allowed bool
		form    url.Values
		want    error
	}{
		{op, true, url.Values{"iss": {issuer}, "login_hint": {"alice"}, "target_link_uri": {"/a"}}, nil},
		{op, false, url.Values{"iss": {issuer}}, signin.ErrInitiationOff},
		{nil, true, url.Values{"iss": {issuer}}, signin.ErrInitiation},
		{op, true, url.Values{}, signin.ErrInitiation},
		{op, true, url.Values{"iss": {"https://other.example"}}, signin.ErrInitiation},
		{op, true, url.Values{"iss": {issuer, issuer}}, signin.ErrInitiation},
		{op, true, url.Values{"iss": {issuer}, "login_hint": {"a", "b"}}, signin.ErrInitiation},
		{op, true, url.Values{"iss": {issuer}, "target_link_uri": {"/a", "/b"}}, signin.ErrInitiation},
	} {
		err := signin.CheckInitiation(tt.op, tt.allowed, tt.form)
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%v: %v, want %v", tt.form, err, tt.want)
		}
	}
}
