// Package attempt keeps sign-in attempts between the redirect to the provider and the authorization response. Each
// attempt is one sealed cookie, so that parallel tabs do not interfere, a response is accepted only in the browser that
// started the attempt, and anonymous visitors cost the server no memory.
package attempt

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// Max is the number of attempts that one browser keeps. A further one drops the oldest.
const Max = 5

const (
	version    = 1
	secretSize = 32 // 256 random bits: a state, nonce or verifier cannot be guessed
	headerSize = 1 + 3*secretSize + 8 + 1

	flagSilent   = 1 << 0
	flagReplaces = 1 << 1
	flagSignOut  = 1 << 2
	flagAgain    = 1 << 3
	flagReplaced = 1 << 4
	flagProvider = 1 << 5
	flagLink     = 1 << 6
	flagRemember = 1 << 7 // the last: another one needs another version
)

// Attempt holds what is needed again when the provider responds.
type Attempt struct {
	State    string // RFC 6749 section 10.12: ties the response to this browser
	Nonce    string // OpenID Connect Core section 3.1.2.1: ties the ID token to this attempt
	Verifier string // RFC 7636 section 4.1: ties the code to this attempt; 43 characters

	Started time.Time // UTC
	Purpose
}

// Purpose is what an attempt was started for. It is sealed, so that nobody else can choose any part of it.
type Purpose struct {
	ReturnTo  string   // where the user goes afterwards
	AppState  string   // the app's own
	ACRValues string   // requested with acr_values, "" for none
	MaxAge    int      // seconds requested with max_age, -1 for none
	Silent    bool     // not requested by the user, so its failure is not an error
	SignOut   bool     // a sign-out at the provider: its state completes no sign-in, and no sign-in's state completes it
	Again     bool     // the session of the previous sign-in did not open
	Remember  bool     // the user wants to stay signed in after the browser is closed
	Replaces  [16]byte // the session that the sign-in replaces; zero: whichever the callback request carries
	Replaced  string   // the subject of that session
	Provider  string   // the name of the provider that has to respond, "" for the only one
	Link      bool     // the sign-in does not replace the session but adds an account to its user
}

func newAttempt(p Purpose) *Attempt {
	p.MaxAge = max(p.MaxAge, -1)
	var secrets [3][secretSize]byte
	for i := range secrets {
		rand.Read(secrets[i][:]) // never fails
	}
	return &Attempt{
		State: encodeSecret(secrets[0][:]), Nonce: encodeSecret(secrets[1][:]), Verifier: encodeSecret(secrets[2][:]),
		Started: time.Now().UTC().Round(0), Purpose: p,
	}
}

func encodeSecret(b []byte) string {
	var text [(secretSize*8 + 5) / 6]byte
	base64.RawURLEncoding.Encode(text[:], b)
	return string(text[:])
}

// decodeSecret decodes a secret. It also serves as the syntax check of a state, before any other work is done with it.
func decodeSecret(text string) (b [secretSize]byte, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(secretSize) {
		return b, false
	}
	n, err := base64.RawURLEncoding.Decode(b[:], []byte(text))
	return b, err == nil && n == secretSize
}

// encode writes version (1 byte) ‖ state (32) ‖ nonce (32) ‖ verifier (32) ‖ started (8, Unix nanoseconds) ‖ flags (1)
// ‖ replaced session (16, if flagged) ‖ its user (text, if flagged) ‖ provider (text, if flagged) ‖ max age (varint) ‖
// app's state ‖ acr values ‖ return target, the texts before the last with their lengths (uvarint).
func (a *Attempt) encode() []byte {
	texts := len(a.Replaced) + len(a.Provider) + len(a.AppState) + len(a.ACRValues) + len(a.ReturnTo)
	b := make([]byte, 0, headerSize+len(a.Replaces)+5*binary.MaxVarintLen64+texts)
	b = append(b, version)
	for _, text := range []string{a.State, a.Nonce, a.Verifier} {
		secret, _ := decodeSecret(text)
		b = append(b, secret[:]...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(a.Started.UnixNano()))
	b = append(b, a.flags())
	if a.Replaces != [16]byte{} {
		b = append(b, a.Replaces[:]...)
	}
	if a.Replaced != "" {
		b = wire.AppendText(b, a.Replaced)
	}
	if a.Provider != "" {
		b = wire.AppendText(b, a.Provider)
	}
	b = binary.AppendVarint(b, int64(a.MaxAge))
	b = wire.AppendText(wire.AppendText(b, a.AppState), a.ACRValues)
	return append(b, a.ReturnTo...)
}

func (a *Attempt) flags() (flags byte) {
	for i, is := range [...]bool{
		a.Silent, a.Replaces != [16]byte{}, a.SignOut, a.Again, a.Replaced != "", a.Provider != "", a.Link, a.Remember,
	} {
		if is {
			flags |= 1 << i
		}
	}
	return flags
}

// decode reverses encode. ok is false if another version wrote b.
func decode(b []byte) (a *Attempt, ok bool) {
	r := wire.NewReader(b)
	if r.Byte() != version {
		return nil, false
	}
	a = &Attempt{}
	for _, secret := range []*string{&a.State, &a.Nonce, &a.Verifier} {
		*secret = encodeSecret(r.Bytes(secretSize))
	}
	a.Started = time.Unix(0, int64(r.Uint64())).UTC()
	flags := r.Byte()
	a.Silent, a.SignOut, a.Again = flags&flagSilent != 0, flags&flagSignOut != 0, flags&flagAgain != 0
	a.Link, a.Remember = flags&flagLink != 0, flags&flagRemember != 0
	if flags&flagReplaces != 0 {
		if copy(a.Replaces[:], r.Bytes(len(a.Replaces))); a.Replaces == [16]byte{} {
			return nil, false
		}
	}
	if flags&flagReplaced != 0 {
		if a.Replaced = r.Text(); a.Replaced == "" {
			return nil, false
		}
	}
	if flags&flagProvider != 0 {
		if a.Provider = r.Text(); a.Provider == "" {
			return nil, false
		}
	}
	a.MaxAge = int(r.Varint())
	a.AppState, a.ACRValues, a.ReturnTo = r.Text(), r.Text(), string(r.Rest())
	if r.Failed() {
		return nil, false
	}
	return a, true
}
