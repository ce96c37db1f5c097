package env_test

import (
	"bytes"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/env"
)

// TestEnvironment: a field is known by the variable that set it or could have, until code changes it. Variables without
// effect are logged, with what was probably meant.
func TestEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"A_ISSUER": "https://a.example", "A_SCOPES": `"a"`, "A_ISUER": "x", "A_GOOGLE_ISSUER": "https://b.example",
		"A_SESSION_SLIDING": "perhaps", "A_SINGLE": "x", "A_PROVIDERS": "google",
	} {
		t.Setenv(name, value)
	}
	e := env.Environment{Prefix: "A_"}
	var app, google target
	e.Read(&app, "", "A_", table())
	e.Read(&google, "Google.", "A_GOOGLE_", table())
	e.Named("Google.", env.Variable{Name: "PROVIDERS", Field: "Skip"})
	e.Ignore([]env.Variable{{Name: "SINGLE"}, {Name: "ISSUER"}})
	e.Finish("PROVIDERS")
	var unreadable []string
	for _, p := range e.Unreadable {
		unreadable = append(unreadable, p.Field+" "+p.Variable)
	}
	if got := strings.Join(unreadable, ", "); got != "Scopes A_SCOPES,  A_SESSION_SLIDING" {
		t.Errorf("unreadable: %s", got)
	}
	before := target{Issuer: app.Issuer}
	app.Issuer = "https://other.example" // by code
	at := func(app *target) func(string) reflect.Value {
		return func(path string) reflect.Value {
			return reflect.ValueOf(map[string]*target{"": app, "Google.": &google}[path]).Elem()
		}
	}
	want := map[string]string{
		"Scopes": "A_SCOPES", "Skip": "A_FETCH_USER_INFO", "Google.Issuer": "A_GOOGLE_ISSUER",
		"Google.Scopes": "A_GOOGLE_SCOPES", "Google.Skip": "A_PROVIDERS",
	}
	if got := e.Names(at(&app), at(&before)); !maps.Equal(got, want) {
		t.Errorf("names: %v", got)
	}
	var log bytes.Buffer
	e.Warn(slog.New(slog.NewTextHandler(&log, nil)))
	for _, line := range []string{"variable=A_ISUER nearest=A_ISSUER", "variables=[A_SINGLE]"} {
		if !strings.Contains(log.String(), line) || strings.Count(log.String(), "\n") != 2 {
			t.Errorf("%q is not in %s", line, log.String())
		}
	}
}
