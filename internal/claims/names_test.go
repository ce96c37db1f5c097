package claims_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

func TestNames(t *testing.T) {
	for _, test := range []struct {
		name, value string
		place       claims.Place
		want        []string
	}{
		// A string is one name, unless the format says otherwise.
		{"string", `"a b,c"`, claims.Place{Format: claims.FormatList}, []string{"a b,c"}},
		{"string, no format", `"a b,c"`, claims.Place{}, []string{"a b,c"}},
		{"string of keys", `"a"`, claims.Place{Format: claims.FormatKeys}, []string{"a"}},
		{"empty string", `""`, claims.Place{Format: claims.FormatList}, nil},
		{"separated by blanks", `" a\tb\n a\r\n"`, claims.Place{Format: claims.FormatSeparated}, []string{"a", "b"}},
		{"separated by commas", `"b c, a ,,b c,"`, claims.Place{Format: claims.FormatSeparated}, []string{"a", "b c"}},
		{"no-break space", `"a\u00a0b"`, claims.Place{Format: claims.FormatSeparated}, []string{"a\u00a0b"}},
		{"only separators", `" , ,"`, claims.Place{Format: claims.FormatSeparated}, nil},

		// The elements of a list are names as they are.
		{"list", `["b"," a,c ","b",""]`, claims.Place{Format: claims.FormatList}, []string{" a,c ", "b"}},
		{"list in another format", `["b a","c,d"]`, claims.Place{Format: claims.FormatSeparated}, []string{"b a", "c,d"}},
		{"odd elements", `[1,null,true,["x"],{"name":1},"a"]`, claims.Place{Format: claims.FormatList}, []string{"a"}},
		{"empty list", `[]`, claims.Place{Format: claims.FormatList}, nil},

		// An object in a list is known by its id, a group by its name too.
		{"objects", `[{"id":"7","name":"staff"},{"name":"a"}]`, claims.Place{}, []string{"7", "a"}},
		{"objects with names", `[{"id":"7","name":"staff"}]`, claims.Place{WithNames: true}, []string{"7", "staff"}},
		{"number as id", `[{"id":7,"name":"staff"}]`, claims.Place{WithNames: true}, nil},
		{"empty id", `[{"id":"","name":"staff"}]`, claims.Place{}, nil},
		{"null as id", `[{"id":null,"name":"staff"}]`, claims.Place{}, []string{"staff"}},
		{"one object", `{"id":"7","name":"staff"}`, claims.Place{}, []string{"7"}},

		// The members of an object are names only if the format says so.
		{"members", `{"b":{},"a":[],"c":true,"":true}`, claims.Place{Format: claims.FormatKeys}, []string{"a", "b", "c"}},
		{"members that may not apply", `{"a":null,"b":false,"c":0,"d":1,"e":"yes","f":""}`,
			claims.Place{Format: claims.FormatKeys}, nil},
		{"members, another format", `{"a":true,"b":{}}`, claims.Place{Format: claims.FormatList, WithNames: true}, nil},

		{"number", `1`, claims.Place{}, nil},
		{"true", `true`, claims.Place{Format: claims.FormatKeys}, nil},
		{"null", `null`, claims.Place{}, nil},
	} {
		if got := test.place.Names(decoded(t, test.value)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %s as %q has the names %q, want %q", test.name, test.value, test.place.Format, got, test.want)
		}
	}
}

// TestNormalized: the list of the caller stays as it is.
func TestNormalized(t *testing.T) {
	names := []string{"b", "", "a", "b"}
	if got := claims.Normalized(names); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("Normalized: %q", got)
	}
	if !slices.Equal(names, []string{"b", "", "a", "b"}) {
		t.Errorf("Normalized changed the list to %q", names)
	}
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	o, ok := decoded(t, text).(map[string]any)
	if !ok {
		t.Fatalf("%s is not an object", text)
	}
	return o
}
