package ginoidc

import (
	"cmp"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
)

// ConfigFromEnv reads a [Config] with one provider from the environment variables that begin with prefix, such as
// "OIDC_"; a missing final underscore is added. docs/configuration.md lists them.
//
// The error joins a [ConfigError] for each value that cannot be read. It may be ignored: [New] reports the same, unless
// code has set the field since. A variable under the prefix that the plugin does not know is a warning that New logs,
// with the nearest known name if one is near: platforms inject names of their own.
func ConfigFromEnv(prefix string) (Config, error) {
	if prefix != "" && !strings.HasSuffix(prefix, "_") {
		prefix += "_"
	}
	c := Config{AppURL: defaultAppURL, Providers: make([]Provider, 1)}
	e := environment{prefix: prefix, sources: map[string]string{}}
	for _, v := range variables() {
		if err := e.read(&c, v); err != nil {
			e.unreadable = append(e.unreadable, err)
		}
	}
	if _, err := e.slides(); err != nil {
		e.unreadable = append(e.unreadable, err)
	}
	e.routes = e.routeVariables()
	e.unknown, e.idle = e.others()
	left := c.detached()
	e.left = &left
	c.env = e
	var errs []error
	for _, err := range e.unreadable {
		errs = append(errs, err)
	}
	return c, errors.Join(errs...)
}

// environment remembers where a Config came from, for messages that name variables.
type environment struct {
	prefix     string
	left       *Config           // what ConfigFromEnv returned; nil if the Config does not come from the environment
	sources    map[string]string // the variable that set a field, by field
	unreadable []*ConfigError
	routes     []routeVariable // variables with the addresses of the plugin's routes
	unknown    []string
	idle       []string // known variables without effect
}

// get returns the value of a variable. An empty one counts as not set, because orchestrators cannot unset variables.
func (e *environment) get(name string) string { return os.Getenv(e.prefix + name) }

// setting is a value with the name of its variable, prefix included.
type setting struct{ variable, value string }

// read sets the field of a variable, which may be set under more than one name.
func (e *environment) read(c *Config, v variable) *ConfigError {
	settings, unusable := e.settings(v)
	if unusable != nil {
		return unusable
	}
	for i, s := range settings {
		value, fix, err := v.parse(c, s.value)
		if err != nil {
			return &ConfigError{Field: v.field, Variable: s.variable, Problem: err.Error(), Fix: cmp.Or(v.fix, fix)}
		}
		field := c.field(v.field)
		if i > 0 && !reflect.DeepEqual(field.Interface(), value.Interface()) {
			problem := "differs from " + s.variable
			return &ConfigError{Field: v.field, Variable: settings[0].variable, Problem: problem, Fix: "keep one of them"}
		}
		field.Set(value)
		e.sources[v.field] = settings[0].variable
	}
	return nil
}

// settings returns the values of a variable under all its names, its own name first, each in the form of its own name.
func (e *environment) settings(v variable) ([]setting, *ConfigError) {
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
			return nil, &ConfigError{Field: v.field, Variable: e.prefix + a.name, Problem: err.Error(), Fix: a.fix}
		}
		if value != "" {
			found = append(found, setting{e.prefix + a.name, value})
		}
	}
	return found, nil
}

// others lists the variables under the prefix that set nothing: unknown ones, and those of MonoCloud's SDK without a
// counterpart. Without a prefix, they cannot be distinguished from the rest of the environment.
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

// firstProvider is the path of the fields of the provider that the environment describes.
const firstProvider = "Providers[0]."

// field returns a field by its path, such as "AppURL" or "Providers[0].Issuer". It returns the zero Value if there is
// no provider.
func (c *Config) field(path string) reflect.Value {
	name, ofProvider := strings.CutPrefix(path, firstProvider)
	switch {
	case !ofProvider:
		return reflect.ValueOf(c).Elem().FieldByName(name)
	case len(c.Providers) == 0:
		return reflect.Value{}
	}
	return reflect.ValueOf(&c.Providers[0]).Elem().FieldByName(name)
}

// sameField reports whether a field has the same value in both, so that code has not changed it.
func sameField(a, b *Config, path string) bool {
	x, y := a.field(path), b.field(path)
	return x.IsValid() && y.IsValid() && reflect.DeepEqual(x.Interface(), y.Interface())
}

// variableNames returns, for each field that code has not changed since ConfigFromEnv, the variable that set the field
// or could have.
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

// warn logs the variables without effect.
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
