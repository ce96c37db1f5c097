package recipes_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

func TestDex(t *testing.T) {
	example, dex := start.BuildExample(t), start.BuildDex(t)
	for name, row := range map[string]struct {
		life     time.Duration // of tokens
		sessions bool          // Dex's
		env      []string
		run      func(person)
	}{
		"groups": {time.Hour, false, nil, dexGroups},
		"refresh and new keys": {5 * time.Second, true,
			[]string{"OIDC_KEEP_TOKENS=true", "OIDC_SCOPES=openid profile email groups offline_access"}, dexRefresh},
		"sign-out without sessions":  {time.Hour, false, nil, dexForgets},
		"sign-out":                   {time.Hour, true, []string{"OIDC_KEEP_ID_TOKEN=true"}, dexSignOut},
		"sign-out without hint":      {time.Hour, true, []string{"OIDC_KEEP_ID_TOKEN=false"}, dexStrands},
		"sign-out at Dex":            {time.Hour, true, []string{"OIDC_UNTYPED_LOGOUT_TOKENS=true"}, dexTells},
		"sign-out at Dex, not heard": {time.Hour, true, nil, dexUnheard},
	} {
		t.Run(name, func(t *testing.T) {
			port := start.FreePort(t)
			p := dex.Run(t, "http://localhost:"+port, row.life, row.sessions)
			row.run(somebody(t, runApp(t, example, port, p, "self-hosted.md", "## Dex", row.env...), p))
		})
	}
}

func dexUser(who string) url.Values {
	return url.Values{"login": {who + "@example.com"}, "password": {"password"}}
}

func dexGroups(alice person) {
	alice.signIn(dexUser("alice"))
	alice.is("alice@example.com", "admin", "staff")
	alice.may("/api/admin", http.StatusOK)
	bob := somebody(alice.T, alice.app, alice.provider)
	bob.signIn(dexUser("bob"))
	bob.is("bob@example.com", "staff")
	bob.may("/api/admin", http.StatusForbidden)
}

// dexRefresh: each use is a refresh, and the key is rotated in between, twice within a minute. The app fetches keys at
// most once a minute, so it knows only the first new one.
func dexRefresh(alice person) {
	bob := somebody(alice.T, alice.app, alice.provider)
	alice.signIn(dexUser("alice"))
	alice.upstream("alice@example.com")
	for i := range 2 {
		old := alice.signingKey()
		alice.provider.Hangup(alice)
		for deadline := time.Now().Add(20 * time.Second); alice.signingKey() == old; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				alice.Fatalf("still the old key:\n%s", alice.provider.Output())
			}
		}
		alice.upstream("alice@example.com")
		alice.is("alice@example.com", "admin", "staff")
		if i == 0 {
			bob.signIn(dexUser("bob"))
		}
	}
	bob.is("bob@example.com", "staff")
}

// signingKey returns the id of the first key that Dex lists.
func (p person) signingKey() string {
	p.Helper()
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		}
	}
	text := p.Fetch(p.provider.Issuer + "/keys").Text
	if err := json.Unmarshal([]byte(text), &set); err != nil || len(set.Keys) == 0 || set.Keys[0].ID == "" {
		p.Fatalf("keys: %s (%v)", text, err)
	}
	return set.Keys[0].ID
}

// dexForgets: a Dex without sessions has nothing to end, and asks for a password each time.
func dexForgets(alice person) {
	alice.signIn(dexUser("alice"))
	alice.home(alice.signOut())
	alice.nobody()
	alice.asked(alice.Open(alice.app.URL + "/auth/signin"))
}

func dexSignOut(alice person) {
	alice.signIn(dexUser("alice"))
	alice.home(alice.signOut())
	if sent := alice.Sent(alice.provider.Issuer + "/logout"); !sent.Has("id_token_hint") {
		alice.Errorf("sent to Dex %v", sent)
	}
	alice.nobody()
	alice.asked(alice.Open(alice.app.URL + "/auth/signin"))
}

// dexStrands: without a hint Dex asks for confirmation, and then does not return to the app.
func dexStrands(alice person) {
	alice.signIn(dexUser("alice"))
	question := alice.signOut()
	if question.Status != http.StatusOK || !strings.Contains(question.Text, "Do you want to log out?") {
		alice.Fatalf("%d %s\n%s", question.Status, question.At, question.Text)
	}
	alice.nobody()
	if shown := alice.Submit(question, nil); !strings.HasPrefix(shown.At.String(), alice.provider.Issuer) ||
		!strings.Contains(shown.Text, "successfully logged out") {
		alice.Errorf("%d %s\n%s", shown.Status, shown.At, shown.Text)
	}
}

func (p person) signsOutAtDex() {
	p.Helper()
	shown := p.Submit(p.Open(p.provider.Issuer+"/logout"), nil)
	if !strings.Contains(shown.Text, "successfully logged out") {
		p.Fatalf("%d %s %s", shown.Status, shown.At, shown.Text)
	}
}

// dexTells: Dex's logout tokens have no type, which requires a setting here.
func dexTells(alice person) {
	bob := somebody(alice.T, alice.app, alice.provider)
	alice.signIn(dexUser("alice"))
	bob.signIn(dexUser("bob"))
	alice.signsOutAtDex()
	alice.nobody()
	bob.is("bob@example.com", "staff")
}

func dexUnheard(alice person) {
	alice.signIn(dexUser("alice"))
	alice.signsOutAtDex()
	const refused = "back-channel logout refused"
	deadline := time.Now().Add(20 * time.Second)
	for ; !strings.Contains(alice.app.Output(), refused); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			alice.Fatalf("no logout token was refused:\n%s", alice.app.Output())
		}
	}
	alice.is("alice@example.com", "admin", "staff")
}
