package blackbox_test

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// oddMembers are the members of a token response, an ID token and userinfo that the plugin reads, and some others.
func oddMembers() [3][]string {
	claims := []string{
		"sub", "iss", "aud", "exp", "iat", "nbf", "azp", "name", "preferred_username", "email",
		"email_verified", "picture", "groups",
		"organizations", "realm_access", "realm_access.roles", "_claim_names", "_claim_sources",
		"hasgroups", "nickname", "updated_at",
	}
	return [3][]string{
		{"access_token", "token_type", "id_token", "refresh_token", "scope", "expires_in", "error", "error_description", "x"},
		append([]string{"nonce", "at_hash", "auth_time", "acr", "amr", "sid", "events", "jti", "c_hash"}, claims...),
		claims,
	}
}

// oddValues are JSON values of every type, and of every shape in which some provider sends names. "" removes the
// member.
func oddValues() []string {
	return []string{
		"", `null`, `true`, `false`, `0`, `-1`, `1.5`, `1e300`, `-1e300`, `1e999`, `253402300800`, `""`, `" "`,
		`"true"`, `"a b, c"`, `"\u0000\ud800"`,
		`[]`, `[null]`, `["a b",1,null,["c"],{"id":"d"},{"id":7,"name":"e"},{}]`, `{}`, `{"id":null,"name":"f"}`,
		`{"id":["g"],"name":"g"}`,
		`{"h":{},"i":[],"j":true,"k":false,"l":null,"m":"n"}`, `{"roles":["o","p q"],"r":1}`,
		`{"roles":null}`, `{"roles":{"s":{}}}`,
		`{"groups":null}`, `{"groups":"src"}`, `{"src":{"endpoint":"https://elsewhere.example"}}`, `[[[[1e999]]]]`,
	}
}

// odd replaces members according to choices, three bytes each: document, member, value.
func odd(choices []byte, raw string) (documents [3]map[string]json.RawMessage) {
	members, values := oddMembers(), oddValues()
	if json.Valid([]byte(raw)) && len(raw) < 500 {
		values = append(values, raw)
	}
	for i := range documents {
		documents[i] = map[string]json.RawMessage{}
	}
	for choice := range slices.Chunk(choices[:min(len(choices), 8*3)], 3) {
		if len(choice) == 3 {
			names := members[choice[0]%3]
			documents[choice[0]%3][names[int(choice[1])%len(names)]] = json.RawMessage(values[int(choice[2])%len(values)])
		}
	}
	return documents
}

func replace(with map[string]json.RawMessage) func(map[string]any) {
	return func(document map[string]any) {
		for name, value := range with {
			if document[name] = value; len(value) == 0 {
				delete(document, name)
			}
		}
	}
}

// oddProvider is an app with some settings and its provider, for several sign-ins.
type oddProvider struct {
	*testapp.App
	settings       byte
	used           int
	signedIn, kept *ginoidc.User
}

func newOddProvider(t *testing.T, settings byte) *oddProvider {
	t.Helper()
	o := &oddProvider{settings: settings}
	o.App = testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Providers[0].SigningAlgs, op.SigningAlg = []string{"EdDSA"}, "EdDSA"
		c.KeepTokens, op.AlwaysRefreshToken = true, true
		c.Providers[0].GroupsFormat, c.Providers[0].OrganizationsFormat = o.format(), o.format()
		if c.Providers[0].GroupsClaim = "groups"; o.nested() {
			c.Providers[0].GroupsClaim = "realm_access.roles"
		}
		c.Providers[0].StringEmailVerified = settings&32 != 0
		c.Providers[0].SkipUserInfo = settings&64 != 0
		c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error { o.signedIn = s.User; return nil }
	})
	o.Engine.GET("/check", o.Auth.RequireAuth(), func(c *gin.Context) {
		o.kept, _ = ginoidc.UserFrom(c)
		_, _ = o.Auth.Token(c) // may refresh, with an odd response as well
	})
	return o
}

func (o *oddProvider) format() string { return []string{"list", "keys", "separated"}[o.settings%3] }
func (o *oddProvider) nested() bool   { return o.settings/3%2 == 1 }

// signInWith signs alice in while the provider's documents are odd.
func (o *oddProvider) signInWith(t *testing.T, documents [3]map[string]json.RawMessage) {
	t.Helper()
	o.T, o.signedIn, o.kept = t, nil, nil
	o.used++
	o.Logs.Reset()
	o.OP.OnTokenAnswer(replace(documents[0]))
	o.OP.OnIDToken(replace(documents[1]))
	o.OP.OnUserInfo(replace(documents[2]))
	b := o.Browser()
	switch r := b.SignIn("alice"); r.StatusCode {
	case 303:
		b.Fetch("/check")
		o.checkUser(t, documents)
		if r := b.Fetch("/auth/userinfo"); r.StatusCode != 200 && r.StatusCode != 204 { // 204 after a refused refresh
			t.Errorf("userinfo: %d %s", r.StatusCode, r.Body)
		}
	case 401, 502:
		if who := b.WhoAmI(); who != "" {
			t.Errorf("%d, and %q is signed in", r.StatusCode, who)
		}
	default:
		t.Errorf("%d %s\n%s", r.StatusCode, r.Body, o.Logs)
	}
	if t.Failed() {
		t.Logf("%d: %s", o.settings, documents)
	}
}

// TestOddProviderData tries each value in each member, and the same value in both sources.
func TestOddProviderData(t *testing.T) {
	members, settings := oddMembers(), byte(0)
	for value := range oddValues() {
		settings += 37
		o := newOddProvider(t, settings)
		for document := range members {
			for member := range members[document] {
				o.signInWith(t, odd([]byte{byte(document), byte(member), byte(value)}, ""))
			}
		}
		for i, name := range members[2] {
			claim := byte(slices.Index(members[1], name))
			o.signInWith(t, odd([]byte{1, claim, byte(value), 2, byte(i), byte(value)}, ""))
		}
	}
}

// FuzzProviderData goes from the token response to the user and the session: whatever a provider sends in any member,
// the user is signed in as the provider says or not at all, and there is never a panic or a 500.
func FuzzProviderData(f *testing.F) {
	f.Add(byte(0), []byte{1, 18, 16, 2, 9, 16}, "")
	f.Add(byte(1), []byte{1, 21, 22, 2, 12, 18}, `["admin"]`)
	f.Add(byte(35), []byte{0, 4, 18, 1, 24, 23, 2, 15, 30}, `{"roles":["a",{"id":"b"}]}`)
	f.Add(byte(68), []byte{0, 5, 4, 1, 2, 8, 1, 25, 24}, `{"x":[null,{"y":1e400}]}`)
	var o *oddProvider // creating one for each input would take most of the time
	f.Fuzz(func(t *testing.T, settings byte, choices []byte, raw string) {
		if o == nil || o.settings != settings || o.used > 1000 {
			o = newOddProvider(t, settings)
		}
		o.signInWith(t, odd(choices, raw))
	})
}

// checkUser compares the user of a session with that of the sign-in, and both with what the provider sent.
func (o *oddProvider) checkUser(t *testing.T, documents [3]map[string]json.RawMessage) {
	t.Helper()
	kept, signedIn := o.kept, o.signedIn
	if kept == nil || signedIn == nil || kept.Issuer != "https://idp.example" {
		t.Fatalf("%+v, at the sign-in %+v", kept, signedIn)
	}
	if was, is := plain(t, signedIn), plain(t, kept); !reflect.DeepEqual(was, is) {
		t.Errorf("the session has %v, the sign-in had %v", is, was)
	}
	if kept.EmailVerified && kept.Email == "" {
		t.Error("no address is verified")
	}
	if year := kept.AuthTime.Year(); !kept.AuthTime.IsZero() && (year < 1970 || year > 9999) {
		t.Errorf("authenticated in the year %d", year)
	}
	said := map[string]bool{"alice": true, "admin": true, "staff": true, "audit": true, "acme": true}
	for _, document := range documents[1:] {
		for _, value := range document {
			allStrings(value, said)
		}
	}
	names := []string{kept.Subject}
	if o.format() != "separated" {
		names = slices.Concat(names, kept.Groups, kept.Organizations)
	}
	for _, name := range names {
		if !said[name] {
			t.Errorf("nobody said %q", name)
		}
	}
	var claims map[string]any
	if err := kept.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	realm, _ := claims["realm_access"].(map[string]any)
	places := []any{claims["groups"]}
	if o.nested() {
		places = []any{realm["roles"], claims["realm_access.roles"]}
	}
	if len(kept.Groups) > 0 && !slices.ContainsFunc(places, func(list any) bool { return listed(list, kept.Groups) }) {
		t.Errorf("groups %q are not in %v", kept.Groups, claims)
	}
}

// plain returns the user as JSON, so that nil and empty are equal.
func plain(t *testing.T, u *ginoidc.User) map[string]any {
	t.Helper()
	text, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(fields, func(_ string, value any) bool {
		list, ok := value.([]any)
		return value == nil || ok && len(list) == 0
	})
	return fields
}

// allStrings collects the strings and member names of a JSON text.
func allStrings(text json.RawMessage, into map[string]bool) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return
		}
		if s, ok := token.(string); ok {
			into[s] = true
		}
	}
}

func listed(list any, names []string) bool {
	elements, _ := list.([]any)
	return slices.EqualFunc(elements, names, func(element any, name string) bool { return element == name })
}
