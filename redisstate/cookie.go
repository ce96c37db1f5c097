package redisstate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
)

const idSize = 32 // random bytes

func newID() string {
	var id [idSize]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// validID reports whether id has the form of an id. Nothing else that a browser sends becomes part of a command.
func validID(id string) bool {
	var raw [idSize]byte
	if len(id) != base64.RawURLEncoding.EncodedLen(idSize) {
		return false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(id))
	return err == nil && n == idSize // encoding/base64 skips line breaks even in strict mode
}

// sessionKey returns the key of the session. It is a hash, so listing the keys reveals no ids. An id of one cookie name
// is meaningless under another.
func (s *Store) sessionKey(name, id string) string {
	hash := sha256.Sum256([]byte(name + "\x00" + id))
	return s.prefix + "s:" + base64.RawURLEncoding.EncodeToString(hash[:])
}

// requestID returns the id that the request carries, or "" if it carries none or several cookies of that name.
func requestID(r *http.Request, name string) string {
	id, ok := cookie.Only(r, name)
	if !ok || !validID(id) {
		return ""
	}
	return id
}

func setCookie(h http.Header, name, value string, o *gsessions.Options) {
	cookie.Set(h, gsessions.NewCookie(name, value, o).String())
}

func deleteCookie(h http.Header, name string, o *gsessions.Options) {
	expired := *o
	expired.MaxAge = -1
	setCookie(h, name, "", &expired)
}
