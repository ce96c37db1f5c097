package claims_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

// TestObject: large ids keep all their digits, and what is not one JSON object is an error and not part of the claims.
func TestObject(t *testing.T) {
	for extra, want := range map[string]string{
		`{"id":9007199254740993,"on":true}`: "map[id:9007199254740993 on:true]",
		`{}`:                                "map[]",
		`null`:                              "map[]",
	} {
		if got, err := claims.Object(json.RawMessage(extra)); fmt.Sprint(got) != want || got == nil || err != nil {
			t.Errorf("%s: %v, %v", extra, got, err)
		}
	}
	for _, extra := range []string{"", "{", `{"a":1} {"b":2}`, `["a"]`, `"a"`} {
		if got, err := claims.Object(json.RawMessage(extra)); err == nil {
			t.Errorf("%s: %v", extra, got)
		}
	}
}
