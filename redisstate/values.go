package redisstate

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"
)

// Options replaces the cookie attributes of all future sessions. Call it before the first request. The zero value of
// [sessions.Options] is neither Secure nor HttpOnly: set every field.
func (s *Store) Options(o sessions.Options) { s.server.Options = *o.ToGorillaOptions() }

// Get returns the session of the request by that name. Repeated calls return the same session.
func (s *Store) Get(r *http.Request, name string) (*gsessions.Session, error) {
	return gsessions.GetRegistry(r).Get(s, name)
}

// New opens the session that the request carries. If the cookie is missing, repeated or malformed, or the session does
// not exist or open, the session is empty, IsNew is true and the error nil. An error means that Redis did not respond;
// the session is then empty, and Save refuses it, so that it cannot replace one that still exists.
func (s *Store) New(r *http.Request, name string) (*gsessions.Session, error) {
	return s.server.New(s, r, name)
}

// Save keeps the session and sets its cookie in the response, or deletes both if its Options.MaxAge is negative. It
// must be called before the response body is written. A session that another request has deleted in the meantime is not
// restored: nothing is saved or set then, and the error is nil. Values are encoded with encoding/gob: the app must
// register its own types with [gob.Register], or the error names the unregistered one.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	return s.server.Save(r, w, session)
}
