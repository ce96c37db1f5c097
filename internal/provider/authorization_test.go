package provider_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

func TestAuthorizationURL(t *testing.T) {
	// The pair of RFC 7636 appendix B.
	request := provider.AuthRequest{State: "st", Nonce: "no", Verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}
	own := "client_id=app&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&nonce=no" +
		"&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fcallback&response_type=code&scope=openid+profile&state=st"
	tests := []struct {
		name, endpoint string
		params         url.Values
		want           string // "": refused
	}{
		{"plain", issuer + "/a", nil, issuer + "/a?" + own},
		{"endpoint with a query", issuer + "/a?tenant=x%20y", nil, issuer + "/a?" + own + "&tenant=x+y"}, // case 16
		{"endpoint that names our parameters", issuer + "/a?state=evil&state=2&nonce=x", nil, issuer + "/a?" + own},
		{"extra parameter", issuer + "/a", url.Values{"ui_locales": {"de fr&state=x"}},
			issuer + "/a?" + own + "&ui_locales=de+fr%26state%3Dx"},
		{"extra repeats ours", issuer + "/a", url.Values{"nonce": {"x"}}, ""}, // case 6
		{"request object", issuer + "/a", url.Values{"request": {"x"}}, ""},
		{"request by reference", issuer + "/a", url.Values{"request_uri": {"x"}}, ""},
		{"extra twice", issuer + "/a", url.Values{"prompt": {"none", "login"}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(discoveryPath, document(object{"authorization_endpoint": test.endpoint}))
			request.Params = test.params
			got, err := op.client().AuthorizationURL(t.Context(), request)
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if test.want == "" {
				wantError(t, err, provider.Misconfigured, "parameter_conflict")
			}
			if strings.Contains(got, request.Verifier) { // case 2
				t.Error("the verifier is in the URL")
			}
		})
	}
	for _, incomplete := range []provider.AuthRequest{{Nonce: "n", Verifier: "v"}, {State: "s", Verifier: "v"},
		{State: "s", Nonce: "n"}} {
		_, err := newOP(t).client().AuthorizationURL(t.Context(), incomplete)
		wantError(t, err, provider.Misconfigured, "incomplete_request")
	}
	op := newOP(t)
	op.serve(discoveryPath, textAnswer(503, "", ""))
	_, err := op.client().AuthorizationURL(t.Context(), provider.AuthRequest{State: "s", Nonce: "n", Verifier: "v"})
	wantError(t, err, provider.Unavailable, "provider_status")
}

// TestEncodeQuery: the query is that of net/url.
func TestEncodeQuery(t *testing.T) {
	for _, params := range []url.Values{
		nil, {}, {"a": nil}, {"a": {""}}, {"b": {"2", "1"}, "a": {"x y", "&=%+"}, "ä": {"\xff", "ö"}},
		{"long": {strings.Repeat("/", 1000)}},
	} {
		if got := provider.EncodeQuery(params); got != params.Encode() {
			t.Errorf("%q, want %q", got, params.Encode())
		}
	}
}

func TestCheckResponseIssuer(t *testing.T) {
	announced := object{"authorization_response_iss_parameter_supported": true}
	tests := []struct {
		name    string
		change  object
		iss     string
		present bool
		ok      bool
	}{
		{"ours", nil, issuer, true, true},
		{"ours, announced", announced, issuer, true, true},
		{"none", nil, "", false, true},
		{"none, announced", announced, "", false, false}, // case 36
		{"empty", nil, "", true, false},
		{"other host", nil, "https://evil.example", true, false}, // case 37
		{"trailing slash", nil, issuer + "/", true, false},
		{"other case", nil, "https://OP.example", true, false},
		{"prefix", nil, issuer + ".evil", true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(discoveryPath, document(test.change))
			err := op.client().CheckResponseIssuer(t.Context(), test.iss, test.present)
			if test.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, provider.Refused, "response_issuer")
			if !errors.Is(err, provider.ErrIssuerMismatch) {
				t.Errorf("%v is not ErrIssuerMismatch", err)
			}
		})
	}
	op := newOP(t)
	op.serve(discoveryPath, textAnswer(503, "", ""))
	wantError(t, op.client().CheckResponseIssuer(t.Context(), "", false), provider.Unavailable, "provider_status")
}

func TestEndSessionURL(t *testing.T) {
	params := url.Values{"client_id": {clientID}, "state": {"s"}}
	for name, test := range map[string]struct {
		endpoint any
		want     string
	}{
		"good":         {issuer + "/logout", issuer + "/logout?client_id=app&state=s"},
		"with a query": {issuer + "/logout?p=1", issuer + "/logout?client_id=app&p=1&state=s"},
		"on loopback":  {"http://localhost:1/logout", ""}, // the issuer is https
		"empty":        {"", ""},
		"absent":       {nil, ""},                        // case 127
		"not https":    {"http://op.example/logout", ""}, // case 127
		"script":       {"javascript:alert(1)", ""},      // case 127
		"a bad query":  {issuer + "/logout?a=%zz", ""},
		"another type": {[]string{issuer + "/logout"}, ""},
	} {
		op := newOP(t)
		op.serve(discoveryPath, document(object{"end_session_endpoint": test.endpoint}))
		if got, ok := op.client().EndSessionURL(t.Context(), params); got != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q, %t", name, got, ok)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(discoveryPath, slow(time.Minute, document(nil)))
		start := time.Now()
		if _, ok := op.client().EndSessionURL(t.Context(), params); ok || time.Since(start) != 2*time.Second {
			t.Errorf("%t after %v", ok, time.Since(start))
		}
		time.Sleep(time.Minute)
	})
}

// TestResponseMode: the mode of the code flow is not asked for, since some providers refuse parameters that they do not
// know.
func TestResponseMode(t *testing.T) {
	for mode, want := range map[string]string{"": "", "query": "", "form_post": "form_post"} {
		p := newOP(t).client(func(c *provider.Config) { c.ResponseMode = mode })
		text, err := p.AuthorizationURL(t.Context(), provider.AuthRequest{State: "s", Nonce: "n", Verifier: "v"})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(text)
		if err != nil || u.Query().Get("response_mode") != want || u.Query().Has("response_mode") != (want != "") {
			t.Errorf("%q: %s, %v", mode, text, err)
		}
	}
}
