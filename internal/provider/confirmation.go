package provider

import (
	"crypto/sha256"
	"encoding/base64"
)

// Confirmation is what an access token says of the keys that it is bound to (cnf, RFC 7800 section 3.1): SHA-256
// thumbprints, base64url-encoded. If it has both, proof of both is needed.
type Confirmation struct {
	JKT     string // of the public key of a DPoP proof (RFC 9449 section 6.1)
	X5TS256 string // x5t#S256: of the client certificate of the TLS connection (RFC 8705 section 3.1)
}

// confirmation reads cnf. A way of binding that nobody here can check is an error: to ignore it would make of a bound
// token one that is good for anyone who stole it.
func confirmation(op string, claims Claims) (c Confirmation, err error) {
	if !document(claims).has("cnf") {
		return c, nil
	}
	members, _ := claims["cnf"].(map[string]any)
	for name, value := range members {
		thumbprint, _ := value.(string)
		if digest, err := base64.RawURLEncoding.Strict().DecodeString(thumbprint); err != nil || len(digest) != sha256.Size {
			return Confirmation{}, badToken(op, "confirmation", "cnf has %s, which is no SHA-256 thumbprint", excerpt(name))
		}
		switch name {
		case "jkt":
			c.JKT = thumbprint
		case "x5t#S256":
			c.X5TS256 = thumbprint
		default:
			return Confirmation{}, badToken(op, "confirmation", "cnf has %s, which cannot be checked", excerpt(name))
		}
	}
	if c == (Confirmation{}) {
		return c, badToken(op, "confirmation", "cnf does not say what the token is bound to")
	}
	return c, nil
}
