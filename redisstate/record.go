package redisstate

import (
	"context"
	"net/http"
	"time"

	gsessions "github.com/gorilla/sessions"
	"github.com/redis/rueidis"
)

// LoadRecord returns the bytes that [Store.SaveRecord] kept for this request. The record is nil if there is none that
// opens and has not expired. stale reports that an older secret sealed it, and that it should be saved again. An error
// means that Redis did not respond: it is then unknown whether there is a record.
func (s *Store) LoadRecord(r *http.Request, name string) (record []byte, stale bool, err error) {
	return s.server.LoadRecord(r, name)
}

// SaveRecord keeps the record for o.MaxAge seconds (0 means a day) and sets the cookie of that name in the response
// header h, with the attributes of o (nil means the store's own). A request that carries an id keeps it. If its record
// has been deleted in the meantime, nothing is saved or set, because that would undo a sign-out, and the error wraps
// [fs.ErrNotExist]. Any other request gets a new id. A negative o.MaxAge deletes the record. If there is an error, h is
// unchanged.
func (s *Store) SaveRecord(h http.Header, r *http.Request, name string, record []byte, o *gsessions.Options) error {
	return s.server.SaveRecord(h, r, name, record, o)
}

// DeleteRecord deletes the record that the request carries, and the cookie. Path and Domain of o must be those it was
// saved with, or the browser keeps the cookie. If there is an error, h is unchanged.
func (s *Store) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	return s.server.DeleteRecord(h, r, name, o)
}

// backend keeps sealed sessions and revocations.
type backend struct{ *Store }

// Load implements store.Backend.
func (b backend) Load(ctx context.Context, key string) (text string, ok bool, err error) {
	return found(b.get(ctx, key))
}

// Save implements store.Backend. With XX, Redis itself checks that the key exists.
func (b backend) Save(ctx context.Context, key, text string, life time.Duration, replace bool) (bool, error) {
	_, saved, err := found(b.do(ctx, func(b rueidis.Builder) rueidis.Completed {
		set := b.Set().Key(key).Value(text)
		if replace {
			return set.Xx().Ex(life).Build().ToRetryable()
		}
		return set.Ex(life).Build().ToRetryable()
	}).ToString())
	return saved, err
}

// Delete implements store.Backend.
func (b backend) Delete(ctx context.Context, key string) error {
	return b.do(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Del().Key(key).Build().ToRetryable()
	}).Error()
}

// found reads a reply in which nil stands for what is not there.
func found(text string, err error) (string, bool, error) {
	if rueidis.IsRedisNil(err) {
		return "", false, nil
	}
	return text, err == nil, err
}
