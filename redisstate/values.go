package redisstate

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// notLoaded is the id of a session that could not be loaded because Redis did not respond.
const notLoaded = "?"

var errNotLoaded = errors.New("redisstate: the session could not be loaded, so it is not saved")

// Options replaces the cookie attributes of all future sessions. Call it before the first request. The zero value of
// [sessions.Options] is neither Secure nor HttpOnly: set every field.
func (s *Store) Options(o sessions.Options) {
	s.options = *o.ToGorillaOptions()
}

// Get returns the session of the request by that name. Repeated calls return the same session.
func (s *Store) Get(r *http.Request, name string) (*gsessions.Session, error) {
	return gsessions.GetRegistry(r).Get(s, name)
}

// New opens the session that the request carries. If the cookie is missing, repeated or malformed, or the session does
// not exist or open, the session is empty, IsNew is true and the error nil. An error means that Redis did not respond;
// the session is then empty, and Save refuses it, so that it cannot replace one that still exists.
func (s *Store) New(r *http.Request, name string) (*gsessions.Session, error) {
	session := store.NewSession(s, name, s.options)
	id := requestID(r, name)
	if id == "" {
		return session, nil
	}
	payload, _, err := s.load(r.Context(), name, id, wire.FormValues)
	if err != nil {
		session.ID = notLoaded
		return session, err
	}
	var values map[any]any
	if err := store.DecodeGob(payload, &values); err == nil { // otherwise another version of the app saved it
		session.ID = id
		session.Values = values
		session.IsNew = false
	}
	return session, nil
}

// Save keeps the session and sets its cookie in the response, or deletes both if its Options.MaxAge is negative. It
// must be called before the response body is written. A session that another request has deleted in the meantime is not
// restored: nothing is saved or set then, and the error is nil. Values are encoded with encoding/gob: the app must
// register its own types with [gob.Register], or the error names the unregistered one.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	if session.Options != nil && session.Options.MaxAge < 0 {
		id := session.ID
		if !validID(id) {
			id = requestID(r, session.Name())
		}
		return s.remove(w.Header(), r, session.Name(), id, session.Options)
	}
	if session.ID == notLoaded {
		return errNotLoaded
	}
	payload, err := store.EncodeGob(session.Values)
	if err != nil {
		return fmt.Errorf("redisstate: values of the session: %w", err)
	}
	id, err := s.save(w.Header(), r, session.Name(), session.ID, wire.FormValues, payload, session.Options)
	if err == nil && id != "" {
		session.ID = id
	}
	return err
}
