package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"unicode"
	"unicode/utf8"
)

const maxDepth = 32

// decodeObject reads one JSON object of at most limit bytes into a map that keeps member names exactly and numbers as
// json.Number.
//
// It refuses input that two parsers may read differently: duplicate member names at any depth, top-level names that
// differ only by case folding (encoding/json takes SUB and ſub for sub), invalid UTF-8 and trailing data. The depth is
// limited, so that recursion cannot exhaust the stack. Time is linear in the input.
func decodeObject(data []byte, limit int) (map[string]any, error) {
	return decode(data, limit, false)
}

// decodeRepeated is decodeObject for input that may repeat a member with the same value, which all parsers read alike
// (RFC 7519 section 4 leaves the choice to the application).
func decodeRepeated(data []byte, limit int) (map[string]any, error) {
	return decode(data, limit, true)
}

func decode(data []byte, limit int, repeated bool) (map[string]any, error) {
	if len(data) > limit {
		return nil, fmt.Errorf("JSON of %d bytes, at most %d are read", len(data), limit)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("JSON is not UTF-8")
	}
	d := &strictDecoder{json.NewDecoder(bytes.NewReader(data)), repeated}
	d.UseNumber()
	value, err := d.value(1)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("JSON is not an object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("data after the JSON object")
	}
	if err := refuseFoldTwins(object); err != nil {
		return nil, err
	}
	return object, nil
}

type strictDecoder struct {
	*json.Decoder
	repeated bool // members may be repeated with the same value
}

func (d *strictDecoder) value(depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, malformed(err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("JSON nested deeper than %d", maxDepth)
	}
	if delim == '{' {
		return d.object(depth)
	}
	return d.array(depth)
}

func (d *strictDecoder) object(depth int) (map[string]any, error) {
	object := make(map[string]any)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, malformed(err)
		}
		name, _ := token.(string) // the decoder allows nothing else here
		first, twice := object[name]
		if twice && !d.repeated {
			return nil, fmt.Errorf("JSON member %s given twice", excerpt(name))
		}
		if object[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
		if twice && !reflect.DeepEqual(first, object[name]) {
			return nil, fmt.Errorf("JSON member %s given twice with different values", excerpt(name))
		}
	}
	_, err := d.Token()
	return object, malformed(err)
}

func (d *strictDecoder) array(depth int) ([]any, error) {
	array := []any{}
	for d.More() {
		value, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := d.Token()
	return array, malformed(err)
}

// malformed drops the decoder's text, which may quote the document.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("malformed JSON at byte %d", syntax.Offset)
	}
	return errors.New("malformed or truncated JSON")
}

func refuseFoldTwins(object map[string]any) error {
	seen := make(map[string]string, len(object))
	for name := range object {
		folded := fold(name)
		if twin, ok := seen[folded]; ok {
			return fmt.Errorf("JSON members %s and %s differ only in case", excerpt(twin), excerpt(name))
		}
		seen[folded] = name
	}
	return nil
}

// fold maps every rune to the smallest of its simple-case-folding orbit, which is how encoding/json finds a field.
func fold(name string) string {
	folded := make([]rune, 0, len(name))
	for _, r := range name {
		smallest := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			smallest = min(smallest, next)
		}
		folded = append(folded, smallest)
	}
	return string(folded)
}
