package authresponse_test

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/authresponse"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// opened stands for a signed response with the parameters that its text says.
func opened(text string) (*provider.SignedResponse, error) {
	params, err := url.ParseQuery(text)
	if err != nil {
		return nil, err
	}
	return &provider.SignedResponse{Params: params}, nil
}

// TestLimits: what is as long as it may be is accepted, and one byte more is not.
func TestLimits(t *testing.T) {
	mode, long := authresponse.Mode("query"), strings.Repeat("a", 64<<10)
	for _, tt := range []struct {
		before string
		most   int
	}{
		{"code=c&state=", 4096}, {"code=c&state=s&iss=", 4096}, {"code=c&state=s&x=", 64<<10 - len("code=c&state=s&x=")},
	} {
		for size, ok := range map[int]bool{tt.most: true, tt.most + 1: false} {
			r := httptest.NewRequest("GET", "/auth/callback?"+tt.before+long[:size], nil)
			if _, err := mode.Read(httptest.NewRecorder(), r, opened); (err == nil) != ok {
				t.Errorf("%s with %d bytes: %v", tt.before, size, err)
			}
		}
	}
}

// TestRead: each mode reads its own place only, and refuses what two readers could understand differently.
func TestRead(t *testing.T) {
	long := strings.Repeat("a", 16<<10)
	for _, tt := range []struct {
		name, mode, query, form string
		problem                 string // "" if it is accepted
	}{
		{"query", "query", "code=c&state=s&iss=i", "", ""},
		{"form", "form_post", "", "code=c&state=s&iss=i", ""},
		{"signed query", "query.jwt", "response=" + url.QueryEscape("code=c&state=s&iss=i"), "", ""},
		{"signed form", "form_post.jwt", "", "response=" + url.QueryEscape("code=c&state=s&iss=i"), ""},
		{"a value twice", "query", "code=c&code=c&state=s&iss=i", "", ""},
		{"the query of a form", "form_post", "code=c&state=s&iss=i", "x=1", "no state"},
		{"two codes", "query", "code=c&code=d&state=s", "", "code has different values"},
		{"no state", "query", "code=c", "", "no state"},
		{"malformed", "query", "code=c&state=%zz", "", "malformed query"},
		{"a token", "query", "code=c&state=s&id_token=t", "", "unexpected id_token"},
		{"long code", "query", "state=s&code=a" + long, "", "oversized parameter"},
		{"long state", "query", "code=c&state=" + long[:4097], "", "oversized parameter"},
		{"long issuer", "query", "code=c&state=s&iss=" + long[:4097], "", "oversized parameter"},
		{"long query", "query", "state=s&x=" + strings.Repeat(long, 4), "", "oversized query"},
		{"signed without need", "query", "response=x", "", "a signed response; " +
			`if the provider sends no other, set Provider.ResponseMode to "query.jwt"`},
		{"not signed", "query.jwt", "code=c&state=s", "", `not one signed response, as Provider.ResponseMode "query.jwt"`},
		{"signed and not", "query.jwt", "response=x&code=c", "", "not one signed response"},
		{"neither", "query.jwt", "x=1", "", "not one signed response"},
		{"signed and a state", "query.jwt", "response=code%3Dc%26state%3Ds&state=s", "", "not one signed response"},
		{"signed and an error", "query.jwt", "response=code%3Dc%26state%3Ds&error=x", "", "not one signed response"},
		{"two signed ones", "query.jwt", "response=x&response=y", "", "not one signed response"},
		{"a signed one in another", "query.jwt", "response=" + url.QueryEscape("state=s&response=x"), "",
			"unexpected response"},
		{"unreadable signed one", "query.jwt", "response=%25zz", "", "invalid URL escape"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/auth/callback?"+tt.query, nil)
			if tt.form != "" {
				r = httptest.NewRequest("POST", "/auth/callback?"+tt.query, strings.NewReader(tt.form))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			got, err := authresponse.Mode(tt.mode).Read(httptest.NewRecorder(), r, opened)
			if tt.problem != "" {
				if !errors.Is(err, authresponse.ErrInvalid) || !strings.Contains(err.Error(), tt.problem) {
					t.Errorf("%v, want %q", err, tt.problem)
				}
				return
			}
			if err != nil || got.Code != "c" || got.State != "s" || got.Issuer != "i" || !got.HasIssuer ||
				(got.Signed != nil) != strings.HasSuffix(tt.mode, "jwt") {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestLargestCode: a code of 16 KiB is accepted, as large as no provider makes one.
func TestLargestCode(t *testing.T) {
	code := strings.Repeat("a", 16<<10)
	r := httptest.NewRequest("GET", "/auth/callback?state=s&code="+code, nil)
	if got, err := authresponse.Mode("query").Read(httptest.NewRecorder(), r, opened); err != nil || got.Code != code {
		t.Errorf("%d bytes, %v", len(got.Code), err)
	}
}

// TestStateOfRefused: a response that is refused has its state, if that is certain, so that the error page leads back.
func TestStateOfRefused(t *testing.T) {
	for query, want := range map[string]string{
		"code=c&code=d&state=s": "s", "state=s&state=s&id_token=t": "s", "code=c&code=d&state=s&state=u": "",
		"code=" + strings.Repeat("a", 17<<10) + "&state=s": "s", "code=c&state=" + strings.Repeat("s", 4097): "",
		"code=c&code=d": "", "code=c&state=%zz": "",
		"code=c&code=d&state=" + strings.Repeat("s", 4096): strings.Repeat("s", 4096),
	} {
		r := httptest.NewRequest("GET", "/auth/callback?"+query, nil)
		got, err := authresponse.Mode("query").Read(httptest.NewRecorder(), r, opened)
		if err == nil || got.State != want {
			t.Errorf("%.60s: state %q, want %q; %v", query, got.State, want, err)
		}
	}
}

// TestRefusal: the provider's error is known even if the response is refused, for the log, with printable text only.
func TestRefusal(t *testing.T) {
	for query, want := range map[string]string{
		"error=access_denied&error_description=no%0A&state=s": "access_denied no?",
		"error=server_error":                "server_error ",
		"error=" + strings.Repeat("e", 100): strings.Repeat("e", 64) + " ",
		"code=c&state=s":                    "",
	} {
		r := httptest.NewRequest("GET", "/auth/callback?"+query, nil)
		got, _ := authresponse.Mode("query").Read(httptest.NewRecorder(), r, opened)
		text := ""
		if got.Refusal != nil {
			text = got.Refusal.Code + " " + got.Refusal.Description
		}
		if text != want {
			t.Errorf("%s: %q, want %q", query, text, want)
		}
	}
}

// TestMismatch: a response in another mode is recognized, and what it takes to accept it is said.
func TestMismatch(t *testing.T) {
	for _, tt := range []struct{ mode, method, query, came, fix string }{
		{"form_post", "GET", "code=c", "query",
			`set Provider.ResponseMode to "query", or have the provider answer by form_post`},
		{"form_post.jwt", "GET", "response=x", "query",
			`set Provider.ResponseMode to "query.jwt", or have the provider answer by form_post.jwt`},
		{"query", "POST", "", "form_post", `set Provider.ResponseMode to "form_post", or have the provider answer by query`},
		{"form_post", "GET", "x=1", "", ""},
		{"query", "PUT", "code=c", "", ""},
		{"query", "GET", "code=c", "", ""},
		{"form_post", "POST", "", "", ""},
		{"form_post", "POST", "code=c", "", ""},
	} {
		r := httptest.NewRequest(tt.method, "/auth/callback?"+tt.query, strings.NewReader("code=c"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		got, ok := authresponse.Mode(tt.mode).Mismatch(r)
		if ok != (tt.came != "") || got.Came != tt.came || got.Fix != tt.fix {
			t.Errorf("%s, %s: %+v %t", tt.mode, tt.method, got, ok)
		}
	}
	r := httptest.NewRequest("POST", "/auth/callback", strings.NewReader(`{"code":"c"}`))
	r.Header.Set("Content-Type", "application/json")
	if got, ok := authresponse.Mode("query").Mismatch(r); ok {
		t.Errorf("JSON: %+v", got)
	}
}

// FuzzRead: what is accepted has a state, exactly the parameters that url.ParseQuery reads, and no token.
func FuzzRead(f *testing.F) {
	for _, mode := range []string{"query", "form_post", "query.jwt"} {
		f.Add(mode, "code=c&state=s&iss=i")
		f.Add(mode, "error=access_denied&error_description=no%0A&state=s")
		f.Add(mode, "response="+url.QueryEscape("code=c&state=s"))
		f.Add(mode, "code=c&code=c&state=s;x&%zz")
	}
	f.Fuzz(func(t *testing.T, mode, text string) {
		r := httptest.NewRequest("GET", "/auth/callback", nil)
		r.URL.RawQuery = text
		if authresponse.Mode(mode).FormPost() {
			r = httptest.NewRequest("POST", "/auth/callback", strings.NewReader(text))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		got, err := authresponse.Mode(mode).Read(httptest.NewRecorder(), r, opened)
		if err != nil {
			if !errors.Is(err, authresponse.ErrInvalid) {
				t.Errorf("%v", err)
			}
			return
		}
		query, err := url.ParseQuery(text)
		if got.Signed != nil {
			query, err = got.Signed.Params, nil
		}
		if err != nil || got.State == "" || got.State != query.Get("state") || got.Code != query.Get("code") ||
			got.Issuer != query.Get("iss") || query.Has("id_token") || query.Has("access_token") ||
			(got.Refusal != nil) != (query.Get("error") != "") {
			t.Errorf("%s, %q: %+v, %v", mode, text, got, err)
		}
	})
}
