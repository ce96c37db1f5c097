package start_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

func TestStores(t *testing.T) {
	for name, run := range map[string]func() (*start.Process, string){
		"Redis":     func() (*start.Process, string) { s := start.RunRedis(t); return s.Process, s.Addr },
		"memcached": func() (*start.Process, string) { s := start.RunMemcached(t); return s.Process, s.Addr },
		"PostgreSQL": func() (*start.Process, string) {
			s := start.RunPostgres(t)
			u, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			return s.Process, u.Host
		},
	} {
		process, addr := run()
		if !strings.HasPrefix(addr, "127.0.0.1:") {
			t.Errorf("%s listens on %s, want loopback", name, addr)
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		conn.Close()
		process.Stop(t)
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Errorf("%s answers after Stop", name)
		}
	}
}

// The provider must show groups in one place only: otherwise the browser tests could not show which one the plugin
// read.
func TestProvider(t *testing.T) {
	const app = "http://localhost:1"
	tests := []struct {
		groupsIn, account     string
		inIDToken, inUserInfo []string
	}{
		{start.GroupsInIDToken, "alice", []string{"admin", "staff", "audit"}, nil},
		{start.GroupsInIDToken, "carol", nil, nil},
		{start.GroupsInUserInfo, "bob", nil, []string{"staff"}},
	}
	for _, test := range tests {
		t.Run(test.groupsIn+"/"+test.account, func(t *testing.T) {
			provider := start.RunProvider(t, app, test.groupsIn)
			idToken, userInfo := signIn(t, provider, app+"/auth/callback", test.account)
			if !slices.Equal(idToken.Groups, test.inIDToken) || !slices.Equal(userInfo.Groups, test.inUserInfo) {
				t.Errorf("groups: ID token %q, userinfo %q; want %q, %q", idToken.Groups, userInfo.Groups,
					test.inIDToken, test.inUserInfo)
			}
			if idToken.Sub != test.account || userInfo.Email != test.account+"@example.com" {
				t.Errorf("ID token %+v, userinfo %+v", idToken, userInfo)
			}
		})
	}
}

type claims struct {
	Sub, Email string
	Groups     []string
}

// signIn follows the code flow with a plain HTTP client instead of a browser.
func signIn(t *testing.T, p start.Provider, redirectURI, account string) (idToken, userInfo claims) {
	t.Helper()
	config := oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: redirectURI,
		Scopes: []string{"openid", "profile", "email"},
		Endpoint: oauth2.Endpoint{AuthURL: p.Issuer + "/auth", TokenURL: p.Issuer + "/token",
			AuthStyle: oauth2.AuthStyleInHeader},
	}
	verifier := oauth2.GenerateVerifier()
	callback := authorize(t, config.AuthCodeURL("a state", oauth2.S256ChallengeOption(verifier)), redirectURI, account)
	if state := callback.Query().Get("state"); state != "a state" {
		t.Fatalf("callback %s", callback)
	}
	token, err := config.Exchange(t.Context(), callback.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(raw+"..", ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &idToken); err != nil {
		t.Fatal(err)
	}
	resp, err := config.Client(t.Context(), token).Get(p.Issuer + "/me")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&userInfo); err != nil {
		t.Fatal(err)
	}
	return idToken, userInfo
}

// authorize follows the redirects from the authorization URL to the page with the accounts, chooses one and returns the
// callback URL without requesting it.
func authorize(t *testing.T, authorizationURL, redirectURI, account string) *url.URL {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	errBack := errors.New("back at the app")
	client := http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), redirectURI) {
			return errBack
		}
		return nil
	}}
	page, err := client.Get(authorizationURL)
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	_, err = client.PostForm(page.Request.URL.String(), url.Values{"account": {account}})
	var stopped *url.Error
	if !errors.As(err, &stopped) || !errors.Is(err, errBack) {
		t.Fatalf("choosing %s on %s: %v", account, page.Request.URL, err)
	}
	callback, err := url.Parse(stopped.URL)
	if err != nil {
		t.Fatal(err)
	}
	return callback
}
