package blackbox_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions/memstore"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestForwardedHeaders: forwarding headers, one or several, consistent or not, never change a URL, a cookie or the
// outcome. Cases 221, 222.
func TestForwardedHeaders(t *testing.T) {
	a := testapp.New(t)
	plain := a.Browser().Navigate("/auth/signin")
	for _, headers := range [][]string{
		{"X-Forwarded-Proto", "http", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example",
			"X-Forwarded-Host", "app.example.com"},
		{"X-Forwarded-Host", "evil.example, app.example.com", "X-Forwarded-Port", "8080", "X-Forwarded-For", "127.0.0.1"},
		{"Forwarded", `for=127.0.0.1;host=evil.example;proto=http, host="app.example.com"`, "X-Original-URL",
			"/admin", "X-Rewrite-URL", "/admin"},
		{"X-Forwarded-Prefix", "/evil", "X-Forwarded-Prefix", "//evil.example", "X-Forwarded-User", "alice", "Remote-User",
			"alice"}, // cases 216, 224
	} {
		b := a.Browser()
		r := b.Do("GET", "/auth/signin", nil, append(headers, testapp.Navigation()...)...)
		if got, want := testapp.ParseURL(t, r.Location()).Query().Get("redirect_uri"),
			testapp.ParseURL(t, plain.Location()).Query().Get("redirect_uri"); got != want || len(r.Cookies()) != 1 ||
			!r.Cookies()[0].Secure {
			t.Errorf("%v: redirect_uri %q, cookies %v", headers, got, r.Cookies())
		}
		if r := b.Do("GET", "/me", nil, headers...); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%v: %d", headers, r.StatusCode)
		}
	}
}

// TestHeaderSizes: with sessions on a server, the plugin's response headers fit into the 4 kB buffer of a proxy, even
// for the longest return target. Case 229.
func TestHeaderSizes(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Store = memstore.NewStore([]byte(testapp.CookieSecret))
		groups := make([]string, 300)
		for i := range groups {
			groups[i] = fmt.Sprintf("group-%08d", i)
		}
		op.Users = []fakeop.User{{Subject: "alice", Groups: groups}}
	})
	b := a.Browser()
	size := func(r testapp.Reply) (sum int) {
		for _, line := range append(r.Header["Set-Cookie"], r.Location()) {
			sum += len(line)
		}
		return sum
	}
	started := b.Navigate("/auth/signin?return_to=/" + strings.Repeat("a", 2047))
	callback, err := a.OP.Approve(started.Location(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	ended := b.Navigate(callback)
	if size(started) >= 4<<10 || size(ended) >= 4<<10 || ended.StatusCode != http.StatusSeeOther || b.WhoAmI() != "alice" {
		t.Errorf("%d and %d bytes of headers, %d", size(started), size(ended), ended.StatusCode)
	}
}

// TestHTTP2: a whole sign-in and sign-out over HTTP/2. Case 231.
func TestHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.AppURL = server.URL })
	server.Config.Handler = a.Engine
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: server.Client().Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	do := func(method, target string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.ProtoMajor != 2 {
			t.Fatalf("%s", response.Proto)
		}
		return response
	}
	callback, err := a.OP.Approve(do("GET", server.URL+"/auth/signin?return_to=/me").Header.Get("Location"), "alice")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		method, path string
		status       int
	}{{"GET", strings.TrimPrefix(callback, server.URL), 303}, {"GET", "/admin", 200}, {"POST", "/auth/signout", 303},
		{"GET", "/me", 401}} {
		if r := do(step.method, server.URL+step.path); r.StatusCode != step.status {
			t.Errorf("%s %.20s: %d", step.method, step.path, r.StatusCode)
		}
	}
}

// TestSmuggling: a request that two servers could parse differently is refused before any handler runs. Case 227.
func TestSmuggling(t *testing.T) {
	a := testapp.New(t)
	server := httptest.NewServer(a.Engine)
	defer server.Close()
	b := a.Browser()
	b.MustSignIn("alice")
	cookie := "Cookie: " + b.CookieHeader() + "\r\n"
	for name, text := range map[string]string{
		"space before the colon": "POST /auth/signout HTTP/1.1\r\nHost: app\r\n" + cookie + "Content-Length : 0\r\n\r\n",
		"two lengths": "POST /auth/signout HTTP/1.1\r\nHost: app\r\n" + cookie +
			"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
		"an unknown encoding": "POST /auth/signout HTTP/1.1\r\nHost: app\r\n" + cookie +
			"Transfer-Encoding: xchunked\r\n\r\n",
		"two hosts": "POST /auth/signout HTTP/1.1\r\nHost: app\r\nHost: evil\r\n" + cookie +
			"Content-Length: 0\r\n\r\n", // case 226
		"folded header": "POST /auth/signout HTTP/1.1\r\n Host: app\r\n" + cookie + "Content-Length: 0\r\n\r\n",
		"a control in the header": "POST /auth/signout HTTP/1.1\r\nHost: app\r\n" + cookie +
			"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = r.Body.Close()
		_ = conn.Close()
		if r.StatusCode < 400 || b.WhoAmI() != "alice" {
			t.Errorf("%s: %d, %q signed in", name, r.StatusCode, b.WhoAmI())
		}
	}
}

// TestOwnDialer: an app can forbid calls to private addresses with its own transport. Case 125.
func TestOwnDialer(t *testing.T) {
	idp := httptest.NewTLSServer(http.NotFoundHandler())
	defer idp.Close()
	dialed := 0
	a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Providers[0].Issuer, op.Issuer = idp.URL, idp.URL
		c.Providers[0].Transport = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
				dialed++
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New(address + " is not allowed")}
			}}
	})
	if r := a.Browser().Navigate("/auth/signin"); r.StatusCode != http.StatusServiceUnavailable || dialed != 1 {
		t.Errorf("%d after %d calls", r.StatusCode, dialed)
	}
}
