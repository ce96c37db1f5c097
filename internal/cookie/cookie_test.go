package cookie_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
)

func TestApart(t *testing.T) {
	many := func(n int, format string) string {
		var pairs []string
		for i := range n {
			pairs = append(pairs, fmt.Sprintf(format, i))
		}
		return strings.Join(pairs, "; ")
	}
	for _, tt := range []struct {
		name  string
		lines []string
		want  []string // the Cookie lines of the requests
	}{
		{"none", nil, nil},
		{"one", []string{"s=a; t=b"}, nil},
		{"one in parts", []string{"s=a; s.1=b; s.2=c"}, nil},
		{"others repeated", []string{"s=a; t=1; t=2; s.10=x; s.10=y; S=1; S=2; sx=1; sx=2; s.x=1; s.x=2"}, nil},
		{"parts without a first", []string{"s.1=a; s.1=b"}, nil},
		{"two", []string{"s=a; t=1; s=b"}, []string{"s=a", "s=b"}},
		{"two lines", []string{"s=a", "\ts=b ;t=1"}, []string{"s=a", "s=b"}},
		{"twice the same", []string{"s=a; s=a"}, []string{"s=a"}},
		{"two and an empty one", []string{"s=; s=a"}, []string{"s=", "s=a"}},
		{"two in parts", []string{"s=a; s.1=b; s=c; s.1=d"},
			[]string{"s=a; s.1=b", "s=c; s.1=d", "s=c; s.1=b", "s=a; s.1=d"}},
		{"one in parts, one whole", []string{"s=a; s.1=b; s=c"}, []string{"s=a; s.1=b", "s=c; s.1=b"}},
		{"values with an equals sign", []string{"s=a=b; s==c"}, []string{"s=a=b", "s==c"}},
		{"a large one", []string{"s=" + strings.Repeat("a", 4097) + "; s=b"}, []string{"s=b"}},
		{"a hundred", []string{many(100, "s=%d")}, []string{"s=0", "s=1", "s=2", "s=3", "s=4"}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = tt.lines
		r.Header.Set("Accept", "x")
		var got []string
		for _, alone := range cookie.Apart(r, "s") {
			got = append(got, alone.Header.Get("Cookie"))
			if alone.Header.Get("Accept") != "x" || len(alone.Header["Cookie"]) != 1 {
				t.Errorf("%s: %v", tt.name, alone.Header)
			}
		}
		if !reflect.DeepEqual(got, tt.want) || !reflect.DeepEqual(r.Header["Cookie"], tt.lines) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", many(100, "s=%d")+"; "+many(100, "s.1=%d")+"; "+many(100, "s.2=%d"))
	if n := len(cookie.Apart(r, "s")); n != 8 {
		t.Errorf("%d requests of 300 cookies", n)
	}
}

func TestValues(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["Cookie"] = []string{"s=a; s=a; sx=b; xs=c; s.1=d", " s=b\t;S=e; s; s=", "$Version=1;s=f ;\vs=g"}
	if got, want := cookie.Values(r, "s"), []string{"a", "b", "", "f"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for size, want := range map[int]int{cookie.MaxSize: 1, cookie.MaxSize + 1: 0} {
		r.Header["Cookie"] = []string{"s=" + strings.Repeat("x", size)}
		if got := cookie.Values(r, "s"); len(got) != want {
			t.Errorf("%d bytes are %d values, want %d", size, len(got), want)
		}
	}
}

// TestSole: it finds a cookie that is alone with its name, and nothing that Named would not find alone.
func TestSole(t *testing.T) {
	for line, want := range map[string]string{
		"sid=a": "a", "x=1; sid=a; y=2": "a", " sid=a\t; y=2": "a", "sid=": "", "sid=a=b": "a=b", "sid= a ": " a",
		"sid=\"a\"": "\"a\"", "x=1;sid=a": "a", "sid=a;": "a",
	} {
		r := &http.Request{Header: http.Header{"Cookie": {line}}}
		if got, ok := cookie.Sole(r, "sid"); got != want || !ok {
			t.Errorf("%q: %q, %t, want %q", line, got, ok, want)
		}
	}
	for _, lines := range [][]string{
		nil, {""}, {"x=1"}, {"sid"}, {"sid.1=b"}, {"sidx=a"}, {"xsid=a"}, {"x=sid=a"}, {"sid=a; sid=b"}, {"sid=a; sid.1=b"},
		{"sid=a", "sid=b"}, {"sid=a", "x=1"}, {"x=sid; sid=a"}, {"sid=a; x=sid"},
	} {
		if got, ok := cookie.Sole(&http.Request{Header: http.Header{"Cookie": lines}}, "sid"); ok {
			t.Errorf("%q: %q", lines, got)
		}
	}
	if _, ok := cookie.Sole(&http.Request{Header: http.Header{"Cookie": {"=a"}}}, ""); ok {
		t.Error("a cookie without a name")
	}
}

// TestPrefixed: cookies of https have the strongest prefix that their path allows.
func TestPrefixed(t *testing.T) {
	for _, tt := range []struct {
		secure           bool
		base, name, path string
	}{
		{false, "", "c", "/"}, {false, "/app", "c", "/app"},
		{true, "", "__Host-c", "/"}, {true, "/app", "__Secure-c", "/app"},
	} {
		if name, path := cookie.Prefixed("c", tt.secure, tt.base); name != tt.name || path != tt.path {
			t.Errorf("%t %q: %s %s", tt.secure, tt.base, name, path)
		}
	}
}

// TestBelow: a cookie with the prefix __Host- is not accepted for any other path than "/".
func TestBelow(t *testing.T) {
	for name, want := range map[string]string{"__Host-c": "/", "__Secure-c": "/app/auth", "c": "/app/auth"} {
		if got := cookie.Below(name, "/app/auth"); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
