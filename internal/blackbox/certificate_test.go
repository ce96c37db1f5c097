package blackbox_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// asker is a server that requests a client certificate and records for each request whether it came with one.
type asker struct {
	*httptest.Server
	mu    sync.Mutex
	shown []bool
}

func newAsker(t *testing.T, policy tls.ClientAuthType, handler http.Handler) *asker {
	t.Helper()
	a := &asker{}
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.shown = append(a.shown, len(r.TLS.PeerCertificates) > 0)
		a.mu.Unlock()
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	a.TLS = &tls.Config{ClientAuth: policy}
	a.Config.ErrorLog = log.New(io.Discard, "", 0)
	a.StartTLS()
	t.Cleanup(a.Close)
	return a
}

// last returns the records since the previous call.
func (a *asker) last() []bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.shown = nil }()
	return a.shown
}

// TestClientCertificate: a Client presents the certificate to which access tokens are bound to the provider and to
// CertificateOrigins, even if an idle connection without it exists. It presents it to no other server, wherever a
// redirect leads.
func TestClientCertificate(t *testing.T) {
	certificate := testapp.SelfSigned(t)
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	named, strict, stranger := newAsker(t, tls.RequestClientCert, ok), newAsker(t, tls.RequireAnyClientCert, ok),
		newAsker(t, tls.RequestClientCert, ok)
	var op http.Handler
	serveOP := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { op.ServeHTTP(w, r) })
	issuer, alias := newAsker(t, tls.RequestClientCert, serveOP), newAsker(t, tls.RequestClientCert, serveOP)
	a := testapp.New(t, func(c *ginoidc.Config, o *fakeop.Config) {
		c.Providers[0].Issuer, o.Issuer, o.MTLSRoot, c.KeepTokens = issuer.URL, issuer.URL, alias.URL, true
		p := &c.Providers[0]
		p.ClientSecret, p.ClientAuthMethod, o.ClientAuthMethod = "", "self_signed_tls_client_auth",
			"self_signed_tls_client_auth"
		c.Providers[0].ClientCertificate, o.ClientKey = &certificate, certificate.PrivateKey.(crypto.Signer).Public()
		c.Providers[0].CertificateOrigins = []string{named.URL, strict.URL}
		c.Providers[0].Transport, c.Providers[0].RootCAs = testapp.Network{}, x509.NewCertPool()
		for _, s := range []*asker{named, strict, stranger, issuer, alias} {
			c.Providers[0].RootCAs.AddCert(s.Certificate())
		}
	})
	op = a.OP
	var fetch func(address string) error
	var userInfo string
	a.Engine.GET("/client", a.Auth.RequireAuth(), func(c *gin.Context) {
		client, err := a.Auth.Client(c)
		if err != nil {
			t.Fatal(err)
		}
		if userInfo, err = a.Auth.UserInfoURL(c); err != nil || !strings.HasPrefix(userInfo, alias.URL) {
			t.Fatalf("userinfo at %q, %v", userInfo, err)
		}
		fetch = func(address string) error {
			r, err := client.Get(address)
			if err != nil {
				return err
			}
			defer r.Body.Close()
			_, err = io.Copy(io.Discard, r.Body)
			return err
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	b.Fetch("/client")
	for _, tt := range []struct {
		name, address string
		asked         *asker
		shown         []bool
	}{
		{"named", named.URL, named, []bool{true}},
		{"asks nobody without one", strict.URL, strict, []bool{true}},
		{"stranger", stranger.URL, stranger, []bool{false}},
		{"the provider's userinfo", userInfo, alias, []bool{true}},
		{"the issuer", issuer.URL + "/userinfo", issuer, []bool{true}},
		{"a redirect to the same origin", named.URL + "/?to=/x", named, []bool{true, true}},
		{"a redirect to a stranger", named.URL + "/?to=" + stranger.URL, stranger, []bool{false}},
		{"from a stranger to who is named", stranger.URL + "/?to=" + named.URL, named, []bool{false}},
		{"from one who is named to another, and on there", strict.URL + "/?to=" + named.URL + "/?to=/x",
			named, []bool{false, false}},
		{"to the provider", stranger.URL + "/?to=" + issuer.URL, issuer, []bool{false}},
		{"named once more", named.URL, named, []bool{true}},
		{"stranger once more", stranger.URL, stranger, []bool{false}},
	} {
		for _, s := range []*asker{named, strict, stranger, issuer, alias} {
			s.last()
		}
		if err := fetch(tt.address); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := tt.asked.last(); len(got) != len(tt.shown) || got[0] != tt.shown[0] ||
			got[len(got)-1] != tt.shown[len(got)-1] {
			t.Errorf("%s: shown %t, want %t", tt.name, got, tt.shown)
		}
	}
	if err := fetch(stranger.URL + "/?to=" + strict.URL); err == nil {
		t.Error("a server that wants a certificate was content without one")
	}
}
