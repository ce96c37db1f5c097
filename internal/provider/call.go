package provider

import (
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Call is one HTTP exchange with the provider that has ended. It has nothing of the query, the headers and the bodies,
// which may hold secrets and users.
type Call struct {
	Op       string // as in [Error]
	Method   string
	URL      string // without user, query and fragment
	Status   int    // 0: no response
	Code     string // of the [Error], "" if there is none
	Start    time.Time
	Duration time.Duration
}

// exchange makes the call and reports it to observe, if anybody listens.
func (b *backend) exchange(op string, req *http.Request, secrets []string) (*answer, error) {
	if b.observe == nil {
		return b.roundTrip(op, req, secrets)
	}
	start := time.Now()
	a, err := b.roundTrip(op, req, secrets)
	call := Call{Op: op, Method: req.Method, URL: bareURL(req.URL), Start: start, Duration: time.Since(start)}
	if a != nil {
		call.Status = a.status
	}
	if failed := (*Error)(nil); errors.As(err, &failed) {
		call.Code = failed.Code
	}
	b.observe(req.Context(), call)
	return a, err
}

// bareURL returns u without what may be secret or name a user.
func bareURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
