package ginoidc

import (
	"context"
	"errors"
	"reflect"

	"github.com/gin-contrib/sessions"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// maxHintedRecord is the size in bytes of a record that, sealed, still fits in one cookie.
const maxHintedRecord = 2800

// saveHinted saves a record of this size with the ID token, which is the hint for a sign-out. Where the ID token is kept if
// it fits, it costs no session and no second cookie: save is called without it then.
func (a *core) saveHinted(ctx context.Context, size int, idToken *[]byte, save func() error) error {
	droppable := a.config.KeepIDToken == keepAuto && len(*idToken) > 0
	drop := func() {
		a.log.DebugContext(ctx, "ginoidc: no room for the ID token, so a sign-out goes without id_token_hint", "bytes", len(*idToken))
		*idToken, droppable = nil, false
	}
	if droppable && inCookies(a.config.Store) && size > maxHintedRecord {
		drop()
	}
	err := save()
	if tooLarge := (*session.TooLargeError)(nil); droppable && errors.As(err, &tooLarge) {
		drop()
		err = save()
	}
	return err
}

// inCookies reports whether sessions themselves lie in cookies: with package cookiestore and gin-contrib's cookie store.
// Any other store is taken for one on a server.
func inCookies(store sessions.Store) bool {
	if _, embedded := store.(*cookiestore.Store); embedded {
		return true
	}
	t := reflect.TypeOf(store)
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "github.com/gin-contrib/sessions/cookie"
}
