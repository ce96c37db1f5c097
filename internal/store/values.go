package store

import (
	"fmt"
	"net/http"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// notLoaded is the id of a session that could not be loaded because the backend did not respond.
const notLoaded = "?"

// New opens the session of store that the request carries, as gin-contrib's interface requires. If there is none, the
// session is empty, IsNew is true and the error nil. An error means that the backend did not respond; the session is
// then empty, and Save refuses it, so that it cannot replace one that still exists.
func (s *Server) New(store gsessions.Store, r *http.Request, name string) (*gsessions.Session, error) {
	session := NewSession(store, name, s.Options)
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
	if err := DecodeGob(payload, &values); err == nil { // otherwise another version of the app saved it
		session.ID = id
		session.Values = values
		session.IsNew = false
	}
	return session, nil
}

// Save keeps the session and sets its cookie in the response, or deletes both if its Options.MaxAge is negative. A
// session that another request has deleted in the meantime is not restored: nothing is saved or set then, and the error
// is nil.
func (s *Server) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	if session.Options != nil && session.Options.MaxAge < 0 {
		id := session.ID
		if !validID(id) {
			id = requestID(r, session.Name())
		}
		return s.remove(w.Header(), r, session.Name(), id, session.Options)
	}
	if session.ID == notLoaded {
		return fmt.Errorf("%s: the session could not be loaded, so it is not saved", s.Name)
	}
	payload, err := EncodeGob(session.Values)
	if err != nil {
		return fmt.Errorf("%s: values of the session: %w", s.Name, err)
	}
	id, err := s.save(w.Header(), r, session.Name(), session.ID, wire.FormValues, payload, session.Options)
	if err == nil && id != "" {
		session.ID = id
	}
	return err
}
