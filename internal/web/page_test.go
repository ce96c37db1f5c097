package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

func TestWritePageHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public")
	if err := web.WritePage(w, http.StatusForbidden, web.Page{Title: "No access"}); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusForbidden {
		t.Errorf("status %d", w.Code)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	w = httptest.NewRecorder()
	if err := web.WritePage(w, http.StatusOK, web.Page{Referrer: "same-origin"}); err != nil {
		t.Fatal(err)
	}
	if got := w.Header().Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("Referrer-Policy: %q", got)
	}
}

// TestPagePolicy: the policy allows the style and the script of the page, by their hashes, and nothing else.
func TestPagePolicy(t *testing.T) {
	w := httptest.NewRecorder()
	if err := web.WritePage(w, http.StatusOK, web.Page{CutAddress: true}); err != nil {
		t.Fatal(err)
	}
	policy := w.Header().Get("Content-Security-Policy")
	for _, element := range []string{"style", "script"} {
		found := regexp.MustCompile(`(?s)<` + element + `>(.*?)</` + element + `>`).FindStringSubmatch(w.Body.String())
		if found == nil {
			t.Errorf("the page has no %s", element)
			continue
		}
		sum := sha256.Sum256([]byte(found[1]))
		want := element + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q has no %q", policy, want)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none';") || !strings.Contains(policy, "frame-ancestors 'none'") ||
		strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
}

// TestPageParts: a page has the parts that were asked for, and what is in them cannot end them.
func TestPageParts(t *testing.T) {
	const hostile = `"><script>alert(1)</script>`
	for _, test := range []struct {
		name        string
		page        web.Page
		has, hasNot []string
	}{
		{"plain", web.Page{Title: "T", Message: "M"}, []string{"<h1>T</h1><p>M</p>"},
			[]string{"<a ", "<form", "<small", "<script"}},
		{"link", web.Page{Link: "/app?a=1&b=2", LinkText: "Go"}, []string{`<a href="/app?a=1&amp;b=2">Go</a>`}, nil},
		{"button", web.Page{Post: "/auth/signout", PostText: "Sign out"},
			[]string{`<form method="post" action="/auth/signout"><button>Sign out</button></form>`}, nil},
		{"request", web.Page{RequestID: "r1"}, []string{"<small>Request r1</small>"}, nil},
		{"hostile", web.Page{Title: hostile, Message: hostile, RequestID: hostile, Link: hostile, LinkText: hostile,
			Post: hostile, PostText: hostile}, nil, []string{"<script"}},
		{"script as a link", web.Page{Link: "javascript:alert(1)", Post: "javascript:alert(1)"}, nil,
			[]string{"javascript:"}},
	} {
		w := httptest.NewRecorder()
		if err := web.WritePage(w, http.StatusOK, test.page); err != nil {
			t.Fatal(err)
		}
		for _, part := range test.has {
			if !strings.Contains(w.Body.String(), part) {
				t.Errorf("%s: no %s in %s", test.name, part, w.Body)
			}
		}
		for _, part := range test.hasNot {
			if strings.Contains(w.Body.String(), part) {
				t.Errorf("%s: %s in %s", test.name, part, w.Body)
			}
		}
	}
}

// TestWritePageToNobody: the client has disconnected.
func TestWritePageToNobody(t *testing.T) {
	if err := web.WritePage(brokenWriter{http.Header{}}, http.StatusOK, web.Page{}); !errors.Is(err, errBroken) {
		t.Errorf("error %v", err)
	}
}

var errBroken = errors.New("the connection broke")

type brokenWriter struct{ header http.Header }

func (w brokenWriter) Header() http.Header       { return w.header }
func (w brokenWriter) WriteHeader(int)           {}
func (w brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// TestSetRedirect: the address is not cleaned, and not stored.
func TestSetRedirect(t *testing.T) {
	h := http.Header{}
	web.SetRedirect(h, "/./x/../y//z?code=1")
	if h.Get("Location") != "/./x/../y//z?code=1" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
}

// TestNext: a page that goes on by itself needs no script, and has a link for browsers that do not.
func TestNext(t *testing.T) {
	for next, want := range map[string]string{"": "", "/a?b=c&d=e;f": "0;url=/a?b=c&d=e;f"} {
		w := httptest.NewRecorder()
		if err := web.WritePage(w, http.StatusOK, web.Page{Next: next}); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Refresh"); got != want {
			t.Errorf("%q: Refresh %q, want %q", next, got, want)
		}
	}
}
