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

// notLoaded is the id of a session that Redis could not be asked for.
const notLoaded = "?"

var errNotLoaded = errors.New("redisstate: the session could not be loaded, so it is not saved")

// Options replaces the attributes of the cookies of all sessions to come. Call it before the first request.
// The zero value of [sessions.Options] is neither Secure nor HttpOnly: fill it in completely.
func (s *Store) Options(o sessions.Options) {
	s.options = *o.ToGorillaOptions()
}

// Get returns the session of the request by that name, the same one however often it is called.
func (s *Store) Get(r *http.Request, name string) (*gsessions.Session, error) {
	return gsessions.GetRegistry(r).Get(s, name)
}

// New opens the session that the request carries. A cookie that is missing, doubled or malformed, and a
// session that is not there or does not open, are the same: the session is empty, IsNew is true and the
// error nil. An error means that Redis did not answer; the session is empty then, and Save refuses it, lest it
// take the place of one that is still there.
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
	if err := store.DecodeGob(payload, &values); err == nil { // or another build of the app saved it
		session.ID = id
		session.Values = values
		session.IsNew = false
	}
	return session, nil
}

// Save keeps the session and sets its cookie in the response, or deletes both when its Options.MaxAge is
// negative. It must come before the response body. A session that another request has deleted meanwhile is
// not brought back: nothing is saved or set then, and the error is nil. Values are coded with encoding/gob:
// types of the app's own have to be made known with [gob.Register], or the error names the one that is not.
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
