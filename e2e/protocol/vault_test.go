package protocol_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// keeper is an app that keeps tokens. The test knows its client secret and all its tokens.
type keeper struct {
	*app
	*vault
}

// vault is a Config.Transport that records what the token endpoint issued, in order.
type vault struct {
	id, secret string
	next       http.RoundTripper

	mu              sync.Mutex
	access, refresh []string // one each a successful answer
}

// startKeeper starts an app whose access tokens are valid for five seconds, so that each use is a refresh.
func startKeeper(t *testing.T, provider start.Provider, metadata map[string]any, change func(*ginoidc.Config)) *keeper {
	t.Helper()
	all := client("grant_types", []string{"authorization_code", "refresh_token"}, "access_token_ttl", 5)
	for name, value := range metadata {
		all[name] = value
	}
	k := &keeper{vault: &vault{}}
	k.app = startApp(t, provider, all, func(c *ginoidc.Config) {
		p := &c.Providers[0]
		k.id, k.secret, k.next, p.Transport = p.ClientID, p.ClientSecret, p.Transport, k.vault
		c.KeepTokens, c.Providers[0].Scopes = true, []string{"openid", "profile", "email", "offline_access"}
		c.Providers[0].SignInParameters = url.Values{"prompt": {"consent"}}
		if change != nil {
			change(c)
		}
	})
	return k
}

func (v *vault) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := v.next.RoundTrip(r)
	if err != nil || r.URL.Path != "/token" || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.access, v.refresh = append(v.access, answer.Access), append(v.refresh, answer.Refresh)
	return resp, nil
}

// tokens returns all tokens so far.
func (v *vault) tokens() (access, refresh []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.access, v.refresh
}

// ask posts a form to an endpoint of the provider as the app's client does, bypassing the app.
func (k *keeper) ask(t *testing.T, path string, form url.Values) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, k.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(k.id), url.QueryEscape(k.secret))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// redeem presents a refresh token.
func (k *keeper) redeem(t *testing.T, token string) (status int, answer string) {
	t.Helper()
	return k.ask(t, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// opens reports whether the provider's userinfo accepts a bearer token.
func (k *keeper) opens(t *testing.T, token string) bool {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.issuer+"/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
