package start

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Dex is e2e/dex as a built program.
type Dex struct{ path string }

// BuildDex builds it in its own module.
func BuildDex(t testing.TB) Dex {
	t.Helper()
	return Dex{buildProvider(t, "dex")}
}

// buildProvider builds a provider that is a module of its own below e2e.
func buildProvider(t testing.TB, name string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	cmd.Dir = filepath.Join(moduleDir(t, plugin+"/e2e"), name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build in %s: %v\n%s", cmd.Dir, err, out)
	}
	return program
}

// Run starts Dex for an app at appURL (no trailing slash) with the plugin's default routes. Tokens are valid for life.
// Dex supports sign-out only with sessions.
func (d Dex) Run(t testing.TB, appURL string, life time.Duration, sessions bool) Provider {
	t.Helper()
	return d.RunNamed(t, appURL, "", life, sessions)
}

// RunNamed is Run for an app with several providers, which names this one.
func (d Dex) RunNamed(t testing.TB, appURL, name string, life time.Duration, sessions bool) Provider {
	t.Helper()
	port := FreePort(t)
	p := Provider{Issuer: "http://127.0.0.1:" + port + "/dex", ClientID: "shop",
		ClientSecret: "a secret of 32 bytes for the shop"}
	cmd := exec.Command(d.path)
	cmd.Env = clean(os.Environ(), "PORT="+port, "TOKEN_LIFE="+life.String(), "APP_URL="+appURL, "NAME="+name,
		"CLIENT_ID="+p.ClientID, "CLIENT_SECRET="+p.ClientSecret, "DEX_SESSIONS_ENABLED="+strconv.FormatBool(sessions))
	p.Process = run(t, cmd, answers(p.Issuer+"/.well-known/openid-configuration"))
	return p
}

// Hangup sends the signal HUP, at which e2e/dex rotates its signing key.
func (p *Process) Hangup(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}
