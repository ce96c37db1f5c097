// Package doctor says what works between an app and its providers, and what to change. It asks nobody: it judges what
// was fetched, and each of its checks is a function of that. Finding is what an app sees of the result.
package doctor

import (
	"fmt"
	"strings"
)

// Severities of a finding.
const (
	OK      = "ok"
	Warning = "warning" // sign-ins may work
	Error   = "error"   // sign-ins fail, or the operator relies on something that is not so
)

// Finding is ginoidc.Finding.
type Finding struct {
	Code     string
	Severity string
	Provider string
	Seen     string
	Fix      string
}

// tryAgain is the fix of what may pass.
const tryAgain = "look at the provider's own log, and try again"

// findings collects what the checks of one provider, or of the app, find.
type findings struct {
	provider string
	list     []Finding
}

// ok adds what works.
func (f *findings) ok(code, seen string, args ...any) { f.add(code, OK, "", seen, args...) }

// warn adds what may be wrong.
func (f *findings) warn(code, fix, seen string, args ...any) {
	f.add(code, Warning, fix, seen, args...)
}

// fail adds what is wrong.
func (f *findings) fail(code, fix, seen string, args ...any) { f.add(code, Error, fix, seen, args...) }

func (f *findings) add(code, severity, fix, seen string, args ...any) {
	f.list = append(f.list, Finding{
		Code: code, Severity: severity, Provider: f.provider, Seen: fmt.Sprintf(seen, args...), Fix: fix,
	})
}

// words writes a list for people.
func words(list []string) string {
	const most = 12
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}
