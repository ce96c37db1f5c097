package pages_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/pages"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// newSet returns pages with these settings, which have no problem.
func newSet(t testing.TB, s pages.Settings) *pages.Set {
	t.Helper()
	var found settings.Problems
	if s.Check(&found); len(found.All) > 0 {
		t.Fatalf("problems %v", found.All)
	}
	set, _, err := pages.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// written returns a page as a browser receives it.
func written(t testing.TB, set *pages.Set, status int, p *pages.Page) *httptest.ResponseRecorder {
	t.Helper()
	w, l := httptest.NewRecorder(), set.Accepted(nil)
	set.Headers(w.Header(), l, "")
	if err := set.Write(w, l, status, p); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestHeaders(t *testing.T) {
	set := newSet(t, pages.Settings{})
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public")
	set.Headers(w.Header(), set.Accepted([]string{"de"}), "")
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"X-Frame-Options": "DENY", "Content-Language": "de", "Vary": "Accept-Language",
		"Content-Security-Policy": "base-uri 'none'; frame-ancestors 'none'",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if err := set.Write(w, set.English(), http.StatusForbidden, &pages.Page{Title: "No access"}); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusForbidden || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	w = written(t, newSet(t, pages.Settings{Languages: []string{"de"}}), 200, &pages.Page{})
	if w.Header().Get("Vary") != "" || w.Header().Get("Content-Language") != "de" {
		t.Errorf("with one language: %v", w.Header())
	}
}

// TestPolicy: the policy allows the style and the script of the page by their hashes, images of one origin if the app
// has a logo, and nothing else.
func TestPolicy(t *testing.T) {
	for _, tt := range []struct{ logo, style, images string }{
		{"", "", ""},
		{"/logo.svg", ":root{--act:#0a7d4f}", " img-src 'self';"},
		{"https://cdn.example/a;b,c.png", "@media (width < 30rem) { main > a::after { content: '\u201c\\\0000a0{{.}}' } }",
			" img-src https://cdn.example;"},
		{"data:image/png;base64,aGk=", "", " img-src data:;"},
	} {
		w := written(t, newSet(t, pages.Settings{Logo: tt.logo, Style: tt.style}), 200, &pages.Page{CutAddress: true})
		hashes := map[string]string{}
		for _, element := range []string{"style", "script"} {
			found := regexp.MustCompile(`(?s)<` + element + `>(.*?)</` + element + `>`).FindStringSubmatch(w.Body.String())
			if found == nil {
				t.Fatalf("the page has no %s", element)
			}
			if element == "style" && !strings.HasSuffix(found[1], tt.style) {
				t.Errorf("style ...%s", found[1][len(found[1])-100:])
			}
			sum := sha256.Sum256([]byte(found[1]))
			hashes[element] = "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
		want := "default-src 'none'; style-src " + hashes["style"] + "; script-src " + hashes["script"] + ";" + tt.images +
			" base-uri 'none'; frame-ancestors 'none'"
		if got := w.Header().Get("Content-Security-Policy"); got != want {
			t.Errorf("%+v:\n%s, want\n%s", tt, got, want)
		}
	}
}

// TestParts: a page has the parts that were asked for, and what is in them cannot end them.
func TestParts(t *testing.T) {
	const hostile, script = `"><script>alert(1)</script>`, "javascript:alert(1)"
	for _, tt := range []struct {
		name        string
		page        pages.Page
		has, hasNot []string
	}{
		{"plain", pages.Page{Title: "T", Message: "M"}, []string{"<main><h1>T</h1><p>M</p>", "<title>T</title>"},
			[]string{"<a ", "<form", "<small", "<script", "<ul", "<header"}},
		{"links", pages.Page{Link: pages.Link{URL: "/app?a=1&b=2", Text: "Go"}, Back: pages.Link{URL: "/", Text: "Back"}},
			[]string{`<a href="/app?a=1&amp;b=2">Go</a>`, `<a class="back" href="/">Back</a>`}, nil},
		{"button", pages.Page{Form: &pages.Form{Action: "/auth/signout", Button: "Sign out"}},
			[]string{`<form method="post" action="/auth/signout"><button>Sign out</button></form>`}, []string{"<input"}},
		{"user and request", pages.Page{User: "Signed in as A", Request: "Request r1"},
			[]string{"<p>Signed in as A</p>", "<small>Request r1</small>"}, nil},
		{"two", pages.Page{Choices: []pages.Choice{{Label: "One", URL: "/s?a=1&b=2"},
			{Label: "Two", URL: "/t", Note: "Last"}}},
			[]string{`<a href="/s?a=1&amp;b=2"><span>One</span></a>`, `<span>Two</span> <small>Last</small>`}, nil},
		{"six", pages.Page{Choices: make([]pages.Choice, 6)}, []string{"<ul>"}, nil},
		{"seven", pages.Page{Choices: make([]pages.Choice, 7)}, []string{`<ul class="many">`}, nil},
		{"address", pages.Page{Message: "M", Invalid: true, Form: &pages.Form{
			Action: "/s", Label: "E-mail", Email: "a@b.example", Hidden: []pages.Field{{"return_to", "/x?y"}}}},
			[]string{`<form method="post" action="/s">`, `<input type="hidden" name="return_to" value="/x?y">`,
				`value="a@b.example"`, `<p id="message" role="status">M</p>`, `<label for="email">E-mail</label>`,
				`aria-describedby="message"`}, []string{"<ul"}},
		{"hostile", pages.Page{Title: hostile, Message: hostile, Request: hostile, User: hostile,
			Link: pages.Link{URL: hostile, Text: hostile}, Back: pages.Link{URL: hostile, Text: hostile},
			Choices: []pages.Choice{{Label: hostile, URL: hostile, Note: hostile}},
			Form: &pages.Form{Action: hostile, Button: hostile, Label: hostile, Email: hostile,
				Hidden: []pages.Field{{hostile, hostile}}}}, nil, []string{"<script", `"">`}},
		{"script as a link", pages.Page{Link: pages.Link{URL: script}, Back: pages.Link{URL: script},
			Choices: []pages.Choice{{URL: script}}, Form: &pages.Form{Action: script}}, nil, []string{"javascript:"}},
	} {
		body := written(t, newSet(t, pages.Settings{}), 200, &tt.page).Body.String()
		for _, part := range tt.has {
			if !strings.Contains(body, part) {
				t.Errorf("%s: no %s in %s", tt.name, part, body)
			}
		}
		for _, part := range tt.hasNot {
			if strings.Contains(body, part) {
				t.Errorf("%s: %s in %s", tt.name, part, body)
			}
		}
	}
}

// TestBrand: the name of the app and its logo are on the page, whatever they contain.
func TestBrand(t *testing.T) {
	set := newSet(t, pages.Settings{AppName: `A<b>&"c"`, Logo: "/logo.svg?a=1&b=2", Home: "/"})
	body := written(t, set, 200, &pages.Page{Title: "T"}).Body.String()
	for _, part := range []string{"<title>T \u00b7 A&lt;b&gt;&amp;&#34;c&#34;</title>",
		`<header><img src="/logo.svg?a=1&amp;b=2" alt=""><span>A&lt;b&gt;&amp;&#34;c&#34;</span></header>`} {
		if !strings.Contains(body, part) {
			t.Errorf("no %s in %s", part, body)
		}
	}
	if back := set.Back(set.English()); back != (pages.Link{URL: "/", Text: `Back to A<b>&"c"`}) {
		t.Errorf("back: %q", back)
	}
	if back := newSet(t, pages.Settings{}).Back(set.English()).Text; back != "Back to the start page" {
		t.Errorf("without a name: %q", back)
	}
}

// TestNext: a page that goes on by itself needs no script.
func TestNext(t *testing.T) {
	set := newSet(t, pages.Settings{})
	for next, want := range map[string]string{"": "", "/a?b=c&d=e;f": "0;url=/a?b=c&d=e;f"} {
		h := http.Header{}
		if set.Headers(h, set.English(), next); h.Get("Refresh") != want {
			t.Errorf("%q: Refresh %q, want %q", next, h.Get("Refresh"), want)
		}
	}
}

// TestWriteToNobody: the client has disconnected.
func TestWriteToNobody(t *testing.T) {
	set := newSet(t, pages.Settings{})
	err := set.Write(brokenWriter{http.Header{}}, set.English(), http.StatusOK, &pages.Page{})
	if !errors.Is(err, errBroken) {
		t.Errorf("error %v", err)
	}
}

var errBroken = errors.New("the connection broke")

type brokenWriter struct{ header http.Header }

func (w brokenWriter) Header() http.Header       { return w.header }
func (w brokenWriter) WriteHeader(int)           {}
func (w brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// denied returns a function that writes the page of a denied request.
func denied(t testing.TB) func() {
	set := newSet(t, pages.Settings{AppName: "Acme", Logo: "/logo.svg", Home: "/"})
	page := &pages.Page{Title: "No access", Message: "You do not have access to this resource.",
		Link: pages.Link{URL: "/auth/signin?prompt=login&return_to=%2Fadmin", Text: "Sign in as someone else"},
		Back: pages.Link{URL: "/", Text: "Back to Acme"}, User: "Signed in as Alice (alice@example.com)"}
	w := discard{http.Header{}}
	return func() {
		clear(w.header)
		l := set.Accepted([]string{"fr-CH,en-GB;q=0.9,en;q=0.8"})
		set.Headers(w.header, l, "")
		if err := set.Write(w, l, http.StatusForbidden, page); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAllocations: most of a page is rendered in advance. The template of the link takes most of what is left.
func TestAllocations(t *testing.T) {
	const most = 37
	if n := testing.AllocsPerRun(100, denied(t)); n > most {
		t.Errorf("%.0f allocations, at most %d are wanted", n, most)
	}
}

func BenchmarkWrite(b *testing.B) {
	write := denied(b)
	b.ReportAllocs()
	for b.Loop() {
		write()
	}
}

type discard struct{ header http.Header }

func (w discard) Header() http.Header         { return w.header }
func (w discard) WriteHeader(int)             {}
func (w discard) Write(b []byte) (int, error) { return len(b), nil }

// TestCalled: a page calls a user by what people know.
func TestCalled(t *testing.T) {
	for _, tt := range []struct{ name, preferred, email, want string }{
		{"", "", "", ""},
		{"Alice", "", "", "Alice"},
		{"Alice", "al", "", "Alice"},
		{"", "al", "", "al"},
		{"", "", "al@acme.example", "al@acme.example"},
		{"Alice", "al", "al@acme.example", "Alice (al@acme.example)"},
		{"", "al", "al@acme.example", "al (al@acme.example)"},
		{"al@acme.example", "", "al@acme.example", "al@acme.example"},
	} {
		if got := pages.Called(tt.name, tt.preferred, tt.email); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
