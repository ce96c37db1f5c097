package several_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func names() []string { return []string{"op", "dex", "fake"} }

// TestCrossed: one app, three providers, one session and the same guards. In each pair, what the one issues is refused
// at the callback and the routes of the other: codes, states, ID tokens, refresh tokens and logout tokens.
func TestCrossed(t *testing.T) {
	a := startApp(t)
	for _, name := range names() {
		alice := a.alice()
		alice.signIn(name)
		if shown := alice.Fetch(a.url + "/admin"); shown.Status != http.StatusOK || shown.Text != name+" alice@example.com" {
			t.Errorf("%s: the guard answers %d %s", name, shown.Status, shown.Text)
		}
	}
	logouts := map[string]string{}
	for _, name := range names() {
		logouts[name] = a.logoutToken(name)
	}
	table := "from  to    response  code    ID token  refresh token  logout token"
	for _, from := range names() {
		for _, to := range names() {
			if from == to {
				continue
			}
			table += fmt.Sprintf("\n%-5s %-5s %-9d %-7d %-9d %-14d %d", from, to, a.crossResponse(from, to),
				a.crossCode(from, to), a.crossIDToken(from, to), a.crossRefreshToken(from, to),
				a.crossLogoutToken(logouts[from], to))
		}
	}
	t.Log("statuses\n" + table)
	for _, name := range names() {
		a.checkLogoutToken(name, logouts[name])
	}
}

// crossResponse brings a whole response of the one to the callback of the other.
func (a *app) crossResponse(from, to string) int {
	alice := a.alice()
	response, before := alice.answer(from), a.wires[to].requests()
	shown := alice.Open(a.cross(response, to))
	if shown.Status != http.StatusBadRequest || alice.is() != "nobody" || a.wires[to].requests() != before {
		a.Errorf("response of %s at %s: %d, %s, %d token requests", from, to, shown.Status, alice.is(),
			a.wires[to].requests()-before)
	}
	if alice.Open(a.cross(response, from)); !strings.HasPrefix(alice.is(), from) {
		a.Errorf("the attempt at %s is gone after its response went to %s", from, to)
	}
	return shown.Status
}

// crossCode brings a code of the one with a state of the other.
func (a *app) crossCode(from, to string) int {
	alice := a.alice()
	code := alice.answer(from).Query().Get("code")
	response := alice.answer(to)
	query := response.Query()
	query.Set("code", code)
	response.RawQuery = query.Encode()
	shown := alice.Open(a.cross(response, to))
	if shown.Status != http.StatusUnauthorized || alice.is() != "nobody" {
		a.Errorf("code of %s at %s: %d, %s", from, to, shown.Status, alice.is())
	}
	return shown.Status
}

// crossIDToken has the other provider answer with an ID token of the one.
func (a *app) crossIDToken(from, to string) int {
	a.alice().signIn(from)
	stolen := a.wires[from].last["id_token"]
	a.wires[to].set(func(answer map[string]any) { answer["id_token"] = stolen })
	defer a.wires[to].set(nil)
	alice := a.alice()
	shown := alice.Open(a.cross(alice.answer(to), to))
	if shown.Status != http.StatusUnauthorized || alice.is() != "nobody" {
		a.Errorf("ID token of %s from %s: %d, %s", from, to, shown.Status, alice.is())
	}
	return shown.Status
}

// crossRefreshToken has the other provider answer with a refresh token of the one, which the app then uses there.
func (a *app) crossRefreshToken(from, to string) int {
	other := a.alice()
	other.signIn(from)
	stolen := a.wires[from].last["refresh_token"]
	if stolen == nil {
		a.Fatalf("%s issues no refresh token", from)
	}
	a.wires[to].set(func(answer map[string]any) { answer["refresh_token"], answer["expires_in"] = stolen, 1 })
	defer a.wires[to].set(nil)
	alice := a.alice()
	alice.signIn(to)
	time.Sleep(1100 * time.Millisecond)
	before := a.wires[to].requests()
	shown := alice.Fetch(a.url + "/token")
	refused := http.StatusUnauthorized
	if to == "dex" { // it answers invalid_request
		refused = http.StatusBadGateway
	}
	if shown.Status != refused || a.wires[to].requests() != before+1 {
		a.Errorf("refresh token of %s at %s: %d, %d requests", from, to, shown.Status, a.wires[to].requests()-before)
	}
	if !strings.HasPrefix(other.is(), from) {
		a.Errorf("a refusal of %s ended a session of %s: %s", to, from, other.is())
	}
	return shown.Status
}

// logoutToken returns a logout token that the provider sends to the app, which does not get it.
func (a *app) logoutToken(name string) string {
	if name == "fake" {
		token, err := a.fake.LogoutToken("alice", "", nil)
		if err != nil {
			a.Fatal(err)
		}
		return token
	}
	alice := a.alice()
	alice.signIn(name)
	a.hold(true)
	defer a.hold(false)
	alice.Submit(alice.Open(a.ends[name]), url.Values{"logout": {"yes"}})
	select {
	case token := <-a.logouts[name]:
		return token
	case <-time.After(20 * time.Second):
		a.Fatalf("%s sends no logout token", name)
		return ""
	}
}

// crossLogoutToken sends a logout token of another provider to the route of this one.
func (a *app) crossLogoutToken(token, to string) int {
	alice := a.alice()
	alice.signIn(to)
	status := a.send("/auth/backchannel-logout/"+to, token)
	if status != http.StatusBadRequest || !strings.HasPrefix(alice.is(), to) {
		a.Errorf("logout token at %s: %d, %s", to, status, alice.is())
	}
	return status
}

// checkLogoutToken sends a logout token to the route of all providers, which finds its own.
func (a *app) checkLogoutToken(name, token string) {
	others := map[string]person{}
	for _, other := range names() {
		others[other] = a.alice()
		others[other].signIn(other)
	}
	if status := a.send("/auth/backchannel-logout", token); status != http.StatusOK {
		a.Errorf("logout token of %s at the route of all: %d", name, status)
	}
	for other, alice := range others {
		if other != name && !strings.HasPrefix(alice.is(), other) {
			a.Errorf("logout token of %s ended a session of %s", name, other)
		}
	}
}

// send posts a logout token as a provider does.
func (a *app) send(path, token string) int {
	resp, err := http.PostForm(a.url+path, url.Values{"logout_token": {token}})
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
