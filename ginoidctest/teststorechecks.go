package ginoidctest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"

	gsessions "github.com/gorilla/sessions"
)

func (t *storeTest) values() error {
	for _, value := range []string{"v", "größe \"\x01<>", strings.Repeat("v", 2000)} {
		c, _, err := t.save(t.one, t.name, value, 3600)
		if err != nil {
			return err
		}
		if err := t.want("a stored value", t.name, value, c); err != nil {
			return err
		}
	}
	return nil
}

func (t *storeTest) attributes() error {
	c, _, err := t.save(t.one, t.name, "v", 3600)
	if err != nil {
		return err
	}
	if c.Name != t.name || c.Path != "/" || c.Domain != "" || c.MaxAge != 3600 || !c.Secure || !c.HttpOnly ||
		c.SameSite != http.SameSiteLaxMode {
		t.failf("the cookie does not have the Options of the session: %s", c)
	}
	return nil
}

// replacement: an update is for all requests of the session, and for no other session of the browser.
func (t *storeTest) replacement() error {
	first, id, err := t.save(t.one, t.name, "first", 3600)
	if err != nil {
		return err
	}
	other, _, err := t.save(t.one, t.name+"_2", "other", 3600, first)
	if err != nil {
		return err
	}
	second, again, err := t.save(t.other, t.name, "second", 3600, first, other)
	if err != nil {
		return err
	}
	if id != again {
		t.failf("Save of a stored session changes its ID")
	}
	if id != "" { // the cookie is an id
		if err := t.want("a replaced value", t.name, "second", first); err != nil {
			return err
		}
	}
	if err := t.want("a replaced value", t.name, "second", second); err != nil {
		return err
	}
	return t.want("the session of another name", t.name+"_2", "other", other)
}

// deletion: Save with a negative MaxAge.
func (t *storeTest) deletion() error {
	c, id, err := t.save(t.one, t.name, "v", 3600)
	if err != nil {
		return err
	}
	kept, _, err := t.save(t.one, t.name, "kept", 3600)
	if err != nil {
		return err
	}
	gone, _, err := t.save(t.other, t.name, "", -1, c)
	if err != nil {
		return err
	}
	if gone.MaxAge >= 0 {
		t.failf("Save with a negative MaxAge does not delete the cookie: %s", gone)
	}
	if id != "" {
		if err := t.want("a deleted session", t.name, "", c); err != nil {
			return err
		}
	}
	return t.want("a session after another one was deleted", t.name, "kept", kept)
}

// strangers: what a browser sends is not trusted. A session with an id that it has chosen could be planted in another
// browser and used there after the sign-in.
func (t *storeTest) strangers() error {
	c, _, err := t.save(t.one, t.name, "v", 3600)
	if err != nil {
		return err
	}
	middle := len(c.Value) / 2
	values := []string{
		"", "x", "../../x", "~-1~x", strings.Repeat("A", 43), strings.Repeat("A", 4000), c.Value[:middle], c.Value + "A",
		c.Value[:middle] + "_" + c.Value[middle+1:], c.Value[:middle] + "-" + c.Value[middle+1:],
		base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)),
	}
	for _, value := range values {
		if value == c.Value {
			continue
		}
		forged := &http.Cookie{Name: t.name, Value: value}
		if err := t.want("a forged cookie", t.name, "", forged); err != nil {
			return err
		}
		saved, _, err := t.save(t.one, t.name, "victim", 3600, forged)
		if err == nil && saved.Value == value {
			t.failf("Save keeps a session under an id of the browser's choice: %.60q", value)
		}
	}
	return t.want("a session after others were forged", t.name, "v", c)
}

// manyUsers: sessions that are used at the same time are not mixed up.
func (t *storeTest) manyUsers() error {
	var users sync.WaitGroup
	failures := make([]error, 40)
	for i := range failures {
		users.Go(func() {
			failures[i] = caught(func() error {
				user := fmt.Sprint("user", i)
				c, _, err := t.save(t.one, t.name, user, 3600)
				for n := 0; n < 5 && err == nil; n++ {
					err = t.want("sessions at the same time", t.name, user, c)
				}
				return err
			})
		})
	}
	users.Wait()
	return errors.Join(failures...)
}

// recordStore are the methods that the plugin uses if a store has them.
type recordStore interface {
	LoadRecord(r *http.Request, name string) (record []byte, stale bool, err error)
	SaveRecord(h http.Header, r *http.Request, name string, record []byte, o *gsessions.Options) error
	DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error
}

func (t *storeTest) records() error {
	one, ok := t.one.(recordStore)
	other, ok2 := t.other.(recordStore)
	if !ok || !ok2 {
		return nil
	}
	record := []byte{0, 1, 0xff, '"', 0}
	h := header{}
	if err := one.SaveRecord(http.Header(h), request(), t.name, record, options(3600)); err != nil {
		return fmt.Errorf("SaveRecord: %w", err)
	}
	c, err := h.cookie()
	if err != nil {
		return err
	}
	if got, stale, err := other.LoadRecord(request(c), t.name); err != nil || stale || !bytes.Equal(got, record) {
		t.failf("LoadRecord = %q, %t, %v; want %q", got, stale, err, record)
	}
	session, err := t.open(t.one, request(c), t.name)
	if err != nil {
		return err
	}
	if len(session.Values) != 0 {
		t.failf("New opens a record as the app's session: %v", session.Values)
	}
	h = header{}
	if err := other.DeleteRecord(http.Header(h), request(c), t.name, options(-1)); err != nil {
		return fmt.Errorf("DeleteRecord: %w", err)
	}
	if gone, err := h.cookie(); err != nil || gone.MaxAge >= 0 {
		t.failf("DeleteRecord does not delete the cookie: %v, %v", gone, err)
	}
	if session.ID == "" && t.inCookies(c) {
		return nil
	}
	h = header{}
	if err := one.SaveRecord(http.Header(h), request(c), t.name, record, options(3600)); !errors.Is(err, fs.ErrNotExist) ||
		len(h) != 0 {
		t.failf("SaveRecord of a deleted record, which would undo a sign-out: %v, header %.80q; want fs.ErrNotExist", err, h)
	}
	return nil
}

// inCookies reports whether the deleted record is still there, in the cookie.
func (t *storeTest) inCookies(c *http.Cookie) bool {
	got, _, err := t.one.(recordStore).LoadRecord(request(c), t.name)
	return err == nil && got != nil
}
