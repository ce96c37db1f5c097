// Package attempt keeps sign-in attempts between the redirect to the provider and its answer. Each is
// one sealed cookie, so that parallel tabs do not disturb each other, an answer is only taken in the
// browser that asked for it, and anonymous visitors cost the server no memory.
package attempt

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"
)

const (
	// Life is how long the user has for the sign-in at the provider.
	Life = 10 * time.Minute

	// Max is how many attempts one browser keeps; a further one drops the oldest.
	Max = 5
)

const (
	version    = 1
	secretSize = 32 // 256 random bits: nobody guesses a state, a nonce or a verifier
	headerSize = 1 + 3*secretSize + 8
)

// Attempt is what has to be known again when the provider answers.
type Attempt struct {
	State    string // RFC 6749 section 10.12: ties the answer to this browser
	Nonce    string // OpenID Connect Core section 3.1.2.1: ties the ID token to this attempt
	Verifier string // RFC 7636 section 4.1: ties the code to this attempt; 43 characters

	ReturnTo string    // where the user goes afterwards; sealed, so that nobody else chooses it
	AppState string    // the app's own, sealed like the rest
	MaxAge   int       // seconds asked for with max_age, -1 when it was not
	Started  time.Time // UTC
}

func newAttempt(returnTo string, maxAge int, appState string) *Attempt {
	return &Attempt{
		State:    newSecret(),
		Nonce:    newSecret(),
		Verifier: newSecret(),
		ReturnTo: returnTo,
		AppState: appState,
		MaxAge:   max(maxAge, -1),
		Started:  time.Now().UTC().Round(0),
	}
}

func (a *Attempt) expired() bool {
	return time.Since(a.Started) > Life
}

func newSecret() string {
	var b [secretSize]byte
	rand.Read(b[:]) // never fails
	return encodeSecret(b[:])
}

func encodeSecret(b []byte) string {
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeSecret is the check of form of a state too, to be made before any other work with it.
func decodeSecret(text string) (b [secretSize]byte, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(secretSize) {
		return b, false
	}
	n, err := base64.RawURLEncoding.Decode(b[:], []byte(text))
	return b, err == nil && n == secretSize
}

// encode writes version (1 byte) ‖ state (32) ‖ nonce (32) ‖ verifier (32) ‖ started (8, Unix
// nanoseconds) ‖ max age (varint) ‖ length of the app's state (uvarint) ‖ app's state ‖ return target.
func (a *Attempt) encode() []byte {
	b := make([]byte, 0, headerSize+2*binary.MaxVarintLen64+len(a.AppState)+len(a.ReturnTo))
	b = append(b, version)
	for _, text := range []string{a.State, a.Nonce, a.Verifier} {
		secret, _ := decodeSecret(text)
		b = append(b, secret[:]...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(a.Started.UnixNano()))
	b = binary.AppendVarint(b, int64(a.MaxAge))
	b = binary.AppendUvarint(b, uint64(len(a.AppState)))
	b = append(b, a.AppState...)
	return append(b, a.ReturnTo...)
}

// decode reverses encode. ok is false when another build wrote it.
func decode(b []byte) (a *Attempt, ok bool) {
	if len(b) < headerSize || b[0] != version {
		return nil, false
	}
	secrets, rest := b[1:], b[headerSize:]
	maxAge, n := binary.Varint(rest)
	if n <= 0 {
		return nil, false
	}
	rest = rest[n:]
	size, n := binary.Uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) {
		return nil, false
	}
	rest = rest[n:]
	return &Attempt{
		State:    encodeSecret(secrets[:secretSize]),
		Nonce:    encodeSecret(secrets[secretSize : 2*secretSize]),
		Verifier: encodeSecret(secrets[2*secretSize : 3*secretSize]),
		Started:  time.Unix(0, int64(binary.BigEndian.Uint64(secrets[3*secretSize:]))).UTC(),
		MaxAge:   int(maxAge),
		AppState: string(rest[:size]),
		ReturnTo: string(rest[size:]),
	}, true
}
