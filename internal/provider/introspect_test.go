package provider_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const introspectPath = string(fakeop.Introspection)

// introspecting makes a client that asks op about tokens that are no JWTs, of op's, which has an endpoint for it.
func (op *scriptedOP) introspecting(change ...func(*provider.AccessTokenConfig)) *provider.Provider {
	op.serve(discoveryPath, document(object{"introspection_endpoint": issuer + introspectPath}))
	json := func(c *provider.AccessTokenConfig) { c.Introspection = provider.IntrospectionJSON }
	return op.client(accepting(append([]func(*provider.AccessTokenConfig){json}, change...)...))
}

// said is a good answer, changed; a nil value removes.
func said(change object) object {
	now := time.Now().Unix()
	return merge(object{
		"active": true, "iss": issuer, "aud": api, "sub": "alice", "client_id": "spa", "scope": "read write",
		"token_type": "Bearer", "jti": "t1", "iat": now, "exp": now + 300,
	}, change)
}

func TestIntrospectionRequest(t *testing.T) {
	op := newOP(t)
	p := op.introspecting()
	op.serve(introspectPath, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		err := r.ParseForm()
		form, accept := r.PostForm.Encode(), r.Header.Get("Accept")
		if err != nil || r.Method != http.MethodPost || user != clientID || password != "s3cret" ||
			accept != "application/json" || form != "token=a%2Bb%2F1%3D&token_type_hint=access_token" {
			t.Errorf("%s of %q %q for %q: %s %v", r.Method, user, password, accept, form, err)
		}
		jsonAnswer(200, said(nil))(w, r)
	})
	got, err := p.CheckAccessToken(t.Context(), "a+b/1=")
	if err != nil {
		t.Fatal(err)
	}
	op.serve(introspectPath, jsonAnswer(200, said(nil)))
	if _, err := p.CheckAccessToken(t.Context(), "a~b"); err != nil { // all characters of RFC 6750, section 2.1
		t.Error(err)
	}
	if got.Subject != "alice" || got.ClientID != "spa" || got.ID != "t1" || got.Machine || got.Bound() ||
		fmt.Sprint(got.Scopes) != "[read write]" || got.Expires.Unix() != time.Now().Unix()+300 || got.Claims["jti"] != "t1" {
		t.Errorf("got %+v", got)
	}
}

// What the provider says of a token, and what becomes of it. Case 378.
func TestIntrospectionAnswers(t *testing.T) {
	null := json.RawMessage("null")
	thumbprint := strings.Repeat("A", 43)
	tests := []struct {
		name   string
		change object
		code   string // "": accepted
	}{
		{"plain", nil, ""},
		{"the least", object{"iss": nil, "scope": nil, "token_type": nil, "jti": nil, "iat": nil, "exp": nil}, ""},
		{"members null", object{"iss": null, "scope": null, "token_type": null, "exp": null, "nbf": null, "cnf": null}, ""},
		{"several audiences", object{"aud": []string{"x", api}}, ""},
		{"token_type in lower case", object{"token_type": "bearer"}, ""},
		{"token_type access_token", object{"token_type": "access_token"}, ""},
		{"token_use access_token", object{"token_use": "access_token"}, ""},
		{"token_use access", object{"token_use": "access"}, ""},
		{"typ Bearer", object{"typ": "Bearer"}, ""},
		{"typ DPoP", object{"typ": "DPoP"}, ""},
		{"a client's own", object{"sub": "spa"}, ""},
		{"no subject", object{"sub": nil}, ""},
		{"no client", object{"client_id": nil}, ""},
		{"bound", object{"token_type": "DPoP", "cnf": object{"jkt": thumbprint}}, ""},

		{"inactive", object{"active": false}, "inactive"},
		{"another issuer", object{"iss": "https://other.example"}, "issuer"},
		{"issuer empty", object{"iss": ""}, "issuer"},
		{"another audience", object{"aud": "https://other.example"}, "audience"},
		{"no audience", object{"aud": nil}, "audience"},
		{"audience empty", object{"aud": []string{}}, "audience"},
		{"expired", object{"exp": 1}, "expired"},
		{"exp a string", object{"exp": "9999999999"}, "bad_time"},
		{"not valid yet", object{"nbf": time.Now().Unix() + 3600}, "clock_skew"},
		{"issued in the future", object{"iat": time.Now().Unix() + 3600}, "clock_skew"},
		{"refresh token by token_type", object{"token_type": "refresh_token"}, "wrong_kind"},
		{"refresh token by token_use", object{"token_use": "refresh_token"}, "wrong_kind"},
		{"refresh token by typ", object{"typ": "Refresh"}, "wrong_kind"},
		{"ID token by typ", object{"typ": "ID"}, "wrong_kind"},
		{"token_type a number", object{"token_type": 1}, "wrong_kind"},
		{"token_type of another way", object{"token_type": "mac"}, "wrong_kind"},
		{"bound to a key that is not named", object{"token_type": "DPoP"}, "wrong_kind"},
		{"bound in another way", object{"cnf": object{"kid": thumbprint}}, "confirmation"},
		{"nobody's", object{"sub": nil, "client_id": nil}, "subject"},
		{"subject a number", object{"sub": 1}, "subject"},
		{"subject of two lines", object{"sub": "a\nb"}, "subject"},
		{"client a number", object{"client_id": 1}, "subject"},
		{"scope a number", object{"scope": 1}, "scope"},
		{"jti a number", object{"jti": 1}, "jti"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			p, answer := op.introspecting(), said(test.change)
			op.serve(introspectPath, jsonAnswer(200, answer))
			for range 2 { // the second time by what is remembered
				got, err := p.Introspect(t.Context(), "opaque")
				if test.code != "" {
					if wantRefusal(t, err, test.code); got != nil {
						t.Errorf("%+v with the error", got)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				sub, _ := answer["sub"].(string)
				client, _ := answer["client_id"].(string)
				if got.Subject != sub || got.ClientID != client || got.Machine != (sub == "" || sub == client) ||
					got.Expires.IsZero() != (test.change["exp"] != nil || test.name == "the least") ||
					got.Bound() != (answer["token_type"] == "DPoP") || got.Claims["active"] != true {
					t.Errorf("got %+v", got)
				}
			}
			if n := op.count(introspectPath); n != 1 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

// An answer that is none says nothing about the token, and is not remembered.
func TestIntrospectionFails(t *testing.T) {
	body := func(text string) http.HandlerFunc { return textAnswer(200, "application/json", text) }
	large := `{"active":true,"x":"` + strings.Repeat("x", 1<<20) + `"}`
	for name, test := range map[string]struct {
		script http.HandlerFunc
		kind   provider.Kind
		code   string
	}{
		"active as a text":   {jsonAnswer(200, said(object{"active": "true"})), provider.Invalid, "bad_answer"},
		"active as a number": {jsonAnswer(200, said(object{"active": 1})), provider.Invalid, "bad_answer"},
		"active missing":     {jsonAnswer(200, said(object{"active": nil})), provider.Invalid, "bad_answer"},
		"Active":             {jsonAnswer(200, said(object{"active": nil, "Active": true})), provider.Invalid, "bad_answer"},
		"active twice":       {body(`{"active":false,"active":true}`), provider.Invalid, "bad_answer"},
		"active, ACTIVE":     {body(`{"active":false,"ACTIVE":true}`), provider.Invalid, "bad_answer"},
		"empty":              {body(``), provider.Invalid, "bad_answer"},
		"null":               {body(`null`), provider.Invalid, "bad_answer"},
		"list":               {body(`[]`), provider.Invalid, "bad_answer"},
		"HTML":               {textAnswer(200, "text/html", "<p>"), provider.Invalid, "bad_content_type"},
		"too large":          {body(large), provider.Invalid, "body_too_large"},
		"201":                {jsonAnswer(201, said(nil)), provider.Invalid, "provider_status"},
		"400":                {jsonAnswer(400, said(nil)), provider.Invalid, "provider_status"},
		"wrong secret":       {jsonAnswer(401, object{"error": "invalid_client"}), provider.Invalid, "invalid_client"},
		"invalid_grant":      {jsonAnswer(400, object{"error": "invalid_grant"}), provider.Invalid, "invalid_grant"},
		"redirect":           {redirect(307), provider.Invalid, "redirect"},
		"429":                {jsonAnswer(429, said(nil)), provider.Unavailable, "provider_status"},
		"503":                {textAnswer(503, "", ""), provider.Unavailable, "provider_status"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			p := op.introspecting()
			op.serve(introspectPath, test.script)
			got, err := p.Introspect(t.Context(), "opaque")
			wantError(t, err, test.kind, test.code)
			if got != nil || errors.Is(err, provider.ErrInvalidToken) || op.count("/elsewhere") != 0 {
				t.Errorf("%+v, %v", got, err)
			}
			op.serve(introspectPath, jsonAnswer(200, said(nil)))
			if _, err := p.Introspect(t.Context(), "opaque"); err != nil {
				t.Error("afterwards:", err)
			}
		})
	}
}

// A text that cannot be a token is not sent to the provider, and neither is a JWT.
func TestIntrospectionIsForTokens(t *testing.T) {
	op := newOP(t)
	p := op.introspecting()
	op.serve(introspectPath, jsonAnswer(200, said(nil)))
	for _, raw := range []string{"", "=", "a b", "a\nb", "a=b", "a\x00", "ä", `"`, "a,b", "{}", "a%20b"} {
		_, err := p.CheckAccessToken(t.Context(), raw)
		wantRefusal(t, err, "malformed")
	}
	for _, raw := range []string{strings.Repeat("a", 16<<10+1), strings.Repeat("a", 1<<20)} {
		_, err := p.CheckAccessToken(t.Context(), raw)
		wantRefusal(t, err, "too_large")
	}
	forged := sign(t, newKey(t), accessHeader, string(must(json.Marshal(accessClaims(nil)))))
	for _, raw := range []string{forged, op.token(claims(nil)), "eyJ.e30.AA"} {
		if got, err := p.CheckAccessToken(t.Context(), raw); !errors.Is(err, provider.ErrInvalidToken) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if n := op.count(introspectPath); n != 0 {
		t.Errorf("%d calls", n)
	}
	for _, raw := range []string{"opaque", "ory_at_a.b", "a.b.c", "eyJ.b.c.d.e", strings.Repeat("a", 16<<10)} {
		if _, err := p.CheckAccessToken(t.Context(), raw); err != nil {
			t.Error(err)
		}
	}
	if n := op.count(introspectPath); n != 5 {
		t.Errorf("%d calls for 5 tokens", n)
	}
	// Where it is off, what is no JWT is no token.
	_, err := op.client(accepting()).CheckAccessToken(t.Context(), "opaque")
	wantRefusal(t, err, "malformed")
}

func TestIntrospectionEndpoint(t *testing.T) {
	for name, endpoint := range map[string]any{
		"none": nil, "empty": "", "without TLS": "http://op.example/introspect", "a number": 7,
	} {
		op := newOP(t)
		p := op.introspecting()
		op.serve(discoveryPath, document(object{"introspection_endpoint": endpoint}))
		if _, err := p.Introspect(t.Context(), "opaque"); err == nil {
			t.Error(name)
		} else {
			wantError(t, err, provider.Misconfigured, "no_endpoint")
		}
	}
	op := newOP(t)
	p := op.introspecting()
	op.serve(discoveryPath, textAnswer(503, "", ""))
	_, err := p.Introspect(t.Context(), "opaque")
	wantError(t, err, provider.Unavailable, "provider_status")
}

// With mutual TLS the endpoint is the alias (RFC 8705 section 5).
func TestIntrospectionAlias(t *testing.T) {
	op := newOP(t)
	alias := "https://mtls.op.example" + introspectPath
	op.serve(discoveryPath, document(object{
		"introspection_endpoint": issuer + introspectPath, "mtls_endpoint_aliases": object{"introspection_endpoint": alias},
	}))
	var host string
	op.serve(introspectPath, func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		jsonAnswer(200, said(nil))(w, r)
	})
	for method, want := range map[string]string{"tls_client_auth": "mtls.op.example", "none": "op.example"} {
		p := op.client(func(c *provider.Config) { c.AuthMethod = method }, accepting(func(c *provider.AccessTokenConfig) {
			c.Introspection = provider.IntrospectionJSON
		}))
		if _, err := p.Introspect(t.Context(), "opaque"); err != nil || host != want {
			t.Errorf("%s: %s, %v", method, host, err)
		}
	}
}

// Where the provider says no audience, that is up to the setting; another audience never is.
func TestIntrospectionWithoutAudience(t *testing.T) {
	op := newOP(t)
	p := op.introspecting(func(c *provider.AccessTokenConfig) { c.AudienceOptional = true })
	for aud, code := range map[any]string{nil: "", api: "", "https://other.example": "audience", "": "audience"} {
		op.serve(introspectPath, jsonAnswer(200, said(object{"aud": aud})))
		_, err := p.Introspect(t.Context(), fmt.Sprintf("token%v", len(fmt.Sprint(aud))))
		if code != "" {
			wantRefusal(t, err, code)
		} else if err != nil {
			t.Error(aud, err)
		}
	}
}

// An answer counts for a minute, but not beyond exp; a refusal for ten seconds.
func TestIntrospectionIsRemembered(t *testing.T) {
	for name, test := range map[string]struct {
		answer object
		life   time.Duration
	}{
		"active":           {nil, time.Minute},
		"active, no exp":   {object{"exp": nil}, time.Minute},
		"expires soon":     {object{"exp": 0}, 20 * time.Second},
		"inactive":         {object{"active": false}, 10 * time.Second},
		"another audience": {object{"aud": "x"}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := newOP(t)
				if _, soon := test.answer["exp"].(int); soon {
					test.answer["exp"] = time.Now().Unix() + 20
				}
				p := op.introspecting()
				op.serve(introspectPath, jsonAnswer(200, said(test.answer)))
				calls := func(want int) {
					t.Helper()
					_, _ = p.Introspect(t.Context(), "opaque")
					if n := op.count(introspectPath); n != want {
						t.Errorf("%d calls, want %d", n, want)
					}
				}
				calls(1)
				time.Sleep(test.life - 1)
				calls(1)
				time.Sleep(time.Nanosecond)
				calls(2)
			})
		})
	}
}

// A token that is no longer active is refused at the latest a minute after; one that becomes active, ten seconds
// after.
func TestIntrospectionChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.introspecting()
		active := func(active bool) { op.serve(introspectPath, jsonAnswer(200, said(object{"active": active}))) }
		ask := func() error { _, err := p.Introspect(t.Context(), "opaque"); return err }
		active(true)
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		active(false)
		time.Sleep(time.Minute)
		wantRefusal(t, ask(), "inactive")
		active(true)
		time.Sleep(10 * time.Second)
		if err := ask(); err != nil {
			t.Error(err)
		}
		if got := p.IntrospectionCache(); got.Entries != 1 || got.Hits != 0 {
			t.Errorf("%+v", got)
		}
		_ = ask()
		if got := p.IntrospectionCache(); got.Hits != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// Parallel requests with one token make one call, which goes on when the first of them leaves; another token has its
// own.
func TestIntrospectionIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.introspecting()
		op.serve(introspectPath, slow(2*time.Second, jsonAnswer(200, said(nil))))
		ctx, cancel := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		callers.Go(func() {
			_, err := p.Introspect(ctx, "one")
			wantError(t, err, provider.Unavailable, "gave_up")
		})
		synctest.Wait()
		for range 50 {
			for _, token := range []string{"one", "two"} {
				callers.Go(func() {
					if got, err := p.Introspect(t.Context(), token); err != nil || got.Subject != "alice" {
						t.Error(got, err)
					}
				})
			}
		}
		time.Sleep(time.Second)
		cancel()
		callers.Wait()
		if n := op.count(introspectPath); n != 2 {
			t.Errorf("%d calls for two tokens", n)
		}
	})
}

// A provider that hangs is 503 within the limits, also for many tokens at once; and neither sign-ins nor calls for
// users who are signed in wait behind them. Case 379.
func TestIntrospectionDuringOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.introspecting()
		op.serve(introspectPath, slow(time.Hour, jsonAnswer(200, said(nil))))
		op.serve(revokePath, textAnswer(200, "", ""))
		op.serve(userinfoPath, jsonAnswer(200, object{"sub": "alice"}))
		if err := p.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var callers sync.WaitGroup
		for i := range 600 {
			callers.Go(func() {
				_, err := p.Introspect(t.Context(), fmt.Sprint("opaque", i))
				if !errors.Is(err, provider.ErrUnavailable) || errors.Is(err, provider.ErrInvalidToken) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if _, err := p.UserInfo(t.Context(), bearer(), "alice"); err != nil {
			t.Error("the sign-in:", err)
		}
		if err := p.Revoke(t.Context(), bearer()); err != nil {
			t.Error("the sign-out:", err)
		}
		callers.Wait()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%v", took)
		}
		if n := op.count(introspectPath); n != 512 {
			t.Errorf("%d calls", n)
		}
		time.Sleep(time.Second)
	})
}

// case 279: garbage costs a bounded amount of memory, and displaces no good token.
func TestIntrospectionOfGarbage(t *testing.T) {
	op := newOP(t)
	p := op.introspecting()
	op.serve(introspectPath, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		jsonAnswer(200, said(object{"active": r.PostForm.Get("token") == "good"}))(w, r)
	})
	check := func(token string) error { _, err := p.Introspect(t.Context(), token); return err }
	if err := check("good"); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		wantRefusal(t, check(fmt.Sprint("bad", i)), "inactive")
	}
	if err := check("good"); err != nil || op.count(introspectPath) != 301 || p.IntrospectionCache().Entries != 1 {
		t.Errorf("%v after %d calls, %+v", err, op.count(introspectPath), p.IntrospectionCache())
	}
}

// The log has what an operator needs, and neither the token nor the secret.
func TestIntrospectionLog(t *testing.T) {
	op, logs := newOP(t), &logBuffer{}
	op.serve(discoveryPath, document(object{"introspection_endpoint": issuer + introspectPath}))
	plain := func(c *provider.AccessTokenConfig) { c.Introspection = provider.IntrospectionJSON }
	p := op.client(logTo(logs), accepting(plain))
	op.serve(introspectPath, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		textAnswer(401, "text/plain", "no: "+r.PostForm.Get("token")+" "+r.Header.Get("Authorization"))(w, r)
	})
	_, err := p.Introspect(t.Context(), "secret-token")
	contains(t, logs.String(), "does not accept this client", "introspection")
	for _, secret := range []string{"secret-token", "s3cret", "YXBwOnMzY3JldA=="} {
		if strings.Contains(logs.String()+err.Error(), secret) {
			t.Errorf("%s: %s, %v", secret, logs, err)
		}
	}
}

// The test provider's own endpoint and tokens, end to end.
func TestIntrospectionAtTheTestProvider(t *testing.T) {
	idp, err := fakeop.New(fakeop.Config{Issuer: issuer, ClientID: clientID, ClientSecret: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{provider.IntrospectionJSON, provider.IntrospectionJWT} {
		p := provider.New(provider.Config{
			Issuer: issuer, ClientID: clientID, ClientSecret: "s3cret", AuthMethod: "client_secret_post",
			ClockTolerance: time.Minute, Transport: idp.Transport(),
			AccessTokens: provider.AccessTokenConfig{Audience: api, Introspection: mode},
		})
		token, err := idp.OpaqueToken("alice", api, "read")
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.CheckAccessToken(t.Context(), token)
		if err != nil || got.Subject != "alice" || got.Scopes[0] != "read" {
			t.Errorf("%s: %+v, %v", mode, got, err)
		}
		other, err := idp.OpaqueToken("alice", "https://other.example", "read")
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.CheckAccessToken(t.Context(), other)
		wantRefusal(t, err, "audience")
		_, err = p.CheckAccessToken(t.Context(), "unknown")
		wantRefusal(t, err, "inactive")
	}
}

// TestIntrospectionOfTenants: for an issuer of many tenants, an answer has to say of which one the token is.
func TestIntrospectionOfTenants(t *testing.T) {
	op := newOP(t)
	op.serve(discoveryPath, document(object{
		"issuer": manyTenants, "introspection_endpoint": issuer + introspectPath,
	}))
	p := op.client(accepting(func(c *provider.AccessTokenConfig) { c.Introspection = provider.IntrospectionJSON }),
		func(c *provider.Config) {
			c.Issuer, c.Transport = manyTenants, belowOrganizations{op}
			c.AllowTenant = func(_ context.Context, tenant string) (bool, error) { return tenant == acme, nil }
		})
	op.serve(introspectPath, jsonAnswer(200, said(object{"iss": issuerOf(acme), "tid": acme})))
	if _, err := p.Introspect(t.Context(), "one"); err != nil {
		t.Error(err)
	}
	op.serve(introspectPath, jsonAnswer(200, said(object{"iss": nil})))
	_, err := p.Introspect(t.Context(), "another")
	wantRefusal(t, err, "issuer")
}
