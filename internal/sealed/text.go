// Package sealed seals texts that leave the process and come back: in a URL, in a cookie, in the state that instances
// share.
package sealed

import (
	"fmt"

	"github.com/seed-d65cea4d/ginoidc/internal/seal"
)

// maxText is how many bytes are opened at most: opening is work that anybody can ask for.
const maxText = 32 << 10

// Text seals the texts of one purpose of one app. It is safe for concurrent use.
type Text struct {
	ring     *seal.Ring
	audience string
}

// New returns a Text. Each purpose has keys of its own, so that no text passes for one of another kind. The first of
// the secrets seals, all of them open. Texts of another audience do not open, although it may have the same secrets.
func New(purpose string, secrets []string, audience string) (*Text, error) {
	ring, err := seal.NewRing("ginoidc/"+purpose, secrets)
	if err != nil {
		return nil, fmt.Errorf("sealed: %w", err)
	}
	return &Text{ring, audience}, nil
}

// Seal makes a text that nobody but the app can have made, or read. It opens at its place alone, such as the key under
// which it lies, so that whoever can write there cannot move it to another.
func (t *Text) Seal(text, place string) string { return t.ring.Seal([]byte(text), t.bound(place)) }

// Open reverses Seal.
func (t *Text) Open(sealed, place string) (text string, ok bool) {
	if len(sealed) > maxText {
		return "", false
	}
	plaintext, _, ok := t.ring.Open(sealed, t.bound(place))
	return string(plaintext), ok
}

// bound ends in the audience: whatever is in a place, no two of them read alike.
func (t *Text) bound(place string) []byte { return []byte(place + "\x00" + t.audience) }
