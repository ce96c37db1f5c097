package env

import (
	"cmp"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// Environment reads the structs of a configuration from variables under a prefix, and remembers where each value came
// from, for messages that name variables. The zero value, of a configuration that code has made, names none.
type Environment struct {
	Prefix     string
	Unreadable []settings.Problem
	Routes     []Route // variables with the addresses of the plugin's routes

	parts   []part
	sources map[string]string // the variable that set a field, by its path
	known   []string          // all names that are read
	unknown []string
	idle    []string // known variables without effect
}

// part is a struct that was read: the configuration itself or one of its providers, each by its own prefix.
type part struct {
	path   string // of the struct in the configuration, with a final dot; "" for the configuration
	prefix string
	table  []Variable
}

func (p part) vars() Vars { return Vars{Prefix: p.prefix, Aliases: MonoCloudAliases()} }

// Read sets the fields of target, a pointer to the struct at path, from the variables of a table under a prefix of its
// own.
func (e *Environment) Read(target any, path, prefix string, table []Variable) {
	p := part{path, prefix, table}
	e.parts = append(e.parts, p)
	sources, unusable := p.vars().Read(target, table)
	for field, variable := range sources {
		e.setBy(path+field, variable)
	}
	for _, problem := range unusable {
		if problem.Field != "" {
			problem.Field = path + problem.Field
		}
		e.Unreadable = append(e.Unreadable, problem)
	}
	e.known = append(e.known, p.vars().Names(table)...)
}

// Named records that the caller has set a field of the struct at path from a variable itself.
func (e *Environment) Named(path string, v Variable) {
	e.setBy(path+v.Field, e.Prefix+v.Name)
	e.parts = append(e.parts, part{path, e.Prefix, []Variable{v}})
}

func (e *Environment) setBy(field, variable string) {
	if e.sources == nil {
		e.sources = map[string]string{}
	}
	e.sources[field] = variable
}

// Ignore records that the variables of a table have no effect unless they were read already.
func (e *Environment) Ignore(table []Variable) {
	for _, name := range (part{prefix: e.Prefix}).vars().Names(table) {
		if os.Getenv(name) != "" && !slices.Contains(e.known, name) {
			e.idle, e.known = append(e.idle, name), append(e.known, name)
		}
	}
}

// Finish sorts the variables under the prefix that set no field: those that the caller reads itself, those of
// MonoCloud's SDK, and unknown ones.
func (e *Environment) Finish(others ...string) {
	vars := Vars{Prefix: e.Prefix}
	if _, problem := vars.Slides(); problem != nil {
		e.Unreadable = append(e.Unreadable, *problem)
	}
	for _, name := range append(others, Sliding) {
		e.known = append(e.known, e.Prefix+name)
	}
	names, set := vars.MonoCloudRoutes()
	e.Routes, e.known = set, append(e.known, names...)
	for _, name := range Set(e.Prefix) {
		switch suffix := strings.TrimPrefix(name, e.Prefix); {
		case slices.Contains(e.known, name) || suffix == "ENV_PREFIX":
		case slices.Contains(MonoCloudIgnored(), suffix):
			e.idle = append(e.idle, name)
		default:
			e.unknown = append(e.unknown, name)
		}
	}
}

// Names returns, for each field that has not changed since it was read, the variable that set it or could have. now and
// before return the struct at a path, or the zero Value if there is none any longer.
func (e *Environment) Names(now, before func(path string) reflect.Value) map[string]string {
	names := map[string]string{}
	for _, part := range e.parts {
		is, was := now(part.path), before(part.path)
		for _, v := range part.table {
			if v.Field == "" || !is.IsValid() { // of a later version, or of a provider that code has removed
				continue
			}
			if reflect.DeepEqual(is.FieldByName(v.Field).Interface(), was.FieldByName(v.Field).Interface()) {
				names[part.path+v.Field] = cmp.Or(e.sources[part.path+v.Field], part.prefix+v.Name)
			}
		}
	}
	return names
}

// Warn logs the variables without effect, and unknown ones with the nearest known name: most are misspelled.
func (e *Environment) Warn(log *slog.Logger) {
	suffixes := make([]string, len(e.known))
	for i, name := range e.known {
		suffixes[i] = strings.TrimPrefix(name, e.Prefix)
	}
	for _, name := range e.unknown {
		attributes := []any{"variable", name}
		if near := Nearest(strings.TrimPrefix(name, e.Prefix), suffixes); near != "" {
			attributes = append(attributes, "nearest", e.Prefix+near)
		}
		log.Warn("ginoidc: unknown environment variable", attributes...)
	}
	if len(e.idle) > 0 {
		log.Info("ginoidc: environment variables without effect", "variables", e.idle)
	}
}
