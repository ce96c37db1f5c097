package start

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// KeycloakVersion is the version that the tests run and the pages name.
const KeycloakVersion = "26.7.3"

// Keycloak is a running Keycloak with its data in memory.
type Keycloak struct {
	*Process
	URL      string // without a trailing slash
	password string // of its administrator
}

// RunKeycloak starts a Keycloak that has only its own realm.
func RunKeycloak(t testing.TB) Keycloak {
	t.Helper()
	home, port, password := keycloakHome(t), FreePort(t), rand.Text()
	k := Keycloak{URL: "http://127.0.0.1:" + port, password: password}
	cmd := kc(t, home, "start", "--optimized", "--cache=local", "--http-enabled=true", "--http-host=127.0.0.1",
		"--http-port="+port, "--hostname="+k.URL)
	cmd.Env = append(cmd.Env, "KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD="+password)
	k.Process = run(t, cmd, answers(k.URL+"/realms/master"))
	k.status = 128 + int(syscall.SIGTERM) // as Java programs exit
	return k
}

// kc is Keycloak's command. It is limited, because a test machine does other work too.
func kc(t testing.TB, home string, args ...string) *exec.Cmd {
	t.Helper()
	Find(t, "default-jre-headless", "java")
	cmd := exec.Command("nice", append([]string{"-n", "10", filepath.Join(home, "bin", "kc.sh")}, args...)...)
	cmd.Dir = home
	cmd.Env = append(clean(os.Environ()), "JAVA_OPTS_KC_HEAP=-Xms64m -Xmx512m")
	return cmd
}

// keycloakHome returns the directory of the distribution, built for a database in memory. The first call on a machine
// downloads it from Maven Central, in two minutes. The lock is for concurrent test runs.
func keycloakHome(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "ginoidc-e2e")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	name := "keycloak-" + KeycloakVersion
	home, ready := filepath.Join(cache, name), filepath.Join(cache, name, "ready")
	defer locked(t, home+".lock")()
	if _, err := os.Stat(ready); err == nil {
		return home
	}
	mvn := exec.CommandContext(t.Context(), Find(t, "maven", "mvn"), "-q", "-B", "dependency:unpack",
		"-Dartifact=org.keycloak:keycloak-quarkus-dist:"+KeycloakVersion+":zip", "-DoutputDirectory="+cache)
	mvn.Dir = cache
	for _, cmd := range []*exec.Cmd{mvn, kc(t, home, "build", "--db=dev-mem")} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
	if err := os.WriteFile(ready, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return home
}

// locked waits for the lock on a file and returns the function that releases it.
func locked(t testing.TB, path string) (unlock func()) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { _ = file.Close() }
}

// Admin calls Keycloak's admin API at a path below /admin/realms, with body as JSON. The response is decoded into
// answer unless that is nil.
func (k Keycloak) Admin(t testing.TB, method, path string, body, answer any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	k.admin(t, method, path, "application/json", bytes.NewReader(text), answer)
}

// Upload sends a file and form fields to the admin API, as the console does.
func (k Keycloak) Upload(t testing.TB, path string, fields map[string]string, file []byte) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "file")
	if err == nil {
		_, err = part.Write(file)
	}
	for name, value := range fields {
		err = errors.Join(err, form.WriteField(name, value))
	}
	if err = errors.Join(err, form.Close()); err != nil {
		t.Fatal(err)
	}
	k.admin(t, http.MethodPost, path, form.FormDataContentType(), &body, nil)
}

func (k Keycloak) admin(t testing.TB, method, path, kind string, body io.Reader, answer any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, k.URL+"/admin/realms"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+k.adminToken(t))
	r.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(r)
	if err == nil {
		err = answered(resp, answer)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// adminToken is valid for a minute.
func (k Keycloak) adminToken(t testing.TB) string {
	t.Helper()
	resp, err := http.PostForm(k.URL+"/realms/master/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {k.password},
	})
	var token struct {
		Access string `json:"access_token"`
	}
	if err == nil {
		err = answered(resp, &token)
	}
	if err != nil {
		t.Fatalf("the administrator signs in: %v", err)
	}
	return token.Access
}

// answered reads a response, which must be a success.
func answered(resp *http.Response, answer any) error {
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s", resp.Status, text)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(text, answer)
	}
	return err
}
