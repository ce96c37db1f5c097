package signin_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
)

func newReader(t *testing.T) *signin.Reader {
	t.Helper()
	return &signin.Reader{
		Links: newLinks(t), Targets: returnto.Rule{Reserved: []string{"/auth/signin"}}, Home: "/home",
		Log: slog.New(slog.DiscardHandler),
	}
}

// TestReadTarget: a link leads to an acceptable page of the app and otherwise to the default, never to another site.
func TestReadTarget(t *testing.T) {
	rd := newReader(t)
	for target, want := range map[string]string{
		"/orders?page=2": "/orders?page=2", "": "/home", "https://evil.example/": "/home", "//evil.example": "/home",
		"/auth/signin": "/home",
	} {
		of := rd.Read(t.Context(), url.Values{"return_to": {target}}, false, nobody)
		if of.Purpose.ReturnTo != want {
			t.Errorf("%q leads to %q", target, of.Purpose.ReturnTo)
		}
		if rd.ReadInitiated(t.Context(), &of, url.Values{"target_link_uri": {target}}); of.Purpose.ReturnTo != want {
			t.Errorf("%q of a third party leads to %q", target, of.Purpose.ReturnTo)
		}
	}
}

// TestReadSealed: parameters of the app count only if they are sealed, for this session where a guard has sealed them,
// and the provider in them outranks the one that anyone can write.
func TestReadSealed(t *testing.T) {
	rd := newReader(t)
	rd.Choice = signin.Choice{Several: true, Offers: offers()}
	link, err := rd.Links.With("", url.Values{"prompt": {"create"}, "provider": {"acme"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, posted := range []bool{false, true} {
		of := rd.Read(t.Context(), url.Values{
			"with": {sealedIn(t, link)}, "provider": {"google"}, "email": {"a@globex.example"},
		}, posted, nobody)
		if of.Chosen != (signin.Chosen{Name: "acme"}) || of.App.Encode() != "prompt=create" || of.Address != "" {
			t.Errorf("%+v", of)
		}
	}
	if of := rd.Read(t.Context(), url.Values{"with": {"prompt=create"}}, false, nobody); of.App != nil {
		t.Errorf("unsealed: %v", of.App)
	}
	required := rd.Links.Required("", url.Values{"acr_values": {"mfa"}}, url.Values{"acr_values": {"pwd"}}, in(1))
	for session, want := range map[byte]string{1: "acr_values=mfa", 2: ""} {
		of := rd.Read(t.Context(), url.Values{"with": {sealedIn(t, required)}}, false, in(session))
		if of.App.Encode() != want {
			t.Errorf("in session %d: %v", session, of.App)
		}
	}
}

// TestInitiated: a request is that of a third party by its issuer, or as a form that is not the page's own.
func TestInitiated(t *testing.T) {
	for _, test := range []struct {
		method, form string
		want         bool
	}{
		{"GET", "", false}, {"GET", "iss=x", true}, {"GET", "email=x", false},
		{"POST", "", true}, {"POST", "iss=x", true}, {"POST", "email=x", false}, {"POST", "email=x&iss=y", true},
	} {
		form, _ := url.ParseQuery(test.form)
		if got := signin.Initiated(form, test.method == http.MethodPost); got != test.want {
			t.Errorf("%s %s: %t", test.method, test.form, got)
		}
	}
}

// TestReadLink: which parameters of a link are passed on. Those of a third party are only login_hint.
func TestReadLink(t *testing.T) {
	rd := newReader(t)
	form := url.Values{"prompt": {"login"}, "login_hint": {"alice"}, "max_age": {"x"}, "scope": {"admin"}}
	of := rd.Read(t.Context(), form, false, nobody)
	if rd.ReadLink(t.Context(), &of, form); of.Link.Encode() != "login_hint=alice&prompt=login" {
		t.Error(of.Link)
	}
	if rd.ReadInitiated(t.Context(), &of, form); of.Link.Encode() != "login_hint=alice" {
		t.Error(of.Link)
	}
	rd.Choice = signin.Choice{Several: true}
	for address, want := range map[string]string{
		"a@shop.example": "a@shop.example", strings.Repeat("a", 257): "bob", "": "bob",
	} {
		form := url.Values{"email": {address}, "login_hint": {"bob"}}
		of := rd.Read(t.Context(), form, true, nobody)
		if rd.ReadLink(t.Context(), &of, form); of.Link.Get("login_hint") != want {
			t.Errorf("%q: %v", address, of.Link)
		}
	}
}

// TestKept: the choice of a provider loses nothing of the request, and its form has the address itself.
func TestKept(t *testing.T) {
	rd := newReader(t)
	rd.Choice = signin.Choice{Several: true}
	link, err := rd.Links.With("", url.Values{"prompt": {"create"}})
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"return_to": {"/a"}, "remember": {"true"}, "with": {sealedIn(t, link)}, "ui_locales": {"de"}, "scope": {"admin"},
	}
	for _, posted := range []bool{false, true} {
		want := url.Values{
			"return_to": {"/a"}, "remember": {"true"}, "with": {sealedIn(t, link)}, "ui_locales": {"de"},
		}
		if form.Set("email", "a@x.example"); !posted {
			form.Set("login_hint", "bob")
			want.Set("login_hint", "bob")
		}
		of := rd.Read(t.Context(), form, posted, nobody)
		rd.ReadLink(t.Context(), &of, form)
		if got := of.Kept().Encode(); got != want.Encode() {
			t.Errorf("posted %t: %s", posted, got)
		}
	}
	of := rd.Read(t.Context(), url.Values{}, false, nobody)
	rd.ReadLink(t.Context(), &of, url.Values{})
	if got := of.Kept().Encode(); got != "return_to=%2Fhome" {
		t.Errorf("of an empty request: %s", got)
	}
}

// TestIgnored: the log has the names of parameters without an effect, bounded in number and size, and no values.
func TestIgnored(t *testing.T) {
	var log bytes.Buffer
	rd := newReader(t)
	rd.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	everything := url.Values{
		"return_to": {"https://secret.example"}, "with": {"secret"}, "max_age": {"secret"}, "remember": {"secret"},
		"provider": {"secret"}, "email": {"secret"}, "link": {"secret"}, strings.Repeat("x", 100) + "\n": {"secret"},
	}
	form := everything
	read := func() string {
		log.Reset()
		of := rd.Read(t.Context(), form, false, nobody)
		rd.ReadLink(t.Context(), &of, form)
		return log.String()
	}
	text := read()
	for _, want := range []string{
		"return target ignored", `why="they do not open" names=[with]`, `why="their values are malformed" names=[max_age]`,
		`why="a link may not ask for them" names="[email link provider ` + strings.Repeat("x", 64),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(text, "secret") || strings.Contains(text, strings.Repeat("x", 65)) {
		t.Error(text)
	}
	form = url.Values{}
	if text := read(); text != "" {
		t.Errorf("an empty request: %s", text)
	}
	link, err := rd.Links.With("/orders", url.Values{"prompt": {"create"}})
	if err != nil {
		t.Fatal(err)
	}
	form = url.Values{"return_to": {"/orders"}, "with": {sealedIn(t, link)}, "ui_locales": {"de"}, "remember": {"true"}}
	if text := read(); text != "" {
		t.Errorf("everything has an effect: %s", text)
	}
	form = everything
	rd.Choice.Several, rd.Linking = true, true
	if text := read(); !strings.Contains(text, `may not ask for them" names=[x`) {
		t.Errorf("parameters of the route itself: %s", text)
	}
	form = url.Values{}
	for i := range 20 {
		form.Set(fmt.Sprintf("p%02d", i), "secret")
	}
	if text := read(); !strings.Contains(text, "p15]") || strings.Contains(text, "p16") {
		t.Error(text)
	}
}
