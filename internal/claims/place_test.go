package claims_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

func TestFind(t *testing.T) {
	dotted := claims.Place{Name: "realm_access.roles"}
	url := claims.Place{Name: "https://app.example.com/groups"}
	for _, test := range []struct {
		place  claims.Place
		claims string
		want   any
		at     []string
	}{
		{claims.Place{Name: "groups"}, `{"groups":"a"}`, "a", []string{"groups"}},
		{claims.Place{Name: "groups"}, `{"groups":null}`, nil, nil},
		{claims.Place{Name: "groups"}, `{"Groups":"a"}`, nil, nil},
		{claims.Place{Name: "groups"}, `{"groups":""}`, "", []string{"groups"}},

		{url, `{"https://app.example.com/groups":"a"}`, "a", []string{"https://app.example.com/groups"}},
		{dotted, `{"realm_access":{"roles":"a"}}`, "a", []string{"realm_access", "roles"}},
		{dotted, `{"realm_access":{"roles":"a"},"realm_access.roles":"b"}`, "b", []string{"realm_access.roles"}},
		{dotted, `{"realm_access":{"roles":"a"},"realm_access.roles":null}`, "a", []string{"realm_access", "roles"}},
		{dotted, `{"realm_access":"roles"}`, nil, nil},
		{dotted, `{"realm_access":null}`, nil, nil},
		{dotted, `{"realm_access":[{"roles":"a"}]}`, nil, nil},

		{claims.Place{Path: []string{"a.b", "c"}}, `{"a.b":{"c":"x"}}`, "x", []string{"a.b", "c"}},
		{claims.Place{Path: []string{"a.b", "c"}}, `{"a":{"b":{"c":"x"}},"a.b.c":"x"}`, nil, nil},
		{claims.Place{Name: "groups", Path: []string{"a"}}, `{"groups":"x"}`, nil, nil},
	} {
		value, at := test.place.Find(object(t, test.claims))
		if value != test.want || !slices.Equal(at, test.at) {
			t.Errorf("%+v in %s: %v at %q, want %v at %q", test.place, test.claims, value, at, test.want, test.at)
		}
	}
	if value, at := dotted.Find(nil); value != nil || at != nil {
		t.Errorf("without claims: %v at %q", value, at)
	}
}

// TestTakeOutAndRestore: what is left without the claim, and that the names return to where they were.
func TestTakeOutAndRestore(t *testing.T) {
	dotted := claims.Place{Name: "a.b"}
	for _, test := range []struct {
		name                    string
		place                   claims.Place
		claims, taken, restored string
	}{
		{"plain", claims.Place{Name: "groups"}, `{"groups":["x"],"n":1}`, `{"n":1}`, `{"groups":["x"],"n":1}`},
		{"literal", dotted, `{"a.b":["x"],"n":1}`, `{"n":1}`, `{"a.b":["x"],"n":1}`},
		{"dotted", dotted, `{"a":{"b":["x"],"c":1}}`, `{"a":{"b":null,"c":1}}`, `{"a":{"b":["x"],"c":1}}`},
		{"both", dotted, `{"a.b":["x"],"a":{"b":["y"],"c":1}}`, `{"a":{"c":1}}`, `{"a.b":["x"],"a":{"c":1}}`},
		{"a literal null", dotted, `{"a.b":null,"a":{"b":["x"]}}`, `{"a":{"b":null}}`, `{"a":{"b":["x"]}}`},
		{"explicit", claims.Place{Path: []string{"a", "b.c"}}, `{"a":{"b.c":["x"]}}`, `{"a":{}}`, `{"a":{"b.c":["x"]}}`},
		{"no claim", dotted, `{"n":1}`, `{"n":1}`, `{"n":1}`},
		{"no names", claims.Place{Name: "groups"}, `{"groups":[],"n":1}`, `{"n":1}`, `{"n":1}`},
		{"no names, dotted", dotted, `{"a":{"b":[]}}`, `{"a":{"b":null}}`, `{"a":{}}`},
		{"no holder", dotted, `{"a":"text"}`, `{"a":"text"}`, `{"a":"text"}`},
	} {
		all := object(t, test.claims)
		value, at := test.place.Find(all)
		names := test.place.Names(value)
		test.place.TakeOut(all, at)
		if want := object(t, test.taken); !reflect.DeepEqual(all, want) {
			t.Errorf("%s: without the claim %v, want %v", test.name, all, want)
		}
		test.place.Restore(all, names)
		if got, want := rewritten(t, all), object(t, test.restored); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: with the names again %v, want %v", test.name, got, want)
		}
	}
}

// TestRestoreWithoutTakeOut: the names of a user who never had the claim, such as those of a resolver.
func TestRestoreWithoutTakeOut(t *testing.T) {
	for _, test := range []struct {
		place        claims.Place
		before, want string
	}{
		{claims.Place{Name: "groups"}, `{}`, `{"groups":["x"]}`},
		{claims.Place{Name: "a.b"}, `{}`, `{"a.b":["x"]}`},
		{claims.Place{Path: []string{"a", "b"}}, `{}`, `{"a":{"b":["x"]}}`},
		{claims.Place{Path: []string{"a", "b"}}, `{"a":"text"}`, `{"a":{"b":["x"]}}`},
		{claims.Place{Name: "groups"}, `{"groups":["old"]}`, `{"groups":["x"]}`},
	} {
		all := object(t, test.before)
		test.place.Restore(all, []string{"x"})
		if got, want := rewritten(t, all), object(t, test.want); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v in %s: %v, want %v", test.place, test.before, got, want)
		}
	}
}

func TestRoots(t *testing.T) {
	for _, test := range []struct {
		place claims.Place
		want  []string
	}{
		{claims.Place{Name: "groups"}, []string{"groups"}},
		{claims.Place{Name: "a.b.c"}, []string{"a.b.c", "a"}},
		{claims.Place{Name: "groups", Path: []string{"a.b", "c"}}, []string{"a.b"}},
	} {
		if got := test.place.Roots(); !slices.Equal(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.place, got, test.want)
		}
	}
}

// FuzzNames: the names of any claims are sorted and deduplicated, and are the same, at the same path, when they were
// taken out and restored.
func FuzzNames(f *testing.F) {
	for _, text := range []string{
		`{"a":{"b":["x","y",{"id":"1","name":"n"}]}}`, `{"a.b":"x,y z"}`, `{"a":null,"a.b":{"x":true,"y":{}}}`,
		`{"a":[{"b":"x"}]}`, `{"a":{"b":null},"a.b":null}`, `{"":{"":["x"]}}`,
	} {
		f.Add([]byte(text), "a.b", false, uint8(0))
		f.Add([]byte(text), "a.b", true, uint8(1))
		f.Add([]byte(text), ".", false, uint8(2))
	}
	formats := []string{claims.FormatList, claims.FormatSeparated, claims.FormatKeys}
	f.Fuzz(func(t *testing.T, text []byte, name string, explicit bool, kind uint8) {
		var all map[string]any
		if json.Unmarshal(text, &all) != nil || all == nil {
			return
		}
		place := claims.Place{Name: name, Format: formats[int(kind)%len(formats)], WithNames: kind > 127}
		if explicit {
			place = claims.Place{Path: []string{name, "b"}, Format: place.Format, WithNames: place.WithNames}
		}
		value, at := place.Find(all)
		names := place.Names(value)
		if !slices.Equal(names, claims.Normalized(names)) {
			t.Fatalf("%s has the names %q", text, names)
		}
		place.TakeOut(all, at)
		if left, at := place.Find(all); left != nil {
			t.Fatalf("%s still has %v at %q", text, left, at)
		}
		place.Restore(all, names)
		again, where := place.Find(rewritten(t, all))
		if !slices.Equal(place.Names(again), names) || len(names) > 0 && !slices.Equal(where, at) {
			t.Fatalf("%s had %q at %q and has %v at %q", text, names, at, again, where)
		}
	})
}

// rewritten returns the claims as a session keeps them: written as JSON and read again.
func rewritten(t *testing.T, all map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return object(t, string(text))
}
