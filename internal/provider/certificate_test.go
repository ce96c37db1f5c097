package provider_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TestCertified: the certificate, which identifies this client, is shown to the provider and to the resource servers
// that the app names, and neither over plain http nor to a server that a redirect chose.
func TestCertified(t *testing.T) {
	const userinfo = "https://users.example"
	for _, tt := range []struct {
		name, url string
		known     bool // the metadata has been fetched
		from      string
		certified bool
	}{
		{"the provider", issuer + "/x", false, "", true},
		{"the provider's port", issuer + ":443/x", false, "", true},
		{"userinfo", userinfo + "/me", true, "", true},
		{"userinfo, unknown", userinfo + "/me", false, "", false},
		{"a resource server", "https://api.example/a", true, "", true},
		{"another port", "https://api.example:8443/a", true, "", false},
		{"plain http", "http://op.example/x", true, "", false},
		{"another server", "https://other.example/a", true, "", false},
		{"no address", "https:///a", true, "", false},
		{"redirected here", "https://api.example/a", true, "https://api.example/b", true},
		{"redirected from elsewhere", "https://api.example/a", true, "https://other.example/b", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(discoveryPath, document(object{"userinfo_endpoint": userinfo + "/me"}))
			p := op.client()
			if tt.known {
				if _, err := p.Metadata(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			sent := errors.New("sent")
			used := ""
			via := func(name string) http.RoundTripper {
				return roundTripper(func(*http.Request) (*http.Response, error) { used += name; return nil, sent })
			}
			origins := []string{"https://api.example", "http://op.example"}
			transport := p.Certified(via("plain"), via("certified"), origins)
			origins[0] = "https://other.example" // later changes of the caller have no effect
			req := newRequest(t, http.MethodGet, tt.url, nil)
			if tt.from != "" {
				req.Response = &http.Response{Request: newRequest(t, http.MethodGet, tt.from, nil)}
			}
			want := "plain"
			if tt.certified {
				want = "certified"
			}
			if _, err := transport.RoundTrip(req); err != sent || used != want {
				t.Errorf("%s, %v; want %s", used, err, want)
			}
		})
	}
}

// TestResourceTransport: the app's own requests trust the configured authorities, and only those to the provider and
// the named servers present the certificate. Without either, they share the connections of http.DefaultTransport.
func TestResourceTransport(t *testing.T) {
	serve := func() *httptest.Server {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200 + len(r.TLS.PeerCertificates))
		}))
		server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}
	idp, api, other := serve(), serve(), serve()
	roots := x509.NewCertPool() // of all three
	roots.AddCert(idp.Certificate())
	p := provider.New(provider.Config{Issuer: idp.URL, ClientID: clientID})
	certificate := newCertificate(t, "app.example", time.Hour)
	for _, tt := range []struct {
		name        string
		certificate *tls.Certificate
		server      *httptest.Server
		shown       int
	}{
		{"no certificate", nil, idp, 0}, {"provider", &certificate, idp, 1}, {"resource server", &certificate, api, 1},
		{"another server", &certificate, other, 0},
	} {
		transport := p.ResourceTransport(roots, tt.certificate, []string{api.URL})
		resp, err := transport.RoundTrip(newRequest(t, http.MethodGet, tt.server.URL, nil))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		_ = resp.Body.Close()
		if shown := resp.StatusCode - 200; shown != tt.shown {
			t.Errorf("%s: %d certificates", tt.name, shown)
		}
	}
	if p.ResourceTransport(nil, nil, nil) != http.DefaultTransport {
		t.Error("it has connections of its own")
	}
}

// connecting is a transport of this package whose connections lead to a server in memory.
type connecting struct {
	transport       func(provider.Config) http.RoundTripper
	handshake, idle time.Duration // for how long a connection may take to begin, and then be idle
	kept            int           // idle connections
}

func connectings() map[string]connecting {
	own := func(c provider.Config) http.RoundTripper { return provider.New(c).OwnTransport() }
	return map[string]connecting{
		"resource server": {func(c provider.Config) http.RoundTripper {
			return provider.New(c).ResourceTransport(c.RootCAs, nil, nil)
		}, 10 * time.Second, 90 * time.Second, 2},
		"provider": {own, 3 * time.Second, 90 * time.Second, 8},
		"restricted provider": {func(c provider.Config) http.RoundTripper { restricted(&c); return own(c) },
			3 * time.Second, 15 * time.Second, 1},
	}
}

// to returns a request for the server.
func (c connecting) to(t *testing.T, authority *x509.Certificate, serve func(net.Conn)) func() error {
	cfg := provider.Config{Issuer: issuer, ClientID: clientID, RootCAs: x509.NewCertPool()}
	cfg.RootCAs.AddCert(authority)
	transport := c.transport(cfg).(*http.Transport)
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go serve(server)
		return client, nil
	}
	return func() error {
		resp, err := transport.RoundTrip(newRequest(t, http.MethodGet, issuer, nil))
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
}

// TestHandshakesEnd: a server that does not complete the TLS handshake is given up.
func TestHandshakesEnd(t *testing.T) {
	for name, tt := range connectings() {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			get := tt.to(t, newCertificate(t, "op.example", time.Hour).Leaf, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
			if err, took := get(), time.Since(start); err == nil || took != tt.handshake {
				t.Errorf("%s: %v after %v", name, err, took)
			}
		})
	}
}

// TestIdleConnectionsEnd: connections that nobody uses are closed, at once or, some of them, later.
func TestIdleConnectionsEnd(t *testing.T) {
	const connections = 10
	for name, tt := range connectings() {
		synctest.Test(t, func(t *testing.T) {
			start, closed := time.Now(), make(chan time.Duration, connections)
			certificate := newCertificate(t, "op.example", time.Hour)
			get := tt.to(t, certificate.Leaf, func(c net.Conn) {
				answerOnce(t, c, certificate)
				closed <- time.Since(start)
			})
			var callers sync.WaitGroup
			for range connections {
				callers.Go(func() {
					if err := get(); err != nil {
						t.Error(err)
					}
				})
			}
			callers.Wait()
			for i := range connections {
				want := time.Second
				if i >= connections-tt.kept {
					want += tt.idle
				}
				if after := <-closed; after != want {
					t.Errorf("%s: connection %d is closed after %v, want %v", name, i, after, want)
				}
			}
		})
	}
}

// answerOnce answers one request, after a second in which others can connect, and waits for the end of the connection.
func answerOnce(t *testing.T, c net.Conn, certificate tls.Certificate) {
	conn := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		t.Error(err)
	}
	time.Sleep(time.Second)
	_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn)
}

// TestCertifiedWithoutOrigin: an issuer that has no origin has none to show the certificate to.
func TestCertifiedWithoutOrigin(t *testing.T) {
	for _, issuer := range []string{"", "https:///x", "https://op.example:port"} {
		p := provider.New(provider.Config{Issuer: issuer, ClientID: clientID})
		sent := errors.New("sent")
		transport := p.Certified(
			roundTripper(func(*http.Request) (*http.Response, error) { return nil, sent }),
			roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("with a certificate") }), nil)
		if _, err := transport.RoundTrip(newRequest(t, http.MethodGet, "https:///a", nil)); err != sent {
			t.Errorf("%q: %v", issuer, err)
		}
	}
}
