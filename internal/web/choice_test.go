package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// TestChoiceParts: the page of choice has what was asked for, and no label or address can end its place.
func TestChoiceParts(t *testing.T) {
	const hostile = `"><script>alert(1)</script>`
	for _, tt := range []struct {
		name        string
		page        web.Choice
		has, hasNot []string
	}{
		{"two", web.Choice{Options: []web.Option{{Label: "One", URL: "/s?a=1&b=2"}, {Label: "Two", URL: "/t", Last: true}}},
			[]string{`<a href="/s?a=1&amp;b=2"><span>One</span></a>`, `<span>Two</span> <small>Last used</small>`},
			[]string{"<form", `role="status"`, `class="many"`, "<script"}},
		{"six", web.Choice{Options: make([]web.Option, 6)}, []string{"<main>"}, nil},
		{"seven", web.Choice{Options: make([]web.Option, 7)}, []string{`<main class="many">`}, nil},
		{"address", web.Choice{Action: "/s", Email: "a@b.example", Message: "M", Hidden: []web.Field{{"return_to", "/x?y"}}},
			[]string{`<form method="post" action="/s">`, `<input type="hidden" name="return_to" value="/x?y">`,
				`value="a@b.example"`, `<p role="status">M</p>`, `<label for="email">`}, []string{"<ul>"}},
		{"hostile", web.Choice{Message: hostile, Action: hostile, Email: hostile,
			Options: []web.Option{{Label: hostile, URL: hostile}}, Hidden: []web.Field{{hostile, hostile}}},
			nil, []string{"<script"}},
		{"script as a link", web.Choice{Options: []web.Option{{URL: "javascript:alert(1)"}}, Action: "javascript:x()"}, nil,
			[]string{"javascript:"}},
	} {
		w := httptest.NewRecorder()
		if err := web.WriteChoice(w, tt.page); err != nil {
			t.Fatal(err)
		}
		for _, part := range tt.has {
			if !strings.Contains(w.Body.String(), part) {
				t.Errorf("%s: no %s in %s", tt.name, part, w.Body)
			}
		}
		for _, part := range tt.hasNot {
			if strings.Contains(w.Body.String(), part) {
				t.Errorf("%s: %s in %s", tt.name, part, w.Body)
			}
		}
	}
}

// TestChoiceHeaders: the page is not stored, not framed and runs nothing, and its form names its origin.
func TestChoiceHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	if err := web.WriteChoice(w, web.Choice{}); err != nil {
		t.Fatal(err)
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(w.Body.String())[1]
	sum := sha256.Sum256([]byte(style))
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
		"X-Frame-Options": "DENY",
		"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" +
			base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
	if err := web.WriteChoice(brokenWriter{http.Header{}}, web.Choice{}); err == nil {
		t.Error("nobody got the page, and there is no error")
	}
}
