package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/seed-d65cea4d/ginoidc"
)

// service is the part of a service that the tests look at.
type service struct {
	Build struct {
		Context, Dockerfile string
	}
	Image       string
	NetworkMode string `yaml:"network_mode"`
	Environment map[string]string
	Ports       []string
	Volumes     []string
	Command     string
	DependsOn   any `yaml:"depends_on"`
}

func readCompose(t *testing.T) map[string]service {
	t.Helper()
	var file struct{ Services map[string]service }
	if err := yaml.Unmarshal([]byte(readFile(t, "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	return file.Services
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// instances returns the names of the instances.
func instances() []string { return []string{"app1", "app2", "app3"} }

// TestCompose: the file is complete, and its parts fit together.
func TestCompose(t *testing.T) {
	services := readCompose(t)
	if len(services) != 6 {
		t.Fatalf("%d services", len(services))
	}
	for name, s := range services {
		if s.Image == "" && s.Build.Dockerfile == "" {
			t.Errorf("%s has neither an image nor a Dockerfile", name)
		}
		for _, volume := range s.Volumes {
			if file, _, _ := strings.Cut(volume, ":"); strings.HasPrefix(file, "./") {
				readFile(t, file)
			}
		}
		for other := range dependencies(s.DependsOn) {
			if _, ok := services[other]; !ok {
				t.Errorf("%s depends on %s, which is no service", name, other)
			}
		}
	}
	proxy := readFile(t, "nginx.conf")
	for _, name := range instances() {
		s := services[name]
		readFile(t, filepath.Join(s.Build.Context, s.Build.Dockerfile))
		readFile(t, filepath.Join(s.Build.Context, "go.mod"))
		if s.NetworkMode != "service:proxy" || s.Environment["INSTANCE"] != name ||
			!strings.Contains(proxy, "server 127.0.0.1:"+s.Environment["PORT"]+";") {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for _, port := range services["proxy"].Ports {
		if parts := strings.Split(port, ":"); !strings.Contains(proxy, "listen "+parts[len(parts)-1]+";") {
			t.Errorf("the proxy does not listen at %s", port)
		}
	}
	if redis := services["redis"].Command; !strings.Contains(redis, "--maxmemory-policy noeviction") {
		t.Errorf("Redis may forget who was signed out: %s", redis)
	}
}

// dependencies returns the names in a list or an object.
func dependencies(value any) map[string]bool {
	names := map[string]bool{}
	switch value := value.(type) {
	case []any:
		for _, name := range value {
			names[name.(string)] = true
		}
	case map[string]any:
		for name := range value {
			names[name] = true
		}
	}
	return names
}

// TestSettings: the plugin accepts the environment, which is the same for all instances, and it fits the realm.
func TestSettings(t *testing.T) {
	services := readCompose(t)
	for _, name := range instances() {
		for key, value := range services[name].Environment {
			if other := services["app1"].Environment[key]; other != value && key != "PORT" && key != "INSTANCE" {
				t.Errorf("%s of %s is %q, and of app1 %q", key, name, value, other)
			}
			t.Setenv(key, value)
		}
	}
	cfg, err := ginoidc.ConfigFromEnv("OIDC_")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ginoidc.New(cfg); err != nil {
		t.Fatal(err)
	}
	var realm struct {
		Realm   string
		Clients []struct {
			ClientID, Secret string
			RedirectURIs     []string
			Attributes       map[string]string
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, "realm.json")), &realm); err != nil || len(realm.Clients) != 1 {
		t.Fatalf("%v, %d clients", err, len(realm.Clients))
	}
	client, own := realm.Clients[0], cfg.Providers[0]
	if own.ClientID != client.ClientID || own.ClientSecret != client.Secret ||
		own.Issuer != services["keycloak"].Environment["KC_HOSTNAME"]+"/realms/"+realm.Realm {
		t.Errorf("client %s at %s is not that of the realm", own.ClientID, own.Issuer)
	}
	if !slices.Equal(client.RedirectURIs, []string{cfg.AppURL + "/auth/callback"}) ||
		client.Attributes["post.logout.redirect.uris"] != cfg.AppURL+"/" ||
		client.Attributes["backchannel.logout.url"] != "http://proxy:8080/auth/backchannel-logout" {
		t.Errorf("%+v", client)
	}
}
