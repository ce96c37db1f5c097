package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// With OIDC_INTROSPECT the app accepts opaque access tokens, and the bundled provider issues them.
func TestIntrospection(t *testing.T) {
	const audience = "https://api.example.com"
	addr := freeAddr(t)
	setenv(t, map[string]string{
		"ADDR": addr, "OIDC_BEARER_AUDIENCE": audience, "OIDC_INTROSPECT": "true", "OIDC_CLIENT_SECRET": secret,
	})
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	status := make(chan int, 1)
	go func() { status <- run(ctx, in, io.Discard) }()
	greeting := readUntil(t, out, "end with this process")
	provider := regexp.MustCompile(`(http://127\.0\.0\.1:\d+), a test`).FindStringSubmatch(greeting)
	defer func() {
		stop()
		if got := <-status; got != exitOK {
			t.Errorf("status %d", got)
		}
	}()
	good := clientToken(t, provider[1], audience)
	if strings.Contains(good, ".") {
		t.Errorf("the token %s is no opaque one", good)
	}
	for _, test := range []struct {
		token  string
		status int
		body   string
	}{
		{good, http.StatusOK, `{"sub":"example","client_id":"example","scopes":["read:things"]}`},
		{clientToken(t, provider[1], "https://other.example"), http.StatusUnauthorized, `"error":"invalid_access_token"`},
		{good[1:], http.StatusUnauthorized, `"error":"invalid_access_token"`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/api/machine", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+test.token)
		got, body := read(t, r)
		if got.StatusCode != test.status || !strings.Contains(body, test.body) {
			t.Errorf("%s %s, want %d %s", got.Status, body, test.status, test.body)
		}
	}
}

// clientToken gets an access token of the client itself.
func clientToken(t *testing.T, provider, audience string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"read:things"}, "resource": {audience}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, provider+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("example", secret)
	var grant struct {
		Token string `json:"access_token"`
	}
	got, body := read(t, r)
	if err := json.Unmarshal([]byte(body), &grant); err != nil || grant.Token == "" {
		t.Fatalf("%s %s", got.Status, body)
	}
	return grant.Token
}

func read(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}
