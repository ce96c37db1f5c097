package conformance_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// startSuite starts the suite whose jar the environment names, behind a proxy with TLS. Without a jar it skips the
// test: the suite is a program of its own, in Java, with a database.
func startSuite(t *testing.T) api {
	t.Helper()
	jar := os.Getenv("CONFORMANCE_JAR")
	if jar == "" {
		t.Skip("the suite is not at hand: CONFORMANCE_JAR is not set, see docs/conformance.md")
	}
	port := start.FreePort(t)
	server := &url.URL{Scheme: "http", Host: "127.0.0.1:" + port}
	secure := proxy(t, server)
	trust(t, secure)

	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	cmd := exec.Command(start.Find(t, "default-jre-headless", java), "-Xmx1500m",
		"-Dfintechlabs.base_url="+secure.URL, "-Dfintechlabs.base_mtls_url="+secure.URL,
		"-Dfintechlabs.devmode=true", // without accounts: everybody who can reach it may use it
		"-Dspring.mongodb.uri="+mongoDB(), "-Dopenid.mongodb.targetFeatureCompatibilityVersion=",
		"-Dserver.address=127.0.0.1", "-Dserver.port="+port, "-jar", jar)
	cmd.Dir = t.TempDir()
	start.Server(t, cmd, 143, func(ctx context.Context) error { // 128 and SIGTERM, as the JVM exits
		return answers(ctx, secure.URL+"/api/server")
	})
	return api{secure.URL, &http.Client{Timeout: 2 * time.Minute}}
}

func mongoDB() string {
	if uri := os.Getenv("CONFORMANCE_MONGODB"); uri != "" {
		return uri
	}
	return "mongodb://127.0.0.1:27017/test_suite"
}

func answers(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, resp.Status)
	}
	return nil
}

// proxy terminates TLS, and tells the suite what it wants to know about the connection, as the suite's own proxy does.
func proxy(t *testing.T, to *url.URL) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(&httputil.ReverseProxy{ErrorHandler: notYet, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
		_, port, err := net.SplitHostPort(r.In.Host)
		if err != nil {
			port = "443"
		}
		r.Out.Header.Set("X-Forwarded-Port", port)
		r.Out.Header.Set("X-Ssl-Protocol", strings.Replace(tls.VersionName(r.In.TLS.Version), "TLS ", "TLSv", 1))
		r.Out.Header.Set("X-Ssl-Cipher", tls.CipherSuiteName(r.In.TLS.CipherSuite))
	}})
	t.Cleanup(server.Close)
	return server
}

// notYet answers while the suite starts.
func notYet(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }

// trust makes this process and those that it starts trust the proxies. It comes before their first connection.
func trust(t *testing.T, server *httptest.Server) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "roots.pem")
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(name, roots, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", name)
	t.Setenv("SSL_CERT_DIR", t.TempDir())
}
