package settings

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is a setting that cannot be used.
type Problem struct {
	Field    string // path in the configuration, such as "Providers[0].Issuer"; "" for a variable that sets no field
	Variable string // full name of the environment variable that the problem is in; "" for a value that can be read
	Text     string // what is wrong, in words that follow the name of the field
	Fix      string // what to do about it
}

// Problems collects the problems of a configuration, so that one start of an app shows all of them.
type Problems struct {
	Path       string          // prefix of the current fields: "" or that of [ProviderPath]
	Unreadable map[string]bool // fields whose environment variable could not be read
	All        []Problem
}

// Unread reports whether the variable of a field could not be read.
func (p *Problems) Unread(field string) bool { return p.Unreadable[p.Path+field] }

// Add adds a problem of a field, unless its variable could not be read: the problem follows from that, which is already
// reported.
func (p *Problems) Add(field, text, fix string) {
	if !p.Unread(field) {
		p.All = append(p.All, Problem{Field: p.Path + field, Text: text, Fix: fix})
	}
}

// oneOf refuses other values than these. A misspelled one would otherwise count as the default, and the operator would
// believe in a setting that is not there.
func (p *Problems) oneOf(field, value string, values ...string) {
	if !slices.Contains(values, value) {
		last := len(values) - 1
		p.Add(field, fmt.Sprintf("%q is not one of its values", value),
			"use "+strings.Join(values[:last], ", ")+" or "+values[last])
	}
}

// without refuses a setting that is set and has no effect, because the one that it depends on is not: the operator
// would rely on a protection that is not there.
func (p *Problems) without(other, field string, set bool) {
	if set {
		p.Add(field, "is set without "+other, "set "+other+", or leave it out")
	}
}

// origins reports entries that are not origins, so that no request could match them. Patterns are refused: "*" in front
// of a domain trusts all its subdomains, and one of them may belong to somebody else.
func (p *Problems) origins(field string, origins []string) {
	for _, o := range origins {
		if !IsOrigin(o) {
			p.Add(field, fmt.Sprintf("%q is not an origin", o), fixOrigin)
		}
	}
}

const fixOrigin = "write scheme, host and port only, in lower case and without a pattern"

// texts reports characters that are in a text by mistake. CheckURL does the same for addresses.
func (p *Problems) texts(field string, texts ...string) {
	for _, s := range texts {
		if why, fix := CheckText(s); why != "" {
			p.Add(field, why, fix)
			return
		}
	}
}
