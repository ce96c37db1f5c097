package start

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Where the provider shows groups and organizations, and nowhere else.
const (
	GroupsInIDToken  = "id_token"
	GroupsInUserInfo = "userinfo"
)

// Provider is a running npm oidc-provider with one client.
type Provider struct {
	*Process
	Issuer, ClientID, ClientSecret string
}

// RunProvider starts e2e/op for an app at appURL (no trailing slash) with the plugin's default routes.
func RunProvider(t testing.TB, appURL, groupsIn string) Provider {
	t.Helper()
	node := Find(t, "nodejs npm", "node")
	dir := filepath.Join(moduleDir(t, plugin+"/e2e"), "op")
	install(t, dir)
	port := FreePort(t)
	p := Provider{Issuer: "http://127.0.0.1:" + port, ClientID: "ginoidc-e2e", ClientSecret: "a secret: 100% & + / = ?"}
	cmd := exec.Command(node, "op.mjs")
	cmd.Dir = dir
	cmd.Env = clean(os.Environ(),
		"PORT="+port,
		"CLIENT_ID="+p.ClientID,
		"CLIENT_SECRET="+p.ClientSecret,
		"REDIRECT_URIS="+appURL+"/auth/callback",
		"SIGNED_OUT_URIS="+appURL+" "+appURL+"/",
		"LOGOUT_URI="+appURL+"/auth/backchannel-logout",
		"GROUPS_IN="+groupsIn,
	)
	p.Process = run(t, cmd, answers(p.Issuer+"/.well-known/openid-configuration"))
	return p
}

// Env configures the example app for this provider.
func (p Provider) Env() []string {
	return []string{
		"OIDC_ISSUER=" + p.Issuer,
		"OIDC_CLIENT_ID=" + p.ClientID,
		"OIDC_CLIENT_SECRET=" + p.ClientSecret,
	}
}

// install brings what package-lock.json names, once a clone. The lock is for test packages that run at the same time.
func install(t testing.TB, dir string) {
	t.Helper()
	lock, err := os.Open(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() // gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil {
		return // npm writes this file last
	}
	cmd := exec.CommandContext(t.Context(), Find(t, "nodejs npm", "npm"), "ci", "--omit=dev")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci in %s: %v\n%s", dir, err, out)
	}
}
