package provider

import (
	"crypto/sha256"
	"encoding/base64"
)

// Confirmation identifies the keys that an access token is bound to (cnf, RFC 7800 section 3.1), by SHA-256
// thumbprints in base64url. If both are set, proof of both is required.
type Confirmation struct {
	JKT     string // thumbprint of the DPoP key (RFC 9449 section 6.1)
	X5TS256 string // x5t#S256, thumbprint of the TLS client certificate (RFC 8705 section 3.1)
}

// confirmation reads cnf. An unsupported confirmation method is an error: to ignore it would turn a bound token into
// a bearer token.
func confirmation(op string, claims Claims) (c Confirmation, err error) {
	if !document(claims).has("cnf") {
		return c, nil
	}
	members, _ := claims["cnf"].(map[string]any)
	for name, value := range members {
		thumbprint, _ := value.(string)
		if digest, err := base64.RawURLEncoding.Strict().DecodeString(thumbprint); err != nil || len(digest) != sha256.Size {
			return Confirmation{}, badToken(op, "confirmation", "%s in cnf is not a SHA-256 thumbprint", excerpt(name))
		}
		switch name {
		case "jkt":
			c.JKT = thumbprint
		case "x5t#S256":
			c.X5TS256 = thumbprint
		default:
			return Confirmation{}, badToken(op, "confirmation", "%s in cnf is not supported", excerpt(name))
		}
	}
	if c == (Confirmation{}) {
		return c, badToken(op, "confirmation", "cnf identifies no key")
	}
	return c, nil
}
