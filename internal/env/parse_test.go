package env_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/env"
)

// everything has a field of each type that a variable can set.
type everything struct {
	Text        string
	List        []string
	Switch      bool
	Limit       int
	Life        time.Duration
	Parameters  url.Values
	Content     []byte
	Certificate *tls.Certificate
	Roots       *x509.CertPool
	Other       float64
}

// parsed reads one value for one field. problem is "" if it can be read.
func parsed(t *testing.T, field, value string, as func(string) (string, error)) (got any, problem, fix string) {
	t.Helper()
	t.Setenv("A_V", value)
	var all everything
	_, problems := env.Vars{Prefix: "A_"}.Read(&all, []env.Variable{{Name: "V", Field: field, As: as}})
	if len(problems) > 0 {
		problem, fix = problems[0].Text, problems[0].Fix
	}
	return reflect.ValueOf(all).FieldByName(field).Interface(), problem, fix
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		field, value string
		want         any
	}{
		{"Text", " as it is\n", " as it is\n"},
		{"List", " a  b\tc ", []string{"a", "b", "c"}},
		{"Switch", "true", true}, {"Switch", "F", false}, {"Switch", "1", true},
		{"Limit", "0", 0}, {"Limit", "3", 3},
		{"Life", "1h30m", 90 * time.Minute}, {"Life", "1ns", time.Nanosecond},
		{"Parameters", "a=1&a=2&b=c+d", url.Values{"a": {"1", "2"}, "b": {"c d"}}},
	} {
		if got, problem, _ := parsed(t, test.field, test.value, nil); !reflect.DeepEqual(got, test.want) || problem != "" {
			t.Errorf("%s %q: %v, %q", test.field, test.value, got, problem)
		}
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	empty, text := filepath.Join(dir, "empty"), filepath.Join(dir, "text")
	for name, content := range map[string]string{empty: "", text: "not PEM"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ field, value, problem, fix string }{
		{"List", " \t", "holds blanks alone", "remove the quotes"}, {"List", "'a b'", "is in quotes", "remove the quotes"},
		{"Switch", "yes", `"yes" is neither true nor false`, "write true or false"},
		{"Switch", " true", `" true" is neither true nor false`, "write true or false"},
		{"Limit", "-1", `"-1" is not a number from 0`, "write a number, 0 for no limit"},
		{"Limit", "1.5", `"1.5" is not a number from 0`, "write a number, 0 for no limit"},
		{"Limit", "99999999999999999999", `"99999999999999999999" is too large`, "write a number, 0 for no limit"},
		{"Limit", "-99999999999999999999", `"-99999999999999999999" is not a number from 0`,
			"write a number, 0 for no limit"},
		{"Life", "10", `"10" is not a positive duration`, "write a Go duration such as 12h or 90s"},
		{"Life", "0s", `"0s" is not a positive duration`, "write a Go duration such as 12h or 90s"},
		{"Life", "9999999h", `"9999999h" is too large`, "write a Go duration such as 12h or 90s"},
		{"Life", "5", `"5" is not a positive duration`, "write a Go duration such as 12h or 90s"},
		{"Life", "-9999999h", `"-9999999h" is not a positive duration`, "write a Go duration such as 12h or 90s"},
		{"Parameters", "?a=b", `"?a=b" is not a query string`, "write a query string"},
		{"Parameters", "a=%zz", `"a=%zz" is not a query string`, "write a query string"},
		{"Parameters", " a=b", `" a=b" is not a query string`, "write a query string"},
		{"Parameters", "a", `"a" has a parameter without a name or a value`, "write a query string"},
		{"Parameters", "=a", `"=a" has a parameter without a name or a value`, "write a query string"},
		{"Parameters", `a="b"`, `the value of "a" is in quotes`, "write a query string"},
		{"Parameters", `"a=b"`, "is in quotes", "write a query string"},
		{"Content", dir + "/gone", "cannot be read: ", "name a readable file with a PEM or JWK private key"},
		{"Content", empty, "is empty", "name a readable file with a PEM or JWK private key"},
		{"Certificate", text, "holds no certificate with its key", "name a readable PEM file with the certificate"},
		{"Roots", text, "holds no certificate", "name a readable file of PEM certificates"},
		{"Roots", empty, "is empty", "name a readable file of PEM certificates"},
		{"Other", "1", "has the type *float64, which no variable sets", ""},
	} {
		_, problem, fix := parsed(t, test.field, test.value, nil)
		if !strings.Contains(problem, test.problem) || !strings.HasPrefix(fix, test.fix) {
			t.Errorf("%s %q: %q, fix %q; want %q, %q", test.field, test.value, problem, fix, test.problem, test.fix)
		}
		if strings.Contains(problem, "not PEM") {
			t.Errorf("%s: the problem quotes the file: %s", test.field, problem)
		}
	}
}

// TestConversions: values that are converted before they are read.
func TestConversions(t *testing.T) {
	when := env.BoolOr("always", "never", "auto")
	for _, test := range []struct {
		name, field, value string
		as                 func(string) (string, error)
		want               any
		problem            string
	}{
		{"not", "Switch", "false", env.Not, true, ""},
		{"not", "Switch", "x", env.Not, false, `"x" is neither true nor false`},
		{"or", "Text", "auto", when, "auto", ""}, {"or", "Text", "true", when, "always", ""},
		{"or", "Text", "0", when, "never", ""}, {"or", "Text", "always", when, "", `"always" is none of its values`},
		{"unit", "Life", "30", env.WithUnit, 30 * time.Second, ""},
		{"unit", "Life", "30m", env.WithUnit, 30 * time.Minute, ""},
		{"unit", "Life", "99999999999999999999", env.WithUnit, time.Duration(0), `"99999999999999999999s" is too large`},
	} {
		got, problem, _ := parsed(t, test.field, test.value, test.as)
		if !reflect.DeepEqual(got, test.want) || problem != test.problem {
			t.Errorf("%s %q: %v, %q; want %v, %q", test.name, test.value, got, problem, test.want, test.problem)
		}
	}
}
