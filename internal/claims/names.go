package claims

import (
	"slices"
	"strings"
)

// Names reads a claim by its format. Nothing is guessed: a string is one name, spaces and commas included, unless the
// format says that it holds several, and the members of an object are names only if the format says so. The elements of
// a list are never split or trimmed. Values of other types hold no names.
func (p Place) Names(value any) []string {
	var names []string
	switch v := value.(type) {
	case string:
		names = []string{v}
		if p.Format == FormatSeparated {
			names = splitNames(v)
		}
	case map[string]any:
		if p.Format == FormatKeys {
			names = keyNames(v)
		} else {
			names = p.namesOfObject(v)
		}
	case []any:
		for _, element := range v {
			switch e := element.(type) {
			case string:
				names = append(names, e)
			case map[string]any:
				names = append(names, p.namesOfObject(e)...)
			}
		}
	}
	return Normalized(names)
}

const blanks = " \t\r\n\v\f" // ASCII only: a no-break space is part of a name

// splitNames splits s at commas or, without any, at blanks.
func splitNames(s string) []string {
	if !strings.Contains(s, ",") {
		return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(blanks, r) })
	}
	names := strings.Split(s, ",")
	for i := range names {
		names[i] = strings.Trim(names[i], blanks)
	}
	return names
}

// keyNames returns the names of the members whose value is an object, a list or true. A value of null, false, a number
// or a string might just as well mean that the name does not apply.
func keyNames(object map[string]any) (names []string) {
	for name, value := range object {
		switch v := value.(type) {
		case map[string]any, []any:
			names = append(names, name)
		case bool:
			if v {
				names = append(names, name)
			}
		}
	}
	return names
}

// namesOfObject reads id and name. A group is known by both. An organization is known by its id only, because names are
// not unique, and by its name only if it has no id. An id that is empty or not a string yields no name: otherwise it
// could match any organization.
func (p Place) namesOfObject(object map[string]any) []string {
	id, name := Text(object, "id"), Text(object, "name")
	switch {
	case object["id"] != nil && id == "":
		return nil
	case id != "" && !p.WithNames:
		return []string{id}
	}
	return []string{id, name}
}

// Normalized returns the names sorted and deduplicated, without the empty name.
func Normalized(names []string) []string {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	slices.Sort(names)
	return slices.Compact(names)
}
