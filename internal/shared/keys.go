// Package shared defines how the plugin uses the state that the instances of an app share: under which keys, how values
// are sealed, and how requests take turns.
package shared

import (
	"crypto/sha256"
	"encoding/hex"
)

// The first byte of a key says what it is for.
const (
	KindSession     = 'e' // when a session was ended or updated
	KindUser        = 'u' // when the app ended the sessions of a user; also the key of their list
	KindProvider    = 'p' // when the provider ended sessions; also the key of the list of a sid
	KindAttempt     = 'a' // whether a sign-in attempt is used
	KindLogoutToken = 'j' // whether a logout token was used
	KindSignal      = 's' // whether a security event was received, and the lease to receive it
	KindUpdate      = 'w' // the lease to update a session
	KindUpdated     = 'n' // the cookies of a session after an update
	KindTokens      = 't' // the lease to refresh tokens, and the result
	KindCallback    = 'c' // the lease to redeem a code, and the response
	KindLabel       = 'b' // the label of a session
	KindStepUp      = 'g' // when the provider said that a user has to be authenticated again
	KindProof       = 'd' // whether a DPoP proof was used
	KindRecheck     = 'k' // the lease to read the user of a session again, and the result
	KindReplaced    = 'r' // the tokens of a session that a sign-in may replace
)

// HashSize is the size of a Hash in bytes.
const HashSize = 16

// KeySize is the length of a key.
const KeySize = 1 + 2*HashSize

// Hash stands for a name that must not appear in the state in plain text, such as a subject.
type Hash [HashSize]byte

// Audience is the app, as issuer and client. Apps that share one state have different hashes.
type Audience string

// Hash returns the hash of a name.
func (a Audience) Hash(name string) (h Hash) {
	var buffer [256]byte // on the stack: this runs on each request
	sum := sha256.Sum256(append(append(buffer[:0], a...), name...))
	copy(h[:], sum[:])
	return h
}

// Key returns the key of a kind for a hash.
func Key(kind byte, h Hash) string { return string(AppendKey(nil, kind, h)) }

// AppendKey appends [Key] to b.
func AppendKey(b []byte, kind byte, h Hash) []byte { return hex.AppendEncode(append(b, kind), h[:]) }
