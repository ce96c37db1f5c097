package session

import (
	"context"
	"errors"
	"reflect"

	"github.com/gin-contrib/sessions"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
)

// InCookies reports whether a store keeps the sessions themselves in cookies, as package cookiestore and gin-contrib's
// cookie store do. Any other store is assumed to keep them on a server.
func InCookies(store sessions.Store) bool {
	if _, embedded := store.(*cookiestore.Store); embedded {
		return true
	}
	t := reflect.TypeOf(store)
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "github.com/gin-contrib/sessions/cookie"
}

// maxHintedRecord is the size in bytes of a record that, sealed, still fits in one cookie.
const maxHintedRecord = 2800

// Fit calls save for a record of this size with the ID token, which is the hint for a sign-out. If the token is
// droppable, Fit drops one that would need a second cookie or make the session too large for its store.
func (m *Manager) Fit(ctx context.Context, size int, idToken *[]byte, droppable bool, save func() error) error {
	droppable = droppable && len(*idToken) > 0
	drop := func() {
		m.config.Logger.DebugContext(ctx, "ginoidc: no room for the ID token, so a sign-out sends no id_token_hint",
			"bytes", len(*idToken))
		*idToken, droppable = nil, false
	}
	if droppable && InCookies(m.config.Store) && size > maxHintedRecord {
		drop()
	}
	err := save()
	if tooLarge := (*TooLargeError)(nil); droppable && errors.As(err, &tooLarge) {
		drop()
		err = save()
	}
	return err
}
