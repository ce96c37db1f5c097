package provider_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const responseHeader = `{"alg":"ES256","kid":"k1"}`

// responseClaims returns the claims of a valid authorization response, changed; a nil value removes a member.
func responseClaims(change object) object {
	return merge(object{"iss": issuer, "aud": clientID, "exp": time.Now().Unix() + 300, "code": "c", "state": "s"}, change)
}

// response signs claims under a header, as op would.
func (op *scriptedOP) response(header string, claims object) string {
	op.t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		op.t.Fatal(err)
	}
	return sign(op.t, op.key, header, string(payload))
}

// Every row is signed correctly: only the claims are wrong.
func TestResponseClaims(t *testing.T) {
	null := json.RawMessage("null")
	good := url.Values{"code": {"c"}, "state": {"s"}, "iss": {issuer}}.Encode()
	tests := []struct {
		name   string
		change object
		want   string // the parameters; "": refused
		code   string
	}{
		{"plain", nil, good, ""},
		{"aud as a list", object{"aud": []string{clientID}}, good, ""},
		{"error", object{"code": nil, "error": "access_denied", "error_description": "a&b=é"},
			url.Values{"error": {"access_denied"}, "error_description": {"a&b=é"}, "state": {"s"}, "iss": {issuer}}.Encode(),
			""},
		{"session_state", object{"session_state": "x.y"}, good + "&session_state=x.y", ""},
		// the caller decides
		{"neither code nor state", object{"code": nil, "state": nil}, url.Values{"iss": {issuer}}.Encode(), ""},
		{"empty", object{"code": ""}, strings.Replace(good, "code=c", "code=", 1), ""},
		{"null",
			object{"error": null, "error_description": null, "session_state": null, "azp": null, "iat": null, "nbf": null},
			good, ""},
		{"null in addition to an error", object{"code": null, "error": "access_denied"},
			strings.Replace(good, "code=c", "error=access_denied", 1), ""},
		{"a code of 16 kB", object{"code": strings.Repeat(`"`, 16<<10)},
			strings.Replace(good, "code=c", "code="+strings.Repeat("%22", 16<<10), 1), ""},
		{"members of no concern",
			object{"sub": "alice", "jti": "1", "expires_in": 3600, "scope": "openid", "return_to": "//evil", "x": object{}},
			good, ""},
		{"code by another name", object{"code": nil, "CODE": "c"}, strings.Replace(good, "code=c&", "", 1), ""}, // case 95

		{"iss missing", object{"iss": nil}, "", "issuer"}, // case 36
		{"iss by another name", object{"iss": nil, "ISS": issuer}, "", "issuer"},
		{"iss a list", object{"iss": []string{issuer}}, "", "issuer"},
		{"other iss", object{"iss": "https://evil.example"}, "", "issuer"}, // case 37
		{"iss with a slash", object{"iss": issuer + "/"}, "", "issuer"},
		{"iss in other case", object{"iss": "https://OP.example"}, "", "issuer"},
		{"iss below", object{"iss": issuer + "/tenant"}, "", "issuer"},
		{"other aud", object{"aud": "other"}, "", "audience"},
		{"aud missing", object{"aud": nil}, "", "audience"},
		{"aud empty", object{"aud": []string{}}, "", "audience"},
		{"a further aud", object{"aud": []string{clientID, "other"}}, "", "audience"},
		{"other azp", object{"azp": "other"}, "", "authorized_party"},
		{"ID token", object{"nonce": "n"}, "", "unexpected_member"},
		{"logout token", object{"events": object{}}, "", "unexpected_member"},
		{"id_token", object{"id_token": "x.y.z"}, "", "unexpected_member"},        // case 46
		{"access_token", object{"access_token": null}, "", "unexpected_member"},   // case 46
		{"token_type", object{"token_type": "Bearer"}, "", "unexpected_member"},   // case 46
		{"refresh_token", object{"refresh_token": "rt"}, "", "unexpected_member"}, // case 46
		{"exp missing", object{"exp": nil}, "", "bad_time"},
		{"exp a string", object{"exp": "99999999999"}, "", "bad_time"},
		{"exp null", object{"exp": null}, "", "bad_time"},
		{"iat a string", object{"iat": "1"}, "", "bad_time"},
		{"nbf a string", object{"nbf": "1"}, "", "bad_time"},
		{"exp beyond years", object{"exp": 1e300}, "", "bad_time"},
		{"iat before 1970", object{"iat": -1}, "", "bad_time"},
		{"code a number", object{"code": 1}, "", "bad_member"},
		{"state a list", object{"state": []string{"s", "t"}}, "", "bad_member"}, // case 30
		{"error an object", object{"error": object{}}, "", "bad_member"},
		{"error_description a number", object{"error_description": 1}, "", "bad_member"},
		{"session_state true", object{"session_state": true}, "", "bad_member"},
		{"over 48 KiB", object{"x": strings.Repeat("x", 36<<10)}, "", "too_large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			got, err := op.client().OpenResponse(t.Context(), op.response(responseHeader, responseClaims(test.change)))
			if test.code != "" {
				wantBadToken(t, err, test.code)
				if n := op.count(keysPath); got != nil || n != 0 {
					t.Errorf("got %v in addition to the error, after %d key requests", got, n)
				}
				if errors.Is(err, provider.ErrIssuerMismatch) != (test.code == "issuer") {
					t.Errorf("ErrIssuerMismatch: %v", err)
				}
				return
			}
			if err != nil || sorted(t, got.Encode()) != sorted(t, test.want) {
				t.Errorf("got %v, %v; want %s", got, err, test.want)
			}
		})
	}
}

func sorted(t *testing.T, query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return values.Encode()
}

// What text and header refuse is refused before a key is fetched, and nothing of it is used.
func TestResponseText(t *testing.T) {
	op := newOP(t)
	payload, _ := json.Marshal(responseClaims(nil))
	good := op.response(responseHeader, responseClaims(nil))
	with := func(member string) string {
		return sign(t, op.key, responseHeader, string(payload[:len(payload)-1])+","+member+"}")
	}
	header := func(text string) string { return sign(t, op.key, text, string(payload)) }
	for name, test := range map[string]struct{ raw, code string }{
		"good":             {good, ""},
		"typ JWT":          {header(`{"alg":"ES256","kid":"k1","typ":"JWT"}`), ""},
		"keys in it":       {header(`{"alg":"ES256","kid":"k1","jku":"https://op.example/evil"}`), ""}, // case 80
		"empty":            {"", "malformed"},
		"query":            {"code=c&state=s", "malformed"},
		"JSON":             {`{"payload":"e30","protected":"e30","signature":""}`, "malformed"}, // case 79
		"2 segments":       {good[:strings.LastIndex(good, ".")], "malformed"},                  // case 79
		"10,000 dots":      {strings.Repeat(".", 10_000), "malformed"},                          // case 79
		"padded":           {good + "=", "malformed"},
		"payload not text": {strings.Replace(good, ".", ".!", 1), "malformed"},
		"odd base64":       {strings.Split(good, ".")[0] + ".A.AA", "malformed"},
		"encrypted":        {"eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", "encrypted"}, // case 79
		// case 75
		"alg none": {strings.Split(header(`{"alg":"none"}`), ".")[0] + "." + strings.Split(good, ".")[1] + ".",
			"algorithm"},
		"HS256":            {header(`{"alg":"HS256","kid":"k1"}`), "algorithm"},                      // case 76
		"not pinned":       {header(`{"alg":"RS256","kid":"k1"}`), "algorithm"},                      // case 77
		"crit":             {header(`{"alg":"ES256","kid":"k1","crit":["exp"]}`), "critical_header"}, // case 81
		"b64 false":        {header(`{"alg":"ES256","kid":"k1","b64":false}`), "unencoded_payload"},  // case 81
		"typ of its own":   {header(`{"alg":"ES256","kid":"k1","typ":"oauth-authz-resp+jwt"}`), ""},
		"access token":     {header(`{"alg":"ES256","kid":"k1","typ":"at+jwt"}`), "wrong_type"},
		"request object":   {header(`{"alg":"ES256","kid":"k1","typ":"application/oauth-authz-req+jwt"}`), "wrong_type"},
		"logout token":     {header(logoutHeader), "wrong_type"},
		"code twice":       {with(`"code":"evil"`), "bad_payload"},  // case 30
		"state twice":      {with(`"state":"evil"`), "bad_payload"}, // case 30
		"null and code":    {with(`"code":null`), "bad_payload"},
		"iss twice":        {with(`"iss":"` + issuer + `"`), ""}, // as Keycloak writes it
		"other iss too":    {with(`"iss":"https://evil.example"`), "bad_payload"},
		"all twice":        {with(string(payload[1 : len(payload)-1])), ""},
		"twins":            {with(`"CODE":"evil"`), "bad_payload"}, // case 95
		"twins of a value": {with(`"CODE":"c"`), "bad_payload"},    // case 95
		"null":             {sign(t, op.key, responseHeader, "null"), "bad_payload"},
		"array":            {sign(t, op.key, responseHeader, "[]"), "bad_payload"},
	} {
		before := op.count(keysPath)
		got, err := op.client().OpenResponse(t.Context(), test.raw)
		if test.code == "" {
			if err != nil || got.Get("code") != "c" {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			continue
		}
		wantBadToken(t, err, test.code)
		if n := op.count(keysPath) - before; got != nil || n != 0 || op.count("/evil") != 0 {
			t.Errorf("%s: %v in addition to the error, after %d key requests", name, got, n)
		}
	}
}

func TestResponseTimes(t *testing.T) {
	tests := []struct {
		name  string
		times map[string]int // seconds from now
		code  string
	}{
		{"expired within the tolerance", map[string]int{"exp": -59}, ""},
		{"expired within the tolerance, with iat", map[string]int{"iat": -100, "exp": -59}, ""},
		{"expired", map[string]int{"exp": -60}, "clock_skew"},
		{"expired, with iat", map[string]int{"iat": -100, "exp": -60}, "clock_skew"},
		{"ten minutes", map[string]int{"exp": 660}, ""},
		{"longer", map[string]int{"exp": 661}, "lifetime"},
		{"ten minutes from iat", map[string]int{"iat": -500, "exp": 160}, ""},
		{"longer from iat", map[string]int{"iat": -500, "exp": 161}, "lifetime"},
		{"issued ahead", map[string]int{"iat": 60, "exp": 90}, ""},
		{"issued too far ahead", map[string]int{"iat": 61, "exp": 90}, "clock_skew"},
		{"not valid yet", map[string]int{"nbf": 61}, "clock_skew"},
		{"valid by now", map[string]int{"nbf": 60}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := newOP(t)
				change := object{}
				for name, offset := range test.times {
					change[name] = time.Now().Unix() + int64(offset)
				}
				_, err := op.client().OpenResponse(t.Context(), op.response(responseHeader, responseClaims(change)))
				if test.code == "" && err != nil {
					t.Error(err)
				} else if test.code != "" {
					wantBadToken(t, err, test.code)
				}
			})
		})
	}
}

// A response is a step of a sign-in: new keys are fetched for it, once a minute, and an outage does not count as a
// forged response (cases 119, 120).
func TestResponseKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.client()
		open := func(raw string) error {
			_, err := p.OpenResponse(t.Context(), raw)
			return err
		}
		if err := open(op.response(responseHeader, responseClaims(nil))); err != nil {
			t.Fatal(err)
		}
		op.key = newKey(t) // rotated
		op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k2")}}))
		if err := open(op.response(`{"alg":"ES256","kid":"k2"}`, responseClaims(nil))); err != nil ||
			op.count(keysPath) != 2 {
			t.Errorf("after a rotation: %v, %d key requests", err, op.count(keysPath))
		}
		forged := newOP(t).response(`{"alg":"ES256","kid":"k2"}`, responseClaims(nil))
		for range 100 {
			wantBadToken(t, open(forged), "bad_signature")
		}
		if n := op.count(keysPath); n != 2 {
			t.Errorf("forged responses made %d key requests", n-2)
		}
		time.Sleep(time.Minute)
		op.serve(keysPath, textAnswer(503, "", ""))
		wantError(t, open(newOP(t).response(responseHeader, responseClaims(nil))), provider.Unavailable, "provider_status")
	})
}
