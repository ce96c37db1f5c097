// Package env reads environment variables into the fields of structs, by tables of names and fields. What the fields
// mean is for its callers to know.
package env

import (
	"cmp"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// Variable is one environment variable: its name without the prefix, and the field of a struct that it sets.
type Variable struct {
	Name, Field string
	// As converts the value before it is read as the type of the field determines. Default: as it is.
	As func(value string) (string, error)
	// Fix says what to write instead of an unusable value. Default: what the type of the field suggests.
	Fix string
}

// Alias is another name for a variable.
type Alias struct {
	name, of, fix string
	as            func(v Vars, value string) (string, error) // to the form of the other name, or to "" for none
}

// Vars are the environment variables whose names begin with Prefix.
type Vars struct {
	Prefix  string
	Aliases []Alias
}

// Get returns the value of a variable. An empty one counts as not set, because orchestrators cannot unset variables.
func (v Vars) Get(name string) string { return os.Getenv(v.Prefix + name) }

// Read sets the fields of target, a pointer to a struct, from the variables of a table. sources has the variable that
// set a field, by field.
func (v Vars) Read(target any, table []Variable) (sources map[string]string, problems []settings.Problem) {
	sources = map[string]string{}
	for _, variable := range table {
		source, problem := v.read(reflect.ValueOf(target).Elem(), variable)
		if problem != nil {
			problem.Field = variable.Field
			problems = append(problems, *problem)
		} else if source != "" {
			sources[variable.Field] = source
		}
	}
	return sources, problems
}

// read sets the field of one variable. It may be set under more than one name if all of them agree.
func (v Vars) read(target reflect.Value, variable Variable) (source string, problem *settings.Problem) {
	given, problem := v.given(variable)
	if problem != nil || len(given) == 0 {
		return "", problem
	}
	for i, s := range given {
		value, fix, err := variable.parse(target, s.value)
		if err != nil {
			fix = cmp.Or(variable.Fix, fix)
			return "", &settings.Problem{Variable: s.variable, Text: err.Error(), Fix: fix}
		}
		field := target.FieldByName(variable.Field)
		if i > 0 && !reflect.DeepEqual(field.Interface(), value.Interface()) {
			return "", &settings.Problem{
				Variable: given[0].variable, Text: "differs from " + s.variable, Fix: "keep one of them",
			}
		}
		field.Set(value)
	}
	return given[0].variable, nil
}

// parse reads a value for the variable's field of target. fix says what to write instead of an unreadable value.
func (v Variable) parse(target reflect.Value, value string) (parsed reflect.Value, fix string, err error) {
	if v.As != nil {
		if value, err = v.As(value); err != nil {
			return parsed, "", err
		}
	}
	field := reflect.New(target.FieldByName(v.Field).Type())
	fix, err = parse(field.Interface(), value)
	return field.Elem(), fix, err
}

// setting is a value with the full name of its variable.
type setting struct{ variable, value string }

// given returns the values of a variable under all its names, its own name first, each in the form of its own name.
func (v Vars) given(variable Variable) ([]setting, *settings.Problem) {
	var found []setting
	if value := v.Get(variable.Name); value != "" {
		found = append(found, setting{v.Prefix + variable.Name, value})
	}
	for _, a := range v.Aliases {
		aliased := v.Get(a.name)
		if a.of != variable.Name || aliased == "" {
			continue
		}
		value, err := a.as(v, aliased)
		if err != nil {
			return nil, &settings.Problem{Variable: v.Prefix + a.name, Text: err.Error(), Fix: a.fix}
		}
		if value != "" {
			found = append(found, setting{v.Prefix + a.name, value})
		}
	}
	return found, nil
}

// Names returns the full names under which the variables of a table can be set, their own names first.
func (v Vars) Names(table []Variable) (names []string) {
	for _, variable := range table {
		names = append(names, v.Prefix+variable.Name)
	}
	for _, a := range v.Aliases {
		if slices.ContainsFunc(table, func(variable Variable) bool { return variable.Name == a.of }) {
			names = append(names, v.Prefix+a.name)
		}
	}
	return names
}

// Set returns the sorted full names of all variables under a prefix that are set, none for the empty prefix: without
// one, they cannot be distinguished from the rest of the environment.
func Set(prefix string) (names []string) {
	if prefix == "" {
		return nil
	}
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); value != "" && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
