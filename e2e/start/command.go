package start

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
)

// Command is cmd/ginoidc as a built program.
type Command struct{ path string }

// BuildCommand builds it once for a test.
func BuildCommand(t testing.TB) Command {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ginoidc")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, plugin+"/cmd/ginoidc")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	return Command{path}
}

// Doctor returns what the command finds in an environment that has these settings alone. Its exit status has to be 1 if
// there is an error, and none of the secrets may be in what it prints.
func (c Command) Doctor(t testing.TB, env, secrets []string, args ...string) (found []ginoidc.Finding) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.path, append([]string{"doctor", "-json"}, args...)...)
	cmd.Env = append([]string{"HOME=" + t.TempDir()}, env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	status := 0
	if err, failed := (*exec.ExitError)(nil), cmd.Run(); errors.As(failed, &err) {
		status = err.ExitCode()
	} else if failed != nil {
		t.Fatal(failed)
	}
	if err := json.Unmarshal(out.Bytes(), &found); err != nil || errOut.Len() > 0 {
		t.Fatalf("%v\n%s%s", err, &out, &errOut)
	}
	wrong := slices.ContainsFunc(found, func(f ginoidc.Finding) bool { return f.Severity == ginoidc.SeverityError })
	if wrong != (status == 1) || status > 1 {
		t.Errorf("exit status %d", status)
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(out.String(), secret) {
			t.Errorf("a secret is printed:\n%s", &out)
		}
	}
	return found
}
