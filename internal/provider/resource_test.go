package provider_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// resource is a resource server in memory that also checks the contract of http.RoundTripper.
type resource struct {
	scripts []http.HandlerFunc // one for each call
	seen    []string           // method, address and body of each
	bodies  []*watchedBody     // of the answers
	err     error              // in place of an answer
}

func (s *resource) RoundTrip(req *http.Request) (*http.Response, error) {
	var sent []byte
	if req.Body != nil {
		sent, _ = io.ReadAll(req.Body)
		_ = req.Body.Close()
	}
	s.seen = append(s.seen, req.Method+" "+req.URL.String()+" "+string(sent))
	if s.err != nil {
		return nil, s.err
	}
	recorder := httptest.NewRecorder()
	s.scripts[len(s.seen)-1](recorder, req)
	resp := recorder.Result()
	body := &watchedBody{Reader: resp.Body}
	resp.Body, s.bodies = body, append(s.bodies, body)
	return resp, nil
}

// watchedBody records whether it was closed, and how far it was read.
type watchedBody struct {
	io.Reader
	read   int
	closed bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

func (b *watchedBody) Close() error {
	b.closed = true
	return nil
}

// boundTokens returns tokens with a key, and the provider that issued them.
func boundTokens(t *testing.T) (*provider.Provider, *provider.Tokens) {
	t.Helper()
	op := newOP(t)
	op.serve(tokenPath, textAnswer(200, "application/json", boundAnswer))
	p := op.client(dpop)
	tokens, err := p.Exchange(t.Context(), "c", "v")
	if err != nil {
		t.Fatal(err)
	}
	return p, tokens
}

// newRequest makes a request with a header of the app's own.
func newRequest(t *testing.T, method, address string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-App", "own")
	req.Header.Set("Authorization", "Basic app")
	return req
}

// A copy is sent with the token. The request of the app, which a client may log or send again, never holds it.
func TestSend(t *testing.T) {
	server := &resource{scripts: []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Values("Authorization"); fmt.Sprint(a) != "[Bearer at]" || r.Header.Get("X-App") != "own" ||
			r.Header["Dpop"] != nil {
			t.Errorf("sent with %v", r.Header)
		}
		textAnswer(418, "text/plain", "the answer")(w, r)
	}}}
	req := newRequest(t, http.MethodPut, "https://api.example/a?b", strings.NewReader("body"))
	resp, err := newOP(t).client().Send(req, bearer(), server)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 418 || string(text) != "the answer" ||
		fmt.Sprint(server.seen) != "[PUT https://api.example/a?b body]" {
		t.Errorf("%d %q of %q", resp.StatusCode, text, server.seen)
	}
	if resp.Request != req || len(req.Header) != 2 || req.Header.Get("Authorization") != "Basic app" {
		t.Errorf("the request has %v, that of the answer %v", req.Header, resp.Request.Header)
	}
	server = &resource{scripts: []http.HandlerFunc{textAnswer(200, "", "")}}
	req.Header, req.Body = nil, nil
	if _, err := newOP(t).client().Send(req, bearer(), server); err != nil || req.Header != nil {
		t.Errorf("%v, %v", req.Header, err)
	}
	server = &resource{err: context.Canceled}
	bound, boundToKey := boundTokens(t)
	for tokens, p := range map[*provider.Tokens]*provider.Provider{bearer(): newOP(t).client(), boundToKey: bound} {
		if resp, err := p.Send(req, tokens, server); resp != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, %v", tokens.TokenType, resp, err)
		}
	}
}

// A token sent in plain text can be used by anyone who reads it.
func TestTokensAreNotSentInClear(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://api.example/": true, "http://localhost:1/": true, "http://127.9.9.9/": true, "http://[::1]:1/": true,
		"http://api.example/": false, "http://127.0.0.1.evil.example/": false, "http://localhost.example/": false,
		"http://169.254.169.254/": false, "ftp://localhost/": false, "//api.example/": false, "http:///": false,
	} {
		server := &resource{scripts: []http.HandlerFunc{textAnswer(200, "", "")}}
		body := &watchedBody{Reader: strings.NewReader("body")}
		req := newRequest(t, http.MethodPost, address, nil)
		req.Body = body
		get := newRequest(t, http.MethodGet, address, nil)
		if _, err := newOP(t).client().Send(get, bearer(), server); (err == nil) != ok {
			t.Errorf("%s without a body: %v", address, err)
		}
		server.seen = nil
		resp, err := newOP(t).client().Send(req, bearer(), server)
		switch {
		case ok && (err != nil || len(server.seen) != 1):
			t.Errorf("%s: %v", address, err)
		case !ok:
			wantError(t, err, provider.Misconfigured, "insecure_resource")
			if resp != nil || len(server.seen) != 0 {
				t.Errorf("%s: sent", address)
			}
		}
		if !body.closed {
			t.Errorf("%s: the body is open", address)
		}
	}
}

// A server may ask for another nonce once, for a request that can be sent again (RFC 9449 section 9).
func TestNonceAtAResource(t *testing.T) {
	wanted, again, good := nonceWanted(401, "n1"), nonceWanted(401, "n2"), textAnswer(200, "", "good")
	refused := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `DPoP error="invalid_token"`)
		w.Header().Set("DPoP-Nonce", "n1")
		w.WriteHeader(401)
	}
	plain := func() io.Reader { return strings.NewReader("body") }
	tests := []struct {
		name    string
		body    io.Reader
		change  func(*http.Request)
		scripts []http.HandlerFunc
		nonces  string
		status  int
	}{
		{"not wanted", plain(), nil, []http.HandlerFunc{good}, "[<nil>]", 200},
		{"wanted", plain(), nil, []http.HandlerFunc{wanted, good}, "[<nil> n1]", 200},
		{"no body", nil, nil, []http.HandlerFunc{wanted, good}, "[<nil> n1]", 200},
		{"empty body", nil, func(r *http.Request) {
			r.Body = http.NoBody
		}, []http.HandlerFunc{wanted, good}, "[<nil> n1]", 200},
		{"never content", plain(), nil, []http.HandlerFunc{wanted, again}, "[<nil> n1]", 401},
		{"a stream", io.MultiReader(plain()), nil, []http.HandlerFunc{wanted}, "[<nil>]", 401},
		{"body gone", plain(), func(r *http.Request) {
			r.GetBody = func() (io.ReadCloser, error) { return nil, io.ErrClosedPipe }
		}, []http.HandlerFunc{wanted}, "[<nil>]", 401},
		{"another error", plain(), nil, []http.HandlerFunc{refused}, "[<nil>]", 401},
		{"without one", plain(), nil, []http.HandlerFunc{nonceWanted(401, "")}, "[<nil>]", 401},
		{"with 400", plain(), nil, []http.HandlerFunc{nonceWanted(400, "n1")}, "[<nil>]", 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, tokens := boundTokens(t)
			server := &resource{}
			var nonces []any
			for _, script := range test.scripts {
				server.scripts = append(server.scripts, func(w http.ResponseWriter, r *http.Request) {
					claims := proof(t, r)
					nonces = append(nonces, claims["nonce"])
					if claims["ath"] == nil || claims["htm"] != "POST" || claims["htu"] != "https://api.example/a" ||
						r.Header.Get("Authorization") != "DPoP at" {
						t.Errorf("proof %v with %q", claims, r.Header.Get("Authorization"))
					}
					script(w, r)
				})
			}
			req := newRequest(t, http.MethodPost, "https://user:password@api.example/a?b", test.body)
			if test.change != nil {
				test.change(req)
			}
			resp, err := p.Send(req, tokens, server)
			if err != nil || resp.StatusCode != test.status || fmt.Sprint(nonces) != test.nonces {
				t.Fatalf("%+v, %v; nonces %v", resp, err, nonces)
			}
			last := len(server.bodies) - 1
			for i, body := range server.bodies {
				if body.closed != (i < last) || i < last && body.read == 0 || server.seen[i] != server.seen[0] {
					t.Errorf("answer %d of %d: closed %t, %d bytes read; %s", i, last, body.closed, body.read, server.seen[i])
				}
			}
		})
	}
}

// The latest nonce of a server is in the next proof for it, and an unused response is not read to its end.
func TestNoncesOfResources(t *testing.T) {
	p, tokens := boundTokens(t)
	long := bytes.Repeat([]byte("x"), 1<<20)
	var nonces []any
	note := func(script http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			nonces = append(nonces, proof(t, r)["nonce"])
			script(w, r)
			_, _ = w.Write(long)
		}
	}
	good := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("DPoP-Nonce", "n2") }
	server := &resource{scripts: []http.HandlerFunc{note(nonceWanted(401, "n1")), note(good), note(good), note(good)}}
	for _, address := range []string{"https://api.example/a", "https://API.example/b", "https://other.example/"} {
		if _, err := p.Send(newRequest(t, http.MethodGet, address, nil), tokens, server); err != nil {
			t.Error(err)
		}
	}
	if fmt.Sprint(nonces) != "[<nil> n1 n2 <nil>]" || server.bodies[0].read > 64<<10 {
		t.Errorf("nonces %v, %d bytes read", nonces, server.bodies[0].read)
	}
	server = &resource{scripts: []http.HandlerFunc{nonceWanted(401, "n1")}} // a bearer token has no proof to fix
	if resp, err := p.Send(newRequest(t, http.MethodGet, "https://x.example/", nil), bearer(), server); err != nil ||
		resp.StatusCode != 401 || len(server.seen) != 1 {
		t.Errorf("%+v, %v, %q", resp, err, server.seen)
	}
}

// tokenTransport uses Send in an app's client.
type tokenTransport struct {
	p    *provider.Provider
	next http.RoundTripper
}

func (s tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	return s.p.Send(req, bearer(), s.next)
}

// case 107, for the app's own requests: a redirect within the origin keeps the token. One that leads away drops it, and
// the token does not come back by a redirect to the first origin.
func TestTokenDoesNotFollowRedirectsAway(t *testing.T) {
	var seen []string
	var home, away *httptest.Server
	serve := func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.Path+":"+r.Header.Get("Authorization"))
		targets := map[string]string{"/start": "/near", "/near": away.URL + "/far", "/far": home.URL + "/back",
			"/back": home.URL + "/end"}
		if target, ok := targets[r.URL.Path]; ok {
			http.Redirect(w, r, target, http.StatusTemporaryRedirect)
		}
	}
	home, away = httptest.NewServer(http.HandlerFunc(serve)), httptest.NewServer(http.HandlerFunc(serve))
	defer home.Close()
	defer away.Close()
	client := &http.Client{Transport: tokenTransport{newOP(t).client(), http.DefaultTransport}}
	resp, err := client.Post(home.URL+"/start", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := strings.Join(seen, " "); got != "/start:Bearer at /near:Bearer at /far: /back: /end:" {
		t.Error(got)
	}
	req := newRequest(t, http.MethodGet, "https://api.example/", nil)
	req.Response = &http.Response{} // of unknown origin
	server := &resource{scripts: []http.HandlerFunc{func(_ http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "Basic app" {
			t.Errorf("sent with %q", a)
		}
	}}}
	if _, err := newOP(t).client().Send(req, bearer(), server); err != nil {
		t.Error(err)
	}
}
