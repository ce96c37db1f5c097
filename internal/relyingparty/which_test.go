package relyingparty_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
)

// tenants is an issuer that many tenants share.
const tenants = "https://login.example/" + provider.TenantMarker + "/v2.0"

// TestIssuing: an unverified token leads to the provider of its issuer, and among clients at one issuer to the one that
// is its audience.
func TestIssuing(t *testing.T) {
	set, a, b := two()
	sibling := newMember(relyingparty.Config{Name: "a2", Issuer: "https://a.example", ClientID: "app-a2"}, down{})
	set.Add(sibling)
	found := newMember(relyingparty.Config{Name: "c", Issuer: "https://c.example", ClientID: "app-c"}, down{})
	set.Add(newMember(relyingparty.Config{Name: "a3", Issuer: "https://a.example", ClientID: "app-a2"}, down{}))
	if got := set.Issuing("https://x.example", nil); got != nil {
		t.Errorf("of an app that finds no providers: %v", got)
	}
	set.FindBy(func(context.Context, string, *member) (*member, error) { return found, nil },
		release, slog.New(slog.DiscardHandler))
	test := func(name, iss string, audience []string, want *member) {
		t.Helper()
		if got := set.Issuing(iss, audience); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	test("issuer", "https://b.example", nil, b)
	test("issuer and audience", "https://a.example", []string{"x", "app-a2"}, sibling)
	test("no audience", "https://a.example", nil, a)
	test("foreign audience", "https://a.example", []string{"app-b"}, a)
	test("unknown issuer", "https://x.example", []string{"app-a"}, nil)
	test("no issuer", "", nil, nil)
	test("not in use", "https://c.example", nil, nil)
	if _, err := set.Named(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	test("in use", "https://c.example", nil, found)
	found = newMember(relyingparty.Config{Name: "t", Issuer: tenants, ClientID: "app-t"}, down{})
	if _, err := set.Named(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	const tenant = "https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"
	test("a tenant", tenant, nil, found)
	found = newMember(relyingparty.Config{Name: "u", Issuer: tenant, ClientID: "app-u"}, down{})
	if _, err := set.Named(t.Context(), "u"); err != nil {
		t.Fatal(err)
	}
	test("a tenant with a provider of its own", tenant, nil, found)
	test("no tenant", "https://login.example/x/v2.0", nil, nil)
}

// jwt returns an unsigned token of an issuer.
func jwt(iss string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part([]byte(`{"iss":"`+iss+`"}`)) + "." + part([]byte("signature"))
}

// TestOfAccessToken: a token leads to the provider that issued it if the app accepts its tokens, and one that is not a
// JWT to the one provider that is asked about such: the others must not see it.
func TestOfAccessToken(t *testing.T) {
	set, a, _ := two()
	api := newMember(relyingparty.Config{Name: "c", Issuer: "https://c.example", AccessTokens: true}, down{})
	opaque := newMember(relyingparty.Config{
		Name: "d", Issuer: "https://d.example", AccessTokens: true, Introspects: true,
	}, down{})
	if set.AcceptsTokens() || len(set.AuthorizationServers()) != 0 || set.AuthorizationServers() == nil {
		t.Error("no provider's tokens are accepted yet")
	}
	set.Add(api)
	for _, raw := range []string{jwt("https://a.example"), "opaque", ""} {
		if got, err := set.OfAccessToken(raw); got != nil || !errors.Is(err, bearer.ErrRefused) {
			t.Errorf("%q: %v, %v", raw, got, err)
		}
	}
	set.Add(opaque)
	for raw, want := range map[string]*member{
		jwt("https://c.example"): api, jwt("https://d.example"): opaque, "opaque": opaque,
	} {
		if got, err := set.OfAccessToken(raw); got != want || err != nil {
			t.Errorf("%q: %v, %v", raw, got, err)
		}
	}
	if got, err := set.OfAccessToken(jwt("https://x.example")); got != nil || !errors.Is(err, bearer.ErrRefused) {
		t.Errorf("a JWT of another issuer is shown to the provider that is asked about other tokens: %v, %v", got, err)
	}
	if !set.AcceptsTokens() ||
		!slices.Equal(set.AuthorizationServers(), []string{"https://c.example", "https://d.example"}) {
		t.Errorf("accepted from %q", set.AuthorizationServers())
	}
	one := &relyingparty.Set[*member]{}
	one.Add(a)
	if got, err := one.OfAccessToken("opaque"); got != a || err != nil {
		t.Errorf("the only provider: %v, %v", got, err)
	}
}

// TestOfSession: a session belongs to the provider of its record. Of a provider that the app no longer has, it belongs
// to none.
func TestOfSession(t *testing.T) {
	set, a, b := two()
	broken := errors.New("database")
	set.FindBy(func(context.Context, string, *member) (*member, error) { return nil, broken },
		release, slog.New(slog.DiscardHandler))
	one := &relyingparty.Set[*member]{}
	one.Add(b)
	head := headOf(a)
	for _, test := range []struct {
		what, name string
		of         *relyingparty.Set[*member]
		head       []byte
		want       *member
		err        error
	}{
		{"named", "b", set, head, b, nil},
		{"named by the app with one", "b", one, head, b, nil},
		{"unnamed in the app with one", "", one, head, b, nil}, // whose head is compared by the caller
		{"of an earlier provider", "a", one, head, nil, nil},
		{"of the time with one provider", "", set, head, a, nil},
		{"unnamed, of none", "", set, []byte("12345678"), nil, nil},
		{"of no possible name", "A", set, head, nil, nil},
		{"of a lookup that fails", "c", set, head, nil, broken},
	} {
		got, err := test.of.OfSession(t.Context(), test.name, test.head)
		if test.want == nil && got != nil || test.want != nil && got != test.want.Session || !errors.Is(err, test.err) {
			t.Errorf("%s: %v, %v", test.what, got, err)
		}
	}
}

// headOf returns the head of records of the party's sessions.
func headOf(m *member) []byte {
	head := make([]byte, 8)
	sum := sha256.Sum256([]byte(m.Audience))
	copy(head, sum[:])
	return head
}

// TestReady: one of several providers that responds is enough, and the others are not waited for.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		set, a, _ := two()
		if err := set.Ready(t.Context(), "", log); err == nil {
			t.Error("both are down")
		}
		if err := set.Ready(t.Context(), "x", log); err != relyingparty.ErrUnknown {
			t.Error(err)
		}
		one := &relyingparty.Set[*member]{}
		one.Add(a)
		if err := one.Ready(t.Context(), "", log); err == nil {
			t.Error("the only one is down")
		}
		set.Add(newMember(relyingparty.Config{Name: "p", Issuer: "https://p.example"}, panics{}))
		if err := set.Ready(t.Context(), "", log); !errors.As(err, new(*flight.PanicError)) {
			t.Errorf("a panic of the app: %v", err)
		}
		set.Add(newMember(relyingparty.Config{Name: "c", Issuer: "https://c.example"}, up(t, "https://c.example")))
		began := time.Now()
		if err := set.Ready(t.Context(), "", log); err != nil || time.Since(began) > 0 {
			t.Errorf("one is up: %v after %s", err, time.Since(began))
		}
		if err := set.Ready(t.Context(), "c", log); err != nil {
			t.Error(err)
		}
		if err := set.Ready(t.Context(), "a", log); err == nil {
			t.Error("the one that is asked about is down")
		}
	})
}

// TestTokenStats: the statistics are those of all providers together.
func TestTokenStats(t *testing.T) {
	set, a, b := two()
	if got := set.TokenStats(); got != (provider.CacheStats{}) {
		t.Errorf("before the first token: %+v", got)
	}
	for n, m := range []*member{a, b, b} {
		if _, err := m.Client.CheckAccessToken(t.Context(), jwt(m.Issuer)); err == nil {
			t.Error("accepted")
		}
		if got := set.TokenStats(); got.Misses != uint64(n+1) || got.Hits != 0 || got.Entries != 0 {
			t.Errorf("after %d refused tokens: %+v", n+1, got)
		}
	}
}
