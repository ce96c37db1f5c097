package ginoidc

import (
	"reflect"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/env"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// ConfigFromEnv reads a [Config] from the environment variables that begin with prefix, such as "OIDC_"; a missing
// final underscore is added. docs/configuration.md lists them. There is one provider, or those that OIDC_PROVIDERS
// names: each has its variables under a prefix of its own, such as "OIDC_GOOGLE_" for "google".
//
// The error joins a [ConfigError] for each value that cannot be read. It may be ignored: [New] reports the same, unless
// code has set the field since. A variable under the prefix that the plugin does not know is a warning that New logs,
// with the nearest known name if one is near: platforms inject names of their own.
func ConfigFromEnv(prefix string) (Config, error) {
	if prefix != "" && !strings.HasSuffix(prefix, "_") {
		prefix += "_"
	}
	c := Config{AppURL: settings.DefaultAppURL, Providers: make([]Provider, 1)}
	e := environment{Environment: env.Environment{Prefix: prefix}}
	if names := strings.Fields(env.Vars{Prefix: prefix}.Get("PROVIDERS")); len(names) > 0 {
		e.readProviders(&c, names)
	} else {
		e.readProvider(&c, 0, prefix)
	}
	e.Read(&c, "", prefix, env.AppVariables())
	e.Read(&c.Pages, pagesPath, prefix, env.PageVariables())
	e.Finish("PROVIDERS")
	left := c.detached()
	e.left = &left
	c.env = e
	return c, configErrors(e.Unreadable, nil)
}

// environment remembers where a Config came from, for messages that name variables.
type environment struct {
	env.Environment
	left *Config // what ConfigFromEnv returned; nil if the Config does not come from the environment
}

// readProvider sets the fields of a provider of c from the variables under a prefix of its own.
func (e *environment) readProvider(c *Config, i int, prefix string) {
	e.Read(&c.Providers[i], settings.ProviderPath(i), prefix, env.ProviderVariables())
}

// readProviders reads the providers of these names, each from the variables under a prefix of its own. The variables of
// a single provider have no effect then.
func (e *environment) readProviders(c *Config, names []string) {
	c.Providers = make([]Provider, len(names))
	for i, name := range names {
		c.Providers[i].Name = name
		e.Named(settings.ProviderPath(i), env.Variable{Name: "PROVIDERS", Field: "Name"})
		e.readProvider(c, i, e.Prefix+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"_")
	}
	e.Ignore(env.ProviderVariables())
}

// variableNames returns, for each field that code has not changed since ConfigFromEnv, the variable that set the field
// or could have.
func (c *Config) variableNames() map[string]string { return c.env.Names(c.at, c.env.left.at) }

// pagesPath is the path of the fields of Pages in a Config.
const pagesPath = "Pages."

// at returns the struct at a path: the Config itself, its Pages, or one of its providers. It returns the zero Value if
// there is no such provider.
func (c *Config) at(path string) reflect.Value {
	switch path {
	case "":
		return reflect.ValueOf(c).Elem()
	case pagesPath:
		return reflect.ValueOf(&c.Pages).Elem()
	}
	for i := range c.Providers {
		if path == settings.ProviderPath(i) {
			return reflect.ValueOf(&c.Providers[i]).Elem()
		}
	}
	return reflect.Value{}
}
