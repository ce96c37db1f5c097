// Package cluster_test runs three instances of the example app on one Redis behind a round-robin.
package cluster_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// cluster is the servers behind one URL.
type cluster struct {
	url   string // of the round-robin, which is the app's URL
	op    *fakeop.Provider
	run   func(t testing.TB, i int) // starts instance i
	apps  [3]start.App
	redis start.Redis
	again func(t testing.TB) // starts Redis
}

// newCluster starts a provider, Redis and the instances, with env in addition to what they need.
func newCluster(t *testing.T, op fakeop.Config, env ...string) *cluster {
	op.ClientID, op.ClientSecret = "app", "secret"
	c := &cluster{op: fakeop.Start(t, op)}
	redisPort, dir := start.FreePort(t), t.TempDir()
	c.again = func(t testing.TB) { c.redis = start.RunDurableRedis(t, redisPort, dir) }
	c.again(t)
	var backends []string
	ports := [3]string{start.FreePort(t), start.FreePort(t), start.FreePort(t)}
	for _, port := range ports {
		backends = append(backends, "localhost:"+port)
	}
	c.url = roundRobin(t, backends)
	example, secret := start.BuildExample(t), rand.Text()+rand.Text()
	c.run = func(t testing.TB, i int) {
		c.apps[i] = example.Run(t, ports[i],
			append(env, "OIDC_ISSUER="+c.op.Issuer(), "OIDC_CLIENT_ID=app", "OIDC_CLIENT_SECRET=secret",
				"OIDC_APP_URL="+c.url, "OIDC_COOKIE_SECRET="+secret, "REDIS_URL=redis://127.0.0.1:"+redisPort)...)
	}
	for i := range c.apps {
		c.run(t, i)
	}
	return c
}

// roundRobin sends each request to the next instance that accepts a connection.
func roundRobin(t *testing.T, backends []string) string {
	var next atomic.Int64
	transport := &http.Transport{DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", "any", r.In.Host
		},
		Transport:    transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	dialer := net.Dialer{Timeout: time.Second}
	transport.DialContext = func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
		first := int(next.Add(1))
		for i := range backends {
			if conn, err = dialer.DialContext(ctx, network, backends[(first+i)%len(backends)]); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
}

// person is one browser. Its cookies are for the host localhost, whatever the port.
type person struct {
	subject string
	http    *http.Client
}

func (c *cluster) signIn(t testing.TB, subject string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{subject,
		&http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}}
	r := p.do(t, http.MethodGet, c.url+"/auth/signin", "")
	callback, err := c.op.Approve(r.Header.Get("Location"), subject)
	if err != nil {
		t.Fatal(err)
	}
	if r = p.do(t, http.MethodGet, callback, ""); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("callback: %s", r.Status)
	}
	return p
}

func (p *person) do(t testing.TB, method, target, form string) *http.Response {
	t.Helper()
	r, err := p.try(method, target, form)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	return r
}

func (p *person) try(method, target, form string) (*http.Response, error) {
	r, err := http.NewRequest(method, target, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.http.Do(r)
}

// me returns the status of /api/me at the URL and the user it shows.
func (p *person) me(address string) (status int, subject string) { return p.shown(address + "/api/me") }

func (p *person) shown(address string) (status int, subject string) {
	r, err := p.try(http.MethodGet, address, "")
	if err != nil {
		return 0, ""
	}
	defer r.Body.Close()
	var v struct {
		Sub string `json:"sub"`
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &v)
	return r.StatusCode, v.Sub
}

// TestOneSessionOnAllInstances: a sign-in at one instance is known to all, and a sign-out at one ends it everywhere.
// Cases 151, 269 and 294.
func TestOneSessionOnAllInstances(t *testing.T) {
	c := newCluster(t, fakeop.Config{})
	everywhere := func(p *person, want int) {
		t.Helper()
		deadline := time.Now().Add(time.Second)
		for _, app := range c.apps {
			status, subject := p.me(app.URL)
			for status != want && time.Now().Before(deadline) {
				status, subject = p.me(app.URL)
			}
			if status != want || want == http.StatusOK && subject != p.subject {
				t.Errorf("%s at %s: %d %q, want %d", p.subject, app.URL, status, subject, want)
			}
		}
	}
	alice, again, bob := c.signIn(t, "alice"), c.signIn(t, "alice"), c.signIn(t, "bob")
	everywhere(alice, 200)
	everywhere(bob, 200)

	alice.do(t, http.MethodPost, c.apps[0].URL+"/auth/signout", "") // this browser alone
	everywhere(alice, 401)
	everywhere(again, 200)

	token, err := c.op.LogoutToken("alice", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	provider := &person{"", http.DefaultClient}
	if r := provider.do(t, http.MethodPost, c.apps[1].URL+"/auth/backchannel-logout",
		url.Values{"logout_token": {token}}.Encode()); r.StatusCode != 200 {
		t.Errorf("back-channel logout: %s", r.Status)
	}
	everywhere(again, 401)
	everywhere(bob, 200)
	if r := provider.do(t, http.MethodPost, c.apps[2].URL+"/auth/backchannel-logout",
		url.Values{"logout_token": {token}}.Encode()); r.StatusCode != 400 {
		t.Errorf("the token again, at another instance: %s", r.Status) // case 181
	}
	time.Sleep(time.Second)
	everywhere(c.signIn(t, "alice"), 200)
}
