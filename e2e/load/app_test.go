package load_test

import (
	"crypto/rand"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

const instances = 2

// site is two instances of the example behind a load balancer, with a provider and a Redis that can fail.
type site struct {
	url   string // of the load balancer
	op    *fakeop.Provider
	gates []*gate // of the provider's endpoints, and of Redis
	apps  [instances]start.App
	out   [instances]atomic.Bool  // taken out by the load balancer
	busy  [instances]atomic.Int64 // its requests
	run   func(i int)             // starts an instance
}

// endpoints are the members of the discovery document for what the app calls. The document is at the issuer itself.
var endpoints = []string{"jwks_uri", "token_endpoint", "userinfo_endpoint", "revocation_endpoint",
	"introspection_endpoint", "pushed_authorization_request_endpoint"}

func newSite(t *testing.T, users []fakeop.User) *site {
	t.Helper()
	s := &site{}
	provider := httptest.NewUnstartedServer(nil)
	provider.Config.ErrorLog = log.New(io.Discard, "", 0)
	provider.StartTLS()
	t.Cleanup(provider.Close)
	backend := provider.Listener.Addr().String()
	wire := wireFaults(t, provider.TLS.Certificates[0])
	moved := map[string]string{}
	discovery := newGate(t, "discovery", backend, wire)
	s.gates = append(s.gates, discovery)
	discovery.often = 0.7 // only new instances call it, and fetch keys
	for _, name := range endpoints {
		g := newGate(t, strings.TrimSuffix(name, "_endpoint"), backend, wire)
		if s.gates = append(s.gates, g); name == "jwks_uri" {
			g.often = discovery.often
		}
		moved[name] = "https://" + g.addr
	}
	issuer := "https://" + discovery.addr
	var err error
	s.op, err = fakeop.New(fakeop.Config{
		Issuer: issuer, ClientID: "app", ClientSecret: "secret", SigningAlg: "ES256", Users: users,
		AlwaysRefreshToken: true,
		KeepRefreshToken:   true, // a new one that is lost on the way cannot be replaced: that would end the session
	})
	if err != nil {
		t.Fatal(err)
	}
	s.op.OnDiscovery(func(document map[string]any) {
		for name, at := range moved {
			if address, ok := document[name].(string); ok {
				document[name] = strings.Replace(address, issuer, at, 1)
			}
		}
	})
	provider.Config.Handler = s.op
	redis := newGate(t, "Redis", start.RunRedis(t).Addr, redisFaults())
	s.gates = append(s.gates, redis)

	var ports [instances]string
	for i := range ports {
		ports[i] = start.FreePort(t)
	}
	s.url = s.balance(t, ports)
	env := []string{
		"OIDC_ISSUER=" + issuer, "OIDC_CLIENT_ID=app", "OIDC_CLIENT_SECRET=secret", "OIDC_APP_URL=" + s.url,
		"OIDC_COOKIE_SECRET=" + rand.Text() + rand.Text(), "OIDC_CA_FILE=" + caFile(t, provider),
		"OIDC_SIGNING_ALGS=ES256", "OIDC_USE_PAR=true", "OIDC_KEEP_TOKENS=true", "OIDC_RECHECK_EVERY=1s",
		"OIDC_PROVIDER_TIMEOUT=1s", "OIDC_BEARER_AUDIENCE=https://api.example", "OIDC_INTROSPECT=true",
		"REDIS_URL=redis://" + redis.addr,
	}
	app := start.BuildExample(t)
	s.run = func(i int) { s.apps[i] = app.Run(t, ports[i], env...) }
	for i := range s.apps {
		s.run(i)
	}
	for _, app := range s.apps {
		app.AwaitReady(t)
	}
	return s
}

// caFile is the file of a server's certificate.
func caFile(t *testing.T, server *httptest.Server) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// unreachable is what the load balancer answers when it reaches no instance.
const unreachable = 599

// balance starts a load balancer, which is the app's URL.
func (s *site) balance(t *testing.T, ports [instances]string) string {
	t.Helper()
	var next atomic.Int64
	var proxies [instances]*httputil.ReverseProxy
	for i, port := range ports {
		proxies[i] = &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", "localhost:"+port, r.In.Host
			},
			Transport: &http.Transport{DisableKeepAlives: true},
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				if r.Context().Err() == nil {
					t.Logf("%s: %v", r.URL.Path, err)
				}
				w.WriteHeader(unreachable)
			},
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := int(next.Add(1)) % instances
		s.busy[i].Add(1)
		if s.out[i].Load() { // one is always in service
			s.busy[i].Add(-1)
			i = (i + 1) % instances
			s.busy[i].Add(1)
		}
		defer s.busy[i].Add(-1)
		proxies[i].ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

// replace stops an instance with SIGTERM, as a deployment does, and starts it again. The load balancer sends it
// nothing meanwhile, and waits for its requests.
func (s *site) replace(t *testing.T, i int) {
	t.Helper()
	s.out[i].Store(true)
	for s.busy[i].Load() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	s.apps[i].Stop(t)
	s.run(i)
	s.out[i].Store(false)
}
