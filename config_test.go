package ginoidc_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
)

// TestNoSwitches: no setting turns off the validation of signature, nonce, issuer or audience. Case 311.
func TestNoSwitches(t *testing.T) {
	fields := reflect.VisibleFields(reflect.TypeFor[ginoidc.Config]())
	for _, field := range append(fields, reflect.VisibleFields(reflect.TypeFor[ginoidc.Provider]())...) {
		for _, word := range []string{"Insecure", "Unsafe", "Danger", "Disable", "NoVerify"} {
			if strings.Contains(field.Name, word) {
				t.Errorf("the field %s", field.Name)
			}
		}
		if strings.HasPrefix(field.Name, "Skip") && field.Name != "SkipUserInfo" {
			t.Errorf("the field %s", field.Name)
		}
	}
}
