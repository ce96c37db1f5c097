package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"log/slog"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/pages"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestConfigurationIsDocumented: all fields and variables are documented, and none that does not exist.
func TestConfigurationIsDocumented(t *testing.T) {
	t.Chdir(root)
	page := readFile(t, "docs/configuration.md") + readFile(t, "docs/environment.md")
	documented := documentedFields(page)
	for _, of := range []reflect.Type{
		reflect.TypeFor[ginoidc.Config](), reflect.TypeFor[ginoidc.Provider](), reflect.TypeFor[ginoidc.Signals](),
		reflect.TypeFor[ginoidc.Pages](),
	} {
		for i := range of.NumField() {
			name := of.Name() + "." + of.Field(i).Name
			anchor := linkOf(of.Name(), of.Field(i).Name)
			if of.Field(i).IsExported() && strings.Count(page, `<a id="`+anchor+`"></a>`) != 1 {
				t.Errorf(`docs/configuration.md does not have <a id="%s"></a> once, in the row of %s`, anchor, name)
			}
			if of.Field(i).IsExported() && name != "Config.Providers" && !documented[name] {
				t.Errorf("docs/configuration.md lacks the field %s", name)
			}
			delete(documented, name)
		}
	}
	for name := range documented {
		t.Errorf("docs/configuration.md: there is no field %s", name)
	}
	page += readFile(t, "docs/monocloud.md")
	known := []string{"ENV_PREFIX", "SESSION_SLIDING", "PROVIDERS"}
	var ours []string
	const variables = "internal/env/variables.go"
	for _, file := range []string{variables, "internal/env/monocloud.go"} {
		before := len(known)
		literals(t, file, func(lit *ast.CompositeLit) {
			_, listed := lit.Type.(*ast.ArrayType)
			for _, element := range lit.Elts {
				pair, ok := element.(*ast.KeyValueExpr)
				if ok && strings.EqualFold(fmt.Sprint(pair.Key), "name") {
					known = append(known, text(t, pair.Value))
				} else if _, ok := element.(*ast.BasicLit); ok && listed && file != variables { // those that are ignored
					known = append(known, text(t, element))
				}
			}
		})
		if len(known) < before+20 {
			t.Fatalf("%s is written otherwise by now: found %q only", file, known[before:])
		}
		if file == variables {
			ours = known[before:]
		}
	}
	for _, name := range known {
		if !strings.Contains(page, "`OIDC_"+name+"`") &&
			(slices.Contains(ours, name) || !strings.Contains(page, "`"+name+"`")) {
			t.Errorf("docs/configuration.md and docs/monocloud.md lack %s", name)
		}
	}
	for file, page := range documents(t) {
		for _, b := range blocks(file, page, "log") { // with misspelled names
			page = strings.ReplaceAll(page, b.text, "")
		}
		for _, m := range regexp.MustCompile(`\b(OIDC|MONOCLOUD_AUTH)_([A-Z_]+)\b`).FindAllStringSubmatch(page, -1) {
			name := regexp.MustCompile("^(GOOGLE|STAFF)_").ReplaceAllString(m[2], "") // providers of docs/several-providers.md
			if !slices.Contains(known, name) {
				t.Errorf("%s: there is no variable %s", file, m[0])
			}
		}
	}
}

var fieldRow = regexp.MustCompile("^\\| <a id=\"[\\w-]+\"></a>`(\\w+)` \\|")

// linkOf returns the anchor to which a ConfigError of a field links.
func linkOf(of, field string) string {
	path := map[string]string{"Config": "", "Provider": "Providers[0].", "Signals": "Providers[0].Signals."}[of] + field
	_, anchor, _ := strings.Cut((&ginoidc.ConfigError{Field: path}).Doc(), "#")
	return anchor
}

// documentedFields returns the fields in the first column of the tables below "Fields of `Config`." and of `Provider`.
func documentedFields(page string) map[string]bool {
	found, of := map[string]bool{}, ""
	for line := range strings.Lines(page) {
		if m := regexp.MustCompile("^Fields of `(\\w+)`\\.").FindStringSubmatch(line); m != nil {
			of = m[1]
		} else if strings.HasPrefix(line, "#") {
			of = ""
		} else if m := fieldRow.FindStringSubmatch(line); m != nil && of != "" {
			found[of+"."+m[1]] = true
		}
	}
	return found
}

// TestExamplesOfSettings: New accepts each example of the tables of settings, next to what is required.
func TestExamplesOfSettings(t *testing.T) {
	t.Chdir(root)
	required := map[string]string{
		"OIDC_ISSUER": "https://idp.example", "OIDC_CLIENT_ID": "app", "OIDC_CLIENT_SECRET": "s",
		"OIDC_APP_URL": "https://example.com", "OIDC_COOKIE_SECRET": "Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe",
	}
	certificate := testapp.SelfSigned(t)
	key := filepath.Join(t.TempDir(), "key.pem")
	both := append(testapp.PEM(certificate.PrivateKey),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})...)
	if err := os.WriteFile(key, both, 0o600); err != nil {
		t.Fatal(err)
	}
	row, seen := regexp.MustCompile("^\\| (?:<a[^>]*></a>)?`(\\w+)` \\| `(OIDC_\\w+)`[^|]* \\| `([^`]+)` \\|"), 0
	for line := range strings.Lines(documents(t)["docs/configuration.md"]) {
		m := row.FindStringSubmatch(line)
		if m == nil || strings.HasSuffix(m[2], "_FILE") {
			continue
		}
		seen++
		t.Run(m[2]+"="+m[3], func(t *testing.T) {
			for name, value := range required {
				t.Setenv(name, value)
			}
			switch m[1] { // those that need another
			case "SignRequests", "ClientKeyAlg", "ClientKeyID":
				t.Setenv("OIDC_CLIENT_KEY_FILE", key)
				t.Setenv("OIDC_SIGN_REQUESTS", "true")
			case "Profile":
				t.Setenv("OIDC_CLIENT_KEY_FILE", key)
				t.Setenv("OIDC_CLIENT_SECRET", "")
			case "AccessTokenProfile", "AccessTokenIssuer", "Introspection", "RequireBoundTokens", "RequireDPoPNonce",
				"Resource":
				t.Setenv("OIDC_BEARER_AUDIENCE", "https://api.example.com")
			case "CertificateHeader", "CertificateFormat", "CertificateProxies":
				t.Setenv("OIDC_BEARER_AUDIENCE", "https://api.example.com")
				t.Setenv("OIDC_CERTIFICATE_HEADER", "Client-Cert")
				t.Setenv("OIDC_CERTIFICATE_PROXIES", "10.0.0.0/8")
			case "RecheckGrace", "RecheckInBackground":
				t.Setenv("OIDC_RECHECK_EVERY", "5m")
			case "Name":
				for _, variable := range []string{"ISSUER", "CLIENT_ID", "CLIENT_SECRET"} {
					t.Setenv("OIDC_GOOGLE_"+variable, required["OIDC_"+variable])
				}
			case "Tenants":
				t.Setenv("OIDC_ISSUER", "https://idp.example/{tenantid}")
			case "CertificateOrigins":
				t.Setenv("OIDC_CLIENT_CERT_FILE", key)
			}
			t.Setenv(m[2], m[3])
			cfg, _ := ginoidc.ConfigFromEnv("OIDC_")
			cfg.Logger = slog.New(slog.DiscardHandler)
			if _, err := ginoidc.New(cfg); err != nil {
				t.Error(err)
			}
		})
	}
	if seen < 40 {
		t.Errorf("%d examples found", seen)
	}
}

// TestEnvironmentBlocks: every block of variables is a valid configuration, once missing required ones are filled in.
func TestEnvironmentBlocks(t *testing.T) {
	t.Chdir(root)
	for file, page := range documents(t) {
		for _, b := range blocks(file, page, "env") {
			t.Run(fmt.Sprintf("%s:%d", file, b.line), func(t *testing.T) {
				prefix := regexp.MustCompile(`^([A-Z]+_)*?(OIDC|AUTH)_`).FindString(b.text)
				for name, value := range map[string]string{"ISSUER": "https://idp.example", "CLIENT_ID": "app",
					"CLIENT_SECRET": "s", "COOKIE_SECRET": "Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe"} {
					if !strings.Contains(b.text, prefix+name+"=") && (name != "ISSUER" || !strings.Contains(b.text, "TENANT_DOMAIN")) {
						t.Setenv(prefix+name, value)
					}
				}
				for line := range strings.Lines(b.text) {
					name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
					t.Setenv(name, value)
				}
				var logs bytes.Buffer
				cfg, unreadable := ginoidc.ConfigFromEnv(prefix)
				cfg.Logger = slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelWarn}))
				if _, err := ginoidc.New(cfg); err != nil || unreadable != nil || logs.Len() > 0 {
					t.Error(unreadable, err, logs.String())
				}
			})
		}
	}
}

// TestErrorsAreDocumented: the table has exactly the codes and statuses of internal/outcome, with the names of
// errors.go. Pages have texts for each code, and every reason that internal/provider logs is explained.
func TestErrorsAreDocumented(t *testing.T) {
	t.Chdir(root)
	page := readFile(t, "docs/errors.md")
	statuses := map[string]int{}
	for status := 400; status < 600; status++ {
		statuses["Status"+strings.ReplaceAll(http.StatusText(status), " ", "")] = status
	}
	exported := map[string]string{} // by the name in the room that returns the error
	for _, m := range regexp.MustCompile(`(?m)^\t(Err\w+) += (\w+\.Err\w+)$`).FindAllStringSubmatch(
		readFile(t, "errors.go"), -1) {
		exported[strings.TrimPrefix(m[2], "outcome.")] = m[1]
	}
	var rows []string
	literals(t, "internal/outcome/outcome.go", func(lit *ast.CompositeLit) {
		if len(lit.Elts) != 4 {
			return
		}
		if status, ok := lit.Elts[1].(*ast.SelectorExpr); ok {
			value := "–" // of no exported error
			if name := exported[types.ExprString(lit.Elts[0])]; name != "" {
				value = "`" + name + "`"
			}
			code := text(t, lit.Elts[2])
			rows = append(rows, fmt.Sprintf("| `%s` | %d | %s |", code, statuses[status.Sel.Name], value))
			if texts := pages.Texts(pages.English); texts[code+".title"] == "" || texts[code+".text"] == "" {
				t.Errorf("pages have no texts for %s", code)
			}
		}
	})
	for _, row := range rows {
		if !strings.Contains(page, "\n"+row) {
			t.Errorf("docs/errors.md lacks %s", row)
		}
	}
	if n := len(regexp.MustCompile("(?m)^\\| `[a-z_]+` \\| [0-9]+ \\|").FindAllString(page, -1)); n != len(rows) ||
		n < 10 {
		t.Errorf("docs/errors.md has %d rows for %d codes", n, len(rows))
	}
	reason := regexp.MustCompile(`(?:(?:invalid|misconfigured|badToken)\(\w+, |Code: )"([a-z0-9_]+)"`)
	eachFile(t, ".go", func(name string) {
		if path.Dir(name) != "internal/provider" || strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, m := range reason.FindAllStringSubmatch(readFile(t, name), -1) {
			if !strings.Contains(page, "`"+m[1]+"`") {
				t.Errorf("docs/errors.md lacks the reason %s of %s", m[1], name)
			}
		}
	})
}

// TestEventsAreDocumented: docs/events.md has a row for each name of an event, and no other.
func TestEventsAreDocumented(t *testing.T) {
	t.Chdir(root)
	var names, rows []string
	constant := regexp.MustCompile(`(?m)^\tEvent\w+ += "([a-z_]+)"`)
	for _, m := range constant.FindAllStringSubmatch(readFile(t, "report.go"), -1) {
		names = append(names, m[1])
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")
	for _, m := range row.FindAllStringSubmatch(readFile(t, "docs/events.md"), -1) {
		rows = append(rows, m[1])
	}
	if !slices.Equal(names, rows) || len(names) < 10 {
		t.Errorf("report.go has %q\ndocs/events.md has %q", names, rows)
	}
}

// literals visits the composite literals of a file.
func literals(t *testing.T, name string, visit func(*ast.CompositeLit)) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok {
			visit(lit)
		}
		return true
	})
}

// text returns the value of a string literal.
func text(t *testing.T, expr ast.Expr) string {
	t.Helper()
	lit, ok := expr.(*ast.BasicLit)
	if !ok {
		t.Fatalf("%v is not a string literal", expr)
	}
	value, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
