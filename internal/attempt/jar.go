package attempt

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/seal"
)

const (
	sealPurpose = "ginoidc/attempt"
	idSize      = 16   // characters of the state in the name of the cookie
	maxTogether = 4000 // bytes of all attempts of a browser, which sends them with every request below their path
	maxLookedAt = 20   // cookies: opening them is work that anyone can request

	// keptLonger is how long the cookie outlives its attempt, so that a late response can be distinguished from an
	// unsolicited one.
	keptLonger = time.Hour
)

var (
	// ErrNoAttempt means that this browser did not start the attempt, or that its cookie is gone.
	ErrNoAttempt = errors.New("attempt: no sign-in attempt with this state in this browser")

	// ErrExpired means that the attempt is older than Config.Life.
	ErrExpired = errors.New("attempt: the sign-in attempt is too old")

	// ErrTooLarge means that return target and app state together do not fit in a cookie.
	ErrTooLarge = errors.New("attempt: return target and app state do not fit in a cookie")
)

// Config holds what [New] needs.
type Config struct {
	Secrets    []string // newest first; the first seals, all of them open
	CookieName string   // what the names of the cookies start with, such as "__Host-ginoidc"
	Path       string   // of the cookies
	Secure     bool     // of the cookies: true except for plain http on loopback
	CrossSite  bool     // the response is a form posted by a page of the provider (response_mode form_post)
	Audience   string   // issuer and client id: attempts of another app with the same secrets do not open

	Life time.Duration // how long the user has to sign in at the provider
}

// Jar starts, finds and ends the attempts of one app. It is safe for concurrent use.
type Jar struct {
	cfg  Config
	ring *seal.Ring
}

// New returns an error if there is no secret or lifetime, or if the cookie name or path is invalid.
func New(cfg Config) (*Jar, error) {
	ring, err := seal.NewRing(sealPurpose, cfg.Secrets)
	if err != nil {
		return nil, fmt.Errorf("attempt: %w", err)
	}
	if cfg.Life <= 0 {
		return nil, errors.New("attempt: attempts without a life")
	}
	jar := &Jar{cfg: cfg, ring: ring}
	if err := cookie.Validate(jar.cookie(cfg.CookieName, "")); err != nil {
		return nil, fmt.Errorf("attempt: %w", err)
	}
	return jar, nil
}

// CrossSite returns the Jar for responses that come, or do not come, as a form posted by a page of the provider.
func (j *Jar) CrossSite(on bool) *Jar {
	if on == j.cfg.CrossSite {
		return j
	}
	other := *j
	other.cfg.CrossSite = on
	return &other
}

// Start makes a new attempt and sets its cookie in the response header h. It deletes older attempts of the request
// until at most [Max] attempts and 4,000 bytes are left: first those that do not open, then the oldest. So a user who
// abandons one sign-in after another is never locked out by a Cookie header that is too large.
//
// The error is [ErrTooLarge]; texts of 2,750 bytes together always fit.
func (j *Jar) Start(h http.Header, r *http.Request, p Purpose) (*Attempt, error) {
	a := newAttempt(p)
	name, _ := j.cookieName(a.State)
	c := j.cookie(name, j.ring.Seal(a.encode(), j.place(name)))
	room, count := maxTogether-size(c), Max-1
	if room < 0 {
		return nil, ErrTooLarge
	}
	cookie.Set(h, cookie.Line(c))
	for _, old := range j.newestFirst(r) {
		room -= size(old)
		if count--; count < 0 || room < 0 {
			j.expire(h, old.Name)
		}
	}
	return a, nil
}

// Find returns the sign-in attempt of this browser with that state. This is the defence against forged responses (RFC
// 9700 section 4.7). Find does not end the attempt; see [Jar.Clear]. The error is [ErrNoAttempt], or [ErrExpired]
// together with the attempt, which then serves only to start again with the same purpose.
func (j *Jar) Find(r *http.Request, state string) (*Attempt, error) {
	return j.find(r, state, false)
}

// FindSignOut is Find for a sign-out, whose response arrives at another route.
func (j *Jar) FindSignOut(r *http.Request, state string) (*Attempt, error) {
	return j.find(r, state, true)
}

func (j *Jar) find(r *http.Request, state string, signOut bool) (*Attempt, error) {
	name, ok := j.cookieName(state)
	if !ok {
		return nil, ErrNoAttempt
	}
	var a *Attempt
	for _, value := range cookie.Values(r, name) {
		if found, ok := j.open(&http.Cookie{Name: name, Value: value}); ok && a == nil {
			a = found
		} else if ok { // if two open, it is unknown which one is meant
			return nil, ErrNoAttempt
		}
	}
	if a == nil || a.SignOut != signOut || subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) != 1 {
		return nil, ErrNoAttempt
	}
	if time.Since(a.Started) > j.cfg.Life {
		return a, ErrExpired
	}
	return a, nil
}

// Clear deletes the cookie of one attempt and keeps those of other tabs.
func (j *Jar) Clear(h http.Header, state string) {
	if name, ok := j.cookieName(state); ok {
		j.expire(h, name)
	}
}

// ClearAll deletes the cookies of all attempts that the request carries.
func (j *Jar) ClearAll(h http.Header, r *http.Request) {
	for _, c := range j.ours(r) {
		j.expire(h, c.Name)
	}
}

// newestFirst returns our cookies in the request by start time, the newest first, and those that do not open last.
func (j *Jar) newestFirst(r *http.Request) []*http.Cookie {
	cookies := j.ours(r)
	started := make(map[*http.Cookie]time.Time, len(cookies))
	for _, c := range cookies {
		if a, ok := j.open(c); ok {
			started[c] = a.Started
		}
	}
	slices.SortStableFunc(cookies, func(a, b *http.Cookie) int {
		return cmp.Or(started[b].Compare(started[a]), cmp.Compare(a.Name, b.Name))
	})
	return cookies
}

// ours returns the cookies of the request that are named like attempts, at most maxLookedAt.
func (j *Jar) ours(r *http.Request) []*http.Cookie {
	var ours []*http.Cookie
	for _, c := range r.Cookies() {
		id, ok := strings.CutPrefix(c.Name, j.cfg.CookieName+".")
		if ok && len(id) == idSize && len(ours) < maxLookedAt {
			ours = append(ours, c)
		}
	}
	return ours
}

func (j *Jar) open(c *http.Cookie) (*Attempt, bool) {
	if len(c.Value) > cookie.MaxSize {
		return nil, false
	}
	plaintext, _, ok := j.ring.Open(c.Value, j.place(c.Name))
	if !ok {
		return nil, false
	}
	return decode(plaintext)
}

// place is what a value is bound to: it does not open under the name of another attempt, nor in another app
// with the same secrets.
func (j *Jar) place(cookieName string) []byte {
	return []byte(cookieName + "\x00" + j.cfg.Audience)
}

func (j *Jar) cookieName(state string) (name string, ok bool) {
	if _, ok := decodeSecret(state); !ok {
		return "", false
	}
	return j.cfg.CookieName + "." + state[:idSize], true
}

func (j *Jar) cookie(name, value string) *http.Cookie {
	c := &http.Cookie{
		Name:     name,
		Value:    value,
		Path:     j.cfg.Path,
		MaxAge:   int((j.cfg.Life + keptLonger) / time.Second),
		Secure:   j.cfg.Secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // the response is a navigation from the provider's site
	}
	if j.cfg.CrossSite { // browsers send no Lax cookie with a form posted by another site
		c.SameSite, c.Secure = http.SameSiteNoneMode, true
	}
	return c
}

func (j *Jar) expire(h http.Header, name string) {
	c := j.cookie(name, "")
	c.MaxAge = -1
	cookie.Set(h, c.String())
}

// size returns the bytes that the cookie takes in a request.
func size(c *http.Cookie) int {
	return len(c.Name) + len("=") + len(c.Value) + len("; ")
}
