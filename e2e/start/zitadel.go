package start

import (
	"os"
	"os/exec"
	"testing"
)

// RunZITADEL starts e2e/zitadel for an app at appURL (no trailing slash) with the default routes. ID tokens also
// name the project as an audience.
func RunZITADEL(t testing.TB, appURL, project string) Provider {
	t.Helper()
	port := FreePort(t)
	p := Provider{Issuer: "http://127.0.0.1:" + port, ClientID: "shop",
		ClientSecret: "a secret of 32 bytes for the shop"}
	cmd := exec.Command(buildProvider(t, "zitadel"))
	cmd.Env = clean(os.Environ(), "PORT="+port, "APP_URL="+appURL, "PROJECT="+project,
		"CLIENT_ID="+p.ClientID, "CLIENT_SECRET="+p.ClientSecret)
	p.Process = run(t, cmd, answers(p.Issuer+"/.well-known/openid-configuration"))
	return p
}
