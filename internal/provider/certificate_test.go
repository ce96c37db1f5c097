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

// TestConnectionsEnd: a server that does not complete the TLS handshake is given up, and connections that nobody uses
// are closed: some are kept for a while.
func TestConnectionsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		transport       func(provider.Config) http.RoundTripper
		handshake, idle time.Duration
		kept            int
	}{
		"resource server": {func(c provider.Config) http.RoundTripper {
			return provider.New(c).ResourceTransport(c.RootCAs, nil, nil)
		}, 10 * time.Second, 90 * time.Second, 2},
		"provider": {func(c provider.Config) http.RoundTripper { return provider.New(c).OwnTransport() },
			3 * time.Second, 90 * time.Second, 8},
		"restricted provider": {func(c provider.Config) http.RoundTripper {
			restricted(&c)
			return provider.New(c).OwnTransport()
		}, 3 * time.Second, 15 * time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				certificate := newCertificate(t, "op.example", time.Hour)
				cfg := provider.Config{Issuer: issuer, ClientID: clientID, RootCAs: x509.NewCertPool()}
				cfg.RootCAs.AddCert(certificate.Leaf)
				transport := tt.transport(cfg).(*http.Transport)
				var serve func(net.Conn)
				transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					go serve(server)
					return client, nil
				}
				get := func() (*http.Response, error) {
					return transport.RoundTrip(newRequest(t, http.MethodGet, issuer, nil))
				}
				start := time.Now()
				serve = func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
				_, err := get()
				if took := time.Since(start); err == nil || took != tt.handshake {
					t.Errorf("a handshake: %v after %v", err, took)
				}
				const connections = 10
				start = time.Now()
				closed := make(chan time.Duration, connections)
				serve = func(c net.Conn) {
					answerOnce(t, c, certificate)
					closed <- time.Since(start)
				}
				var callers sync.WaitGroup
				for range connections {
					callers.Go(func() {
						if resp, err := get(); err != nil {
							t.Error(err)
						} else {
							_ = resp.Body.Close()
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
						t.Errorf("connection %d is closed after %v, want %v", i, after, want)
					}
				}
			})
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
