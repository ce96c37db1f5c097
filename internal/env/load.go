package env

import (
	"net/url"
	"reflect"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// The fields of a configuration that hold other structs.
const (
	pagesField     = "Pages"
	providersField = "Providers"
)

// PagesPath is the path of the fields of Pages in a configuration.
const PagesPath = pagesField + "."

// Load reads a configuration from the variables that begin with prefix; a missing final underscore is added. config
// points to a struct with the fields of the app, a struct Pages and a slice Providers. There is one provider, or those
// that the variable PROVIDERS names: each has its variables under a prefix of its own.
func Load(prefix string, config any) Environment {
	if prefix != "" && !strings.HasSuffix(prefix, "_") {
		prefix += "_"
	}
	e, at := Environment{Prefix: prefix}, At(config)
	names := strings.Fields(Vars{Prefix: prefix}.Get("PROVIDERS"))
	providers := at("").FieldByName(providersField)
	providers.Set(reflect.MakeSlice(providers.Type(), max(1, len(names)), max(1, len(names))))
	if len(names) == 0 {
		e.readProvider(at, 0, prefix)
	} else {
		e.readProviders(at, names)
	}
	e.Read(config, "", prefix, AppVariables())
	e.Read(at(PagesPath).Addr().Interface(), PagesPath, prefix, PageVariables())
	e.Finish("PROVIDERS")
	return e
}

// readProvider sets the fields of a provider from the variables under a prefix of its own.
func (e *Environment) readProvider(at func(string) reflect.Value, i int, prefix string) {
	path := settings.ProviderPath(i)
	e.Read(at(path).Addr().Interface(), path, prefix, ProviderVariables())
}

// readProviders reads the providers of these names, each from the variables under a prefix of its own. The variables of
// a single provider have no effect then.
func (e *Environment) readProviders(at func(string) reflect.Value, names []string) {
	for i, name := range names {
		path := settings.ProviderPath(i)
		at(path).FieldByName("Name").SetString(name)
		e.Named(path, Variable{Name: "PROVIDERS", Field: "Name"})
		e.readProvider(at, i, e.Prefix+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"_")
	}
	e.Ignore(ProviderVariables())
}

// At returns a function for the struct at a path of a configuration: itself, its pages, or one of its providers. The
// result is the zero Value if there is no such provider.
func At(config any) func(path string) reflect.Value {
	return func(path string) reflect.Value {
		whole := reflect.ValueOf(config).Elem()
		switch path {
		case "":
			return whole
		case PagesPath:
			return whole.FieldByName(pagesField)
		}
		providers := whole.FieldByName(providersField)
		for i := range providers.Len() {
			if path == settings.ProviderPath(i) {
				return providers.Index(i)
			}
		}
		return reflect.Value{}
	}
}

// CheckRoutes reports addresses of the plugin's routes in the environment that differ from the actual ones. The
// operator has registered such an address at the provider, which would refuse the actual one.
func (e *Environment) CheckRoutes(found *settings.Problems, appURL, routePrefix string) {
	app, err := url.Parse(appURL)
	if err != nil {
		return // AppURL itself is reported
	}
	for _, r := range e.Routes {
		if problem, fix := r.Check(app, routePrefix, e.Prefix+"ROUTE_PREFIX"); problem != "" {
			found.All = append(found.All, settings.Problem{Variable: r.Variable, Text: problem, Fix: fix})
		}
	}
}

// CheckRead reports what could not be read, of the fields that code has not changed since: those that names has. A
// problem of a variable that sets no field is reported in any case.
func (e *Environment) CheckRead(found *settings.Problems, names map[string]string) {
	found.Unreadable = map[string]bool{}
	for _, p := range e.Unreadable {
		if p.Field == "" || names[p.Field] != "" {
			found.All = append(found.All, p)
			found.Unreadable[p.Field] = true
		}
	}
}
