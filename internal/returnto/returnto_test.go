package returnto_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
)

func rule() returnto.Rule {
	return returnto.Rule{
		Origins:  []string{"https://app.example.com", "https://shop.example.net:8443"},
		Reserved: []string{"/auth/signin", "/auth/callback", "/auth/signout", "/auth/login", "/auth/logout"},
	}
}

func TestAccepted(t *testing.T) {
	for _, target := range []string{
		"/", "/!", "/app", "/app/", "/app?tab=1&x=2", "/app?q=a%20b%26c",
		"/app?next=//evil.example",
		`/app?next=https://evil.example/../%5c`,
		"/app?p=..%2f..%2fetc", "/app?q=%zz", "/app?/../..",
		"/caf%C3%A9/menu", "/app#/inbox/4", "/app#//x", "/@alice", "/users/alice@corp.example",
		"/javascript:alert(1)", "/https:evil.example", "/report/2026-11-21T10:00:00Z",
		"/~tilde/_under-score", "/a?b#c?d", "/files/a%20b.pdf", "/files/a%2fb.pdf",
		"/100%25", "/100%25/x", "/a%252fb", "/.%25zz.", "/...", "/.well-known/x", "/a..b/.c",
		"https://app.example.com/home", "https://app.example.com/",
		"https://shop.example.net:8443/cart?x=1", "HTTPS://App.Example.COM/Home",
		"/auth/help", "/auth", "/auth/signin-help", "/app?to=/auth/signout", "/app#/auth/signout",
		"/app/auth/signin",
		"/" + strings.Repeat("a", 2047),
	} {
		if !rule().Accept(target) {
			t.Errorf("refused %q", target)
		}
	}
}

func TestRefused(t *testing.T) {
	for trick, targets := range map[string][]string{
		"not a path": {"", "app/home", "./app", "../admin", "?x=1", "#x", "*"},
		"protocol-relative": {"//evil.example", "///evil.example", "////evil.example", "//evil.example/%2f..",
			"//app.example.com/home"},
		"backslash": {`/\evil.example`, `/\/evil.example`, `\\evil.example`, `\/evil.example`, `/a\b`, `/app?q=\`,
			`/app#\`, `/./\evil.example`},
		"encoded backslash": {"/%5cevil.example", "/%5C%5Cevil.example", "/%255cevil.example", "/a%255Cb"},
		"encoded slashes": {"/%2fevil.example", "/%2f%2fevil.example", "/%252fevil.example", "/%252f%252fevil.example",
			"/a%2f/b", "/a/%252fb"},
		"raw control": {"/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie:x=y", "/\x00//evil.example",
			"\t//evil.example", "/\v/evil.example", "/a\x7f"},
		"encoded control": {"/%09/evil.example", "/%0d%0aSet-Cookie:x=y", "/%00", "/a%7fb", "/a%1bb",
			"/%250d%250aSet-Cookie:x=y", "/%2500", "/a%C2%85b"},
		"space, not ASCII": {" /app", "/app ", "/ /evil.example", "/a b", "\ufeff//evil.example", "/\u2028/evil.example",
			"/\u2215evil.example", "/caf\u00e9", "/a?\u00e9"},
		"dot segment": {"/.", "/..", "/./a", "/a/.", "/a/..", "/../a", "/..//evil.example", "/a/..//evil.example",
			"/AUTH/../auth/login"},
		"encoded dot segment": {"/%2e%2e//evil.example", "/%2e/%2e//evil.example", "/%2e", "/a/%2E%2e", "/a/.%2e/b",
			"/%252e%252e/b", "/a/%252e", "/a%2f..%2fb", "/a%252f..%252fb"},
		"empty segment": {"/a//b", "/a//", "/a%3f//b"},
		"own route": {
			"/auth/logout", "/auth/callback?code=x&state=y", "/auth/signin", "/auth/signin/",
			"/auth/signin/x", "/auth/signout#x",
			"/AUTH/SignIn", "/auth/sign%69n", "/auth/sign%2569n", "/auth%2fsignin", "/auth%252fsignin",
			"https://app.example.com/auth/logout", "/auth/logout%3fx", "/auth/callback%253fcode=x", "/auth/logout%23",
			"/auth/logout;x", "/auth/logout%3Bx",
		},
		"other origin": {
			"https://evil.example", "https:evil.example", "https:/evil.example", "https:///evil.example", `https:\\evil.example`,
			"HtTpS://evil.example",
			"https://app.example.com.evil.example/", "https://evilapp.example.com/", "https://evil.example#.app.example.com/",
			`https://evil.example\.app.example.com/`, "https://evil.example;.app.example.com/",
			"https://evil.example%2f.app.example.com/",
			"https://evil.example?.app.example.com/", "http://app.example.com/", "//shop.example.net:8443/cart",
		},
		"user part": {
			"https://notapp.example.com@evil.example/", "https://app.example.com@evil.example/",
			"https://app.example.com:x@evil.example/",
			"https://app.example.com%40evil.example/", "https://app.example.com:443@evil.example/",
			"https://me@app.example.com/",
		},
		"port": {
			"https://app.example.com:8443/", "https://app.example.com:443/", "https://app.example.com:/",
			"https://app.example.com:notaport/",
			"https://app.example.com:99999/", "https://shop.example.net/cart", "https://shop.example.net:84430/",
		},
		"host spelling": {
			"https://app.example.com./", "https://[::1]/", "https://127.0.0.1/", "https://2130706433/", "https://0x7f.1/",
			"https://\u24d4vil.example/", "https://ex\u00e4mple.com/", "https://app%2eexample.com/",
		},
		"listed origin, bad rest": {
			"https://app.example.com", "https://app.example.com?x=1", "https://app.example.com#x",
			"https://app.example.com//evil.example",
			"https://app.example.com/../x", "https://app.example.com/%5cevil.example", "https://app.example.com/%",
		},
		"scheme": {
			"javascript:alert(1)", "java\tscript:alert(1)", "\u0001javascript:alert(1)", "JaVaScRiPt:alert(1)",
			"data:text/html,<script>alert(1)</script>",
			"vbscript:msgbox(1)", "file:///etc/passwd", "ftp://app.example.com/", "blob:https://app.example.com/x",
			"intent://evil.example#Intent;end",
		},
		"broken escape": {"/%", "/%2", "/%zz", "/a%2gb"},
		"length":        {"/" + strings.Repeat("a", 2048), "/" + strings.Repeat("a", 3000), "/?" + strings.Repeat("a", 2047)},
	} {
		t.Run(trick, func(t *testing.T) {
			for _, target := range targets {
				if rule().Accept(target) {
					t.Errorf("accepted %q", target)
				}
			}
		})
	}
}

// case 160: origins are compared, never matched as patterns.
func TestOriginsAreExact(t *testing.T) {
	r := returnto.Rule{Origins: []string{"https://*.example.com", "https://app.example.com"}}
	for target, want := range map[string]bool{
		"https://app.example.com/":  true,
		"https://evil.example.com/": false,
		"https://appxexample.com/":  false,
	} {
		if got := r.Accept(target); got != want {
			t.Errorf("Accept(%q) = %t", target, got)
		}
	}
	if (returnto.Rule{}).Accept("https://app.example.com/") {
		t.Error("no origin is listed, yet an absolute target was accepted")
	}
}

// case 154: published payload lists are products of these parts, given raw and
// decoded once.
func TestPayloadsStayHome(t *testing.T) {
	hosts := []string{"evil.example", "app.example.com@evil.example", "evil.example:80#@app.example.com",
		`evil.example\@app.example.com`, "%65vil.example", "0x7f.1", "javascript:alert(1)"}
	heads := []string{"", "/", "//", "///", "////", `/\`, `\/`, `\\`, `/\/`, "/%2f", "/%2f%2f", "/%5c", "/%255c", "/%09/",
		"/%0a/", "/%00/", "/.", "/./", "/..//", "/%2e%2e//", "/;/", "/@", "https:", "https:/", "https://", "https:///",
		`https:\\`, "/https:/", "/https://", "//https://", "https://app.example.com", "https://app.example.com/",
		"https://app.example.com//", "http://", "javascript://", "\t/", "\u3031"}
	tails := []string{"", "/", "//", "/..", "/%2e%2e", "/%2f..", "/%2f%2e%2e", "/%2e%2e%2f", "/../", "/%5c..", "?x=//a",
		"#//a", "%E3%80%82com", "%00.example"}
	accepted := 0
	for _, head := range heads {
		for _, host := range hosts {
			for _, tail := range tails {
				raw := head + host + tail
				accepted += staysHome(t, raw)
				if decoded, err := url.PathUnescape(raw); err == nil {
					accepted += staysHome(t, decoded)
				}
			}
		}
	}
	if accepted == 0 {
		t.Error("nothing was accepted, so nothing was tested")
	}
}

// case 159
func TestRandomTargetsStayHome(t *testing.T) {
	alphabet := []string{"/", "/", "/", `\`, ".", "..", "%2f", "%5c", "%2e", "%25", "%09", "\t", "\n", "@", ":", "?", "#",
		";", "a", "evil.example", "app.example.com", "https:", "http://", "javascript:"}
	random := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 100_000 {
		var b strings.Builder
		for range 1 + random.IntN(7) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		accepted += staysHome(t, b.String())
	}
	if accepted < 1000 {
		t.Errorf("only %d accepted", accepted)
	}
}

func FuzzAccept(f *testing.F) {
	for _, seed := range []string{"/", "/app?x=1#y", "//evil.example", `/\evil.example`, "/%252f%5c", "/a/../b",
		"https://app.example.com/a", "/%C3%A9%", "/auth/signin"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) { staysHome(t, target) })
}

// staysHome checks that an accepted target keeps the browser on a listed
// origin, as it is and after http.Redirect (case 155); it returns how many
// targets were accepted: 0 or 1.
func staysHome(t *testing.T, target string) int {
	t.Helper()
	if !rule().Accept(target) {
		return 0
	}
	w := httptest.NewRecorder()
	http.Redirect(w, httptest.NewRequest(http.MethodGet, "/auth/callback", nil), target, http.StatusSeeOther)
	for _, location := range []string{target, w.Header().Get("Location")} {
		if origin := browserOrigin(location); origin != "https://app.example.com" &&
			origin != "https://shop.example.net:8443" {
			t.Errorf("%q becomes %q and leads to %q", target, location, origin)
		}
	}
	return 1
}

var schemeForm = regexp.MustCompile(`^([a-z][a-z0-9+.-]*):(/*)([^/?#]*)`)

// browserOrigin is where a browser on https://app.example.com goes: the WHATWG
// URL parser, as far as the origin is concerned.
func browserOrigin(location string) string {
	s := strings.Trim(location, "\x00\x01\x02\x03\x04\x05\x06\x07\b\t\n\v\f\r\x1b ")
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.ToLower(s))
	if m := schemeForm.FindStringSubmatch(s); m != nil {
		return m[1] + "://" + m[3]
	}
	if strings.HasPrefix(s, "//") {
		return "https:" + s
	}
	return "https://app.example.com"
}
