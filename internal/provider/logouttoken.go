package provider

import (
	"context"
	"errors"
	"time"
)

const (
	opLogoutToken = "logout token"

	maxLogoutToken = 16 << 10
	maxIdentifier  = 255 // bytes of sub, sid and jti
	logoutEvent    = "http://schemas.openid.net/event/backchannel-logout"

	// logoutLife is the longest accepted lifetime of a logout token, counted from its iat. OpenID Connect Back-Channel
	// Logout 1.0 section 4 recommends two minutes, and providers in use issue up to five.
	logoutLife = 10 * time.Minute
)

// ErrUntypedLogoutToken is the error for a logout token whose typ is only JWT or absent, which Config.LaxLogoutType
// accepts.
var ErrUntypedLogoutToken = errors.New("typ is JWT or missing, it must be logout+jwt")

// LogoutToken holds the claims of a verified logout token. Subject or SID may be empty, but not both.
type LogoutToken struct {
	Subject, SID string
	JTI          string // never empty; to be remembered until Expires plus the leeway
	IssuedAt     time.Time
	Expires      time.Time
}

// VerifyLogoutToken verifies a logout token completely (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6),
// except for the replay check: the caller must remember the jti. Beyond the specification, it requires an explicit typ
// and a short lifetime. An invalid token is ErrInvalidToken. If the keys cannot be fetched, the error is
// ErrUnavailable.
//
// Anyone can send a logout token, so the signature comes last: garbage costs neither cryptography nor a fetch, and
// tokens that name unknown keys cannot use up the forced key fetch of a sign-in. Only a client with
// encrypted ID tokens has to decrypt first, because its logout tokens are encrypted too (section 2.6, item 1).
func (p *Provider) VerifyLogoutToken(ctx context.Context, raw string) (*LogoutToken, error) {
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	raw, err := p.decrypt(opLogoutToken, raw, maxLogoutToken)
	if err != nil {
		return nil, err
	}
	header, err := p.checkHeader(opLogoutToken, raw, maxLogoutToken)
	if err != nil {
		return nil, err
	}
	if err := p.checkLogoutType(header); err != nil {
		return nil, err
	}
	claims, err := payload(opLogoutToken, raw, maxLogoutToken)
	if err != nil {
		return nil, err
	}
	token, err := p.checkLogoutClaims(claims)
	if err != nil {
		return nil, err
	}
	if _, err := p.verifySignature(ctx, opLogoutToken, raw, p.keys.renewUntrusted); err != nil {
		return nil, err
	}
	return token, nil
}

// checkLogoutType keeps tokens of another kind from being accepted as logout tokens (RFC 8725 section 3.11).
func (p *Provider) checkLogoutType(header map[string]any) error {
	typ, present := header["typ"]
	text, _ := typ.(string)
	kind := mediaType(text)
	untyped := !present || kind == "jwt"
	switch {
	case kind == typeFor(opLogoutToken), untyped && p.laxLogoutType:
		return nil
	case untyped:
		return badToken(opLogoutToken, "wrong_type", "%w", ErrUntypedLogoutToken)
	}
	return badToken(opLogoutToken, "wrong_type", "typ is %s, it must be logout+jwt", excerpt(text))
}

func (p *Provider) checkLogoutClaims(claims Claims) (*LogoutToken, error) {
	if err := p.checkIssuer(opLogoutToken, p.issuer, claims); err != nil {
		return nil, err
	}
	if err := p.checkAudience(opLogoutToken, claims); err != nil {
		return nil, err
	}
	if _, present := claims["nonce"]; present {
		return nil, badToken(opLogoutToken, "nonce", "an ID token is not a logout token")
	}
	events, _ := claims["events"].(map[string]any)
	if _, ok := events[logoutEvent].(map[string]any); !ok {
		return nil, badToken(opLogoutToken, "events", "events does not hold the logout event as an object")
	}
	sub, subOK := identifier(claims, "sub")
	sid, sidOK := identifier(claims, "sid")
	jti, jtiOK := identifier(claims, "jti")
	switch {
	case !subOK || !sidOK:
		return nil, badToken(opLogoutToken, "subject", "sub and sid must be strings of 1 to %d bytes", maxIdentifier)
	case sub == "" && sid == "":
		return nil, badToken(opLogoutToken, "subject", "both sub and sid are missing")
	case !jtiOK || jti == "":
		return nil, badToken(opLogoutToken, "jti", "jti is not a string of 1 to %d bytes", maxIdentifier)
	}
	times, err := p.checkTimes(opLogoutToken, claims)
	if err != nil {
		return nil, err
	}
	// A token with a long lifetime can be replayed for that long.
	if life := times.exp - times.iat; life <= 0 || life > logoutLife.Seconds() {
		return nil, badToken(opLogoutToken, "lifetime", "valid for %.15g s, at most %v are accepted", life, logoutLife)
	}
	return &LogoutToken{Subject: sub, SID: sid, JTI: jti, IssuedAt: instant(times.iat), Expires: instant(times.exp)}, nil
}

// identifier reads an optional member. It returns "" if the member is absent, and ok is false if it is present but
// unusable.
func identifier(claims Claims, name string) (text string, ok bool) {
	if claims[name] == nil {
		return "", true
	}
	text, _ = claims[name].(string)
	return text, text != "" && len(text) <= maxIdentifier
}

// instant converts a NumericDate that is near the current time.
func instant(seconds float64) time.Time {
	return time.UnixMilli(int64(seconds * 1000)).UTC()
}
