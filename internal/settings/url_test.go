package settings_test

import (
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

func TestCheckURL(t *testing.T) {
	for _, test := range []struct{ url, problem string }{
		{"https://app.example", ""}, {"https://App.example:8443/x/", ""}, {"https://[2001:db8::1]", ""},
		{"http://localhost:8080", ""}, {"http://127.0.0.1", ""}, {"http://[::1]:80", ""},
		{"", "is empty"},
		{"app.example", `"app.example" is not an absolute URL`}, {"/x", `"/x" is not an absolute URL`},
		{"https:app.example", `"https:app.example" is not an absolute URL`},
		{"https://", `"https://" is not an absolute URL`},
		{"https://*.example", `"https://*.example" is not an absolute URL`},
		{"https://%zz", `"https://%zz" is not an absolute URL`},
		{"https://a.example:", "has no usable port"}, {"https://a.example:0", "has no usable port"},
		{"https://a.example:65536", "has no usable port"},
		{"https://u@a.example", "has a user part, query or fragment"},
		{"https://a.example?", "has a user part, query or fragment"},
		{"https://a.example?b", "has a user part, query or fragment"},
		{"https://a.example#", "has a user part, query or fragment"},
		{"ftp://a.example", `has the scheme "ftp" instead of https`},
		{"http://a.example", "uses http outside loopback"}, {"http://localhost.evil.example", "uses http outside loopback"},
		{"https://a.example\n", "has a control or invisible character"},
	} {
		if problem := settings.CheckURL(test.url); problem != test.problem {
			t.Errorf("%q: %q, want %q", test.url, problem, test.problem)
		}
	}
}

func TestIsOrigin(t *testing.T) {
	for origin, want := range map[string]bool{
		"https://a.example": true, "https://a.example:8443": true, "http://localhost:9": true,
		"https://a.example/": false, "https://a.example:443": false, "https://A.example": false, "http://a.example": false,
		"https://*.example": false, "a.example": false, "*": false, "null": false, "": false,
	} {
		if settings.IsOrigin(origin) != want {
			t.Errorf("%q is an origin: %v", origin, !want)
		}
	}
}

func TestIsPlainPath(t *testing.T) {
	for path, want := range map[string]bool{
		"": true, "/": true, "/a": true, "/a/b/": true,
		"a": false, "//": false, "/a//b": false, "/a/../b": false, "/./a": false, "/a%2fb": false, `/a\b`: false,
		"/:a": false,
		"/*a": false, "/a?b": false, "/a b": false, "/a;b": false, "/a,b": false, "/a\n": false,
	} {
		if settings.IsPlainPath(path) != want {
			t.Errorf("%q is a plain path: %v", path, !want)
		}
	}
}

func TestIssuerOf(t *testing.T) {
	for address, want := range map[string]string{
		"https://idp.example/.well-known/openid-configuration":                "https://idp.example",
		"https://idp.example/a/.well-known/openid-configuration/":             "https://idp.example/a",
		"https://idp.example/a/.well-known/openid-configuration?p=x":          "https://idp.example/a",
		"https://idp.example/.well-known/oauth-authorization-server/realms/a": "https://idp.example/realms/a",
		"https://idp.example":                                    "",
		"idp.example/.well-known/openid-configuration":           "",
		"https://idp.example/.well-known/openid-configuration\n": "",
	} {
		if issuer, ok := settings.IssuerOf(address); issuer != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", address, issuer, ok, want)
		}
	}
}
