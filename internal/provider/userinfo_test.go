package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

func TestUserInfo(t *testing.T) {
	body := func(text string) http.HandlerFunc { return textAnswer(200, "application/json", text) }
	tests := []struct {
		name   string
		script http.HandlerFunc
		kind   provider.Kind
		code   string
	}{
		{name: "good", script: body(`{"sub":"alice","groups":["a"]}`)},
		{name: "with a charset", script: textAnswer(200, "application/json;charset=UTF-8", `{"sub":"alice","groups":["a"]}`)},

		{"another subject", body(`{"sub":"bob","groups":["a"]}`), provider.Refused, "subject_mismatch"},
		{"subject in other case", body(`{"sub":"Alice"}`), provider.Refused, "subject_mismatch"}, // case 100
		{"no subject", body(`{"groups":["a"]}`), provider.Refused, "subject_mismatch"},
		{"subject by another name", body(`{"SUB":"alice"}`), provider.Refused, "subject_mismatch"}, // case 95
		{"subject a list", body(`{"sub":["alice"]}`), provider.Refused, "subject_mismatch"},

		{"twins", body(`{"sub":"alice","SUB":"bob"}`), provider.Invalid, "bad_answer"}, // case 95
		{"duplicate", body(`{"sub":"alice","sub":"alice"}`), provider.Invalid, "bad_answer"},
		// case 104
		{"null", body(`null`), provider.Invalid, "bad_answer"},
		{"array", body(`[]`), provider.Invalid, "bad_answer"},
		{"cut", body(`{"sub":"alice"`), provider.Invalid, "bad_answer"},
		{"HTML", textAnswer(200, "text/html", `{"sub":"alice"}`), provider.Invalid, "bad_content_type"},
		{"too large", body(`{"sub":"alice","x":"` + strings.Repeat("x", 1<<20) + `"}`), provider.Invalid, "body_too_large"},
		{"signed", textAnswer(200, "application/jwt", `x.y.z`), provider.Invalid, "signed_userinfo"}, // case 105
		{"204", textAnswer(204, "application/json", ``), provider.Invalid, "provider_status"},
		// case 106
		{"401", textAnswer(401, "application/json", `{"sub":"alice"}`), provider.Invalid, "provider_status"},
		{"403", textAnswer(403, "application/json", `{"sub":"alice"}`), provider.Invalid, "provider_status"},
		{"500", textAnswer(500, "application/json", `{"sub":"alice"}`), provider.Unavailable, "provider_status"},
		{"redirect", redirect(302), provider.Invalid, "redirect"}, // case 107
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(userinfoPath, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer at" {
					t.Errorf("%s with %q", r.Method, r.Header.Get("Authorization"))
				}
				test.script(w, r)
			})
			claims, err := op.client().UserInfo(t.Context(), "at", "alice")
			if op.count("/elsewhere") != 0 {
				t.Error("the redirect was followed")
			}
			if test.kind == 0 {
				if err != nil || claims["sub"] != "alice" || len(claims) != 2 {
					t.Errorf("%v, %v", claims, err)
				}
				return
			}
			if test.kind == provider.Refused {
				wantBadToken(t, err, test.code)
			} else {
				wantError(t, err, test.kind, test.code)
			}
			if claims != nil {
				t.Errorf("%v beside the error", claims)
			}
		})
	}
	op := newOP(t)
	op.serve(userinfoPath, body(`{"sub":""}`))
	_, err := op.client().UserInfo(t.Context(), "at", "")
	wantBadToken(t, err, "subject_mismatch")
	op.serve(discoveryPath, document(object{"userinfo_endpoint": nil}))
	if claims, err := op.client().UserInfo(t.Context(), "at", "alice"); claims != nil || err != nil {
		t.Errorf("without an endpoint: %v, %v", claims, err)
	}
}
