package authresponse_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/authresponse"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
)

// flow is a sign-in at a provider, up to the response.
type flow struct {
	authresponse.Receiver
	op      *fakeop.Provider
	cookies []string
	state   string
}

func newFlow(t *testing.T, mode string, purpose attempt.Purpose) *flow {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	op, err := fakeop.New(fakeop.Config{Logger: quiet, ClientID: "app"})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := attempt.New(attempt.Config{
		Secrets: []string{strings.Repeat("secret", 6)}, CookieName: "app", Path: "/auth", Life: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	party := relyingparty.New(relyingparty.Config{Name: "a", Issuer: op.Issuer(), ClientID: "app", Several: true}, nil)
	party.Use(provider.New(provider.Config{
		Issuer: op.Issuer(), ClientID: "app", RedirectURL: "https://app.example/auth/callback/a", ResponseMode: mode,
		Scopes: []string{"openid"}, Transport: op.Transport(), Timeout: time.Second,
		Report: func(context.Context, provider.Event) {}, Logger: quiet,
	}))
	h := http.Header{}
	at, err := jar.Start(h, httptest.NewRequest(http.MethodGet, "/auth/signin", nil), purpose)
	if err != nil {
		t.Fatal(err)
	}
	return &flow{
		Receiver: authresponse.Receiver{Mode: authresponse.Mode(mode), Party: party, Attempts: jar}, op: op,
		cookies: h["Set-Cookie"], state: at.State,
	}
}

// receive receives a response with the cookies of the browser.
func (f *flow) receive(response url.Values) (*attempt.Attempt, authresponse.Response, error) {
	r := httptest.NewRequest(http.MethodGet, "/auth/callback/a?"+response.Encode(), nil)
	for _, line := range f.cookies {
		if c, err := http.ParseSetCookie(line); err == nil {
			r.AddCookie(c)
		}
	}
	return f.Receive(httptest.NewRecorder(), r)
}

// TestReceive: a response is accepted with the attempt that it belongs to, and with nothing that contradicts it. What
// was found of a response that is refused leads the user on.
func TestReceive(t *testing.T) {
	purpose := attempt.Purpose{ReturnTo: "/orders", Provider: "a"}
	f := newFlow(t, "query", purpose)
	response := func(edits ...string) url.Values {
		v := url.Values{"code": {"c"}, "state": {f.state}, "iss": {f.op.Issuer()}}
		for i := 0; i < len(edits); i += 2 {
			if v.Set(edits[i], edits[i+1]); edits[i+1] == "" {
				v.Del(edits[i])
			}
		}
		return v
	}
	for _, test := range []struct {
		name     string
		response url.Values
		found    bool // the attempt
		err      error
	}{
		{"code", response(), true, nil},
		{"refusal", response("code", "", "error", "access_denied"), true, nil},
		{"without the iss that is announced", response("iss", ""), true, authresponse.ErrInvalid},
		{"of another issuer", response("iss", "https://other.example"), true, authresponse.ErrInvalid},
		{"neither code nor error", response("code", ""), true, authresponse.ErrInvalid},
		{"with an ID token", response("id_token", "x"), true, authresponse.ErrInvalid},
		{"of no attempt", response("state", strings.Repeat("A", 43)), false, attempt.ErrNoAttempt},
		{"without a state", response("state", ""), false, authresponse.ErrInvalid},
	} {
		at, got, err := f.receive(test.response)
		if !errors.Is(err, test.err) || (at != nil) != test.found || at != nil && at.ReturnTo != "/orders" {
			t.Errorf("%s: %+v, %v", test.name, at, err)
		}
		if err == nil && (got.Code != test.response.Get("code") || (got.Refusal != nil) != test.response.Has("error")) {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
	purpose.Provider = "b"
	f = newFlow(t, "query", purpose)
	if at, _, err := f.receive(response("state", f.state)); !errors.Is(err, authresponse.ErrInvalid) || at == nil {
		t.Errorf("to a sign-in with another provider: %+v, %v", at, err)
	}
}

// TestReceiveWithoutMetadata: without the provider's metadata nothing of the response is used, and the user can try
// again.
func TestReceiveWithoutMetadata(t *testing.T) {
	f := newFlow(t, "query", attempt.Purpose{Provider: "a"})
	f.op.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	at, _, err := f.receive(url.Values{"code": {"c"}, "state": {f.state}, "iss": {"https://other.example"}})
	if !errors.Is(err, relyingparty.ErrUnavailable) || at == nil {
		t.Errorf("%+v, %v", at, err)
	}
}

// TestReceiveSigned: a signed response counts only with the signature of the provider. If its keys cannot be had, it is
// not known to be invalid. A response to no attempt costs no fetch of keys.
func TestReceiveSigned(t *testing.T) {
	f := newFlow(t, "query.jwt", attempt.Purpose{Provider: "a"})
	sign := func(state string) url.Values {
		location, err := f.Party.Client.AuthorizationURL(t.Context(), provider.AuthRequest{
			State: state, Nonce: "n", Verifier: strings.Repeat("v", 43),
		})
		if err != nil {
			t.Fatal(err)
		}
		callback, err := f.op.Deny(location, "access_denied")
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(callback)
		return u.Query()
	}
	signed := sign(f.state)
	if at, _, err := f.receive(sign(strings.Repeat("A", 43))); at != nil || !errors.Is(err, attempt.ErrNoAttempt) ||
		f.op.Count(fakeop.JWKS) != 0 {
		t.Errorf("to no attempt: %v after %d fetches of keys", err, f.op.Count(fakeop.JWKS))
	}
	f.op.Intercept(fakeop.JWKS, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if _, _, err := f.receive(signed); errors.Is(err, authresponse.ErrInvalid) || !errors.As(err, new(*provider.Error)) {
		t.Errorf("without keys: %v", err)
	}
	g := newFlow(t, "query.jwt", attempt.Purpose{Provider: "a"})
	g.cookies, g.Attempts = f.cookies, f.Attempts
	if err := g.op.RotateKeys(false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.receive(signed); !errors.Is(err, authresponse.ErrInvalid) {
		t.Errorf("with the signature of another: %v", err)
	}
	f = newFlow(t, "query.jwt", attempt.Purpose{Provider: "a"})
	if _, got, err := f.receive(sign(f.state)); err != nil || got.Refusal == nil || got.Refusal.Code != "access_denied" {
		t.Errorf("signed: %+v, %v", got, err)
	}
}

// TestAttrs: the log has the provider's error, and the mode in which a response came.
func TestAttrs(t *testing.T) {
	var none *authresponse.Refusal
	if none.Attrs() != nil {
		t.Error("attributes of no refusal")
	}
	m := authresponse.Mismatch{Refusal: &authresponse.Refusal{Code: "c", Description: "d"}, Came: "query", Fix: "f"}
	got := ""
	for _, a := range m.Attrs() {
		got += a.String() + " "
	}
	if got != "provider_code=c provider_description=d came_as=query fix=f " {
		t.Error(got)
	}
}
