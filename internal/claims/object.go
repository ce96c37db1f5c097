package claims

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Object decodes the further claims of a user. It keeps numbers as they are written, because a float64 would change
// large ids.
func Object(extra json.RawMessage) (claims map[string]any, err error) {
	if !json.Valid(extra) { // the decoder would stop before what follows
		return nil, errors.New("ginoidc: further claims: not JSON")
	}
	decoder := json.NewDecoder(bytes.NewReader(extra))
	decoder.UseNumber()
	if err := decoder.Decode(&claims); err != nil {
		return nil, fmt.Errorf("ginoidc: further claims: %w", err)
	}
	if claims == nil { // null
		claims = map[string]any{}
	}
	return claims, nil
}
