// Package sealed seals texts that leave the process and come back: in a URL, in a cookie, or in the state that
// instances share.
package sealed

import (
	"fmt"

	"github.com/seed-d65cea4d/ginoidc/internal/seal"
)

// maxText is the largest number of bytes that are opened: anyone can request this work.
const maxText = 32 << 10

// Text seals the texts of one purpose of one app. It is safe for concurrent use.
type Text struct {
	ring     *seal.Ring
	audience string
}

// New returns a Text. Each purpose has its own keys, so that a text of one kind never passes for another. The first
// secret seals, all of them open. Texts of another audience do not open, even with the same secrets.
func New(purpose string, secrets []string, audience string) (*Text, error) {
	ring, err := seal.NewRing("ginoidc/"+purpose, secrets)
	if err != nil {
		return nil, fmt.Errorf("sealed: %w", err)
	}
	return &Text{ring, audience}, nil
}

// Seal returns a text that only the app can have made and only the app can read. It opens only at its place, such as
// the key under which it is stored, so that an attacker who can write to the store cannot move it.
func (t *Text) Seal(text, place string) string { return t.ring.Seal([]byte(text), t.bound(place)) }

// Open reverses Seal.
func (t *Text) Open(sealed, place string) (text string, ok bool) {
	if len(sealed) > maxText {
		return "", false
	}
	plaintext, _, ok := t.ring.Open(sealed, t.bound(place))
	return string(plaintext), ok
}

// bound ends in the audience, so that no two combinations are equal, whatever place is.
func (t *Text) bound(place string) []byte { return []byte(place + "\x00" + t.audience) }
