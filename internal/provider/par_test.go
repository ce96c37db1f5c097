package provider_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const goodPush = `{"request_uri":"urn:ietf:params:oauth:request_uri:6&2","expires_in":60}`

// always makes requests pushed.
func always(c *provider.Config) { c.PushedAuthorization = "always" }

func authRequest() provider.AuthRequest {
	return provider.AuthRequest{State: "the-state", Nonce: "the-nonce", Verifier: "the-verifier"}
}

// When requests are pushed, and what prevents a sign-in before any browser is sent anywhere.
func TestWhenRequestsArePushed(t *testing.T) {
	required, absent := object{"require_pushed_authorization_requests": true},
		object{"pushed_authorization_request_endpoint": nil}
	requiredAndAbsent := object{"require_pushed_authorization_requests": true,
		"pushed_authorization_request_endpoint": nil}
	tests := []struct {
		mode   string
		change object
		pushes int
		code   string
	}{
		{"", nil, 0, ""}, {"auto", nil, 0, ""}, {"never", nil, 0, ""}, {"always", nil, 1, ""},
		{"", required, 1, ""}, {"auto", required, 1, ""}, {"always", required, 1, ""},
		{"auto", object{"require_pushed_authorization_requests": "true"}, 0, ""}, // no boolean
		{"", absent, 0, ""}, {"auto", absent, 0, ""}, {"never", absent, 0, ""},
		{"never", required, 0, "par_required"},
		{"always", absent, 0, "par_unsupported"},
		{"auto", requiredAndAbsent, 0, "par_unsupported"},
	}
	for _, test := range tests {
		t.Run(test.mode+fmt.Sprint(test.change), func(t *testing.T) {
			op := newOP(t)
			op.serve(discoveryPath, document(test.change))
			op.serve(pushPath, textAnswer(201, "application/json", goodPush))
			p := op.client(func(c *provider.Config) { c.PushedAuthorization = test.mode })
			got, err := p.AuthorizationURL(t.Context(), authRequest())
			if n := op.count(pushPath); n != test.pushes || strings.Contains(got, "request_uri=") != (n == 1) {
				t.Errorf("%d pushes, then %s", n, got)
			}
			if test.code == "" {
				if err != nil || !strings.HasPrefix(got, issuer+"/authorize?client_id=app&") {
					t.Errorf("%s, %v", got, err)
				}
				return
			}
			wantError(t, err, provider.Misconfigured, test.code)
			wantError(t, p.Ready(t.Context()), provider.Misconfigured, test.code)
		})
	}
}

// The whole request is sent to the provider, as this client, and the browser carries only its request_uri.
func TestPushedRequest(t *testing.T) {
	op := newOP(t)
	op.serve(discoveryPath, document(object{"authorization_endpoint": issuer + "/authorize?tenant=x"})) // case 16
	op.serve(pushPath, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		want := "client_id=app&code_challenge=%s&code_challenge_method=S256&nonce=the-nonce&prompt=login" +
			"&redirect_uri=https%%3A%%2F%%2Fapp.example%%2Fauth%%2Fcallback&response_type=code" +
			"&scope=openid+profile&state=the-state"
		if got := r.PostForm.Encode(); got != fmt.Sprintf(want, r.PostForm.Get("code_challenge")) ||
			len(r.PostForm.Get("code_challenge")) != 43 {
			t.Errorf("pushed %s", got)
		}
		if user, password, _ := r.BasicAuth(); user != clientID || password != "s3cret" {
			t.Errorf("as %q, %q", user, password)
		}
		textAnswer(201, "application/json;charset=UTF-8", goodPush)(w, r)
	})
	request := authRequest()
	request.Params = url.Values{"prompt": {"login"}}
	got, err := op.client(always).AuthorizationURL(t.Context(), request)
	const want = issuer + "/authorize?client_id=app&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A6%262&tenant=x"
	if err != nil || got != want || op.count(pushPath) != 1 {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}

	op = newOP(t) // nothing is pushed that must not be sent
	request.Params = url.Values{"request_uri": {"urn:x"}}
	_, err = op.client(always).AuthorizationURL(t.Context(), request)
	wantError(t, err, provider.Misconfigured, "parameter_conflict")
	if op.count(pushPath) != 0 {
		t.Error("a request that is refused was pushed")
	}
}

func TestPushedAnswer(t *testing.T) {
	body := func(text string) http.HandlerFunc { return textAnswer(201, "application/json", text) }
	uri := func(value string) http.HandlerFunc { return body(`{"expires_in":60,"request_uri":` + value + `}`) }
	life := func(value string) http.HandlerFunc { return body(`{"request_uri":"urn:x","expires_in":` + value + `}`) }
	failure := func(status int, code string) http.HandlerFunc { return jsonAnswer(status, object{"error": code}) }
	tests := []struct {
		name   string
		script http.HandlerFunc
		kind   provider.Kind
		code   string
	}{
		{name: "good", script: body(goodPush)},
		{name: "longest", script: uri(`"` + strings.Repeat("x", 1024) + `"`)},
		{name: "half a second", script: life("0.5")},
		{name: "no error", script: body(`{"request_uri":"urn:x","expires_in":1,"error":null}`)},
		{name: "unknown members", script: body(`{"request_uri":"urn:x","expires_in":1,"x":null}`)},

		{"200", textAnswer(200, "application/json", goodPush), provider.Invalid, "provider_status"}, // RFC 9126 section 2.2
		{"202", textAnswer(202, "application/json", goodPush), provider.Invalid, "provider_status"},
		{"204", textAnswer(204, "application/json", ""), provider.Invalid, "provider_status"},
		{"HTML", textAnswer(201, "text/html", goodPush), provider.Invalid, "bad_content_type"}, // case 54
		{"no content type", textAnswer(201, "", goodPush), provider.Invalid, "bad_content_type"},
		{"empty", body(""), provider.Invalid, "bad_answer"},
		{"array", body("[]"), provider.Invalid, "bad_answer"},
		{"null", body("null"), provider.Invalid, "bad_answer"},
		{"twins", body(`{"request_uri":"urn:x","REQUEST_URI":"urn:y","expires_in":1}`), provider.Invalid, "bad_answer"},
		{"duplicate", body(`{"request_uri":"urn:x","request_uri":"urn:y","expires_in":1}`), provider.Invalid, "bad_answer"},
		{"too large", uri(`"` + strings.Repeat("x", 1<<20) + `"`), provider.Invalid, "body_too_large"}, // case 61
		// case 57
		{"odd error", body(`{"request_uri":"urn:x","expires_in":1,"error":1}`), provider.Invalid, "bad_answer"},
		{"error with 201", body(`{"request_uri":"urn:x","expires_in":1,"error":"x"}`), provider.Invalid, "bad_answer"},

		{"no request_uri", body(`{"expires_in":60}`), provider.Invalid, "bad_request_uri"},
		{"request_uri by another name", body(`{"Request_uri":"urn:x","expires_in":60}`), provider.Invalid, "bad_request_uri"},
		{"request_uri empty", uri(`""`), provider.Invalid, "bad_request_uri"},
		{"request_uri null", uri(`null`), provider.Invalid, "bad_request_uri"},
		{"request_uri a list", uri(`["urn:x"]`), provider.Invalid, "bad_request_uri"},
		{"request_uri with a space", uri(`"urn:x y"`), provider.Invalid, "bad_request_uri"},
		{"request_uri with a line break", uri(`"urn:x\r\nX: y"`), provider.Invalid, "bad_request_uri"},
		{"request_uri not ASCII", uri(`"urn:é"`), provider.Invalid, "bad_request_uri"},
		{"request_uri over 1 kB", uri(`"` + strings.Repeat("x", 1025) + `"`), provider.Invalid, "bad_request_uri"},
		{"no expires_in", body(`{"request_uri":"urn:x"}`), provider.Invalid, "bad_expires_in"},
		{"expires_in a string", life(`"60"`), provider.Invalid, "bad_expires_in"},
		{"expires_in null", life(`null`), provider.Invalid, "bad_expires_in"},
		{"expires_in 0", life(`0`), provider.Invalid, "bad_expires_in"},
		{"expires_in negative", life(`-60`), provider.Invalid, "bad_expires_in"},
		{"expires_in beyond numbers", life(`1e999`), provider.Invalid, "bad_expires_in"},

		{"invalid_request", failure(400, "invalid_request"), provider.Invalid, "invalid_request"},
		{"invalid_request_object", failure(400, "invalid_request_object"), provider.Invalid, "invalid_request_object"},
		{"unsupported_response_type", failure(400, "unsupported_response_type"), provider.Invalid,
			"unsupported_response_type"},
		{"invalid_client", failure(401, "invalid_client"), provider.Invalid, "invalid_client"}, // case 65
		{"a nonce for nothing", nonceWanted(400, "n1"), provider.Invalid, "use_dpop_nonce"},    // no proof, so no second try
		{"unknown error", failure(400, "\n\x1b[31m forged"), provider.Invalid, "provider_status"},
		{"405", textAnswer(405, "", ""), provider.Invalid, "provider_status"},
		{"413", textAnswer(413, "", ""), provider.Invalid, "provider_status"},
		{"429", textAnswer(429, "", ""), provider.Unavailable, "provider_status"}, // case 66
		{"503", failure(503, "temporarily_unavailable"), provider.Unavailable, "provider_status"},
		{"302", redirect(302), provider.Invalid, "redirect"},
		{"307", redirect(307), provider.Invalid, "redirect"}, // case 52
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(pushPath, test.script)
			got, err := op.client(always).AuthorizationURL(t.Context(), authRequest())
			if n := op.count(pushPath) + op.count("/elsewhere"); n != 1 {
				t.Errorf("%d requests", n)
			}
			if test.kind == 0 {
				if err != nil || !strings.HasPrefix(got, issuer+"/authorize?client_id=app&request_uri=") {
					t.Errorf("%s, %v", got, err)
				}
				return
			}
			wantError(t, err, test.kind, test.code)
			if got != "" {
				t.Errorf("%s in addition to the error", got)
			}
		})
	}
}

// case 126: neither the request nor the response is logged.
func TestPushedRequestIsNotLogged(t *testing.T) {
	request := provider.AuthRequest{State: "aaaa-of-state", Nonce: "aaaa-of-nonce", Verifier: "v"}
	request.Params = url.Values{"id_token_hint": {"aaaa-of-hint"}, "login_hint": {"-of-"}} // which is a part of the others
	for _, name := range []string{"state", "nonce", "id_token_hint", "Authorization", "request_uri"} {
		var log logBuffer
		var echo string
		op := newOP(t)
		op.serve(pushPath, func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			_, basic, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			if echo = r.PostForm.Get(name); name == "Authorization" {
				echo = basic
			}
			status := 400
			if name == "request_uri" {
				status, echo = 201, "urn:aaaa"
			}
			jsonAnswer(status, object{"request_uri": echo, "expires_in": 0})(w, r)
		})
		p := op.client(always, logTo(&log))
		if _, err := p.AuthorizationURL(t.Context(), request); err == nil || echo == "" ||
			strings.Contains(err.Error()+log.String(), echo) || strings.Contains(log.String(), "aaaa") {
			t.Errorf("%s: %q in %v and %s", name, echo, err, log.String())
		}
		if strings.Contains(log.String(), "returned an error") != (name != "request_uri") {
			t.Errorf("%s: %s", name, log.String())
		}
	}
}
