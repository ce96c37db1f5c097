package fakeop

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Misbehaviour names one way for a provider to be wrong, in the style of the relying-party modules of the OpenID
// conformance suite, whose names are used where there are any.
type Misbehaviour string

// Misbehaviours of the ID token. Whatever they change is signed correctly, unless the name says otherwise.
const (
	SigNone         Misbehaviour = "sig-none"          // alg none, empty signature
	InvalidSigHS256 Misbehaviour = "invalid-sig-hs256" // HS256, keyed with the PEM text of the public key
	BadSignature    Misbehaviour = "bad-signature"     // valid header, one bit of the signature flipped
	KidAbsent       Misbehaviour = "kid-absent"        // no kid in the header; valid if one key fits
	UnknownKid      Misbehaviour = "unknown-kid"       // a kid no key has
	WrongIss        Misbehaviour = "wrong-iss"         // another provider's issuer
	WrongAud        Misbehaviour = "wrong-aud"         // another client's id
	MissingAud      Misbehaviour = "missing-aud"       // no audience
	ExtraAudience   Misbehaviour = "extra-audience"    // our client and another, no azp
	WrongAzp        Misbehaviour = "wrong-azp"         // azp names another client
	MissingSub      Misbehaviour = "missing-sub"       // no subject
	DuplicateSub    Misbehaviour = "duplicate-sub"     // a second member "sub", for mallory
	SubCaseTwin     Misbehaviour = "sub-case-twin"     // a member "SUB", for mallory
	MissingIat      Misbehaviour = "missing-iat"       // no time of issue
	MissingExp      Misbehaviour = "missing-exp"       // no expiry
	Expired         Misbehaviour = "expired"           // issued and expired an hour ago
	NonceInvalid    Misbehaviour = "nonce-invalid"     // another nonce
	NonceMissing    Misbehaviour = "nonce-missing"     // no nonce
	InvalidAtHash   Misbehaviour = "invalid-athash"    // at_hash of another access token
	MissingACR      Misbehaviour = "missing-acr"       // no acr, although requested
	LowACR          Misbehaviour = "low-acr"           // acr "0", lower than any (OpenID Connect Core, 2)
	MissingAuthTime Misbehaviour = "missing-auth-time" // no auth_time
	OldAuthTime     Misbehaviour = "old-auth-time"     // auth_time a day ago, whatever max_age was
	GroupsOverage   Misbehaviour = "groups-overage"    // Entra's _claim_names instead of groups, in userinfo too
)

// Misbehaviours of the endpoints. Those of the token endpoint can be applied to any other with [Provider.Fault].
const (
	NoIDToken          Misbehaviour = "no-id-token"          // token: no id_token in the response
	HTMLAnswer         Misbehaviour = "html-answer"          // token: 200 with a page
	Redirect307        Misbehaviour = "redirect-307"         // token: a redirect to another host, body and all
	ErrorInvalidGrant  Misbehaviour = "error-invalid-grant"  // token: 400
	ErrorInvalidClient Misbehaviour = "error-invalid-client" // token: 401
	Unavailable503     Misbehaviour = "unavailable-503"      // token: 503 with Retry-After: 7
	GzipBomb           Misbehaviour = "gzip-bomb"            // token: 64 MiB of spaces in 64 kB
	Slow               Misbehaviour = "slow"                 // discovery, keys, token, userinfo: 504 after a minute
	TokenTypeCase      Misbehaviour = "token-type-case"      // token: token_type in lower case; valid (RFC 6749, 5.1)
	// token: no expires_in in the response; valid (RFC 6749, 5.1)
	NoExpiresIn         Misbehaviour = "no-expires_in"
	UserInfoInvalidSub  Misbehaviour = "userinfo-invalid-sub"  // userinfo of mallory
	UserInfoNull        Misbehaviour = "userinfo-null"         // 200 with null
	UserInfo401         Misbehaviour = "userinfo-401"          // 401 with invalid_token
	IssuerMismatch      Misbehaviour = "issuer-mismatch"       // discovery: another issuer
	IssuerTrailingSlash Misbehaviour = "issuer-trailing-slash" // discovery: the issuer with a slash added (or removed)
	EndpointsHTTP       Misbehaviour = "endpoints-http"        // discovery: every endpoint at http://elsewhere.example
	UnknownCurves       Misbehaviour = "unknown-curves"        // keys: secp256k1 and an unknown key type come first
	MissingIss          Misbehaviour = "missing-iss"           // callback: no iss, although announced (RFC 9207)
	WrongIssParam       Misbehaviour = "wrong-iss-param"       // callback: iss of another provider
	MissingState        Misbehaviour = "missing-state"         // callback: no state
	InvalidState        Misbehaviour = "invalid-state"         // callback: another state
)

// Misbehaviours returns all of them, so that a test can run through them.
func Misbehaviours() []Misbehaviour {
	return slices.Sorted(maps.Keys(new(Provider).misbehaviours()))
}

// Fault returns the handler by which a misbehaviour replaces an endpoint, for [Provider.Intercept] of another endpoint.
// It returns nil if the misbehaviour replaces none.
func (p *Provider) Fault(m Misbehaviour) http.HandlerFunc {
	for _, answer := range p.faults[m].answers {
		return answer
	}
	return nil
}

const stranger = "https://elsewhere.example"

func (p *Provider) misbehaviours() map[Misbehaviour]hooks {
	table := p.idTokenMisbehaviours()
	maps.Copy(table, p.endpointMisbehaviours())
	maps.Copy(table, p.fapiMisbehaviours())
	maps.Copy(table, p.refreshMisbehaviours())
	return table
}

func (p *Provider) idTokenMisbehaviours() map[Misbehaviour]hooks {
	return map[Misbehaviour]hooks{
		SigNone:         signing(idTokenClaims, signingKey.signNot),
		InvalidSigHS256: signing(idTokenClaims, signingKey.signHS256),
		BadSignature:    signing(idTokenClaims, signingKey.signBadly),
		KidAbsent:       signing(idTokenClaims, naming("")),
		UnknownKid:      signing(idTokenClaims, naming("unknown")),
		WrongIss:        set(idTokenClaims, "iss", stranger),
		WrongAud:        set(idTokenClaims, "aud", "another-client"),
		MissingAud:      remove(idTokenClaims, "aud"),
		ExtraAudience:   set(idTokenClaims, "aud", []string{p.cfg.ClientID, "another-client"}),
		WrongAzp:        set(idTokenClaims, "azp", "another-client"),
		MissingSub:      remove(idTokenClaims, "sub"),
		DuplicateSub:    signing(idTokenClaims, appending(`"sub":"mallory"`)),
		SubCaseTwin:     signing(idTokenClaims, appending(`"SUB":"mallory"`)),
		MissingIat:      remove(idTokenClaims, "iat"),
		MissingExp:      remove(idTokenClaims, "exp"),
		Expired: edit(idTokenClaims, func(claims map[string]any) {
			past := time.Now().Add(-time.Hour).Unix()
			claims["iat"], claims["exp"] = past-60, past
		}),
		NonceInvalid:    set(idTokenClaims, "nonce", "not-the-nonce"),
		NonceMissing:    remove(idTokenClaims, "nonce"),
		InvalidAtHash:   set(idTokenClaims, "at_hash", leftHalf(p.cfg.SigningAlg, "another token")),
		MissingACR:      remove(idTokenClaims, "acr"),
		LowACR:          set(idTokenClaims, "acr", "0"),
		MissingAuthTime: remove(idTokenClaims, "auth_time"),
		OldAuthTime: edit(idTokenClaims, func(claims map[string]any) {
			claims["auth_time"] = time.Now().Add(-24 * time.Hour).Unix()
		}),
		GroupsOverage: {edits: map[Endpoint]func(map[string]any){
			idTokenClaims: p.overage,
			UserInfo:      p.overage,
		}},
	}
}

func (p *Provider) endpointMisbehaviours() map[Misbehaviour]hooks {
	return map[Misbehaviour]hooks{
		NoIDToken:          remove(Token, "id_token"),
		HTMLAnswer:         answer(htmlAnswer, Token),
		Redirect307:        answer(p.redirectElsewhere, Token),
		ErrorInvalidGrant:  answer(refusal(http.StatusBadRequest, "invalid_grant"), Token),
		ErrorInvalidClient: answer(refusal(http.StatusUnauthorized, "invalid_client"), Token),
		Unavailable503:     answer(unavailable, Token),
		GzipBomb:           answer(gzipBomb, Token),
		Slow:               answer(slow, Discovery, JWKS, Token, UserInfo),
		TokenTypeCase: edit(Token, func(answer map[string]any) {
			kind, _ := answer["token_type"].(string)
			answer["token_type"] = strings.ToLower(kind)
		}),
		NoExpiresIn:        remove(Token, "expires_in"),
		UserInfoInvalidSub: set(UserInfo, "sub", "mallory"),
		UserInfoNull:       answer(null, UserInfo),
		UserInfo401:        answer(refuseBearer, UserInfo),
		IssuerMismatch:     set(Discovery, "issuer", stranger),
		IssuerTrailingSlash: edit(Discovery, func(doc map[string]any) {
			if doc["issuer"] = p.root; p.root == p.issuer {
				doc["issuer"] = p.root + "/"
			}
		}),
		EndpointsHTTP: edit(Discovery, p.moveEndpoints),
		UnknownCurves: edit(JWKS, func(set map[string]any) {
			if keys, ok := set["keys"].([]any); ok {
				set["keys"] = append(strangeKeys(), keys...)
			}
		}),
		MissingIss:    remove(Authorize, "iss"),
		WrongIssParam: set(Authorize, "iss", stranger),
		MissingState:  remove(Authorize, "state"),
		InvalidState:  set(Authorize, "state", "not-the-state"),
	}
}
