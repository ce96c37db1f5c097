package settings_test

import (
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

func TestNamesOfFields(t *testing.T) {
	n := settings.Names{Variables: map[string]string{"Providers[0].Issuer": "OIDC_ISSUER"}, Path: "Providers[0]."}
	for field, want := range map[string][2]string{
		"Issuer":   {"Providers[0].Issuer (OIDC_ISSUER)", "OIDC_ISSUER"},
		"ClientID": {"Providers[0].ClientID", "Providers[0].ClientID"},
	} {
		if got := [2]string{n.Of(field), n.Short(field)}; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := (settings.Names{}).Of("AppURL"); got != "AppURL" {
		t.Error(got)
	}
}

func TestDoc(t *testing.T) {
	for field, want := range map[string]string{
		"":                          "docs/environment.md",
		"AppURL":                    "docs/configuration.md#appurl",
		"Providers":                 "docs/configuration.md#providers",
		"Providers[0].Issuer":       "docs/configuration.md#issuer",
		"Providers[1].Signals.Poll": "docs/configuration.md#signals-poll",
		"Pages.Logo":                "docs/configuration.md#logo",
	} {
		if got := settings.Doc(field); got != want {
			t.Errorf("%q: %s, want %s", field, got, want)
		}
	}
}

// TestCopy: fields are copied that both structs have with the same type, those of embedded structs too.
func TestCopy(t *testing.T) {
	type inner struct{ B []string }
	from := struct {
		A      string
		B      []string
		C      int
		hidden string
	}{"a", []string{"b"}, 1, "h"}
	to := struct {
		inner
		A      string
		C      string
		D      bool
		hidden string
	}{C: "c", D: true}
	settings.Copy(&to, &from)
	if to.A != "a" || len(to.B) != 1 || to.C != "c" || !to.D || to.hidden != "" {
		t.Errorf("%+v", to)
	}
	from.A, from.hidden = "", "x"
	if settings.Copy(&from, &to); from.A != "a" || from.C != 1 || from.hidden != "x" {
		t.Errorf("%+v", from)
	}
}
