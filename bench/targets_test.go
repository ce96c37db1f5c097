package bench

import (
	"fmt"
	"strings"
)

// Targets of which something is known that keeps them from being met.
const (
	guardedTarget  = "guarded request, × limit"
	publicTarget   = "a public route beyond bare Gin, µs"
	overHTTPTarget = "requests a second over HTTP, × limit"
	redisTarget    = "session and state in Redis, × gin-contrib's Redis store"
	startTarget    = "sign-in start, × by hand"
	wholeTarget    = "callback with userinfo, × Exchange and Verify by hand"
	flatTarget     = "1,000 groups in memorystore, × 3 groups (flat)"
	callbackTarget = "callback without userinfo, × Exchange and Verify by hand"
)

// obstacles say for a target that is missed what takes the time, and what was tried.
func obstacles() map[string]string {
	return map[string]string{
		guardedTarget: "The parts are in a table above. Opening the cookie, and Gin, are most of what the limit does, " +
			"so what else the plugin does would have to take half of that. Kept: a request finds the parts of the record " +
			"that guards ask for, and makes a session of it only for those who want more; what ends a session is looked " +
			"for by what its record has, with a filter in front; numbers are read without a loop; times are compared as " +
			"numbers; a base64 decoder of its own; one cookie is found at once. Tried, without a gain: less memory for a " +
			"request, below the 512 bytes above which Go allocates in a longer way; fields read without a reader. Not " +
			"kept: tables for pairs of base64 digits, which take 12 kB of the cache; shorter hashes in the record, since " +
			"a process that remembers many sign-outs would have to compute the others on most requests; a cache of opened " +
			"cookies, which would hold sessions beyond their end and the secrets they were sealed with; and requests that " +
			"are used again, since handlers may keep their context.",
		publicTarget: "It is one allocation: a request has a context of its own, in which code that the handler calls " +
			"finds the user, so http.Request is copied, as by every middleware that adds a value to the context.",
		overHTTPTarget: "The limit sets no header, and then net/http neither makes a map of headers nor clones and sorts " +
			"it, and its cookie is shorter by what revocations and limits need. The limit that marks its responses private, " +
			"which a page of a user must be, with a cookie as long, is the bound: see its row, and the table of what the " +
			"difference is made of.",
		redisTarget: "Nine tenths of a request are the round trip: two system calls here, two in Redis, and a wait in " +
			"between, which the other store has too. It is one command for session and revocations already, and a cache " +
			"would be stale: see above.",
		wholeTarget: "Userinfo is one request more, which the one by hand does not send. Without it, see the row above.",
		callbackTarget: "The plugin reads the ID token a second time, strictly, revokes what the sign-in replaces, seals " +
			"session and tokens, and lists the session.",
	}
}

// target is what the plugin is to reach.
type target struct {
	what, bound string
	got         float64
	met         bool
}

func (r *report) most(what string, got, most float64) {
	r.targets = append(r.targets, target{what, fmt.Sprintf("at most %v", most), got, got <= most})
}

func (r *report) least(what string, got, least float64) {
	r.targets = append(r.targets, target{what, fmt.Sprintf("at least %v", least), got, got >= least})
}

func (r *report) summary() {
	r.print("## Targets\n\n| | target | measured | |\n| --- | ---: | ---: | --- |\n")
	for _, t := range r.targets {
		verdict := "met"
		if !t.met {
			verdict = "**missed**"
		}
		r.print("| %s | %s | %.2f | %s |\n", t.what, t.bound, t.got, verdict)
	}
	for _, t := range r.targets {
		if why := obstacles()[t.what]; why != "" && !t.met {
			r.print("\n%s\n", wrapped("**"+t.what+"** is missed. "+why))
		}
	}
}

// wrapped breaks a paragraph into lines.
func wrapped(text string) string {
	const columns = 120
	var b strings.Builder
	line := 0
	for word := range strings.FieldsSeq(text) {
		switch n := len(word); {
		case line > 0 && line+1+n > columns:
			b.WriteString("\n")
			line = 0
		case line > 0:
			b.WriteString(" ")
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}
