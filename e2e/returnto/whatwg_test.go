// Package returnto_test compares the plugin's rule for return targets with the parser that browsers implement.
package returnto_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	whatwg "github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
)

const (
	own    = "https://app.example.com"
	listed = "https://shop.example.net:8443"
	// page is the URL of the browser when it reads the Location header.
	page = own + "/auth/callback?code=c&state=s"
)

func rule() returnto.Rule {
	return returnto.Rule{Origins: []string{listed}, Reserved: []string{"/auth/signin", "/auth/callback", "/auth/signout"}}
}

// hostile are the pieces on which parsers disagree.
func hostile() []string {
	return []string{
		"/", "/", "/", "//", `\`, ".", "..", "/./", "/../", ";", "?", "#", "&", "=", "@", ":", "::", "[", "]", "%", "%%",
		"%2f", "%2F", "%5c", "%2e", "%252f", "%255c", "%252e", "%00", "%09", "%0a", "%0d", "%40", "%3a", "%3f", "%23",
		"%c0%af", "%e2%80%8b",
		"\t", "\n", "\r", "\x00", "\x0b", "\x1f", "\x7f", " ", "\u00a0", "\u200b", "\u2028", "\ufeff", "／", "＼",
		"。", "․", "⁄", "\xff",
		"http:", "https:", "HTTPS://", "javascript:", "data:", "file:", "blob:", "evil.example", "evil%2eexample",
		"app.example.com", "shop.example.net:8443",
		own, listed, listed + "/", "user@", ":8443", ":443", "0x7f.1", "auth/signin", "/auth/callback", "a", "A", "é", "'",
		`"`, "<", ">", "|", "^", "`", "{",
	}
}

// case 159
func TestNoAcceptedTargetLeavesTheOrigin(t *testing.T) {
	const runs = 200_000
	seed := [2]uint64{rand.Uint64(), rand.Uint64()}
	random := rand.New(rand.NewPCG(seed[0], seed[1]))
	pieces := hostile()
	var accepted, refusedRightly int
	for range runs {
		target := compose(random, pieces)
		ok := rule().Accept(target)
		fault := leaves(target)
		switch {
		case ok && fault != "":
			t.Errorf("accepted %q: %s (seed %d)", target, fault, seed)
		case ok:
			accepted++
		case fault != "":
			refusedRightly++
		}
	}
	t.Logf("%d strings: %d accepted, %d of the refused would have left", runs, accepted, refusedRightly)
	// An alphabet that is never accepted, or never dangerous, would prove nothing.
	if accepted < runs/100 || refusedRightly < runs/100 {
		t.Errorf("of %d strings %d were accepted and %d dangerous: the alphabet is too narrow", runs,
			accepted, refusedRightly)
	}
}

// case 159
func FuzzNoAcceptedTargetLeavesTheOrigin(f *testing.F) {
	for _, piece := range hostile() {
		f.Add("/" + piece)
		f.Add("/app" + piece + "evil.example")
		f.Add(listed + piece)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !rule().Accept(target) {
			return
		}
		if fault := leaves(target); fault != "" {
			t.Errorf("accepted %q: %s", target, fault)
		}
	})
}

// compose joins one to eight pieces, half of the time after a slash so that many targets begin well.
func compose(random *rand.Rand, pieces []string) string {
	var target []byte
	if random.IntN(2) == 0 {
		target = append(target, '/')
	}
	for range 1 + random.IntN(8) {
		target = append(target, pieces[random.IntN(len(pieces))]...)
	}
	return string(target)
}

// leaves says what is wrong with going to target, unchanged and as net/http would clean it; "" if nothing is.
func leaves(target string) string {
	redirect := httptest.NewRecorder()
	http.Redirect(redirect, httptest.NewRequest(http.MethodGet, page, nil), target, http.StatusSeeOther)
	for _, location := range []string{redirect.Header().Get("Location"), target} {
		there, err := whatwg.ParseRef(page, location)
		if err != nil {
			return "not a URL to a browser: " + err.Error()
		}
		origin := there.Protocol() + "//" + there.Host()
		if origin != own && origin != listed || there.Username() != "" || there.Password() != "" {
			return "the browser goes to " + there.Href(false)
		}
		// A fragment becomes part of the path when net/http cleans the target, so this applies to target only.
		if location == target && reserved(there.Pathname()) {
			return "the browser goes to " + there.Pathname()
		}
	}
	return ""
}

// reserved reports whether the router, which matches decoded paths, would treat path as one of the plugin's own.
func reserved(path string) bool {
	path, err := url.PathUnescape(path)
	return err != nil ||
		slices.ContainsFunc(rule().Reserved, func(route string) bool { return strings.HasPrefix(path+"/", route+"/") })
}
