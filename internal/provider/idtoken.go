package provider

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	opIDToken = "id token"

	maxIDToken = 256 << 10
	maxAge     = 2 * time.Hour // since iat
	maxSubject = 255
)

// Expect holds the values that an ID token must match.
type Expect struct {
	Nonce       string // that of the attempt; never empty
	MaxAge      int    // seconds requested by max_age, -1 if not requested
	AccessToken string // issued with the token; at_hash is checked if present
}

// VerifyIDToken verifies an ID token completely (OpenID Connect Core 1.0 section 3.1.3.7, RFC 8725) and returns its
// claims. An invalid token is ErrInvalidToken. If the keys cannot be fetched, the error is ErrUnavailable.
func (p *Provider) VerifyIDToken(ctx context.Context, raw string, want Expect) (Claims, error) {
	return p.verifyIDToken(ctx, raw, want.AccessToken, func(claims Claims) error { return p.checkClaims(claims, want) })
}

// verifyIDToken does what is common to all ID tokens. The caller's check applies the rules for the claims.
func (p *Provider) verifyIDToken(ctx context.Context, raw, accessToken string,
	check func(Claims) error) (Claims, error) {
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	raw, err := p.decrypt(opIDToken, raw, maxIDToken)
	if err != nil {
		return nil, err
	}
	return p.verifySignedIDToken(ctx, raw, accessToken, check)
}

// verifySignedIDToken is verifyIDToken without the decryption.
func (p *Provider) verifySignedIDToken(ctx context.Context, raw, accessToken string,
	check func(Claims) error) (Claims, error) {
	if err := p.checkKind(opIDToken, raw, maxIDToken); err != nil {
		return nil, err
	}
	signature := &signatureCheck{provider: p}
	verifier := oidc.NewVerifier(p.issuer, signature, &oidc.Config{
		ClientID:             p.clientID,
		SupportedSigningAlgs: p.algs,
		SkipExpiryCheck:      true,                 // go-oidc has no leeway; the times are checked below
		SkipIssuerCheck:      p.allowTenant != nil, // checkIssuer knows the tenants
	})
	token, err := verifier.Verify(ctx, raw)
	switch {
	case signature.err != nil: // go-oidc keeps only its text, so an outage would look like a forged token
		return nil, signature.err
	case err != nil:
		return nil, badToken(opIDToken, "rejected", "%w", quotedError{err})
	}
	if err := check(signature.claims); err != nil {
		return nil, err
	}
	if err := p.checkTenant(ctx, opIDToken, signature.claims); err != nil {
		return nil, err
	}
	if signature.claims["at_hash"] != nil {
		if err := token.VerifyAccessToken(accessToken); err != nil {
			return nil, badToken(opIDToken, "at_hash_mismatch", "the access token does not belong to the ID token")
		}
	}
	return signature.claims, nil
}

// signatureCheck is the oidc.KeySet for one token. It keeps what go-oidc drops: the kind of an error, and the payload
// as it was signed.
type signatureCheck struct {
	provider *Provider
	claims   Claims
	err      error
}

// VerifySignature implements oidc.KeySet.
func (s *signatureCheck) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	payload, err := s.verify(ctx, raw)
	s.err = err
	return payload, err
}

func (s *signatureCheck) verify(ctx context.Context, raw string) ([]byte, error) {
	payload, err := s.provider.verifySignature(ctx, opIDToken, raw, s.provider.keys.renew)
	if err != nil {
		return nil, err
	}
	// The strict decoder runs before go-oidc decodes the payload leniently.
	if s.claims, err = decodeObject(payload, maxIDToken); err != nil {
		return nil, badToken(opIDToken, "bad_payload", "%w", err)
	}
	return payload, nil
}

// checkHeader judges the text and the header alone, before any key is looked up. It accepts only the compact form of a
// JWS with one of the configured algorithms and without critical extensions. Keys and URLs in the header are never
// used, or an attacker could supply the key that verifies the token.
func (p *Provider) checkHeader(op, raw string, limit int) (header map[string]any, err error) {
	return checkHeader(p.algs, op, raw, limit)
}

func checkHeader(algs []string, op, raw string, limit int) (header map[string]any, err error) {
	switch {
	case len(raw) > limit:
		return nil, badToken(op, "too_large", "%d bytes", len(raw))
	case strings.Count(raw, ".") == 4:
		return nil, badToken(op, "encrypted", "the token is encrypted, and this client has no key for it")
	case strings.Count(raw, ".") != 2 || strings.IndexFunc(raw, notBase64URL) >= 0:
		return nil, badToken(op, "malformed", "not a JWS in compact form")
	}
	encoded, _, _ := strings.Cut(raw, ".")
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, badToken(op, "malformed", "the header is not base64url")
	}
	if header, err = decodeObject(decoded, limit); err != nil {
		return nil, badToken(op, "malformed", "header: %w", err)
	}
	alg, _ := header["alg"].(string)
	if !slices.Contains(algs, alg) {
		return nil, badToken(op, "algorithm", "signed with %s, allowed is %q", excerpt(alg), algs)
	}
	if _, present := header["crit"]; present {
		return nil, badToken(op, "critical_header", "the header names critical extensions")
	}
	if b64, present := header["b64"]; present && b64 != true {
		return nil, badToken(op, "unencoded_payload", "the payload is not encoded")
	}
	return header, nil
}

// payload reads the claims before the signature is checked. The signature covers this exact text, so the claims need
// not be read again afterwards.
func payload(op, raw string, limit int) (Claims, error) {
	return payloadBy(decodeObject, op, raw, limit)
}

func payloadBy(decode func([]byte, int) (map[string]any, error), op, raw string, limit int) (Claims, error) {
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		return nil, badToken(op, "malformed", "the payload is not base64url")
	}
	claims, err := decode(decoded, limit)
	if err != nil {
		return nil, badToken(op, "bad_payload", "%w", err)
	}
	return claims, nil
}

// checkKind is checkHeader for a token whose typ is optional.
func (p *Provider) checkKind(op, raw string, limit int) error {
	header, err := p.checkHeader(op, raw, limit)
	if err != nil {
		return err
	}
	return checkType(op, header)
}

// checkType refuses a token whose typ is that of another kind (RFC 8725 section 3.11), such as an access token (RFC
// 9068) or a logout token. The type of each such kind ends in +jwt. JWT and any other value name no kind.
func checkType(op string, header document) error {
	typ, err := header.text("typ")
	if kind := mediaType(typ); err != nil || strings.Contains(kind, "+jwt") && kind != typeFor(op) {
		return badToken(op, "wrong_type", "typ is %s", excerpt(fmt.Sprint(header["typ"])))
	}
	return nil
}

// typeFor returns the typ that is defined for a kind of token, or "" if there is none, as for ID tokens.
func typeFor(op string) string {
	switch op {
	case opLogoutToken:
		return "logout+jwt"
	case opResponse:
		return "oauth-authz-resp+jwt"
	case opEventToken:
		return "secevent+jwt"
	}
	return ""
}

// mediaType returns the typ of a JOSE header in its short form (RFC 7515 section 4.1.9).
func mediaType(typ string) string { return strings.TrimPrefix(strings.ToLower(typ), "application/") }

func notBase64URL(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// checkClaims checks the claims of a sign-in against its authorization request.
func (p *Provider) checkClaims(claims Claims, want Expect) error {
	if err := p.checkParties(claims); err != nil {
		return err
	}
	// A nonce of another attempt means that the token was replayed or injected.
	nonce, _ := claims["nonce"].(string)
	if want.Nonce == "" || subtle.ConstantTimeCompare([]byte(nonce), []byte(want.Nonce)) != 1 {
		return badToken(opIDToken, "nonce", "nonce is missing or of another attempt")
	}
	if p.ipsie {
		if err := checkIPSIEClaims(claims); err != nil {
			return err
		}
	}
	return p.checkAge(claims, want.MaxAge)
}

// checkParties checks what go-oidc leaves to its caller, with exact names and types: that the provider issued the
// token, as an ID token, for this client, about a user.
func (p *Provider) checkParties(claims Claims) error {
	if err := p.checkIssuer(opIDToken, p.issuer, claims); err != nil {
		return err
	}
	if err := p.checkAudience(opIDToken, claims); err != nil {
		return err
	}
	if p.ipsie {
		if err := checkIPSIEAudience(claims); err != nil {
			return err
		}
	}
	if _, present := claims["events"]; present {
		return badToken(opIDToken, "logout_token", "a logout token is not an ID token")
	}
	if sub, _ := claims["sub"].(string); !visible(sub) || len(sub) > maxSubject {
		return badToken(opIDToken, "subject", "sub is not a string of 1 to %d ASCII characters", maxSubject)
	}
	return nil
}

// checkAudience accepts a token issued for this client, and for no other that is not trusted: another audience could
// receive the token too and replay it here (OpenID Connect Core 1.0 section 3.1.3.7, items 3 to 5).
func (p *Provider) checkAudience(op string, claims Claims) error {
	audiences, isList := claims["aud"].([]any)
	if !isList {
		audiences = []any{claims["aud"]}
	}
	untrusted := func(aud any) bool {
		return aud != p.clientID && !slices.ContainsFunc(p.trusted, func(t string) bool { return aud == t })
	}
	if !slices.Contains(audiences, any(p.clientID)) || slices.ContainsFunc(audiences, untrusted) {
		return badToken(op, "audience", "aud is not this client, or names one that is not trusted")
	}
	if azp := claims["azp"]; azp != nil && azp != p.clientID {
		return badToken(op, "authorized_party", "azp is not this client")
	}
	return nil
}

// checkAge comes last: a token that matches our request was issued minutes ago, so a time that does not fit means clock
// skew.
func (p *Provider) checkAge(claims Claims, askedMaxAge int) error {
	times, err := p.checkTimes(opIDToken, claims)
	if err != nil {
		return err
	}
	now, tolerance := times.now, p.tolerance.Seconds()
	authTime, hasAuthTime := seconds(claims["auth_time"])
	switch _, isNumber := claims["auth_time"].(json.Number); {
	case now-times.iat > maxAge.Seconds():
		return clockSkew(opIDToken, "issued too long ago", times.iat, now)
	case isNumber && !hasAuthTime:
		return badToken(opIDToken, "bad_time", "auth_time is not between the years 1970 and 9999")
	}
	if askedMaxAge >= 0 && (!hasAuthTime || authTime > now+tolerance || now-authTime > float64(askedMaxAge)+tolerance) {
		return badToken(opIDToken, "auth_time", "max_age was requested, and auth_time is missing or too old")
	}
	return nil
}
