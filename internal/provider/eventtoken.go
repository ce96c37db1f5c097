package provider

import (
	"context"
	"slices"
	"time"
)

const (
	opEventToken = "security event token"

	maxEventToken = 64 << 10
)

// SecurityEvent is a verified security event token.
type SecurityEvent struct {
	Type        string // the URI of the event type
	JTI         string // never empty; to be remembered until Expires
	Transaction string // txn; "" if there is none
	Subject     EventSubject
	IssuedAt    time.Time
	Occurred    time.Time // when it happened, on the transmitter's clock: never later than IssuedAt
	Expires     time.Time // from then on the token is refused, because it is too old

	// Payload is the object of the event, with exact names, and numbers as json.Number.
	Payload Claims

	// Discard means that the subject has a member that the transmitter calls critical and that this receiver does not
	// understand: the event must have no effect (Shared Signals Framework section 3.6).
	Discard bool
}

// VerifyEventToken verifies a security event token completely (RFC 8417, Shared Signals Framework 1.0 section 4, CAEP
// 1.0), except for the replay check: the caller must remember the jti. An invalid token is ErrInvalidToken. If the
// configuration or the keys of the transmitter cannot be fetched, the error is ErrUnavailable.
//
// Anyone can send such a token, so the signature comes last: garbage costs neither cryptography nor a fetch, as with
// logout tokens.
func (t *Transmitter) VerifyEventToken(ctx context.Context, raw string) (*SecurityEvent, error) {
	ctx, cancel := context.WithTimeout(ctx, t.backend.limits.total())
	defer cancel()
	header, err := checkHeader(t.algs, opEventToken, raw, maxEventToken)
	if err != nil {
		return nil, err
	}
	// Explicit typing is what keeps all other tokens of the same issuer apart (Shared Signals Framework section 4.1.1).
	typ, _ := header["typ"].(string)
	if mediaType(typ) != typeFor(opEventToken) {
		return nil, badToken(opEventToken, "wrong_type", "typ is %s, it must be secevent+jwt", excerpt(typ))
	}
	claims, err := payload(opEventToken, raw, maxEventToken)
	if err != nil {
		return nil, err
	}
	event, err := t.checkEventClaims(claims)
	if err != nil {
		return nil, err
	}
	signers := signers{t.algs, &t.keys, func([]byte) func(string) bool { return t.owns }}
	if _, err := signers.verify(ctx, opEventToken, raw, t.keys.renewUntrusted); err != nil {
		return nil, err
	}
	metadata, err := t.metadata.get(ctx)
	if err != nil {
		return nil, err
	}
	event.Discard = event.Subject.hasUnknown(metadata.criticalMembers)
	return event, nil
}

// checkEventClaims checks the claims of the token. sub and exp must be absent, and so must nonce: it is one more way in
// which the token differs from all others (Shared Signals Framework section 4.1.3, RFC 8417 section 4).
func (t *Transmitter) checkEventClaims(claims Claims) (*SecurityEvent, error) {
	if claims["iss"] != t.issuer {
		return nil, badToken(opEventToken, "issuer", "%w", ErrIssuerMismatch)
	}
	if !t.isAudience(claims["aud"]) {
		return nil, badToken(opEventToken, "audience", "aud is not this receiver, or names another one")
	}
	for _, name := range []string{"sub", "exp", "nonce"} {
		if _, present := claims[name]; present {
			return nil, badToken(opEventToken, "forbidden_claim", "%s must not be present", name)
		}
	}
	jti, ok := identifier(claims, "jti")
	if !ok || jti == "" {
		return nil, badToken(opEventToken, "jti", "jti is not a string of 1 to %d bytes", maxIdentifier)
	}
	transaction, ok := identifier(claims, "txn")
	if !ok {
		return nil, badToken(opEventToken, "txn", "txn is not a string of 1 to %d bytes", maxIdentifier)
	}
	issued, err := t.checkEventAge(claims)
	if err != nil {
		return nil, err
	}
	subject, err := parseEventSubject(claims["sub_id"])
	if err != nil {
		return nil, badToken(opEventToken, "subject", "sub_id: %w", err)
	}
	event := &SecurityEvent{
		JTI: jti, Transaction: transaction, Subject: *subject, IssuedAt: issued, Expires: issued.Add(t.maxAge + t.tolerance),
	}
	return event, event.readPayload(claims["events"], t.tolerance)
}

// owns reports whether a key is the transmitter's: a key set of several issuers can say whose each key is.
func (t *Transmitter) owns(keyIssuer string) bool { return keyIssuer == "" || keyIssuer == t.issuer }

// isAudience accepts a token that is for this receiver and no other: another audience could receive it too and send it
// here.
func (t *Transmitter) isAudience(aud any) bool {
	audiences, isList := aud.([]any)
	if !isList {
		audiences = []any{aud}
	}
	foreign := func(one any) bool {
		text, _ := one.(string) // "" is no audience
		return !slices.Contains(t.audience, text)
	}
	return len(audiences) > 0 && !slices.ContainsFunc(audiences, foreign)
}

// checkEventAge returns iat. The token has no expiry, so its age is bounded here: a transmitter may deliver late, but
// what is older than any session concerns none, and a jti can be remembered for a limited time only.
func (t *Transmitter) checkEventAge(claims Claims) (time.Time, error) {
	now := float64(time.Now().UnixMilli()) / 1000
	iat, ok := seconds(claims["iat"])
	switch {
	case !ok:
		return time.Time{}, badToken(opEventToken, "bad_time", "iat is required, and must be between the years 1970 and 9999")
	case iat > now+t.tolerance.Seconds():
		return time.Time{}, clockSkew(opEventToken, "issued in the future", iat, now)
	case now-iat > (t.maxAge + t.tolerance).Seconds():
		return time.Time{}, badToken(opEventToken, "too_old", "issued %.15g s ago, accepted are %v", now-iat, t.maxAge)
	}
	return instant(iat), nil
}
