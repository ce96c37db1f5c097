package cookie_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
)

func TestSet(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		before, lines          []string
		set, setIfAbsent, sets []string // sets: the names that before sets
	}{
		{name: "nothing"},
		{"no lines", []string{"a=1"}, nil, []string{"a=1"}, []string{"a=1"}, []string{"a"}},
		{"into an empty header", nil, []string{"a=1", "b=2"}, []string{"a=1", "b=2"}, []string{"a=1", "b=2"}, nil},
		{
			"one is set", []string{"a=1; Path=/", "b=2", " a =3"}, []string{"a=4; Secure", "c=5"},
			[]string{"b=2", "a=4; Secure", "c=5"}, []string{"a=1; Path=/", "b=2", " a =3", "c=5"}, []string{"a", "b"},
		},
		{
			"names alike", []string{"aa=1", "A=2", "a.1=3", "b=a=4"}, []string{"a="},
			[]string{"aa=1", "A=2", "a.1=3", "b=a=4", "a="}, []string{"aa=1", "A=2", "a.1=3", "b=a=4", "a="},
			[]string{"aa", "A", "a.1", "b"},
		},
	} {
		header := func() http.Header {
			h := http.Header{}
			if tt.before != nil {
				h["Set-Cookie"] = slices.Clone(tt.before)
			}
			return h
		}
		h := header()
		shared := h["Set-Cookie"]
		if cookie.Set(h, tt.lines...); !slices.Equal(h["Set-Cookie"], tt.set) || !slices.Equal(shared, tt.before) {
			t.Errorf("%s: %q, want %q", tt.name, h["Set-Cookie"], tt.set)
		}
		if _, ok := h["Set-Cookie"]; ok != (tt.set != nil) {
			t.Errorf("%s: %v", tt.name, h)
		}
		h = header()
		if cookie.SetIfAbsent(h, tt.lines...); !slices.Equal(h["Set-Cookie"], tt.setIfAbsent) {
			t.Errorf("%s: %q, want %q", tt.name, h["Set-Cookie"], tt.setIfAbsent)
		}
		for _, name := range []string{"a", "b", "c", "aa", "A", "a.1", ""} {
			if got, want := cookie.Sets(tt.before, name), slices.Contains(tt.sets, name); got != want {
				t.Errorf("%s: sets %q: %t", tt.name, name, got)
			}
		}
	}
}

func TestParts(t *testing.T) {
	for n := range cookie.MaxParts {
		pair := cookie.PartName("s", n) + "=value=1"
		if got, value, ok := cookie.CutPart(pair, "s"); got != n || value != "value=1" || !ok {
			t.Errorf("%q is part %d, %q, %t", pair, got, value, ok)
		}
	}
	if n, value, ok := cookie.CutPart("s.1=", "s"); n != 1 || value != "" || !ok {
		t.Errorf("an empty part is part %d, %q, %t", n, value, ok)
	}
	for _, pair := range []string{
		"", "s", "s.1", "t=1", "ss=1", "S=1", "s.0=1", "s.9=1", "s.10=1", "s.x=1", "s.=1", "s1=1", " s=1", "s =1",
		"xs=1", "=1", ".1=1", "sx1=1",
	} {
		if n, value, ok := cookie.CutPart(pair, "s"); ok {
			t.Errorf("%q is part %d, %q", pair, n, value)
		}
	}
}

func TestOnlyAndCarries(t *testing.T) {
	for line, want := range map[string]struct {
		value         string
		only, carries bool
	}{
		"":                {},
		"t=1; ss=2":       {},
		"t=1; s=a=b ;x=2": {"a=b", true, true},
		"s=":              {"", true, true},
		"s=a; s=a":        {"a", false, true},
		"s=a; s=b":        {"b", false, true},
		"s.1=a":           {"", false, true},
		"s.9=a; s.x=b":    {},
		"$Version=1;s=f":  {"f", true, true},
		"\vs=f; \u00a0s=": {},
		"s=a; s.1=b":      {"a", true, true},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", line)
		value, only := cookie.Only(r, "s")
		if only != want.only || only && value != want.value || cookie.Carries(r, "s") != want.carries {
			t.Errorf("%q: %q, %t, carries %t", line, value, only, cookie.Carries(r, "s"))
		}
	}
}

func TestNamed(t *testing.T) {
	for _, tt := range []struct {
		lines []string
		want  []string
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{"ab"}, []string{"ab"}},
		{[]string{"ab=1;ab=2 ;\tab", "", "  ab=4;", "b=5", "ab=6"}, []string{"ab=1", "ab=2", "ab", "ab=4", "ab=6"}},
		{[]string{"a=1; ab=2; abc=3; cab=4; ab.1=5"}, []string{"ab=2", "abc=3", "ab.1=5"}},
		{[]string{"a=ab; ab=ab; x=ab=1; aab=1; ab ab=1"}, []string{"ab=ab", "ab ab=1"}},
		{[]string{"ab\xffab=1;\x0bab=2; AB=3; \"ab=4"}, []string{"ab\xffab=1"}},
		{[]string{";;ab;;ab=;"}, []string{"ab", "ab="}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = tt.lines
		if got := slices.Collect(cookie.Named(r, "ab")); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.lines, got, tt.want)
		}
		for pair := range cookie.Named(r, "ab") {
			if pair != tt.want[0] {
				t.Errorf("%q after the end", pair)
			}
			break
		}
		if got := slices.Collect(cookie.Named(r, "")); got != nil {
			t.Errorf("%q have no name", got)
		}
	}
}

// FuzzNamed compares with reading every pair.
func FuzzNamed(f *testing.F) {
	f.Add("a=1; ab=2;ab=3", "ab")
	f.Add("abab; \tab=;", "ab")
	f.Fuzz(func(t *testing.T, line, name string) {
		if name == "" || strings.ContainsAny(name, "; \t\r\n") {
			return
		}
		var want []string
		for pair := range strings.SplitSeq(line, ";") {
			if pair = strings.Trim(pair, " \t\r\n"); strings.HasPrefix(pair, name) {
				want = append(want, pair)
			}
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = []string{line}
		if got := slices.Collect(cookie.Named(r, name)); !slices.Equal(got, want) {
			t.Errorf("%q in %q: %q, want %q", name, line, got, want)
		}
	})
}

// FuzzValues compares with net/http, which reads every value that is found here too, unless it has characters that may
// not be in a cookie.
func FuzzValues(f *testing.F) {
	f.Add("a=1; s=2;s=3", "s")
	f.Add("s=\"1\"; s =2;\ts= 3 ; =s", "s")
	f.Add("s=1,2; s=a b; s.1=\x80", "s.1")
	f.Fuzz(func(t *testing.T, line, name string) {
		if (&http.Cookie{Name: name}).Valid() != nil {
			return
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = []string{line}
		var theirs []string
		for _, c := range r.CookiesNamed(name) {
			theirs = append(theirs, c.Value)
		}
		for _, value := range cookie.Values(r, name) {
			if (&http.Cookie{Name: name, Value: value}).Valid() == nil && !slices.Contains(theirs, value) {
				t.Errorf("%q in %q: %q, and net/http reads %q", name, line, value, theirs)
			}
		}
	})
}

func TestAfter(t *testing.T) {
	r := httptest.NewRequest("GET", "/page", nil)
	r.Header.Set("Cookie", "a=1; b=2; c=3")
	r.Header.Set("Accept", "x")
	later := cookie.After(r, []string{"b=4; Path=/", "c=6; Max-Age=0", "d=5; HttpOnly", "malformed", "e="})
	if got, want := later.Header["Cookie"], []string{"a=1; b=4; d=5"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	bare := cookie.Without(r)
	if len(bare.Cookies()) != 0 || bare.Header.Get("Accept") != "x" || bare.URL != r.URL ||
		r.Header.Get("Cookie") != "a=1; b=2; c=3" {
		t.Errorf("%v of %v", bare.Header, r.Header)
	}
}

func TestValidate(t *testing.T) {
	if err := cookie.Validate(&http.Cookie{Name: "a", Value: "1", Path: "/"}); err != nil {
		t.Error(err)
	}
	for _, c := range []*http.Cookie{
		{}, {Name: "a b"}, {Name: "a", Path: "/;x"}, {Name: "a", Value: "\n"}, {Name: "a", Domain: ".."},
	} {
		if err := cookie.Validate(c); err == nil || !strings.HasPrefix(err.Error(), `cookie "`+c.Name+`": `) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// TestLine: the line is that of net/http.
func TestLine(t *testing.T) {
	for _, value := range []string{"", "1", "AZaz09-_", strings.Repeat("x", 3900)} {
		for _, c := range []http.Cookie{
			{Name: "a"},
			{Name: "__Host-a.b", Path: "/", MaxAge: 60, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode},
			{Name: "a", Path: "/x", Domain: "example.com", MaxAge: -1, SameSite: http.SameSiteNoneMode},
		} {
			if c.Value = value; cookie.Line(&c) != c.String() || c.Value != value {
				t.Errorf("%q, want %q", cookie.Line(&c), c.String())
			}
		}
	}
}
