package fakeop

import "net/http"

// Misbehaviours of the response to a refresh. The sign-in is not affected. Those of the ID token correctly sign what
// they change, unless the name says otherwise.
const (
	RefreshInvalidIssuer       Misbehaviour = "refresh-token-invalid-issuer"  // ID token: another provider's issuer
	RefreshInvalidSub          Misbehaviour = "refresh-token-invalid-sub"     // ID token: for mallory
	RefreshInvalidAud          Misbehaviour = "refresh-token-invalid-aud"     // ID token: another client's id
	RefreshInvalidSig          Misbehaviour = "refresh-token-invalid-sig"     // ID token: one bit of the signature flipped
	RefreshSigNone             Misbehaviour = "refresh-token-sig-none"        // ID token: alg none, empty signature
	RefreshWithoutIDToken      Misbehaviour = "refresh-without-id-token"      // no ID token; valid (OIDC Core, 12.2)
	RefreshWithoutRefreshToken Misbehaviour = "refresh-without-refresh-token" // the old one stays; valid (RFC 6749, 6)
	RefreshTokenType           Misbehaviour = "refresh-token-type"            // token_type "mac"
	RefreshInvalidGrant        Misbehaviour = "refresh-invalid-grant"         // 400, spending nothing
	Refresh503                 Misbehaviour = "refresh-503"                   // 503 with Retry-After: 7, spending nothing
	RefreshSlow                Misbehaviour = "refresh-slow"                  // 504 after a minute, spending nothing
)

// Misbehaviours of the revocation endpoint. They revoke nothing.
const (
	Revocation503  Misbehaviour = "revocation-503"  // 503 with Retry-After: 7
	RevocationSlow Misbehaviour = "revocation-slow" // 504 after a minute
)

func (p *Provider) refreshMisbehaviours() map[Misbehaviour]hooks {
	withoutRefreshToken := remove(refreshAnswer, "refresh_token")
	withoutRefreshToken.keepRefreshToken = true
	return map[Misbehaviour]hooks{
		RefreshInvalidIssuer:       set(refreshedIDToken, "iss", stranger),
		RefreshInvalidSub:          set(refreshedIDToken, "sub", "mallory"),
		RefreshInvalidAud:          set(refreshedIDToken, "aud", "another-client"),
		RefreshInvalidSig:          signing(refreshedIDToken, signingKey.signBadly),
		RefreshSigNone:             signing(refreshedIDToken, signingKey.signNot),
		RefreshWithoutIDToken:      remove(refreshAnswer, "id_token"),
		RefreshWithoutRefreshToken: withoutRefreshToken,
		RefreshTokenType:           set(refreshAnswer, "token_type", "mac"),
		RefreshInvalidGrant:        answer(refusal(http.StatusBadRequest, "invalid_grant"), refreshAnswer),
		Refresh503:                 answer(unavailable, refreshAnswer),
		RefreshSlow:                answer(slow, refreshAnswer),

		Revocation503:  answer(unavailable, Revocation),
		RevocationSlow: answer(slow, Revocation),
	}
}
