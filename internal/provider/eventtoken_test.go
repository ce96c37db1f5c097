package provider_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	eventHeader   = `{"alg":"ES256","kid":"k1","typ":"secevent+jwt"}`
	receiver      = "https://app.example/signals"
	signalsConfig = string(fakeop.SignalDiscovery)
)

// transmitter makes a Transmitter that talks to op.
func (op *scriptedOP) transmitter(change ...func(*provider.TransmitterConfig)) *provider.Transmitter {
	cfg := provider.TransmitterConfig{
		Issuer: issuer, Audience: []string{receiver}, SigningAlgs: []string{"ES256"}, MaxAge: 24 * time.Hour,
		ClockTolerance: time.Minute, Transport: op,
	}
	for _, c := range change {
		c(&cfg)
	}
	return provider.NewTransmitter(cfg)
}

// eventClaims returns the claims of a valid security event token, changed; a nil value removes a member.
func eventClaims(change object) object {
	return merge(object{
		"iss": issuer, "aud": receiver, "iat": time.Now().Unix(), "jti": "j1", "txn": "t1",
		"sub_id": object{"format": "iss_sub", "iss": issuer, "sub": "alice"},
		"events": object{provider.EventSessionRevoked: object{}},
	}, change)
}

// Every row is signed correctly: only the claims are wrong. Case 333.
func TestEventTokenClaims(t *testing.T) {
	long := strings.Repeat("a", 255)
	null := json.RawMessage("null")
	event := func(value any) object { return object{"events": object{provider.EventSessionRevoked: value}} }
	tests := []struct {
		name   string
		change object
		code   string // "": accepted
	}{
		{"plain", nil, ""},
		{"aud as a list", object{"aud": []string{receiver}}, ""},
		{"no txn", object{"txn": nil}, ""},
		{"txn null", object{"txn": null}, ""},
		{"longest names", object{"jti": long, "txn": long}, ""},
		{"event says more", event(object{"reason_admin": object{"en": "policy"}, "initiating_entity": "policy"}), ""},
		{"claims that are not understood", object{"x": object{"y": 1}, "toe": 1}, ""},
		{"an event type of 255 bytes", object{"events": object{long: object{}}}, ""},
		{"an event type that is not understood", object{"events": object{"urn:x": object{}}}, ""},
		{"sub in other case is not sub", object{"Sub": "alice"}, ""},

		{"sub", object{"sub": "alice"}, "forbidden_claim"},
		{"sub null", object{"sub": null}, "forbidden_claim"},
		{"exp", object{"exp": time.Now().Unix() + 60}, "forbidden_claim"},
		{"exp null", object{"exp": null}, "forbidden_claim"},
		{"nonce", object{"nonce": "n"}, "forbidden_claim"},
		{"wrong iss", object{"iss": "https://other.example"}, "issuer"},
		{"iss with a slash", object{"iss": issuer + "/"}, "issuer"},
		{"iss in other case", object{"iss": strings.ToUpper(issuer)}, "issuer"},
		{"iss missing", object{"iss": nil}, "issuer"},
		{"iss by another name", object{"iss": nil, "ISS": issuer}, "issuer"},
		{"iss an object", object{"iss": object{}}, "issuer"},
		{"wrong aud", object{"aud": "other"}, "audience"},
		{"aud is the client", object{"aud": clientID}, "audience"},
		{"aud missing", object{"aud": nil}, "audience"},
		{"aud null", object{"aud": null}, "audience"},
		{"aud empty", object{"aud": []string{}}, "audience"},
		{"aud an empty text", object{"aud": ""}, "audience"},
		{"aud of another type", object{"aud": []any{receiver, 1}}, "audience"},
		{"extra aud", object{"aud": []string{receiver, "other"}}, "audience"},
		{"jti missing", object{"jti": nil}, "jti"},
		{"jti empty", object{"jti": ""}, "jti"},
		{"jti null", object{"jti": null}, "jti"},
		{"jti a number", object{"jti": 1}, "jti"},
		{"jti of 256 bytes", object{"jti": long + "a"}, "jti"},
		{"jti by another name", object{"jti": nil, "JTI": "j1"}, "jti"},
		{"txn empty", object{"txn": ""}, "txn"},
		{"txn a number", object{"txn": 1}, "txn"},
		{"txn of 256 bytes", object{"txn": long + "a"}, "txn"},
		{"iat missing", object{"iat": nil}, "bad_time"},
		{"iat a string", object{"iat": "1"}, "bad_time"},
		{"iat null", object{"iat": null}, "bad_time"},
		{"iat in milliseconds", object{"iat": time.Now().UnixMilli()}, "bad_time"},
		{"iat before 1970", object{"iat": -1}, "bad_time"},
		{"iat beyond numbers", object{"iat": json.RawMessage("1e999")}, "bad_time"},
		{"no events", object{"events": nil}, "events"},
		{"events null", object{"events": null}, "events"},
		{"events a string", object{"events": provider.EventSessionRevoked}, "events"},
		{"events a list", object{"events": []string{provider.EventSessionRevoked}}, "events"},
		{"events empty", object{"events": object{}}, "events"},
		{"two events", object{"events": object{provider.EventSessionRevoked: object{}, "urn:x": object{}}}, "events"},
		{"events in other case", object{"events": nil, "Events": object{provider.EventSessionRevoked: object{}}}, "events"},
		{"event without a name", object{"events": object{"": object{}}}, "events"},
		{"event with a long name", object{"events": object{long + "a": object{}}}, "events"},
		{"event null", event(null), "events"},
		{"event a string", event("{}"), "events"},
		{"event true", event(true), "events"},
		{"event a list", event([]any{}), "events"},
		{"over 64 KiB", object{"pad": strings.Repeat("a", 50<<10)}, "too_large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			want := eventClaims(test.change)
			got, err := op.transmitter().VerifyEventToken(t.Context(), op.logoutToken(eventHeader, want))
			if test.code != "" {
				wantBadToken(t, err, test.code)
				if n := op.count(keysPath) + op.count(signalsConfig); got != nil || n != 0 {
					t.Errorf("got %+v in addition to the error, after %d requests", got, n)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			txn, _ := want["txn"].(string)
			iat := time.Unix(want["iat"].(int64), 0).UTC()
			if got.JTI != want["jti"] || got.Transaction != txn || !got.IssuedAt.Equal(iat) || !got.Occurred.Equal(iat) ||
				!got.Expires.Equal(iat.Add(24*time.Hour+time.Minute)) || got.Discard || got.Payload == nil || got.Type == "" {
				t.Errorf("got %+v of %v", got, want)
			}
		})
	}
}

// TestEventTokenHeader: type and algorithm are fixed, and keys come from the transmitter alone. Case 333.
func TestEventTokenHeader(t *testing.T) {
	embedded, _ := json.Marshal(jwk(&newKey(t).PublicKey, "k1"))
	for _, test := range []struct{ name, header, code string }{
		{"secevent+jwt", eventHeader, ""},
		{"long form in mixed case", `{"alg":"ES256","kid":"k1","typ":"Application/SecEvent+JWT"}`, ""},
		{"no kid", `{"alg":"ES256","typ":"secevent+jwt"}`, ""},
		{"keys and URLs in the header",
			`{"alg":"ES256","kid":"k1","typ":"secevent+jwt","jku":"https://op.example/evil","jwk":` + string(embedded) + `}`,
			""},

		{"typ JWT", `{"alg":"ES256","kid":"k1","typ":"JWT"}`, "wrong_type"},
		{"typ absent", `{"alg":"ES256","kid":"k1"}`, "wrong_type"},
		{"typ logout+jwt", logoutHeader, "wrong_type"},
		{"typ at+jwt", `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, "wrong_type"},
		{"typ empty", `{"alg":"ES256","kid":"k1","typ":""}`, "wrong_type"},
		{"typ null", `{"alg":"ES256","kid":"k1","typ":null}`, "wrong_type"},
		{"typ a list", `{"alg":"ES256","kid":"k1","typ":["secevent+jwt"]}`, "wrong_type"},
		{"typ by another name", `{"alg":"ES256","kid":"k1","TYP":"secevent+jwt"}`, "wrong_type"},
		{"typ twice", `{"alg":"ES256","kid":"k1","typ":"JWT","typ":"secevent+jwt"}`, "malformed"},
		{"none", `{"alg":"none","typ":"secevent+jwt"}`, "algorithm"},
		{"symmetric", `{"alg":"HS256","kid":"k1","typ":"secevent+jwt"}`, "algorithm"},
		{"alg that is not pinned", `{"alg":"RS256","kid":"k1","typ":"secevent+jwt"}`, "algorithm"},
		{"alg missing", `{"kid":"k1","typ":"secevent+jwt"}`, "algorithm"},
		{"crit", `{"alg":"ES256","kid":"k1","typ":"secevent+jwt","crit":["x"],"x":1}`, "critical_header"},
		{"b64 false", `{"alg":"ES256","kid":"k1","typ":"secevent+jwt","b64":false}`, "unencoded_payload"},
		{"unknown kid", `{"alg":"ES256","kid":"k2","typ":"secevent+jwt"}`, "bad_signature"},
	} {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			got, err := op.transmitter().VerifyEventToken(t.Context(), op.logoutToken(test.header, eventClaims(nil)))
			if test.code != "" {
				wantBadToken(t, err, test.code)
			} else if err != nil || got.JTI != "j1" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// The age of a token is at most a day, the leeway a minute; times are seconds from now. Case 335.
func TestEventTokenTimes(t *testing.T) {
	const day = 24 * 3600
	for name, test := range map[string]struct {
		iat      float64
		occurred any
		want     float64 // of Occurred
		code     string
	}{
		"now":                        {},
		"the oldest":                 {iat: -day - 60, want: -day - 60},
		"older":                      {iat: -day - 61, code: "too_old"},
		"a little ahead":             {iat: 60, want: 60},
		"ahead":                      {iat: 61, code: "clock_skew"},
		"fractions":                  {iat: -0.25, want: -0.25},
		"happened before":            {occurred: -100.5, want: -100.5},
		"happened long ago":          {occurred: float64(-400 * day), want: -400 * day},
		"happened a little later":    {iat: -30, occurred: 30.0, want: -30},
		"happened later":             {iat: -30, occurred: 31.0, code: "bad_time"},
		"happened in milliseconds":   {occurred: json.Number("1700000000000"), code: "bad_time"},
		"happened at a text":         {occurred: "1700000000", code: "bad_time"},
		"happened before the epoch":  {occurred: json.Number("-1"), code: "bad_time"},
		"happened beyond the years":  {occurred: json.Number("1e300"), code: "bad_time"},
		"happened null means absent": {occurred: json.RawMessage("null")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op, now := newOP(t), time.Now()
				at := func(offset float64) json.Number { return json.Number(fmt.Sprintf("%.3f", float64(now.Unix())+offset)) }
				if offset, ok := test.occurred.(float64); ok {
					test.occurred = at(offset)
				}
				token := op.logoutToken(eventHeader, eventClaims(object{
					"iat":    at(test.iat),
					"events": object{provider.EventSessionRevoked: merge(object{}, object{"event_timestamp": test.occurred})},
				}))
				got, err := op.transmitter().VerifyEventToken(t.Context(), token)
				if test.code != "" {
					wantBadToken(t, err, test.code)
					return
				}
				after := func(offset float64) time.Time { return now.Add(time.Duration(offset*1000) * time.Millisecond) }
				if err != nil || !got.IssuedAt.Equal(after(test.iat)) || !got.Occurred.Equal(after(test.want)) {
					t.Errorf("got %+v, %v; now is %v", got, err, now)
				}
			})
		})
	}
}

// 10,000 garbage tokens cost no cryptography and no fetch, as there is not even a key to try (case 190). Case 338.
func TestGarbageEventTokens(t *testing.T) {
	op := newOP(t)
	p := op.transmitter()
	texts := garbage(t, op, eventHeader, eventClaims, 64<<10)
	texts["wrong_type"] = append(texts["wrong_type"], op.logoutToken(logoutHeader, logoutClaims(nil)))
	for sent := 0; sent < 10_000; {
		for code, raws := range texts {
			for _, raw := range raws {
				sent++
				if _, err := p.VerifyEventToken(t.Context(), raw); sent <= 100 {
					wantBadToken(t, err, code)
				} else if err == nil {
					t.Fatalf("accepted %q", raw)
				}
			}
		}
	}
	if n := op.count(signalsConfig) + op.count(keysPath); n != 0 {
		t.Errorf("%d calls to the transmitter", n)
	}
}

// Well-formed tokens with unknown keys or forged signatures force at most one key fetch a minute (cases 190, 256).
// Case 338.
func TestForgedEventTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.transmitter()
		forged := sign(t, newKey(t), eventHeader, string(mustJSON(t, eventClaims(nil))))
		unknown := op.logoutToken(`{"alg":"ES256","kid":"k9","typ":"secevent+jwt"}`, eventClaims(nil))
		for range 500 {
			for _, raw := range []string{forged, unknown} {
				_, err := p.VerifyEventToken(t.Context(), raw)
				wantBadToken(t, err, "bad_signature")
			}
		}
		if n := op.count(keysPath); n != 2 {
			t.Errorf("%d key requests", n)
		}
		// A rotated key is found a minute later.
		old := op.key
		op.key = newKey(t)
		op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&old.PublicKey, "k1"), jwk(&op.key.PublicKey, "k2")}}))
		time.Sleep(time.Minute)
		rotated := op.logoutToken(`{"alg":"ES256","kid":"k2","typ":"secevent+jwt"}`, eventClaims(nil))
		if _, err := p.VerifyEventToken(t.Context(), rotated); err != nil {
			t.Error(err)
		}
	})
}

// TestKeysOfAnotherIssuer in the same key set do not sign the transmitter's tokens. Case 333.
func TestKeysOfAnotherIssuer(t *testing.T) {
	for keyIssuer, accepted := range map[string]bool{issuer: true, "https://other.example": false} {
		op := newOP(t)
		op.serve(keysPath, jsonAnswer(200, object{"keys": []any{
			merge(jwk(&op.key.PublicKey, "k1"), object{"issuer": keyIssuer}),
		}}))
		_, err := op.transmitter().VerifyEventToken(t.Context(), op.logoutToken(eventHeader, eventClaims(nil)))
		if (err == nil) != accepted {
			t.Errorf("a key of %s: %v", keyIssuer, err)
		}
	}
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// kinds of tokens that one issuer signs with one key, each valid in its place.
func (op *scriptedOP) kinds() map[string]string {
	now := time.Now().Unix()
	jwt := func(typ string, change object) string {
		return op.logoutToken(fmt.Sprintf(`{"alg":"ES256","kid":"k1","typ":%q}`, typ), merge(object{
			"iss": issuer, "aud": clientID, "sub": "alice", "iat": now, "exp": now + 120, "jti": "j1", "client_id": clientID,
			"azp": clientID, "scope": "read", "nonce": nonce, "typ": "Bearer", "token_use": "access", "ver": "2.0",
			"scp": "read", "uti": "u1", "sid": "s1", "cid": clientID,
		}, change))
	}
	return map[string]string{
		"id token":             op.token(claims(nil)),
		"logout token":         op.logoutToken(logoutHeader, logoutClaims(nil)),
		"untyped logout token": op.logoutToken(`{"alg":"ES256","kid":"k1"}`, logoutClaims(nil)),
		"access token":         jwt("at+jwt", object{"nonce": nil, "typ": nil}),
		"event token":          op.logoutToken(eventHeader, eventClaims(object{"aud": clientID})),
		"event token with the claims of all others": jwt("secevent+jwt", object{
			"events": object{logoutEvent: object{}}, "sub_id": object{"format": "opaque", "id": "s1"},
		}),
		"authorization response": jwt("oauth-authz-resp+jwt", object{"code": "c", "state": "s"}),
		"introspection":          jwt("token-introspection+jwt", object{"token_introspection": object{"active": true}}),
		"proof":                  jwt("dpop+jwt", nil),
	}
}

// TestTokensAreNotConfused: each verifier accepts its own kind of token and none of the others, although issuer,
// audience, key and time are right for all (RFC 8725 section 3.12, RFC 8417 section 4). Case 334.
func TestTokensAreNotConfused(t *testing.T) {
	op := newOP(t)
	verifiers := map[string]func(string) error{
		"id token": func(raw string) error {
			_, err := op.client().VerifyIDToken(t.Context(), raw, expect())
			return err
		},
		"logout token": func(raw string) error {
			_, err := op.client().VerifyLogoutToken(t.Context(), raw)
			return err
		},
		"untyped logout token": func(raw string) error {
			_, err := op.client(lax).VerifyLogoutToken(t.Context(), raw)
			return err
		},
		"event token": func(raw string) error {
			_, err := op.transmitter(func(c *provider.TransmitterConfig) { c.Audience = []string{clientID} }).
				VerifyEventToken(t.Context(), raw)
			return err
		},
	}
	for _, profile := range provider.AccessTokenProfiles() {
		verifiers["access token, "+profile] = func(raw string) error {
			_, err := op.client(func(c *provider.Config) {
				c.AccessTokens = provider.AccessTokenConfig{Audience: clientID, Profile: profile}
			}).VerifyAccessToken(t.Context(), raw)
			return err
		}
	}
	accepts := map[string][]string{
		"id token": {"id token"}, "logout token": {"logout token"},
		"untyped logout token": {"logout token", "untyped logout token"}, "event token": {"event token"},
		"access token, " + provider.ProfileRFC9068: {"access token"},
	}
	for verifier, verify := range verifiers {
		for kind, raw := range op.kinds() {
			err := verify(raw)
			want := slices.Contains(accepts[verifier], kind)
			if (err == nil) != want || err != nil && !errors.Is(err, provider.ErrInvalidToken) {
				t.Errorf("%s as %s: %v", kind, verifier, err)
			}
		}
	}
}

// TestEventTokenOutage: without configuration or keys a token is neither accepted nor blamed. Case 339.
func TestEventTokenOutage(t *testing.T) {
	for name, path := range map[string]string{"configuration": signalsConfig, "keys": keysPath} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			op.serve(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
			_, err := op.transmitter().VerifyEventToken(t.Context(), op.logoutToken(eventHeader, eventClaims(nil)))
			wantError(t, err, provider.Unavailable, "provider_status")
		})
	}
}

// FuzzEventToken: no payload that is signed correctly causes a panic, and what is accepted has the promised form.
func FuzzEventToken(f *testing.F) {
	for _, change := range []object{
		nil, {"sub_id": object{"format": "complex", "user": object{"format": "email", "email": "a@b"}}},
		{"sub_id": object{"format": "aliases", "identifiers": []any{object{"format": "opaque", "id": "1"}}}},
		{"events": object{provider.EventCredentialChange: object{"credential_type": "pin", "change_type": "create"}}},
		{"events": object{provider.EventVerification: object{"state": "s"}}, "sub_id": object{"format": "opaque", "id": "1"}},
	} {
		f.Add(string(mustJSON(f, eventClaims(change))))
	}
	op := newOP(f)
	p := op.transmitter()
	f.Fuzz(func(t *testing.T, payload string) {
		event, err := p.VerifyEventToken(t.Context(), sign(t, op.key, eventHeader, payload))
		if err != nil {
			if !errors.Is(err, provider.ErrInvalidToken) {
				t.Errorf("%v", err)
			}
			return
		}
		if event.JTI == "" || event.Type == "" || event.Payload == nil || event.Subject.Format == "" ||
			event.Occurred.After(event.IssuedAt) || event.IssuedAt.After(time.Now().Add(2*time.Minute)) {
			t.Errorf("%+v", event)
		}
		sub, sid, found := event.Subject.Sessions(issuer)
		if found != (sub != "" || sid != "") || len(sub)+len(sid) > 2*255 {
			t.Errorf("%q, %q, %t", sub, sid, found)
		}
	})
}
