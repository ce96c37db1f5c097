package conformance_test

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// driver runs plans with the app at one place.
type driver struct {
	suite         api
	example, fapi start.Example
	url, port     string // of the app, with TLS: the suite requires it of some of a client's addresses
	client        credentials
}

type credentials struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func newDriver(t *testing.T, suite api) driver {
	t.Helper()
	port := start.FreePort(t)
	site := proxy(t, &url.URL{Scheme: "http", Host: "localhost:" + port})
	return driver{suite, start.BuildExample(t), buildClient(t), site.URL, port,
		credentials{"app", rand.Text() + rand.Text()}}
}

// buildClient builds the app of the FAPI plans.
func buildClient(t *testing.T) start.Example {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./client").CombinedOutput(); err != nil {
		t.Fatalf("go build ./client: %v\n%s", err, out)
	}
	return start.Example{Path: path}
}

const alias = "ginoidc" // of the suite's provider, in its issuer

func (d driver) issuer() string { return d.suite.base + "/test/a/" + alias + "/" }

// registration is the client as the suite's configuration has it.
func (d driver) registration(p published) map[string]any {
	client := map[string]any{
		"client_id": d.client.ID, "client_secret": d.client.Secret, "redirect_uri": d.url + "/auth/callback",
	}
	maps.Copy(client, p.client)
	return client
}

// register registers the client. The suite's module for sign-ins that a third party initiates begins too early with a
// client of its configuration, and then says that it was interrupted.
func (d driver) register(t *testing.T, p published) (registered credentials) {
	t.Helper()
	client := map[string]any{"redirect_uris": []string{d.url + "/auth/callback"}}
	maps.Copy(client, p.client)
	resp, err := d.suite.client.Post(d.issuer()+"register", "application/json", strings.NewReader(text(t, client)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&registered); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("registration: %s (%v)", resp.Status, err)
	}
	return registered
}

func (d driver) app(p published) start.Example {
	if p.fapi {
		return d.fapi
	}
	return d.example
}

// env configures the app for a plan.
func (d driver) env(p published, client credentials) []string {
	env := []string{"OIDC_ISSUER=" + d.issuer(), "OIDC_CLIENT_ID=" + client.ID, "OIDC_APP_URL=" + d.url,
		"OIDC_COOKIE_SECRET=" + rand.Text() + rand.Text()}
	if p.fapi {
		env = append(env, "RESOURCE_URL="+d.issuer()+"open-banking/v1.1/accounts")
	} else {
		env = append(env, "OIDC_CLIENT_SECRET="+client.Secret)
	}
	return append(env, p.env...)
}
