package ginoidc

import (
	"cmp"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
)

// ConfigFromEnv reads a [Config] from the environment variables that begin with prefix ("OIDC_"; a missing
// final underscore is added). docs/configuration.md lists them. A value that cannot be parsed is a
// [ConfigError]; all are joined, and the Config returned beside them is usable for finding the problems that
// [New] reports. A variable under the prefix that the plugin does not know is a warning that New logs, with the
// nearest known name if one is near: platforms inject names of their own.
func ConfigFromEnv(prefix string) (Config, error) {
	if prefix != "" && !strings.HasSuffix(prefix, "_") {
		prefix += "_"
	}
	c := Config{AppURL: defaultAppURL}
	e := environment{prefix: prefix, sources: map[string]string{}, failed: map[string]error{}}
	var errs []error
	for _, v := range variables() {
		if err := e.read(&c, v); err != nil {
			errs = append(errs, err)
			e.failed[v.field] = err
		}
	}
	if _, err := e.slides(); err != nil {
		errs = append(errs, err)
	}
	e.routes = e.routeVariables()
	e.unknown, e.idle = e.others()
	left := c.detached()
	e.left = &left
	c.env = e
	return c, errors.Join(errs...)
}

// environment remembers where a Config came from, for messages that name variables.
type environment struct {
	prefix  string
	left    *Config           // as ConfigFromEnv left it; nil: the Config does not come from the environment
	sources map[string]string // by field, the variable that set it
	failed  map[string]error  // by field, why its variable did not
	routes  []routeVariable   // what was said of the plugin's routes
	unknown []string
	idle    []string // known, and without effect here
}

// get returns the value of a variable. An empty one counts as not set, as orchestrators write it.
func (e *environment) get(name string) string { return os.Getenv(e.prefix + name) }

// setting is a value and the variable, with its prefix, that has it.
type setting struct{ variable, value string }

// read sets the field of a variable, which may be given under more than one name.
func (e *environment) read(c *Config, v variable) error {
	settings, err := e.settings(v)
	if err != nil || len(settings) == 0 {
		return err
	}
	before := *c
	for i, s := range settings {
		one := before
		if err := v.set(&one, s.value); err != nil {
			return &ConfigError{Field: v.field, Variable: s.variable, Problem: err.Error(), Mend: v.mend}
		}
		if i > 0 && !sameField(c, &one, v.field) {
			return &ConfigError{Field: v.field, Variable: settings[0].variable, Problem: "differs from " + s.variable, Mend: "keep one of them"}
		}
		if i == 0 {
			*c = one
		}
	}
	e.sources[v.field] = settings[0].variable
	return nil
}

// settings are the values of a variable, its own name first, in the form of that name.
func (e *environment) settings(v variable) ([]setting, error) {
	var found []setting
	if value := e.get(v.name); value != "" {
		found = append(found, setting{e.prefix + v.name, value})
	}
	for _, a := range aliases() {
		given := e.get(a.name)
		if a.of != v.name || given == "" {
			continue
		}
		value, err := a.as(e, given)
		if err != nil {
			return nil, &ConfigError{Field: v.field, Variable: e.prefix + a.name, Problem: err.Error(), Mend: a.mend}
		}
		if value != "" {
			found = append(found, setting{e.prefix + a.name, value})
		}
	}
	return found, nil
}

// others lists the variables under the prefix that set nothing: those nobody knows, and those of MonoCloud's SDK that
// have no counterpart. Without a prefix they cannot be told from the rest of the environment.
func (e *environment) others() (unknown, idle []string) {
	if e.prefix == "" {
		return nil, nil
	}
	known := knownNames()
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		suffix, ours := strings.CutPrefix(name, e.prefix)
		switch {
		case !ours || slices.Contains(known, suffix) || suffix == "ENV_PREFIX":
		case value == "": // counts as not set
		case !slices.Contains(ignoredNames(), suffix):
			unknown = append(unknown, name)
		default:
			idle = append(idle, name)
		}
	}
	slices.Sort(unknown)
	slices.Sort(idle)
	return unknown, idle
}

// variableNames names, for each field that is as the environment left it, the variable that set the field or would have.
func (c *Config) variableNames() map[string]string {
	names := map[string]string{}
	if c.env.left == nil {
		return names
	}
	for _, v := range variables() {
		if v.field != "" && sameField(c, c.env.left, v.field) {
			names[v.field] = cmp.Or(c.env.sources[v.field], c.env.prefix+v.name)
		}
	}
	return names
}

func sameField(a, b *Config, name string) bool {
	field := func(c *Config) any { return reflect.ValueOf(c).Elem().FieldByName(name).Interface() }
	return reflect.DeepEqual(field(a), field(b))
}

// warn tells of variables that do nothing.
func (c *Config) warn() {
	for _, name := range c.env.unknown {
		attributes := []any{"variable", name}
		if near := nearest(strings.TrimPrefix(name, c.env.prefix)); near != "" {
			attributes = append(attributes, "nearest", c.env.prefix+near)
		}
		c.Logger.Warn("ginoidc: unknown environment variable", attributes...)
	}
	if len(c.env.idle) > 0 {
		c.Logger.Info("ginoidc: environment variables without effect", "variables", c.env.idle)
	}
}
