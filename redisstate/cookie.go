package redisstate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	gsessions "github.com/gorilla/sessions"
)

const idSize = 32 // random bytes

func newID() string {
	var id [idSize]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// validID tells an id from whatever else a browser may send. Nothing else becomes part of a command.
func validID(id string) bool {
	var raw [idSize]byte
	if len(id) != base64.RawURLEncoding.EncodedLen(idSize) {
		return false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(id))
	return err == nil && n == idSize // encoding/base64 skips line breaks even when strict
}

// sessionKey is where the session lies. Whoever can list the keys has no id by that, for they are hashed; an
// id of one cookie name means nothing under another.
func (s *Store) sessionKey(name, id string) string {
	hash := sha256.Sum256([]byte(name + "\x00" + id))
	return s.prefix + "s:" + base64.RawURLEncoding.EncodeToString(hash[:])
}

// requestID returns the id that the request carries, "" when it carries none. A cookie that comes twice is refused, for it can not be
// known which of the two the server set: the other may be an attacker's, planted from a sibling domain or
// for a narrower path. The name must match byte for byte after spaces and tabs, so that neither other white
// space nor a "$Version" before it passes for ours.
func requestID(r *http.Request, name string) (id string) {
	count := 0
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			if value, ours := valueOf(textproto.TrimString(pair), name); ours {
				id = value
				count++
			}
		}
	}
	if count != 1 || !validID(id) {
		return ""
	}
	return id
}

func valueOf(pair, name string) (value string, ok bool) {
	if rest, found := strings.CutPrefix(pair, name); found {
		return strings.CutPrefix(rest, "=")
	}
	return "", false
}

// validate tells what net/http would otherwise drop from a cookie with no more than a line in the log.
func validate(name string, o *gsessions.Options) error {
	if err := gsessions.NewCookie(name, "", o).Valid(); err != nil {
		return fmt.Errorf("redisstate: cookie %q: %w", name, err)
	}
	return nil
}

// setCookie makes this the one cookie of the name that h sets.
func setCookie(h http.Header, name, value string, o *gsessions.Options) {
	kept := slices.DeleteFunc(slices.Clone(h["Set-Cookie"]), func(line string) bool {
		_, ours := valueOf(line, name)
		return ours
	})
	h["Set-Cookie"] = append(kept, gsessions.NewCookie(name, value, o).String())
}

func deleteCookie(h http.Header, name string, o *gsessions.Options) {
	expired := *o
	expired.MaxAge = -1
	setCookie(h, name, "", &expired)
}
