package web_test

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// TestCacheControl: a header that is strict enough stays, any other is replaced.
func TestCacheControl(t *testing.T) {
	const whole = "private, no-store"
	for _, test := range []struct{ before, private, history, never string }{
		{"", whole, whole, "no-store"},
		{"no-store", "no-store", "no-store", "no-store"},
		{"No-Store", "No-Store", "No-Store", "No-Store"},
		{"max-age=60 ,  no-store ", "max-age=60 ,  no-store ", "max-age=60 ,  no-store ", "max-age=60 ,  no-store "},
		{"private, max-age=60", "private, max-age=60", whole, "no-store"},
		{"PRIVATE", "PRIVATE", whole, "no-store"},
		{"private, public", whole, whole, "no-store"},
		{`private="Set-Cookie"`, whole, whole, "no-store"},
		{"public, max-age=60", whole, whole, "no-store"},
		{"no-cache", whole, whole, "no-store"},
		{`ext="no-store"`, whole, whole, "no-store"},
		{`ext="a, no-store, b"`, whole, whole, "no-store"},
		{`ext="\", no-store`, whole, whole, "no-store"},
		{`ext="a", no-store`, `ext="a", no-store`, `ext="a", no-store`, `ext="a", no-store`},
		{"no-store=1", whole, whole, "no-store"},
		{"no-storex", whole, whole, "no-store"},
	} {
		for name, f := range map[string]struct {
			set  func(http.Header)
			want string
		}{
			"KeepPrivate":      {web.KeepPrivate, test.private},
			"KeepOutOfHistory": {web.KeepOutOfHistory, test.history},
			"NeverStore":       {web.NeverStore, test.never},
		} {
			h := header()
			if test.before != "" {
				h.Set("Cache-Control", test.before)
			}
			f.set(h)
			if got := h.Values("Cache-Control"); !slices.Equal(got, []string{f.want}) {
				t.Errorf("%s with %q: %q, want %q", name, test.before, got, f.want)
			}
		}
	}
}

func TestKeepPrivate(t *testing.T) {
	for _, test := range []struct {
		name         string
		before, want http.Header
	}{
		{"nothing", header(), header("Cache-Control", "private, no-store", "Vary", "Cookie")},
		{"Vary", header("Vary", "Accept"),
			header("Cache-Control", "private, no-store", "Vary", "Accept", "Vary", "Cookie")},
		{"Vary of the cookie", header("Vary", "Accept, cookie"),
			header("Cache-Control", "private, no-store", "Vary", "Accept, cookie")},
		{"Vary of everything", header("Vary", "*"), header("Cache-Control", "private, no-store", "Vary", "*")},
		{"Vary of something similar", header("Vary", "Cookies"),
			header("Cache-Control", "private, no-store", "Vary", "Cookies", "Vary", "Cookie")},
		{"lines", header("Cache-Control", "max-age=1", "Cache-Control", "private", "Vary", "Cookie"),
			header("Cache-Control", "max-age=1", "Cache-Control", "private", "Vary", "Cookie")},
		{"private and public in two lines", header("Cache-Control", "private", "Cache-Control", "public"),
			header("Cache-Control", "private, no-store", "Vary", "Cookie")},
		{"of delivery networks", header("CDN-Cache-Control", "max-age=60", "Surrogate-Control", "private"),
			header("CDN-Cache-Control", "no-store", "Surrogate-Control", "private", "Cache-Control", "private, no-store",
				"Vary", "Cookie")},
	} {
		if web.KeepPrivate(test.before); !reflect.DeepEqual(test.before, test.want) {
			t.Errorf("%s: %v, want %v", test.name, test.before, test.want)
		}
	}
	web.KeepPrivate(nil)
}

// TestKeepPrivateSharesNothing: what is added to the headers of one response is not in another.
func TestKeepPrivateSharesNothing(t *testing.T) {
	vary := append(make([]string, 0, 4), "Accept") // room for more, which two responses would share
	one, two := http.Header{"Vary": vary}, http.Header{"Vary": vary}
	web.KeepPrivate(one)
	web.KeepPrivate(two)
	one.Add("Vary", "Origin")
	one.Add("Cache-Control", "no-transform")
	two.Add("Vary", "Range")
	if got := strings.Join(one["Vary"], " "); got != "Accept Cookie Origin" {
		t.Errorf("Vary of the first: %s", got)
	}
	if got := strings.Join(two["Vary"], " "); got != "Accept Cookie Range" {
		t.Errorf("Vary of the second: %s", got)
	}
	if got := one["Cache-Control"]; !slices.Equal(got, []string{"private, no-store", "no-transform"}) {
		t.Errorf("Cache-Control of the first: %q", got)
	}
}

// FuzzCacheControl: after any Cache-Control of the app, a response is out of shared caches and out of the history, each
// on its own, and a second call changes nothing.
func FuzzCacheControl(f *testing.F) {
	for _, value := range []string{
		"", "public", "private", `private="a, no-store"`, `x="\`, "no-store;", ", ,", "\x00", "no-store, public",
	} {
		f.Add(value, value)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		for name, set := range map[string]func(http.Header){
			"KeepPrivate": web.KeepPrivate, "KeepOutOfHistory": web.KeepOutOfHistory, "NeverStore": web.NeverStore,
		} {
			h := http.Header{"Cache-Control": {first, second}, "Vary": {first}}
			set(h)
			text := strings.ToLower(strings.Join(h["Cache-Control"], ","))
			if !strings.Contains(text, "no-store") && (name != "KeepPrivate" || !strings.Contains(text, "private")) {
				t.Errorf("%s with %q and %q: %q", name, first, second, text)
			}
			if name == "KeepPrivate" && !strings.Contains(text, "no-store") && slices.Contains(directives(text), "public") {
				t.Errorf("%s with %q and %q is public: %q", name, first, second, text)
			}
			again := h.Clone()
			if set(again); !reflect.DeepEqual(again, h) {
				t.Errorf("%s with %q and %q: %v, and %v the second time", name, first, second, h, again)
			}
		}
	})
}

// directives cuts a Cache-Control without quoted strings.
func directives(value string) (list []string) {
	if strings.Contains(value, `"`) {
		return nil
	}
	for directive := range strings.SplitSeq(value, ",") {
		list = append(list, strings.TrimSpace(directive))
	}
	return list
}
