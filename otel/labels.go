package ginoidcotel

import (
	"regexp"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/seed-d65cea4d/ginoidc"
)

// other stands for every value that is not one of the few that an attribute may have. The name is that of the semantic
// conventions.
const other = "_OTHER"

// The attributes that the semantic conventions have no name for.
const (
	keyProvider  = attribute.Key("ginoidc.provider")
	keyOperation = attribute.Key("ginoidc.operation")
	keyOutcome   = attribute.Key("ginoidc.outcome")
	keyReason    = attribute.Key("ginoidc.end_reason")
	keyEvent     = attribute.Key("ginoidc.event")
	keyResult    = attribute.Key("ginoidc.result")
	keyRequestID = attribute.Key("ginoidc.request_id")
)

// maxWords is how many different words a vocabulary has. The plugin has less than half as many codes.
const maxWords = 200

// word is what codes, reasons and names of events look like. Text of a user or provider does not.
var word = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// vocabulary bounds the values of an attribute: the words that the plugin uses, learned as they come, since further
// versions have further ones.
type vocabulary struct {
	mu    sync.Mutex
	words map[string]bool
}

// admit returns s if it is a word and there is room for it, and otherwise other.
func (v *vocabulary) admit(s string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.words[s]:
		return s
	case len(v.words) >= maxWords || !word.MatchString(s):
		return other
	case v.words == nil:
		v.words = map[string]bool{}
	}
	v.words[s] = true
	return s
}

// labels makes attributes of metrics.
type labels struct {
	providers map[string]bool // those of Config.Providers: of those found at run time there may be thousands
	words     vocabulary
}

func newLabels(cfg *ginoidc.Config) *labels {
	l := &labels{providers: map[string]bool{}}
	for i := range cfg.Providers {
		l.providers[cfg.Providers[i].Name] = true
	}
	return l
}

// provider appends the name of the provider. A provider without a name is the only one, and needs none.
func (l *labels) provider(attrs []attribute.KeyValue, name string) []attribute.KeyValue {
	switch {
	case name == "":
		return attrs
	case !l.providers[name]:
		name = other
	}
	return append(attrs, keyProvider.String(name))
}

// failure appends why something failed, unless code is "".
func (l *labels) failure(attrs []attribute.KeyValue, code string) []attribute.KeyValue {
	if code == "" {
		return attrs
	}
	return append(attrs, semconv.ErrorTypeKey.String(l.words.admit(code)))
}

// response appends the status of a call, and why the call failed, by the semantic conventions for HTTP clients: a
// status of 400 and above is an error, and its own type.
func (l *labels) response(attrs []attribute.KeyValue, call ginoidc.ProviderCall) []attribute.KeyValue {
	if call.Status < 100 || call.Status > 599 { // none, or one that no server should send
		return l.failure(attrs, call.Code)
	}
	attrs = append(attrs, semconv.HTTPResponseStatusCode(call.Status))
	if call.Status >= 400 {
		return append(attrs, semconv.ErrorTypeKey.String(strconv.Itoa(call.Status)))
	}
	return l.failure(attrs, call.Code)
}
