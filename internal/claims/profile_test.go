package claims_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

// validated returns claims as validation leaves them, with numbers as they are written.
func validated(t *testing.T, text string) map[string]any {
	t.Helper()
	object, err := claims.Object(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// TestProfile: what each source says of a user, and what is left for Extra.
func TestProfile(t *testing.T) {
	shape := claims.Shape{
		Groups:        claims.Place{Name: "roles", Path: []string{"realm_access", "roles"}},
		Organizations: claims.Place{Name: "org_id"}, Prefix: "corp:",
	}
	for name, tt := range map[string]struct {
		idToken, userInfo string
		want              claims.Profile
	}{
		"nothing": {"{}", "{}", claims.Profile{}},
		"all claims of the ID token": {
			`{"iss":"i","sub":"s","name":"n","preferred_username":"p","email":"e","picture":"u","email_verified":true,
				"acr":"gold","amr":["pwd","otp"],"realm_access":{"roles":["b","a"]},"org_id":"o"}`, "{}",
			claims.Profile{
				Issuer: "i", Subject: "s", Name: "n", PreferredUsername: "p", Email: "e", Picture: "u", EmailVerified: true,
				ACR: "gold", AMR: []string{"pwd", "otp"}, Groups: []string{"corp:a", "corp:b"}, Organizations: []string{"corp:o"},
				Extra: json.RawMessage(`{"realm_access":{}}`),
			},
		},
		"the ID token takes precedence": {
			`{"sub":"s","name":"n"}`, `{"name":"other","picture":"u"}`,
			claims.Profile{Subject: "s", Name: "n", Picture: "u"},
		},
		"null is absent": {`{"name":null}`, `{"name":"n"}`, claims.Profile{Name: "n"}},
		"userinfo does not identify": {
			`{}`, `{"iss":"i","sub":"s","acr":"gold","amr":["pwd"]}`,
			claims.Profile{Extra: json.RawMessage(`{"amr":["pwd"]}`)},
		},
		"an address is verified by its own source": {
			`{"email":"a"}`, `{"email":"b","email_verified":true}`, claims.Profile{Email: "a"},
		},
		"userinfo's address is not verified by the ID token": {
			`{"email_verified":true}`, `{"email":"b"}`, claims.Profile{Email: "b"},
		},
		"no address is verified":             {`{"email_verified":true}`, `{}`, claims.Profile{}},
		"no address of userinfo is verified": {`{}`, `{"email_verified":true}`, claims.Profile{}},
		"groups of one source": {
			`{"realm_access":{"roles":[]}}`, `{"realm_access":{"roles":["a"]}}`,
			claims.Profile{Extra: json.RawMessage(`{"realm_access":{}}`)},
		},
		"groups left out": {`{"hasgroups":true}`, `{}`, claims.Profile{GroupsOverage: true}},
		"the rest": {
			`{"nonce":"n","exp":1,"realm_access":{"roles":[],"x":1},"n":12345678901234567890}`,
			`{"app":{"a":[1]},"empty":null,"sid":"s"}`,
			claims.Profile{Extra: json.RawMessage(`{"app":{"a":[1]},"n":12345678901234567890,"realm_access":{"x":1}}`)},
		},
		"a number that nothing can decode": {`{"n":1e999,"o":{"p":[1e999]},"q":1}`, `{}`,
			claims.Profile{Extra: json.RawMessage(`{"q":1}`)}},
	} {
		got := shape.Profile(validated(t, tt.idToken), validated(t, tt.userInfo))
		if len(got.Groups) == 0 {
			got.Groups = nil
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, tt.want)
		}
	}
}

// TestClaimsOfProfile: the claims are those that the profile was made of, where the provider put them. Each field
// stands above a member of Extra with its name, which the app may have written.
func TestClaimsOfProfile(t *testing.T) {
	elsewhere := &claims.Shape{
		Groups:        claims.Place{Name: "roles", Path: []string{"realm_access", "roles"}},
		Organizations: claims.Place{Name: "org_id"},
	}
	whole := claims.Profile{
		Issuer: "i", Subject: "s", Name: "n", Email: "e", Groups: []string{"a"}, Organizations: []string{"o"},
		AuthTime: time.Unix(7, 0), ACR: "gold", AMR: []string{"pwd"}, Act: map[string]any{"sub": "b"},
		Extra: json.RawMessage(`{"sub":"forged","x":12345678901234567890,"realm_access":{"y":1}}`),
	}
	for name, tt := range map[string]struct {
		shape *claims.Shape
		p     claims.Profile
		want  string
	}{
		"nothing": {nil, claims.Profile{}, `{"iss":"","sub":""}`},
		"without a shape": {nil, whole, `{"iss":"i","sub":"s","name":"n","email":"e","email_verified":false,"auth_time":7,
			"acr":"gold","amr":["pwd"],"act":{"sub":"b"},"x":12345678901234567890,"realm_access":{"y":1},"groups":["a"],
			"organizations":["o"]}`},
		"with a shape": {elsewhere, whole, `{"iss":"i","sub":"s","name":"n","email":"e","email_verified":false,"auth_time":7,
			"acr":"gold","amr":["pwd"],"act":{"sub":"b"},"x":12345678901234567890,"realm_access":{"y":1,"roles":["a"]},
			"org_id":["o"]}`},
	} {
		all, err := tt.shape.Claims(tt.p)
		text, _ := json.Marshal(all)
		if err != nil || !reflect.DeepEqual(validated(t, string(text)), validated(t, tt.want)) {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
	if _, err := elsewhere.Claims(claims.Profile{Extra: json.RawMessage("{")}); err == nil {
		t.Error("Extra that is not JSON")
	}
}
