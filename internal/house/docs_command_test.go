package main

import (
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCommandsOfPages: the pages name only commands and flags that cmd/ginoidc has, and docs/doctor.md names all
// commands.
func TestCommandsOfPages(t *testing.T) {
	t.Chdir(root)
	const command = "github.com/seed-d65cea4d/ginoidc/cmd/ginoidc"
	built := filepath.Join(t.TempDir(), "ginoidc")
	if out, err := exec.Command("go", "build", "-o", built, command).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	usage, err := exec.Command(built, "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	page := readFile(t, "docs/doctor.md")
	commands := map[string]string{"help": ""}
	for _, m := range regexp.MustCompile(`(?m)^  ginoidc ([a-z-]+)`).FindAllStringSubmatch(string(usage), -1) {
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("docs/doctor.md does not name the command %s", m[1])
		}
		flags, _ := exec.Command(built, m[1], "-h").CombinedOutput()
		commands[m[1]] = string(flags)
	}
	if len(commands) < 4 {
		t.Fatalf("the usage is written otherwise by now:\n%s", usage)
	}
	use := regexp.MustCompile(`go run ` + command + `(\S*) ([a-z-]+)([^\n]*)`)
	for file, page := range documents(t) {
		for _, m := range use.FindAllStringSubmatch(page, -1) {
			if m[1] != "@latest" { // without a version it needs modules that go.sum of an app does not have
				t.Errorf("%s: the command is used without @latest", file)
			}
			flags, known := commands[m[2]]
			if !known {
				t.Errorf("%s: there is no command %s", file, m[2])
			}
			for _, flag := range regexp.MustCompile(` (-[a-z-]+)`).FindAllStringSubmatch(m[3], -1) {
				if !strings.Contains(flags, "\n  "+flag[1]+" ") && !strings.Contains(flags, "\n  "+flag[1]+"\n") {
					t.Errorf("%s: %s has no flag %s", file, m[2], flag[1])
				}
			}
		}
	}
}

// TestFindingsAreDocumented: docs/doctor.md has each code of a finding, and no other.
func TestFindingsAreDocumented(t *testing.T) {
	t.Chdir(root)
	_, page, _ := strings.Cut(readFile(t, "docs/doctor.md"), "### Codes")
	page, _, _ = strings.Cut(page, "\n## ")
	codes := map[string]bool{ // those of settings that internal/provider finds the provider to lack
		"fapi2_unsupported": true, "ipsie_unsupported": true, "dpop_unsupported": true,
	}
	literal := regexp.MustCompile(`(?:\b[cf]\.(?:ok|warn|fail)\(\s*|Code: |problem\(|code, fix := )"([a-z0-9_]+)"`)
	other := regexp.MustCompile(`code, fix = "([a-z0-9_]+)"`)
	for _, dir := range []string{"internal/doctor", "cmd/ginoidc", "."} {
		eachFile(t, ".go", func(name string) {
			if path.Dir(name) != dir || strings.HasSuffix(name, "_test.go") || dir == "." && name != "report.go" {
				return
			}
			text := readFile(t, name)
			for _, m := range append(literal.FindAllStringSubmatch(text, -1), other.FindAllStringSubmatch(text, -1)...) {
				codes[m[1]] = true
			}
		})
	}
	if len(codes) < 60 {
		t.Errorf("%d codes found", len(codes))
	}
	for code := range codes {
		if !strings.Contains(page, "`"+code+"`") {
			t.Errorf("docs/doctor.md lacks %s", code)
		}
	}
	for _, m := range regexp.MustCompile("`([a-z0-9]+_[a-z0-9_]+)`").FindAllStringSubmatch(page, -1) {
		if !codes[m[1]] && m[1] != "form_post" {
			t.Errorf("docs/doctor.md: there is no code %s", m[1])
		}
	}
}
