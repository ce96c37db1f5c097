package origin_test

import (
	"net/url"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

func TestOf(t *testing.T) {
	for raw, want := range map[string]string{
		"https://app.example.com/path?q#f": "https://app.example.com",
		"HTTPS://App.Example.com:443":      "https://app.example.com",
		"http://app.example.com:80/":       "http://app.example.com",
		"https://app.example.com:80":       "https://app.example.com:80",
		"http://app.example.com:443":       "http://app.example.com:443",
		"https://app.example.com:8443":     "https://app.example.com:8443",
		"https://user@app.example.com":     "https://app.example.com",
		"https://[::1]:443":                "https://[::1]",
		"ws://app.example.com:80":          "ws://app.example.com:80",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := origin.Of(u); got != want {
			t.Errorf("%s has the origin %s, want %s", raw, got, want)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.8.9.1": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "example.com": false, "localhost.example.com": false,
		"[::1]": false, "127.0.0.1:80": false, "127.1": false,
	} {
		if got := origin.IsLoopback(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}
