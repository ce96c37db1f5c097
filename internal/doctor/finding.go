// Package doctor says what works between an app and its providers, and what to change. It judges what was fetched,
// and each of its checks is a function of that. Finding is what an app sees of the result.
package doctor

import (
	"fmt"
	"strings"
	"unicode"
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
		Code: code, Severity: severity, Provider: f.provider, Seen: clean(fmt.Sprintf(seen, args...)), Fix: clean(fix),
	})
}

// clean replaces what a terminal would take for a command, or a reader for the end of a line: findings quote providers.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// What a finding quotes at most: elements of a list, and bytes of a word and of the text of a page.
const (
	maxWords = 12
	maxWord  = 64
	maxPage  = 200
)

// words writes a list for people.
func words(list []string) string {
	short := make([]string, min(len(list), maxWords))
	for i := range short {
		short[i] = shortened(list[i], maxWord)
	}
	text := strings.Join(short, ", ")
	if more := len(list) - len(short); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// shortened returns the beginning of a text.
func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
