package provider_test

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	logoutHeader = `{"alg":"ES256","kid":"k1","typ":"logout+jwt"}`
	logoutEvent  = "http://schemas.openid.net/event/backchannel-logout"
)

// logoutClaims returns the claims of a valid logout token, changed; a nil value removes a member.
func logoutClaims(change object) object {
	now := time.Now().Unix()
	return merge(object{
		"iss": issuer, "aud": clientID, "iat": now, "exp": now + 120, "jti": "j1", "sub": "alice", "sid": "s1",
		"events": object{logoutEvent: object{}},
	}, change)
}

// logoutToken signs claims under a header, as op would.
func (op *scriptedOP) logoutToken(header string, claims object) string {
	op.t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		op.t.Fatal(err)
	}
	return sign(op.t, op.key, header, string(payload))
}

func lax(c *provider.Config) { c.LaxLogoutType = true }

// Every row is signed correctly: only the claims are wrong. The rows named with hyphens are those of the conformance
// suite, oidcc-client-test-rp-backchannel-rpinitlogout-….
func TestLogoutTokenClaims(t *testing.T) {
	long := strings.Repeat("a", 255)
	null := json.RawMessage("null")
	events := func(value any) object { return object{"events": object{logoutEvent: value}} }
	tests := []struct {
		name   string
		change object
		code   string // "": accepted
	}{
		{"plain", nil, ""},
		{"sub alone", object{"sid": nil}, ""},
		{"sid alone", object{"sub": nil}, ""},
		{"sub null", object{"sub": null}, ""},
		{"sid null", object{"sid": null, "azp": null, "nbf": null}, ""},
		{"aud as a list", object{"aud": []string{clientID}}, ""},
		{"longest names", object{"sub": long, "sid": long, "jti": long}, ""},
		{"event says more", events(object{"reason": "idle"}), ""},
		{"valid since 1970", object{"nbf": 0}, ""},
		{"a further event", object{"events": object{logoutEvent: object{}, "urn:x": "y"}}, ""},
		{"nonce in other case is not nonce", object{"Nonce": "n"}, ""},

		{"neither sub nor sid", object{"sub": nil, "sid": nil}, "subject"}, // case 174
		{"both null", object{"sub": null, "sid": null}, "subject"},
		{"sub by another name", object{"sub": nil, "sid": nil, "SUB": "alice"}, "subject"},
		{"sub empty", object{"sub": ""}, "subject"},
		{"sub a number", object{"sub": 7}, "subject"},
		{"sub of 256 bytes", object{"sub": long + "a"}, "subject"},
		{"sid empty", object{"sid": ""}, "subject"},
		{"sid a list", object{"sid": []string{"s1"}}, "subject"},
		{"sid of 256 bytes", object{"sid": long + "a"}, "subject"},
		{"with-nonce", object{"nonce": "n"}, "nonce"},     // case 175
		{"nonce null", object{"nonce": null}, "nonce"},    // case 175
		{"nonce empty", object{"nonce": ""}, "nonce"},     // case 175
		{"no-event", object{"events": nil}, "events"},     // case 176
		{"events null", object{"events": null}, "events"}, // case 176
		{"events a string", object{"events": logoutEvent}, "events"},
		{"events a list", object{"events": []string{logoutEvent}}, "events"},
		{"wrong-event", object{"events": object{logoutEvent + "s": object{}}}, "events"},                    // case 176
		{"event null", events(null), "events"},                                                              // case 176
		{"event a string", events("{}"), "events"},                                                          // case 176
		{"event true", events(true), "events"},                                                              // case 176
		{"event a list", events([]any{}), "events"},                                                         // case 176
		{"event in other case", object{"events": object{strings.ToUpper(logoutEvent): object{}}}, "events"}, // case 176
		{"events in other case", object{"events": nil, "Events": object{logoutEvent: object{}}}, "events"},
		{"wrong-iss", object{"iss": "https://other.example"}, "issuer"}, // case 179
		{"iss with a slash", object{"iss": issuer + "/"}, "issuer"},     // case 179
		{"iss missing", object{"iss": nil}, "issuer"},                   // case 179
		{"iss an object", object{"iss": object{}}, "issuer"},            // case 179
		{"wrong-aud", object{"aud": "other"}, "audience"},               // case 179
		{"aud missing", object{"aud": nil}, "audience"},                 // case 179
		{"aud empty", object{"aud": []string{}}, "audience"},            // case 179
		{"extra aud", object{"aud": []string{clientID, "other"}}, "audience"},
		{"azp other", object{"azp": "other"}, "authorized_party"},
		{"jti missing", object{"jti": nil}, "jti"}, // case 181: without it a replay cannot be told
		{"jti empty", object{"jti": ""}, "jti"},
		{"jti null", object{"jti": null}, "jti"},
		{"jti a number", object{"jti": 1}, "jti"},
		{"jti of 256 bytes", object{"jti": long + "a"}, "jti"},
		{"iat missing", object{"iat": nil}, "bad_time"}, // case 180
		{"iat a string", object{"iat": "1"}, "bad_time"},
		{"exp missing", object{"exp": nil}, "bad_time"}, // case 180
		{"exp null", object{"exp": null}, "bad_time"},
		{"nbf a string", object{"nbf": "1"}, "bad_time"},
		{"exp beyond numbers", object{"exp": json.RawMessage("1e999")}, "bad_time"},
		{"exp beyond years", object{"exp": 1e300}, "bad_time"},
		{"iat before 1970", object{"iat": -1}, "bad_time"},
		{"over 16 KiB", object{"pad": strings.Repeat("a", 12<<10)}, "too_large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			want := logoutClaims(test.change)
			got, err := op.client().VerifyLogoutToken(t.Context(), op.logoutToken(logoutHeader, want))
			if test.code != "" {
				wantBadToken(t, err, test.code)
				if n := op.count(keysPath); got != nil || n != 0 {
					t.Errorf("got %+v in addition to the error, after %d key requests", got, n)
				}
				if errors.Is(err, provider.ErrIssuerMismatch) != (test.code == "issuer") {
					t.Errorf("ErrIssuerMismatch: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sub, _ := want["sub"].(string)
			sid, _ := want["sid"].(string)
			iat := time.Unix(want["iat"].(int64), 0).UTC()
			if *got != (provider.LogoutToken{Subject: sub, SID: sid, JTI: want["jti"].(string), IssuedAt: iat,
				Expires: iat.Add(2 * time.Minute)}) {
				t.Errorf("got %+v of %v", got, want)
			}
		})
	}
}

func TestLogoutTokenHeader(t *testing.T) {
	embedded, _ := json.Marshal(jwk(&newKey(t).PublicKey, "k1"))
	tests := []struct {
		name, header, strict, lax string // codes, "": accepted
	}{
		{"logout+jwt", logoutHeader, "", ""},
		{"long form in mixed case", `{"alg":"ES256","kid":"k1","typ":"Application/Logout+JWT"}`, "", ""},
		{"no kid", `{"alg":"ES256","typ":"logout+jwt"}`, "", ""},
		{"keys and URLs in the header",
			`{"alg":"ES256","kid":"k1","typ":"logout+jwt","jwk":` + string(embedded) + `,"jku":"https://op.example/evil"}`,
			"", ""},

		{"typ JWT", `{"alg":"ES256","kid":"k1","typ":"JWT"}`, "wrong_type", ""},                 // case 177
		{"typ absent", `{"alg":"ES256","kid":"k1"}`, "wrong_type", ""},                          // case 177
		{"typ at+jwt", `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, "wrong_type", "wrong_type"}, // case 177
		{"typ secevent+jwt", `{"alg":"ES256","kid":"k1","typ":"secevent+jwt"}`, "wrong_type", "wrong_type"},
		{"typ empty", `{"alg":"ES256","kid":"k1","typ":""}`, "wrong_type", "wrong_type"},
		{"typ null", `{"alg":"ES256","kid":"k1","typ":null}`, "wrong_type", "wrong_type"},
		{"typ a list", `{"alg":"ES256","kid":"k1","typ":["logout+jwt"]}`, "wrong_type", "wrong_type"},
		{"typ by another name", `{"alg":"ES256","kid":"k1","TYP":"logout+jwt"}`, "wrong_type", ""},
		{"typ twice", `{"alg":"ES256","kid":"k1","typ":"JWT","typ":"logout+jwt"}`, "malformed", "malformed"},

		{"alg-none", `{"alg":"none","typ":"logout+jwt"}`, "algorithm", "algorithm"},
		{"wrong-alg", `{"alg":"HS256","kid":"k1","typ":"logout+jwt"}`, "algorithm", "algorithm"},
		{"alg that is not pinned", `{"alg":"RS256","kid":"k1","typ":"logout+jwt"}`, "algorithm", "algorithm"},
		{"alg missing", `{"kid":"k1","typ":"logout+jwt"}`, "algorithm", "algorithm"},
		{"crit", `{"alg":"ES256","kid":"k1","typ":"logout+jwt","crit":["x"],"x":1}`, "critical_header", "critical_header"},
		{"b64 false", `{"alg":"ES256","kid":"k1","typ":"logout+jwt","b64":false}`, "unencoded_payload", "unencoded_payload"},
		{"unknown kid", `{"alg":"ES256","kid":"k2","typ":"logout+jwt"}`, "bad_signature", "bad_signature"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			token := op.logoutToken(test.header, logoutClaims(nil))
			for _, mode := range []struct {
				p    *provider.Provider
				code string
			}{{op.client(), test.strict}, {op.client(lax), test.lax}} {
				got, err := mode.p.VerifyLogoutToken(t.Context(), token)
				if untyped := mode.code != "" && test.lax == "" && test.strict == "wrong_type"; untyped !=
					errors.Is(err, provider.ErrUntypedLogoutToken) { // which the setting would accept
					t.Errorf("untyped: %t, %v", untyped, err)
				}
				if mode.code != "" {
					wantBadToken(t, err, mode.code)
				} else if err != nil || got.JTI != "j1" {
					t.Errorf("got %+v, %v", got, err)
				}
			}
		})
	}
}

// case 180; the leeway is a minute, times are seconds from now.
func TestLogoutTokenTimes(t *testing.T) {
	const hour = 3600
	for name, test := range map[string]struct {
		iat, exp, nbf float64
		code          string
	}{
		"two minutes":           {iat: 0, exp: 120},
		"ten minutes":           {iat: 0, exp: 600},
		"more than ten":         {iat: 0, exp: 601, code: "lifetime"},
		"ten years":             {iat: 0, exp: 10 * 365 * 24 * hour, code: "lifetime"},
		"an hour old":           {iat: -hour, exp: -hour + 120, code: "clock_skew"},
		"an hour old and valid": {iat: -hour, exp: 120, code: "lifetime"},
		"the oldest":            {iat: -659, exp: -59},
		"one second older":      {iat: -660, exp: -60, code: "clock_skew"},
		"just not expired":      {iat: -179, exp: -59},
		"expired":               {iat: -180, exp: -60, code: "clock_skew"},
		"a little ahead":        {iat: 60, exp: 180},
		"ahead":                 {iat: 61, exp: 181, code: "clock_skew"},
		"two hours ahead":       {iat: 2 * hour, exp: 2*hour + 120, code: "clock_skew"},
		"no life":               {iat: 0, exp: 0, code: "lifetime"},
		"expired when issued":   {iat: 30, exp: 20, code: "lifetime"},
		"nbf a little ahead":    {iat: 0, exp: 120, nbf: 60},
		"nbf ahead":             {iat: 0, exp: 120, nbf: 61, code: "clock_skew"},
		"fractions":             {iat: -0.877, exp: 119.123},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op, now := newOP(t), time.Now()
				at := func(offset float64) json.Number { return json.Number(fmt.Sprintf("%.3f", float64(now.Unix())+offset)) }
				token := op.logoutToken(logoutHeader,
					logoutClaims(object{"iat": at(test.iat), "exp": at(test.exp), "nbf": at(test.nbf)}))
				got, err := op.client().VerifyLogoutToken(t.Context(), token)
				if test.code != "" {
					wantBadToken(t, err, test.code)
					return
				}
				after := func(offset float64) time.Time { return now.Add(time.Duration(offset*1000) * time.Millisecond) }
				if err != nil || !got.IssuedAt.Equal(after(test.iat)) || !got.Expires.Equal(after(test.exp)) {
					t.Errorf("got %+v, %v; now is %v", got, err, now)
				}
			})
		})
	}
}

// garbage returns texts that are refused without a key, by the code of their error: variants of a valid token with this
// header and these claims. A token may have limit bytes.
func garbage(t testing.TB, op *scriptedOP, header string, claimsOf func(object) object, limit int) map[string][]string {
	typed := func(alg string) string { return strings.Replace(header, `"alg":"ES256","kid":"k1",`, alg, 1) }
	good, _ := json.Marshal(claimsOf(nil))
	token := op.logoutToken(header, claimsOf(nil))
	parts := strings.Split(token, ".")
	loose := base64.RawURLEncoding.EncodeToString(append(good[:len(good):len(good)], "   "[:1+(3-len(good)%3)%3]...))
	loose = loose[:len(loose)-1] + "B" // the same bytes to a decoder that forgives what lies past them
	with := func(member string) string {
		return sign(t, op.key, header, string(good[:len(good)-1])+","+member+"}")
	}
	return map[string][]string{
		"too_large": {strings.Repeat("a", limit+1), strings.Repeat(".", 5<<20), token + strings.Repeat("A", limit)},
		"malformed": {
			"", "..", "a.b", "not a token", strings.Repeat(".", limit), strings.Join(parts[:2], "."), token + ".",
			token + "=", token + "\n",
			"\u017f" + token, "!" + token[1:], parts[0] + "." + parts[1] + "A." + parts[2],
			parts[0] + "." + loose + "." + parts[2], parts[1][1:] + "." + parts[1] + "." + parts[2],
			`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
			`{"payload":"` + parts[1] + `","signatures":[]}`, strings.Repeat("A", limit), sign(t, op.key, `[]`, string(good)),
		},
		"encrypted": {"a.b.c.d.e", token + ".b.c"},
		"algorithm": {sign(t, op.key, typed(`"alg":"NONE",`), string(good)), sign(t, op.key, typed(""), string(good))},
		"bad_payload": {
			parts[0] + ".." + parts[2], sign(t, op.key, header, "null"), sign(t, op.key, header, `["sub"]`),
			sign(t, op.key, header, string(good)+"{}"),
			with(`"iss":"admin"`), with(`"ISS":"admin"`), with(`"i\u017fs":"admin"`), with(`"Events":{}`),
			with(`"a":[{"b":1,"b":2}]`), with(`"\u006ati":"s2"`),
			with(`"a":` + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000)), with("\"a\":\"\xff\""),
		},
		// Other tokens of the same provider.
		"wrong_type": {op.token(claims(nil)), sign(t, op.key, `{"alg":"ES256","kid":"k1","typ":"JWT"}`, string(good))},
	}
}

// case 190: garbage costs no cryptography and no fetch, because there is not even a key to try.
func TestGarbageLogoutTokens(t *testing.T) {
	op := newOP(t)
	p := op.client()
	texts := garbage(t, op, logoutHeader, logoutClaims, 16<<10)
	for sent := 0; sent < 10_000; {
		for code, raws := range texts {
			for _, raw := range raws {
				sent++
				if _, err := p.VerifyLogoutToken(t.Context(), raw); sent <= 100 {
					wantBadToken(t, err, code)
				} else if err == nil {
					t.Fatalf("accepted %q", raw)
				}
			}
		}
	}
	if n := op.count(discoveryPath) + op.count(keysPath); n != 0 {
		t.Errorf("%d calls to the provider", n)
	}
}

func TestLogoutTokenMix(t *testing.T) {
	op := newOP(t)
	p := op.client(lax)
	// If typ is not specific, an ID token is recognized by its claims.
	_, err := p.VerifyLogoutToken(t.Context(), op.token(claims(nil)))
	wantBadToken(t, err, "nonce")
	_, err = p.VerifyLogoutToken(t.Context(), op.token(claims(object{"nonce": nil})))
	wantBadToken(t, err, "events")
	// The payload of one token under the signature of another.
	one := strings.Split(op.logoutToken(logoutHeader, logoutClaims(nil)), ".")
	other := strings.Split(op.logoutToken(logoutHeader, logoutClaims(object{"sub": "admin"})), ".")
	for name, raw := range map[string]string{
		"payload": one[0] + "." + other[1] + "." + one[2], "no signature": one[0] + "." + one[1] + ".",
		"half a signature": one[0] + "." + one[1] + "." + one[2][:43],
		"signature twice":  one[0] + "." + one[1] + "." + one[2] + one[2],
	} {
		if _, err := p.VerifyLogoutToken(t.Context(), raw); !errors.Is(err, provider.ErrInvalidToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// cases 190, 256: well-formed tokens with unknown keys force at most one key fetch a minute, and leave a sign-in its
// own.
func TestForgedLogoutTokensStarveNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.client()
		forged := op.logoutToken(`{"alg":"ES256","kid":"x","typ":"logout+jwt"}`,
			logoutClaims(object{"exp": time.Now().Unix() + 600}))
		var callers sync.WaitGroup
		attack := func() {
			for range 200 {
				callers.Go(func() {
					_, err := p.VerifyLogoutToken(t.Context(), forged)
					wantBadToken(t, err, "bad_signature")
				})
			}
		}
		wantFetches := func(want int) {
			t.Helper()
			if n := op.count(keysPath); n != want {
				t.Errorf("%d key requests, want %d", n, want)
			}
		}
		for range 3 {
			attack()
			callers.Wait()
			wantFetches(2) // the ordinary one and the one forced
			time.Sleep(10 * time.Second)
		}
		// rotate publishes only a new key and returns an ID token signed with it.
		rotate := func(kid string) string {
			op.key = newKey(t)
			op.serve(keysPath, slow(time.Second, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, kid)}})))
			return sign(t, op.key, `{"alg":"ES256","kid":"`+kid+`"}`, string(must(json.Marshal(claims(nil)))))
		}
		signIn := func(idToken string) {
			t.Helper()
			if _, err := p.VerifyIDToken(t.Context(), idToken, expect()); err != nil {
				t.Errorf("the sign-in: %v", err)
			}
		}
		for round := range 8 {
			time.Sleep(time.Minute)
			attack()
			callers.Wait()
			wantFetches(3 + 2*round)
			idToken := rotate(fmt.Sprint(round)) // when the attack has just used up its fetch, and goes on
			attack()
			signIn(idToken)
			attack()
			callers.Wait()
			wantFetches(4 + 2*round)
		}
		time.Sleep(time.Minute)
		idToken := rotate("last")
		attack()
		signIn(idToken)
		callers.Wait()
		wantFetches(19) // one for both
	})
}

// case 256: a provider that rotates its key and signs many users out at once is believed.
func TestLogoutTokensUnderANewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.client()
		if _, err := p.VerifyLogoutToken(t.Context(), op.logoutToken(logoutHeader, logoutClaims(nil))); err != nil {
			t.Fatal(err)
		}
		old, oldToken := op.key, op.logoutToken(logoutHeader, logoutClaims(nil))
		op.key = newKey(t)
		op.serve(keysPath, slow(time.Second, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k2")}})))
		verify := func(key *ecdsa.PrivateKey, i int) error {
			payload, _ := json.Marshal(logoutClaims(object{"jti": fmt.Sprint(i)}))
			_, err := p.VerifyLogoutToken(t.Context(),
				sign(t, key, `{"alg":"ES256","kid":"k2","typ":"logout+jwt"}`, string(payload)))
			return err
		}
		var callers sync.WaitGroup
		for i := range 20 {
			callers.Go(func() {
				if err := verify(op.key, i); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if n := op.count(keysPath); n != 2 {
			t.Errorf("%d key requests, want 2", n)
		}
		_, err := p.VerifyLogoutToken(t.Context(), oldToken)
		wantBadToken(t, err, "bad_signature") // the old key is gone
		wantBadToken(t, verify(old, 0), "bad_signature")
	})
}

// case 189: unavailable keys say nothing about the token, so the provider may try again.
func TestLogoutTokenDuringOutage(t *testing.T) {
	for _, path := range []string{discoveryPath, keysPath} {
		op := newOP(t)
		p := op.client()
		op.serve(path, textAnswer(http.StatusServiceUnavailable, "", ""))
		_, err := p.VerifyLogoutToken(t.Context(), op.logoutToken(logoutHeader, logoutClaims(nil)))
		wantError(t, err, provider.Unavailable, "provider_status")
		if errors.Is(err, provider.ErrInvalidToken) {
			t.Errorf("the outage passes for a forged token: %v", err)
		}
	}
}

// Without the key nobody can make a logout token, and no text makes the check panic or call the provider for garbage.
func FuzzLogoutTokenText(f *testing.F) {
	op := newOP(f)
	for _, raws := range garbage(f, op, logoutHeader, logoutClaims, 16<<10) {
		for _, raw := range raws {
			f.Add(raw)
		}
	}
	f.Add(sign(f, newKey(f), logoutHeader, string(must(json.Marshal(logoutClaims(nil))))))
	p := op.client()
	f.Fuzz(func(t *testing.T, raw string) {
		token, err := p.VerifyLogoutToken(t.Context(), raw)
		if err == nil {
			t.Fatalf("accepted %q as %+v", raw, token)
		}
		if !errors.Is(err, provider.ErrInvalidToken) {
			t.Fatalf("%q: %v", raw, err)
		}
	})
}

// Whatever signed text is accepted obeys every rule, checked here again from the text.
func FuzzLogoutTokenRules(f *testing.F) {
	for _, change := range []object{nil, {"sub": nil}, {"nonce": "n"}, {"events": object{logoutEvent: 1}},
		{"aud": []string{clientID, "x"}}, {"exp": 1e300}} {
		f.Add(logoutHeader, must(json.Marshal(logoutClaims(change))))
	}
	f.Add(`{"alg":"ES256","typ":"Application/LOGOUT+jwt"}`, must(json.Marshal(logoutClaims(nil))))
	f.Add(`{"alg":"ES256"}`, []byte(`{"iss":"https://op.example","SUB":"a","sub":"b"}`))
	op := newOP(f)
	p := op.client()
	f.Fuzz(func(t *testing.T, header string, payload []byte) {
		token, err := p.VerifyLogoutToken(t.Context(), sign(t, op.key, header, string(payload)))
		if err != nil {
			return
		}
		var h struct{ Typ string }
		var again struct {
			Iss, Jti, Sub, Sid string
			Aud                any
			Iat, Exp           float64
			Events             map[string]map[string]any
		}
		var members map[string]any
		if json.Unmarshal([]byte(header), &h) != nil || json.Unmarshal(payload, &members) != nil {
			t.Fatalf("accepted %q %q", header, payload)
		}
		members["events"] = object{logoutEvent: members["events"].(map[string]any)[logoutEvent]}
		if err := json.Unmarshal(must(json.Marshal(members)), &again); err != nil {
			t.Fatalf("accepted %q: %v", payload, err)
		}
		if _, nonce := members["nonce"]; nonce || again.Events[logoutEvent] == nil ||
			!strings.HasSuffix(strings.ToLower(h.Typ), "logout+jwt") {
			t.Fatalf("accepted %q %q", header, payload)
		}
		if list, ok := again.Aud.([]any); again.Iss != issuer || again.Aud != any(clientID) &&
			(!ok || len(list) == 0 || slices.ContainsFunc(list, func(a any) bool { return a != clientID })) {
			t.Fatalf("accepted %q", payload)
		}
		if again.Jti == "" || again.Sub+again.Sid == "" || token.JTI != again.Jti || token.Subject != again.Sub ||
			token.SID != again.Sid {
			t.Fatalf("%+v of %q", token, payload)
		}
		now := float64(time.Now().Unix())
		if again.Exp-again.Iat > 600 || again.Exp < now-62 || again.Iat > now+62 {
			t.Fatalf("accepted at %v: %q", now, payload)
		}
	})
}

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}
