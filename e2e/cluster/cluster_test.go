// Package cluster_test runs three instances of the example app on one database or Redis behind a round-robin.
package cluster_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// TestCluster tests the instances on each backing. Cases 151, 250, 251, 269, 290 and 294.
func TestCluster(t *testing.T) {
	app := start.BuildExample(t)
	all := kinds(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		k := all[name]
		t.Run(name, func(t *testing.T) {
			b := k.start(t)
			t.Run("one session", func(t *testing.T) { oneSession(t, newCluster(t, app, b, fakeop.Config{})) })
			t.Run("streams", func(t *testing.T) { streamsEnd(t, newCluster(t, app, b, fakeop.Config{})) })
			t.Run("one refresh", func(t *testing.T) { oneRefresh(t, app, b, start.Long(3, 50)) })
			t.Run("one re-check", func(t *testing.T) { oneRecheck(t, app, b, start.Long(1, 5)) })
			if name == "PostgreSQL" || start.IsLong() {
				t.Run("provider down", func(t *testing.T) { providerDown(t, app, b) })
			}
			// The last one, because the server that it restarts ends with it.
			t.Run("kills", func(t *testing.T) { underKills(t, app, b, start.Long(k.kills, 20)) })
		})
	}
}

// kindOf returns the name of the kind that a test is of, for figures.
func kindOf(t *testing.T) string {
	return strings.ReplaceAll(strings.Split(t.Name(), "/")[1], "_", " ")
}

// cluster is the servers behind one URL.
type cluster struct {
	url     string // of the round-robin, which is the app's URL
	op      *fakeop.Provider
	run     func(t testing.TB, i int) // starts instance i
	apps    [3]start.App
	backing backing
}

// newCluster starts a provider and the instances, with env in addition to what they need.
func newCluster(t *testing.T, app start.Example, b backing, op fakeop.Config, env ...string) *cluster {
	op.ClientID, op.ClientSecret = "app", "secret"
	c := &cluster{op: fakeop.Start(t, op), backing: b}
	var backends []string
	ports := [3]string{start.FreePort(t), start.FreePort(t), start.FreePort(t)}
	for _, port := range ports {
		backends = append(backends, "localhost:"+port)
	}
	c.url = roundRobin(t, backends)
	secret := rand.Text() + rand.Text()
	c.run = func(t testing.TB, i int) {
		c.apps[i] = app.Run(t, ports[i],
			append(env, "OIDC_ISSUER="+c.op.Issuer(), "OIDC_CLIENT_ID=app", "OIDC_CLIENT_SECRET=secret",
				"OIDC_APP_URL="+c.url, "OIDC_COOKIE_SECRET="+secret, b.env)...)
	}
	for i := range c.apps {
		c.run(t, i)
	}
	for _, app := range c.apps {
		app.AwaitReady(t)
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
	status, v := p.described(address)
	return status, v.Sub
}

// groups returns the status of /api/me at the URL and the groups it shows.
func (p *person) groups(address string) (status int, groups []string) {
	status, v := p.described(address + "/api/me")
	return status, v.Groups
}

// description is the user in a response.
type description struct {
	Sub    string
	Groups []string
}

func (p *person) described(address string) (status int, v description) {
	r, err := p.try(http.MethodGet, address, "")
	if err != nil {
		return 0, v
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &v)
	return r.StatusCode, v
}

// copied returns a browser with the same cookies.
func (p *person) copied(t testing.TB, address string) *person {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(u, p.http.Jar.Cookies(u))
	client := *p.http
	client.Jar = jar
	return &person{p.subject, &client}
}

// signOut reports whether the app acknowledged it.
func (p *person) signOut(address string) bool {
	r, err := p.try(http.MethodPost, address+"/auth/signout", "")
	if err != nil {
		return false
	}
	_ = r.Body.Close()
	return r.StatusCode == http.StatusSeeOther
}
