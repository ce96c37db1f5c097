package sqlstate

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

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
// not exist or open, the session is empty, IsNew is true and the error nil. An error means that the database did not
// respond; the session is then empty, and Save refuses it, so that it cannot replace one that still exists.
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

// LoadRecord returns the bytes that [Store.SaveRecord] kept for this request. The record is nil if there is none that
// opens and has not expired. stale reports that an older secret sealed it, and that it should be saved again. An error
// means that the database did not respond: it is then unknown whether there is a record.
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

var errNoText = errors.New("the sealed session is not base64")

// backend keeps sealed sessions in the table of entries, without the base64 around them and without the prefix of their
// keys, which the table's name has.
type backend struct{ *Store }

func (b backend) row(key string) string { return key[len(b.server.Prefix):] }

// Load implements store.Backend.
func (b backend) Load(ctx context.Context, key string) (text string, ok bool, err error) {
	value, ok, err := b.value(ctx, b.row(key))
	return base64.RawURLEncoding.EncodeToString(value), ok, err
}

// Save implements store.Backend. Each sealed text differs from the one before, so MySQL counts a row that it replaces
// whatever the driver's settings.
func (b backend) Save(ctx context.Context, key, text string, life time.Duration, replace bool) (bool, error) {
	value, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false, errNoText
	}
	if replace {
		rows, _, err := b.exec(ctx, b.statements.replace, b.row(key), value, microseconds(life))
		return rows > 0, err
	}
	if _, _, err = b.exec(ctx, b.statements.keep, b.row(key), value, microseconds(life)); err != nil {
		return false, err
	}
	b.clean(ctx, entriesTable)
	return true, nil
}

// Delete implements store.Backend.
func (b backend) Delete(ctx context.Context, key string) error {
	_, _, err := b.exec(ctx, b.statements.remove, b.row(key))
	return err
}
