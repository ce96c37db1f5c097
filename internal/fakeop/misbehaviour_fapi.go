package fakeop

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Misbehaviours of encrypted ID tokens. They need Config.EncryptIDToken.
const (
	EncryptedToStranger Misbehaviour = "encrypted-to-stranger"           // to another key of the same kind
	EncryptedRSA15      Misbehaviour = "encrypted-idtoken-usingrsa15"    // by RSA1_5, if the client's key is RSA
	EncryptedNotSigned  Misbehaviour = "encrypted-idtoken-not-signed"    // only the claims, as anyone could encrypt them
	NotEncrypted        Misbehaviour = "encrypted-idtoken-not-encrypted" // only the signed token
)

// Misbehaviours of signed userinfo responses. They need Config.SignUserInfo.
const (
	UserInfoSigNone    Misbehaviour = "userinfo-sig-none"    // alg none, empty signature
	UserInfoInvalidSig Misbehaviour = "userinfo-invalid-sig" // by another key, under the correct kid
	UserInfoInvalidIss Misbehaviour = "userinfo-invalid-iss" // another provider's issuer
	UserInfoInvalidAud Misbehaviour = "userinfo-invalid-aud" // another client's id
	UserInfoNotSigned  Misbehaviour = "userinfo-not-signed"  // the claims as JSON
)

// Misbehaviours of authorization responses as a JWT. They need one of the .jwt
// response modes. [MissingIss], [WrongIssParam], [MissingState] and
// [InvalidState] change the JWT's claims there.
const (
	JARMSigNone      Misbehaviour = "jarm-signature-is-none" // alg none, empty signature
	JARMInvalidSig   Misbehaviour = "jarm-with-invalid-sig"  // by another key, under the correct kid
	JARMInvalidIss   Misbehaviour = "jarm-with-invalid-iss"  // another provider's issuer
	JARMWithoutIss   Misbehaviour = "jarm-without-iss"       // no issuer
	JARMInvalidAud   Misbehaviour = "jarm-with-invalid-aud"  // another client's id
	JARMWithoutAud   Misbehaviour = "jarm-without-aud"       // no audience
	JARMExpired      Misbehaviour = "jarm-with-expired-exp"  // expired an hour ago
	JARMWithoutExp   Misbehaviour = "jarm-without-exp"       // no expiry
	JARMWithoutState Misbehaviour = "jarm-without-state"     // no state
)

// Misbehaviours of the PAR endpoint.
const (
	PARHTMLAnswer        Misbehaviour = "par-html-answer"         // 200 with a page
	PARError             Misbehaviour = "par-error"               // 400 with invalid_request
	PARRedirect307       Misbehaviour = "par-redirect-307"        // a redirect to another host that repeats the request
	PARWithoutExpiresIn  Misbehaviour = "par-without-expires_in"  // no expires_in
	PARWithoutRequestURI Misbehaviour = "par-without-request_uri" // no request_uri
	PAREmptyRequestURI   Misbehaviour = "par-empty-request_uri"   // request_uri ""
	PARForeignRequestURI Misbehaviour = "par-foreign-request_uri" // a request_uri at another host
	DiscoveryWithoutPAR  Misbehaviour = "discovery-without-par"   // metadata: pushing is required without an endpoint
)

// Misbehaviours with DPoP.
const (
	DPoPDowngrade        Misbehaviour = "dpop-downgrade"              // token: Bearer, and not bound, despite the proof
	DPoPNonceEndless     Misbehaviour = "dpop-nonce-endless"          // token: use_dpop_nonce, each time another nonce
	UserInfoNonceEndless Misbehaviour = "userinfo-dpop-nonce-endless" // userinfo: the same
)

func (p *Provider) fapiMisbehaviours() map[Misbehaviour]hooks {
	return map[Misbehaviour]hooks{
		EncryptedToStranger: {encrypt: p.encryptToStranger},
		EncryptedRSA15: {encrypt: func(token string) (string, error) {
			return p.encryptTo(p.cfg.EncryptIDToken, jose.RSA1_5, token)
		}},
		EncryptedNotSigned: {encrypt: func(token string) (string, error) {
			return p.encryptTo(p.cfg.EncryptIDToken, encryptionAlg(p.cfg.EncryptIDToken), payloadOf(token))
		}},
		NotEncrypted: {encrypt: func(token string) (string, error) { return token, nil }},

		UserInfoSigNone:    signing(userInfoClaims, signingKey.signNot),
		UserInfoInvalidSig: signing(userInfoClaims, signingKey.signAsStranger),
		UserInfoInvalidIss: set(userInfoClaims, "iss", stranger),
		UserInfoInvalidAud: set(userInfoClaims, "aud", "another-client"),
		UserInfoNotSigned:  answer(p.unsignedUserInfo, UserInfo),

		JARMSigNone:      signing(jarmClaims, signingKey.signNot),
		JARMInvalidSig:   signing(jarmClaims, signingKey.signAsStranger),
		JARMInvalidIss:   set(jarmClaims, "iss", stranger),
		JARMWithoutIss:   remove(jarmClaims, "iss"),
		JARMInvalidAud:   set(jarmClaims, "aud", "another-client"),
		JARMWithoutAud:   remove(jarmClaims, "aud"),
		JARMExpired:      edit(jarmClaims, func(claims map[string]any) { claims["exp"] = time.Now().Add(-time.Hour).Unix() }),
		JARMWithoutExp:   remove(jarmClaims, "exp"),
		JARMWithoutState: remove(jarmClaims, "state"),

		PARHTMLAnswer:        answer(htmlAnswer, PAR),
		PARError:             answer(refusal(http.StatusBadRequest, "invalid_request"), PAR),
		PARRedirect307:       answer(p.redirectElsewhere, PAR),
		PARWithoutExpiresIn:  remove(PAR, "expires_in"),
		PARWithoutRequestURI: remove(PAR, "request_uri"),
		PAREmptyRequestURI:   set(PAR, "request_uri", ""),
		PARForeignRequestURI: set(PAR, "request_uri", stranger+"/request"),
		DiscoveryWithoutPAR: edit(Discovery, func(doc map[string]any) {
			delete(doc, "pushed_authorization_request_endpoint")
			doc["require_pushed_authorization_requests"] = true
		}),

		DPoPDowngrade:        edit(Token, p.unbind),
		DPoPNonceEndless:     answer(endlessNonce(http.StatusBadRequest), Token),
		UserInfoNonceEndless: answer(endlessNonce(http.StatusUnauthorized), UserInfo),
	}
}

// unbind makes the access token in a response a bearer token.
func (p *Provider) unbind(answer map[string]any) {
	answer["token_type"] = "Bearer"
	token, _ := answer["access_token"].(string)
	if c, ok := p.access.get(token); ok {
		p.access.drop(token)
		p.access.add(token, credential{grant: c.grant}, p.cfg.TokenLife)
	}
}

func endlessNonce(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("DPoP-Nonce", rand.Text())
		refusal := &oauthError{"use_dpop_nonce", "another one"}
		if status == http.StatusUnauthorized {
			refuseDPoP(w, refusal)
			return
		}
		writeJSON(w, status, refusal.document())
	}
}

// payloadOf returns the decoded middle part of a JWS.
func payloadOf(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	middle, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(middle)
	if err != nil {
		return ""
	}
	return string(payload)
}
