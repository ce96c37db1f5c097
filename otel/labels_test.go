package ginoidcotel

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/seed-d65cea4d/ginoidc"
)

// TestVocabulary: words of the plugin pass, text of others does not, and there are never more than maxWords.
func TestVocabulary(t *testing.T) {
	var v vocabulary
	for s, want := range map[string]string{
		"sign_in_refused": "sign_in_refused", "at_hash_mismatch": "at_hash_mismatch",
		"fapi2_unsupported": "fapi2_unsupported",
		"":                  other, "Alice": other, "alice@example.com": other, "two words": other, "a-b": other, "7": other,
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": other,
	} {
		if got := v.admit(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
	different := map[string]bool{}
	for range 2 {
		for i := range 3 * maxWords {
			different[v.admit(fmt.Sprintf("word_%d", i))] = true
		}
	}
	if len(different) != maxWords-3+1 || v.admit("sign_in_refused") != "sign_in_refused" {
		t.Errorf("%d values in addition to 3", len(different))
	}
}

// TestResponse: a status of 400 and above is its own type of error, and a status that is none is left out.
func TestResponse(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		want   string
	}{
		{200, "", "[http.response.status_code=200]"},
		{302, "redirect", "[http.response.status_code=302 error.type=redirect]"},
		{400, "", "[http.response.status_code=400 error.type=400]"},
		{503, "provider_status", "[http.response.status_code=503 error.type=503]"},
		{0, "timeout", "[error.type=timeout]"},
		{0, "Something else", "[error.type=_OTHER]"},
		{999, "", "[]"},
	} {
		texts := []string{}
		l := newLabels(&ginoidc.Config{})
		for _, kv := range l.response([]attribute.KeyValue{}, ginoidc.ProviderCall{Status: test.status, Code: test.code}) {
			texts = append(texts, string(kv.Key)+"="+kv.Value.String())
		}
		if got := fmt.Sprint(texts); got != test.want {
			t.Errorf("%d %q: got %s, want %s", test.status, test.code, got, test.want)
		}
	}
}
