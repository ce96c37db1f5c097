package redisstate

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	gsessions "github.com/gorilla/sessions"
	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// LoadRecord returns the bytes that [Store.SaveRecord] kept for this request. The record is nil if there is none that
// opens and has not expired. stale reports that an older secret sealed it, and that it should be saved again. An error
// means that Redis did not respond: it is then unknown whether there is a record.
func (s *Store) LoadRecord(r *http.Request, name string) (record []byte, stale bool, err error) {
	id := requestID(r, name)
	if id == "" {
		return nil, false, nil
	}
	return s.load(r.Context(), name, id, wire.FormRecord)
}

// SaveRecord keeps the record for o.MaxAge seconds (0 means a day) and sets the cookie of that name in the response
// header h, with the attributes of o (nil means the store's own). A request that carries an id keeps it. If its record
// has been deleted in the meantime, nothing is saved or set, because that would undo a sign-out, and the error wraps
// [fs.ErrNotExist]. Any other request gets a new id. A negative o.MaxAge deletes the record. If there is an error, h is
// unchanged.
func (s *Store) SaveRecord(h http.Header, r *http.Request, name string, record []byte, o *gsessions.Options) error {
	o = cmp.Or(o, &s.options)
	id, err := s.save(h, r, name, requestID(r, name), wire.FormRecord, record, o)
	if err == nil && id == "" && o.MaxAge >= 0 {
		return fmt.Errorf("redisstate: the session is gone: %w", fs.ErrNotExist)
	}
	return err
}

// DeleteRecord deletes the record that the request carries, and the cookie. Path and Domain of o must be those it was
// saved with, or the browser keeps the cookie. If there is an error, h is unchanged.
func (s *Store) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	return s.remove(h, r, name, requestID(r, name), o)
}

func (s *Store) load(ctx context.Context, name, id string, form byte) (payload []byte, stale bool, err error) {
	key := s.sessionKey(name, id)
	text, err := s.do(ctx, s.client.B().Get().Key(key).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("redisstate: load a session: %w", err)
	}
	plaintext, stale, ok := s.ring.Open(text, []byte(key))
	if !ok {
		return nil, false, nil
	}
	payload, end, ok := wire.Unframe(plaintext, form)
	if !ok || uint64(time.Now().Unix()) > end {
		return nil, false, nil
	}
	return payload, stale, nil
}

// save returns the id under which the payload is now stored: a new one if the given id is empty, and "" if its record
// is gone. With XX, Redis itself checks that it exists, so no other request can come between.
func (s *Store) save(h http.Header, r *http.Request, name, id string, form byte, payload []byte,
	o *gsessions.Options) (string, error) {
	o = cmp.Or(o, &s.options)
	if o.MaxAge < 0 {
		return "", s.remove(h, r, name, id, o)
	}
	if err := store.CheckCookie(name, o); err != nil {
		return "", fmt.Errorf("redisstate: %w", err)
	}
	known := validID(id)
	if !known {
		id = newID()
	}
	key := s.sessionKey(name, id)
	life := lifeOf(o)
	end := uint64(time.Now().Add(life).Unix()) // sealed, because write access to Redis allows extending the time-to-live
	set := s.client.B().Set().Key(key).Value(s.ring.Seal(wire.Frame(form, end, payload), []byte(key)))
	var cmd rueidis.Completed
	if known {
		cmd = set.Xx().Ex(life).Build()
	} else {
		cmd = set.Ex(life).Build()
	}
	err := s.do(r.Context(), cmd.ToRetryable()).Error()
	if rueidis.IsRedisNil(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("redisstate: save a session: %w", err)
	}
	setCookie(h, name, id, o)
	return id, nil
}

// remove continues if the browser disconnects: it is part of a sign-out.
func (s *Store) remove(h http.Header, r *http.Request, name, id string, o *gsessions.Options) error {
	o = cmp.Or(o, &s.options)
	if err := store.CheckCookie(name, o); err != nil {
		return fmt.Errorf("redisstate: %w", err)
	}
	if validID(id) {
		del := s.client.B().Del().Key(s.sessionKey(name, id)).Build().ToRetryable()
		if err := s.do(context.WithoutCancel(r.Context()), del).Error(); err != nil {
			return fmt.Errorf("redisstate: delete a session: %w", err)
		}
	}
	deleteCookie(h, name, o)
	return nil
}

func lifeOf(o *gsessions.Options) time.Duration {
	if o.MaxAge == 0 { // the browser keeps such a cookie until it is closed, which Redis does not learn
		return store.DefaultMaxAge * time.Second
	}
	return time.Duration(o.MaxAge) * time.Second
}
