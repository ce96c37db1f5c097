package doctor

import (
	"context"
	"net/url"
	"strings"
)

// NoEviction is the maxmemory-policy with which a full Redis refuses to write.
const NoEviction = "noeviction"

// App is what the checks of the app itself judge.
type App struct {
	URL         string
	CookieName  string // of the session, with its prefix
	Path        string // of the cookies
	SameSite    string
	PostsBack   bool // a provider answers with a form
	InCookies   bool // the sessions are in cookies
	StoreError  error
	OwnState    bool // the app has a State of its own, and not the memory of this process
	StateError  error
	Unsupported []string // methods that the State lacks

	Policy    string // the maxmemory-policy of the store or the state, "" if there is none
	PolicyErr error  // why it is unknown

	// Setting returns how the operator sets a field.
	Setting func(field string) string
}

// Findings returns what is to be said about the app.
func (a *App) Findings() []Finding {
	f := &findings{}
	a.cookies(f)
	a.store(f)
	a.state(f)
	a.policy(f)
	return f.list
}

// cookies judges what the address of the app means for its cookies. http outside loopback is a problem of the
// configuration.
func (a *App) cookies(f *findings) {
	u, err := url.Parse(a.URL)
	secure := err == nil && u.Scheme == "https"
	switch {
	case secure && strings.HasPrefix(a.CookieName, "__Host-"):
		f.ok("cookies", "%s: Secure, SameSite=%s, for this host alone", a.CookieName, a.SameSite)
	case secure:
		f.ok("cookies", "%s: Secure, SameSite=%s, below %s; other apps of this host can overwrite it",
			a.CookieName, a.SameSite, a.Path)
	default:
		f.warn("cookies_insecure", "in production, set "+a.Setting("AppURL")+" to the https URL that browsers use",
			"without https, cookies are not Secure; browsers have to open the app as %s", a.URL)
	}
	if !secure && a.PostsBack {
		f.warn("cookies_posted", "use https, or the response mode query during development",
			"the response is a form that the provider posts, for which the cookie of a sign-in has to be Secure: some "+
				"browsers do not keep it over http")
	}
}

func (a *App) store(f *findings) {
	switch {
	case a.StoreError != nil:
		f.fail("store_unavailable", "check the address and the credentials of the Store, and that it runs",
			"a session cannot be stored and deleted: %v", a.StoreError)
	case a.InCookies:
		f.ok("store", "sessions are in sealed cookies")
	default:
		f.ok("store", "a session was stored and deleted")
	}
}

func (a *App) state(f *findings) {
	switch {
	case a.StateError != nil:
		f.fail("state_unavailable", "check the address and the credentials of the State, and that it runs",
			"the shared state does not answer: %v", a.StateError)
	case !a.OwnState:
		f.ok("state", "what ended sessions is in the memory of this process: enough for one instance, and lost at a restart")
	case len(a.Unsupported) > 0:
		f.warn("state_incomplete", "see SharedState for what needs them, or use package redisstate or sqlstate",
			"the State does not support %s", words(a.Unsupported))
	default:
		f.ok("state", "the shared state answers")
	}
}

// Policy asks those of the stores that are in a Redis for its maxmemory-policy. The first one with which it forgets is
// the answer.
func Policy(ctx context.Context, stores ...any) (policy string, err error) {
	for _, of := range stores {
		if redis, ok := of.(interface {
			MaxMemoryPolicy(ctx context.Context) (string, error)
		}); ok && (policy == "" || policy == NoEviction) {
			policy, err = redis.MaxMemoryPolicy(ctx)
		}
	}
	return policy, err
}

// policy judges what a full Redis does. With any policy but noeviction it drops keys, such as those that record a
// sign-out: a copy of the cookies is valid again then.
func (a *App) policy(f *findings) {
	const fix = "set maxmemory-policy of Redis to noeviction"
	switch {
	case a.Policy == NoEviction:
		f.ok("eviction", "a full Redis refuses to write, and forgets nothing")
	case a.Policy != "":
		f.fail("eviction_policy", fix, "the maxmemory-policy of Redis is %s: when it is full, it forgets who has signed out",
			a.Policy)
	case a.PolicyErr != nil:
		f.warn("eviction_unknown", "make sure that it is noeviction",
			"the maxmemory-policy of Redis is unknown: %v", a.PolicyErr)
	}
}
