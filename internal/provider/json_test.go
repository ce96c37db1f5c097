package provider

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestDecodeObject(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}" }
	tests := []struct {
		name, text, fault string // fault "": accepted
	}{
		{"every kind", ` { "a" : [1.50, "x", true, false, null, {}, []], "b": {"c": -1e400}, "": "" } `, ""},
		{"same name on two levels", `{"a":{"a":{"a":1}},"b":[{"x":1},{"x":1}]}`, ""},
		{"nested twins", `{"a":{"sub":1,"SUB":2}}`, ""},
		{"depth 32", deep(32), ""},
		{"depth 33", deep(33), "deeper than 32"},
		{"duplicate", `{"a":1,"a":1}`, `"a" given twice`},                // case 94
		{"escaped duplicate", `{"a":1,"\u0061":1}`, "given twice"},       // case 94
		{"nested duplicate", `{"x":[[{"a":1,"a":2}]]}`, "given twice"},   // case 94
		{"lone surrogates", `{"\ud800":1,"\udbff":2}`, "given twice"},    // both are read as U+FFFD
		{"case twin", `{"sub":1,"SUB":2}`, "differ only in case"},        // case 95
		{"long s", `{"sub":1,"ſub":2}`, "differ only in case"},           // case 95
		{"Kelvin sign", `{"kid":1,"\u212Aid":2}`, "differ only in case"}, // case 95
		{"sharp s", `{"ß":1,"ẞ":2}`, "differ only in case"},              // case 95
		{"dotless i is not i", `{"id":1,"ıd":2}`, ""},
		{"array", `[]`, "not an object"},
		{"string", `"a"`, "not an object"},
		{"null", `null`, "not an object"},
		{"empty", ``, "malformed or truncated"},
		{"cut", `{"a":[1,2`, "malformed or truncated"},
		{"cut after a name", `{"a"`, "malformed or truncated"},
		{"trailing data", `{} {}`, "data after"},
		{"trailing brace", `{}}`, "data after"},
		{"trailing comma", `{"a":1,}`, "malformed"},
		{"comma in array", `{"a":[1,]}`, "malformed"},
		{"number as name", `{1:1}`, "malformed"},
		{"single quotes", `{'a':1}`, "malformed"},
		{"leading zero", `{"a":01}`, "malformed"},
		{"NaN", `{"a":NaN}`, "malformed"},
		{"line break in a string", "{\"a\":\"\n\"}", "malformed"},
		{"not UTF-8", "{\"a\":\"\xff\"}", "not UTF-8"},
		{"too long", `{"a":"` + strings.Repeat("x", 10_000) + `"}`, "at most 10000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := decodeObject([]byte(test.text), 10_000)
			if test.fault != "" {
				if err == nil || !strings.Contains(err.Error(), test.fault) {
					t.Errorf("got %v, want %q", err, test.fault)
				}
				return
			}
			var want map[string]any
			decoder := json.NewDecoder(strings.NewReader(test.text))
			decoder.UseNumber()
			if decodeErr := decoder.Decode(&want); decodeErr != nil || err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, %v; want %v, %v", got, err, want, decodeErr)
			}
		})
	}
}

// case 96: hostile sizes and depths cost next to nothing, and time does not grow quadratically with the input.
func TestDecodeObjectIsFast(t *testing.T) {
	var members strings.Builder
	for i := range 20_000 {
		members.WriteString(`"` + strconv.Itoa(i) + `":1,`)
	}
	for name, test := range map[string]struct {
		text string
		read bool // to its end, before it is refused
	}{
		"5 MB":            {strings.Repeat(" ", 5<<20), false},
		"depth 10,000":    {strings.Repeat(`{"a":[`, 5_000), false},
		"depth 250,000":   {strings.Repeat("[", 250_000), false},
		"numbers, no end": {`{"a":[` + strings.Repeat("1,", 100_000), true},
		"many members":    {"{" + members.String() + `"0":1}`, true},
		"long name":       {`{"` + strings.Repeat("ſ", 100_000) + `":1,"` + strings.Repeat("s", 100_000/2) + `":1`, true},
	} {
		data, began := []byte(test.text), time.Now()
		allocations := testing.AllocsPerRun(1, func() {
			if _, err := decodeObject(data, maxIDToken); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
		if !test.read && allocations > 200 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
		if took := time.Since(began); took > time.Minute { // the square of the long ones takes minutes
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// A repeated member must have the same value, at any depth.
func TestDecodeRepeated(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"a":1,"a":1,"a":1}`: true, `{"a":"x","\u0061":"\u0078"}`: true, `{"a":null,"a":null}`: true,
		`{"a":{"b":[1],"b":[1]},"a":{"b":[1]}}`: true, `{"a":true,"b":1,"a":true}`: true,

		`{"a":1,"a":2}`: false, `{"a":1,"a":2,"a":1}`: false, `{"a":1,"a":1.0}`: false, `{"a":1,"a":"1"}`: false,
		`{"a":null,"a":""}`:  false,
		`{"a":"x","a":null}`: false, `{"a":[1],"a":1}`: false, `{"x":{"a":1,"a":2}}`: false, `{"a":[1,2],"a":[2,1]}`: false,
		`{"a":1,"A":1}`: false,
	} {
		if _, err := decodeRepeated([]byte(text), 1000); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
