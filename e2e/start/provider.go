package start

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The one place where the provider shows groups and organizations.
const (
	GroupsInIDToken  = "id_token"
	GroupsInUserInfo = "userinfo"
)

// ProfileFAPI2 makes the provider require the FAPI 2.0 Security Profile of all clients: requests are pushed, clients
// authenticate by private_key_jwt, and DPoP proofs need a nonce.
const ProfileFAPI2 = "fapi2"

// Provider is a running npm oidc-provider as one of its clients knows it.
type Provider struct {
	*Process
	Issuer, ClientID, ClientSecret string
}

// RunProvider starts e2e/op for an app at appURL (no trailing slash) with the plugin's default routes.
func RunProvider(t testing.TB, appURL, groupsIn string) Provider {
	t.Helper()
	const id, secret = "ginoidc-e2e", "a secret: 100% & + / = ?"
	p := runProvider(t, FreePort(t), groupsIn,
		"PROFILE=",
		"CLIENT_ID="+id,
		"CLIENT_SECRET="+secret,
		"REDIRECT_URIS="+appURL+"/auth/callback",
		"SIGNED_OUT_URIS="+appURL+" "+appURL+"/",
		"LOGOUT_URI="+appURL+"/auth/backchannel-logout",
	)
	p.ClientID, p.ClientSecret = id, secret
	return p
}

// RunOpenProvider starts e2e/op without a client: see [Provider.Register]. Groups are in userinfo. The profile is "" or
// [ProfileFAPI2].
func RunOpenProvider(t testing.TB, profile string) Provider {
	t.Helper()
	return runProvider(t, FreePort(t), GroupsInUserInfo, "PROFILE="+profile, "CLIENT_ID=")
}

// RunOpenProviderWithKey is RunOpenProvider at a port and with an ES256 key, a private JWK. Its caller can sign what
// the provider would not, and can start it again with another key.
func RunOpenProviderWithKey(t testing.TB, port string, key map[string]string) Provider {
	t.Helper()
	text, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	return runProvider(t, port, GroupsInUserInfo, "PROFILE=", "CLIENT_ID=", "SIGNING_KEY="+string(text))
}

func runProvider(t testing.TB, port, groupsIn string, env ...string) Provider {
	t.Helper()
	node := Find(t, "nodejs npm", "node")
	dir := filepath.Join(moduleDir(t, plugin+"/e2e"), "op")
	install(t, dir)
	cmd := exec.Command(node, "op.mjs")
	cmd.Dir = dir
	cmd.Env = clean(os.Environ(), append(env, "PORT="+port, "GROUPS_IN="+groupsIn)...)
	p := Provider{Issuer: "http://127.0.0.1:" + port}
	p.Process = run(t, cmd, answers(p.Issuer+"/.well-known/openid-configuration"))
	return p
}

// Register registers another client (RFC 7591) and returns the provider as that client sees it.
func (p Provider) Register(t testing.TB, metadata map[string]any) Provider {
	t.Helper()
	body, err := json.Marshal(metadata)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(p.Issuer+"/reg", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var client struct {
		ID          string `json:"client_id"`
		Secret      string `json:"client_secret"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&client); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("register %s: %s %s (%v)", body, resp.Status, client.Description, err)
	}
	p.ClientID, p.ClientSecret = client.ID, client.Secret
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

// install downloads what package-lock.json names, once per clone. The lock is for concurrent test packages.
func install(t testing.TB, dir string) {
	t.Helper()
	defer locked(t, filepath.Join(dir, "package-lock.json"))()
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil {
		return // npm writes this file last
	}
	cmd := exec.CommandContext(t.Context(), Find(t, "nodejs npm", "npm"), "ci", "--omit=dev")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci in %s: %v\n%s", dir, err, out)
	}
}
