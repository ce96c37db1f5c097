// Package dpopnonce makes the nonces that a resource server asks for in DPoP proofs (RFC 9449 section 9). A nonce is a
// sealed time, so every instance of an app accepts those of the others, and none is stored.
package dpopnonce

import (
	"strconv"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
)

const (
	life = 5 * time.Minute  // a proof that was made in advance, for a later request, is of no use after this time
	skew = 30 * time.Second // between the clocks of the instances

	place = "" // a nonce opens wherever it returns
)

// Issuer issues and checks nonces. It is safe for concurrent use.
type Issuer struct{ Seal *sealed.Text }

// New returns a nonce.
func (i Issuer) New() string { return i.Seal.Seal(strconv.FormatInt(time.Now().Unix(), 10), place) }

// Check reports whether the nonce was issued here in the last five minutes, and whether it is so old that the client
// should get another one with the response, before it expires (RFC 9449 section 8.2).
func (i Issuer) Check(nonce string) (ok, aging bool) {
	text, ok := i.Seal.Open(nonce, place)
	if !ok {
		return false, false
	}
	issued, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return false, false
	}
	age := time.Since(time.Unix(issued, 0))
	return age > -skew && age < life, age > life/2
}
