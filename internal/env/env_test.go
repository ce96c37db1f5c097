package env_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/env"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

type target struct {
	Issuer string
	Scopes []string
	Skip   bool
}

func table() []env.Variable {
	return []env.Variable{
		{Name: "ISSUER", Field: "Issuer"}, {Name: "SCOPES", Field: "Scopes"},
		{Name: "FETCH_USER_INFO", Field: "Skip", As: env.Not, Fix: "write true or false"},
	}
}

// TestRead: fields of one struct, from variables under one prefix and their other names.
func TestRead(t *testing.T) {
	for _, test := range []struct {
		name     string
		env      map[string]string // by full name
		want     target
		sources  map[string]string
		problems []settings.Problem
	}{
		{"nothing", map[string]string{"B_ISSUER": "https://b.example", "A_SCOPES": ""}, target{Issuer: "before"}, nil, nil},
		{"all", map[string]string{"A_ISSUER": "https://a.example", "A_SCOPES": "a b", "A_FETCH_USER_INFO": "false"},
			target{"https://a.example", []string{"a", "b"}, true},
			map[string]string{"Issuer": "A_ISSUER", "Scopes": "A_SCOPES", "Skip": "A_FETCH_USER_INFO"}, nil},
		{"another name", map[string]string{"A_TENANT_DOMAIN": "a.example"}, target{Issuer: "https://a.example"},
			map[string]string{"Issuer": "A_TENANT_DOMAIN"}, nil},
		{"two names that agree", map[string]string{"A_TENANT_DOMAIN": "a.example", "A_ISSUER": "https://a.example"},
			target{Issuer: "https://a.example"}, map[string]string{"Issuer": "A_ISSUER"}, nil},
		{"two names that differ", map[string]string{"A_TENANT_DOMAIN": "b.example", "A_ISSUER": "https://a.example"},
			target{Issuer: "https://a.example"}, nil,
			[]settings.Problem{
				{Field: "Issuer", Variable: "A_ISSUER", Text: "differs from A_TENANT_DOMAIN", Fix: "keep one of them"},
			}},
		{"unreadable", map[string]string{"A_SCOPES": `"a"`, "A_FETCH_USER_INFO": "perhaps", "A_ISSUER": "x"},
			target{Issuer: "x"}, map[string]string{"Issuer": "A_ISSUER"}, []settings.Problem{
				{Field: "Scopes", Variable: "A_SCOPES", Text: "is in quotes", Fix: "remove the quotes"},
				{Field: "Skip", Variable: "A_FETCH_USER_INFO", Text: `"perhaps" is neither true nor false`,
					Fix: "write true or false"},
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			got := target{Issuer: "before"}
			sources, problems := env.Vars{Prefix: "A_", Aliases: env.MonoCloudAliases()}.Read(&got, table())
			if !reflect.DeepEqual(got, test.want) || len(sources) != len(test.sources) ||
				len(sources) > 0 && !reflect.DeepEqual(sources, test.sources) || !slices.Equal(problems, test.problems) {
				t.Errorf("%+v from %v, problems %v", got, sources, problems)
			}
		})
	}
}

// TestNames: the names of a table include the other names of its variables only.
func TestNames(t *testing.T) {
	got := env.Vars{Prefix: "A_", Aliases: env.MonoCloudAliases()}.Names(table())
	want := []string{"A_ISSUER", "A_SCOPES", "A_FETCH_USER_INFO", "A_TENANT_DOMAIN", "A_USER_INFO"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSet(t *testing.T) {
	t.Setenv("GINOIDC_TEST_B", "1")
	t.Setenv("GINOIDC_TEST_A", "1")
	t.Setenv("GINOIDC_TEST_C", "")
	if got := env.Set("GINOIDC_TEST_"); !slices.Equal(got, []string{"GINOIDC_TEST_A", "GINOIDC_TEST_B"}) {
		t.Errorf("set: %q", got)
	}
	if got := env.Set(""); got != nil {
		t.Errorf("without a prefix: %q", got)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"SCOPES", "ISSUER", "SESSION_IDLE", "SESSION_LIFETIME"}
	for unknown, want := range map[string]string{
		"SCOPE": "SCOPES", "SCOPPES": "SCOPES", "ISUER": "ISSUER", "SESSION_LIFE_TIME": "SESSION_LIFETIME",
		"SESSIONIDLE": "SESSION_IDLE",
		"HOST":        "", "X": "", "": "", "SECRET": "",
	} {
		if got := env.Nearest(unknown, known); got != want {
			t.Errorf("%q: %q, want %q", unknown, got, want)
		}
	}
}
