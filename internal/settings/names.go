package settings

import (
	"cmp"
	"strings"
)

// Names has the names of environment variables by the path of the field that they set, for messages about the fields of
// one struct.
type Names struct {
	Variables map[string]string
	Path      string // of the fields, such as "Providers[0]."
}

// Of returns the name of a field for the log, followed by the environment variable that set it, if any.
func (n Names) Of(field string) string {
	if variable := n.Variables[n.Path+field]; variable != "" {
		return n.Path + field + " (" + variable + ")"
	}
	return n.Path + field
}

// Short returns the variable that sets a field, or the field if none does.
func (n Names) Short(field string) string { return cmp.Or(n.Variables[n.Path+field], n.Path+field) }

// Doc returns where the documentation explains the field at a path, such as "docs/configuration.md#issuer".
func Doc(field string) string {
	if field == "" {
		return "docs/environment.md"
	}
	path := strings.Split(field, ".")
	if len(path) > 1 { // of Providers[0], whose fields are those of one provider
		path = path[1:]
	}
	anchor, _, _ := strings.Cut(strings.ToLower(strings.Join(path, "-")), "[")
	return "docs/configuration.md#" + anchor
}
