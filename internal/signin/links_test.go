package signin_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
)

func newLinks(t *testing.T) signin.Links {
	t.Helper()
	seal, err := sealed.New("sign-in parameters", []string{strings.Repeat("secret", 6)}, "app")
	if err != nil {
		t.Fatal(err)
	}
	return signin.Links{Route: "/auth/signin", Seal: seal}
}

// in returns the own session of a user.
func in(id byte) signin.OwnSession {
	s := &session.Session{}
	s.ID[0] = id
	return func() (*session.Session, error) { return s, nil }
}

func nobody() (*session.Session, error) { return nil, errors.New("not signed in") }

// sealedIn returns the sealed parameters of a link.
func sealedIn(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(signin.SealedParameter)
}

// TestTo: links without a target or parameters are the route itself.
func TestTo(t *testing.T) {
	l := newLinks(t)
	for _, tt := range []struct {
		returnTo string
		query    url.Values
		want     string
	}{
		{"", url.Values{}, "/auth/signin"},
		{"/a?b=c", url.Values{}, "/auth/signin?return_to=%2Fa%3Fb%3Dc"},
		{"/a", url.Values{"prompt": {"login"}}, "/auth/signin?prompt=login&return_to=%2Fa"},
	} {
		if got := l.To(tt.returnTo, tt.query); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

// TestWith: anyone may use the parameters of the app, as they are.
func TestWith(t *testing.T) {
	l := newLinks(t)
	link, err := l.With("/a", url.Values{"claims": {`{"id_token":{}}`}})
	if err != nil || strings.Contains(link, "id_token") {
		t.Fatal(link, err)
	}
	text := sealedIn(t, link)
	if params, ok := l.Open(text, nobody); !ok || params.Get("claims") != `{"id_token":{}}` {
		t.Errorf("%v, %t", params, ok)
	}
	for _, forged := range []string{"", "x", text[:len(text)-4] + "AAAA"} {
		if params, ok := l.Open(forged, in(1)); ok {
			t.Errorf("%q opens: %v", forged, params)
		}
	}
	if params, ok := l.Open(text, in(1)); !ok || params.Get("claims") == "" {
		t.Errorf("in a session: %v, %t", params, ok)
	}
	most := strings.Repeat("x", 1500-len("p="))
	if _, err := l.With("", url.Values{"p": {most}}); err != nil {
		t.Errorf("as long as may be: %v", err)
	}
	if _, err := l.With("", url.Values{"p": {most + "x"}}); !errors.Is(err, signin.ErrParameters) {
		t.Errorf("too long: %v", err)
	}
}

// TestRequired: what the app has configured otherwise is sealed for this session, so that a user who is asked for a
// weaker sign-in cannot pass the link on. max_age needs no seal, and nobody has no session to seal for.
func TestRequired(t *testing.T) {
	l := newLinks(t)
	params := url.Values{"acr_values": {"mfa"}, "max_age": {"60"}}
	configured := url.Values{"acr_values": {"pwd"}, "max_age": {"3600"}}
	link := l.Required("/a", params, configured, in(1))
	text := sealedIn(t, link)
	if !strings.Contains(link, "acr_values=mfa") || !strings.Contains(link, "max_age=60") {
		t.Errorf("the query lacks what is required: %s", link)
	}
	for _, tt := range []struct {
		own signin.OwnSession
		ok  bool
	}{{in(1), true}, {in(2), false}, {nobody, false}} {
		if opened, ok := l.Open(text, tt.own); ok != tt.ok || ok && opened.Encode() != "acr_values=mfa" {
			t.Errorf("%v, %t, want %t", opened, ok, tt.ok)
		}
	}
	for _, plain := range []string{
		l.Required("", params, configured, nobody), l.Required("", params, url.Values{"max_age": {"1"}}, in(1)),
	} {
		if sealedIn(t, plain) != "" {
			t.Errorf("sealed: %s", plain)
		}
	}
}

// TestLinking: a link that adds an account works in one session, for one provider, and is no other sealed text.
func TestLinking(t *testing.T) {
	l := newLinks(t)
	one, _ := in(1)()
	two, _ := in(2)()
	text := l.Linking(one, "google")
	for _, tt := range []struct {
		s              *session.Session
		provider, text string
		want           bool
	}{
		{one, "google", text, true},
		{two, "google", text, false},
		{one, "acme", text, false},
		{one, "google", "", false},
		{one, "google", sealedIn(t, l.Required("", url.Values{"link": {"google"}}, url.Values{"link": {""}}, in(1))), false},
	} {
		if got := l.Links(tt.s, tt.provider, tt.text); got != tt.want {
			t.Errorf("%s with %q: %t", tt.provider, tt.text, got)
		}
	}
}

// TestCookieMissing: the error says what to check, by what came.
func TestCookieMissing(t *testing.T) {
	for came, want := range map[int]string{
		0: "none came (cookie c, path /p, app URL https://a.example, host of the request b.example)",
		1: "the one that came opens no session (cookie c,", 3: "of 3 that came none opens a session (cookie c,",
	} {
		err := error(&signin.CookieMissingError{
			Name: "c", Path: "/p", AppURL: "https://a.example", Host: "b.example", Came: came,
		})
		if !errors.Is(err, signin.ErrCookieMissing) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", came, err)
		}
	}
}
