package fakeop_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

func basic(id, secret string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}}
}

func TestClientAuthentication(t *testing.T) {
	none := changes{"client_id": nil, "client_secret": nil}
	odd := fakeop.Config{ClientID: "a:b c", ClientSecret: "p%w+ü:"}
	encoded := basic(url.QueryEscape(odd.ClientID), url.QueryEscape(odd.ClientSecret))
	tests := map[string]struct {
		cfg     fakeop.Config
		changes changes
		header  http.Header
		status  int
		code    string
	}{
		"post":                {status: 200},
		"basic":               {changes: none, header: basic("app", "secret"), status: 200},
		"basic, form-encoded": {cfg: odd, changes: none, header: encoded, status: 200},
		"basic, not form-encoded": {
			cfg: odd, changes: none, header: basic("a%3Ab+c", odd.ClientSecret), status: 401, code: "invalid_client",
		},
		"basic, wrong secret": {changes: none, header: basic("app", "Secret"), status: 401, code: "invalid_client"},
		"basic and post":      {header: basic("app", "secret"), status: 400, code: "invalid_request"},
		"bearer instead of basic": {
			changes: none, header: http.Header{"Authorization": {"Bearer x"}}, status: 401, code: "invalid_client",
		},
		"nothing":               {changes: none, status: 401, code: "invalid_client"},
		"post, wrong secret":    {changes: changes{"client_secret": {"x"}}, status: 401, code: "invalid_client"},
		"post, other client":    {changes: changes{"client_id": {"x"}}, status: 401, code: "invalid_client"},
		"post, no secret":       {changes: changes{"client_secret": nil}, status: 401, code: "invalid_client"},
		"public":                {cfg: fakeop.Config{Public: true}, changes: changes{"client_secret": nil}, status: 200},
		"public, with a secret": {cfg: fakeop.Config{Public: true}, status: 401, code: "invalid_client"},
		"public, secret configured": {
			cfg: fakeop.Config{Public: true, ClientSecret: "secret"}, status: 401, code: "invalid_client",
		},
		"parameter repeated": {changes: changes{"client_id": {"app", "app"}}, status: 400, code: "invalid_request"},
		"unknown grant type": {
			changes: changes{"grant_type": {"password"}}, status: 400, code: "unsupported_grant_type",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, tt.cfg)
			c := changes{"code": {a.approve("alice", nil).Get("code")}}
			for name, values := range tt.changes {
				c[name] = values
			}
			got := a.token(c, tt.header)
			if got.StatusCode != tt.status || text(got.object, "error") != tt.code {
				t.Errorf("%d %s, want %d %s", got.StatusCode, got.text, tt.status, tt.code)
			}
			if challenged := got.Header.Get("WWW-Authenticate") != ""; challenged != (tt.status == 401) {
				t.Errorf("WWW-Authenticate = %q", got.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestCodeIsBound(t *testing.T) {
	tests := map[string]changes{
		"another verifier":     {"code_verifier": {strings.Repeat("v", 43)}},
		"no verifier":          {"code_verifier": nil},
		"verifier with a tail": {"code_verifier": {verifier + "\n"}},
		"another redirect URI": {"redirect_uri": {redirectURI + "/"}},
		"no redirect URI":      {"redirect_uri": nil},
		"unknown code":         {"code": {"AAAAAAAAAAAAAAAAAAAAAAAAAA"}},
		"no code":              {"code": nil},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, fakeop.Config{})
			code := a.approve("alice", nil).Get("code")
			if _, given := c["code"]; !given {
				c["code"] = []string{code}
			}
			if got := a.token(c, nil); got.StatusCode != 400 || text(got.object, "error") != "invalid_grant" {
				t.Errorf("%d %s, want invalid_grant", got.StatusCode, got.text)
			}
			if c["code"] == nil || c["code"][0] != code {
				return
			}
			if got := a.redeem(code); got.StatusCode != 400 {
				t.Error("the attempt left the code usable")
			}
		})
	}
}

// A verifier too short to be a secret is refused although its hash matches.
func TestVerifierSyntax(t *testing.T) {
	for verifier, status := range map[string]int{
		strings.Repeat("v", 42): 400, strings.Repeat("v", 43): 200, strings.Repeat("v", 128): 200,
		strings.Repeat("v", 129): 400, strings.Repeat("v", 43) + "+": 400, strings.Repeat("v", 43) + "\n": 400,
	} {
		a := newApp(t, fakeop.Config{})
		sum := sha256.Sum256([]byte(verifier))
		code := a.approve("alice", changes{"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}}).Get("code")
		if got := a.token(changes{"code": {code}, "code_verifier": {verifier}}, nil); got.StatusCode != status {
			t.Errorf("%q: %d, want %d", verifier, got.StatusCode, status)
		}
	}
}

func TestCodeLivesAMinute(t *testing.T) {
	for age, status := range map[time.Duration]int{59 * time.Second: 200, time.Minute: 400} {
		synctest.Test(t, func(t *testing.T) {
			a := newApp(t, fakeop.Config{})
			code := a.approve("alice", nil).Get("code")
			time.Sleep(age)
			if got := a.redeem(code); got.StatusCode != status {
				t.Errorf("after %s: %d %s, want %d", age, got.StatusCode, got.text, status)
			}
		})
	}
}

// Of many concurrent redemptions one succeeds, and the others revoke its tokens.
func TestCodeReuseRevokes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{})
		code := a.approve("alice", nil).Get("code")
		var won atomic.Int32
		var token atomic.Value
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if got := a.redeem(code); got.StatusCode == 200 {
					won.Add(1)
					token.Store(text(got.object, "access_token"))
				}
			})
		}
		wg.Wait()
		if won.Load() > 1 {
			t.Fatalf("%d redemptions won", won.Load())
		}
		if access, ok := token.Load().(string); ok && a.userInfo(access).StatusCode != 401 {
			t.Error("the winner's access token is still valid")
		}

		first := a.signIn("alice")
		if got := a.userInfo(text(first.object, "access_token")); got.StatusCode != 200 {
			t.Fatalf("another sign-in's token is gone: %d", got.StatusCode)
		}
	})
}

func TestScopes(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	tests := map[string][]string{
		"openid":                        {"groups", "organizations"},
		"openid profile":                {"groups", "organizations", "name", "preferred_username"},
		"openid email":                  {"groups", "organizations", "email", "email_verified"},
		"openid offline_access groups ": {"groups", "organizations"},
	}
	optional := []string{"groups", "organizations", "name", "preferred_username", "email", "email_verified", "picture"}
	for scope, want := range tests {
		got := a.redeem(a.approve("alice", changes{"scope": {scope}}).Get("code"))
		if offline := strings.Contains(scope, "offline_access"); offline != (text(got.object, "refresh_token") != "") {
			t.Errorf("%q: refresh_token = %v", scope, got.object["refresh_token"])
		}
		if text(got.object, "scope") != strings.TrimSpace(scope) {
			t.Errorf("%q: granted %v", scope, got.object["scope"])
		}
		claims := part(t, text(got.object, "id_token"), 1)
		for _, claim := range optional {
			wanted := strings.Contains(" "+strings.Join(want, " ")+" ", " "+claim+" ")
			if _, has := claims[claim]; has != wanted {
				t.Errorf("%q: has %s: %v, want %v", scope, claim, has, wanted)
			}
		}
	}
}

func TestUserInfoWantsABearerToken(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	answer := a.signIn("carol")
	access := text(answer.object, "access_token")
	tests := map[string]struct {
		authorization string
		status        int
	}{
		"right":           {"Bearer " + access, 200},
		"lower case":      {"bearer " + access, 200},
		"nothing":         {"", 401},
		"other scheme":    {"Basic " + access, 401},
		"no scheme":       {access, 401},
		"unknown":         {"Bearer x", 401},
		"ID token":        {"Bearer " + text(answer.object, "id_token"), 401},
		"refresh token":   {"Bearer " + text(answer.object, "refresh_token"), 401},
		"trailing letter": {"Bearer " + access + "A", 401},
	}
	for name, tt := range tests {
		got := a.do("POST", a.url(fakeop.UserInfo), url.Values{}, http.Header{"Authorization": {tt.authorization}})
		if got.StatusCode != tt.status || (tt.status == 401) != (got.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.text)
		}
	}
	if got := a.get(a.url(fakeop.UserInfo) + "?access_token=" + access); got.StatusCode != 401 {
		t.Error("a token in the query was taken")
	}
}

func TestTokensExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{SigningAlg: "ES256"})
		answer := a.signIn("alice")
		if _, err := a.verify(text(answer.object, "id_token"), "ES256"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour + time.Second)
		if got := a.userInfo(text(answer.object, "access_token")); got.StatusCode != 401 {
			t.Error("the access token outlives its expires_in")
		}
		if _, err := a.verify(text(answer.object, "id_token"), "ES256"); err == nil {
			t.Error("the ID token does not expire")
		}
		for range 70 { // enough to have expired tokens thrown out
			a.signIn("bob")
		}
		if got := a.refresh(text(answer.object, "refresh_token")); got.StatusCode != 200 {
			t.Errorf("the refresh token is gone: %s", got.text)
		}
	})
}

func TestUserClaims(t *testing.T) {
	users := []fakeop.User{{
		Subject: "odd", Name: "Odd", Email: "odd@example.com", Picture: "https://example.com/odd.png", Groups: []string{"a"},
		Claims: map[string]any{
			"groups": "admin", "email": nil, "tenant": map[string]any{"id": 7}, "sub": "someone", "nonce": "x",
		},
	}}
	tests := map[string]struct {
		cfg               fakeop.Config
		idToken, userInfo map[string]any
	}{
		"claims of any shape": {
			fakeop.Config{Users: users},
			map[string]any{
				"sub": "odd", "nonce": "the-nonce", "groups": "admin", "email": nil,
				"picture": "https://example.com/odd.png", "tenant": map[string]any{"id": 7.0},
			},
			map[string]any{"sub": "odd", "groups": "admin", "email": nil},
		},
		"groups in userinfo only": {
			fakeop.Config{Users: users, GroupsInUserInfoOnly: true},
			map[string]any{"groups": nil, "name": "Odd"},
			map[string]any{"groups": "admin"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, tt.cfg)
			answer := a.signIn("odd")
			has(t, part(t, text(answer.object, "id_token"), 1), tt.idToken)
			has(t, a.userInfo(text(answer.object, "access_token")).object, tt.userInfo)
		})
	}
}

// has requires some members of an object; nil means absent.
func has(t *testing.T, object, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if got, present := object[name]; !reflect.DeepEqual(got, value) || present != (value != nil) {
			t.Errorf("%s = %#v, want %#v", name, got, value)
		}
	}
}

// Whatever is posted, only a code of ours yields tokens, and nothing breaks.
func FuzzToken(f *testing.F) {
	f.Add("grant_type=authorization_code&code=x", "Basic YXBwOnNlY3JldA==")
	f.Add("grant_type=refresh_token&refresh_token=&client_id=app&client_secret=secret", "")
	f.Add("grant_type=%zz&client_id=app;client_secret=secret", "Basic Og==")
	idp, err := fakeop.New(fakeop.Config{})
	if err != nil {
		f.Fatal(err)
	}
	client := &http.Client{Transport: idp.Transport()}
	f.Fuzz(func(t *testing.T, body, authorization string) {
		r, err := http.NewRequest("POST", idp.Issuer()+"/token", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", strings.Map(printable, authorization))
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != 400 && resp.StatusCode != 401 {
			t.Errorf("%q: %s", body, resp.Status)
		}
	})
}

// printable makes any text valid in a header or a URL.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '.'
	}
	return r
}
