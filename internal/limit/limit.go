// Package limit is what the plugin is measured against: the least correct code for a guarded request, written by hand
// for one app. A sealed cookie is found, opened and decoded, its expiry is checked, the user goes into the gin.Context,
// and a guard looks for a group. It has no rotation of secrets, no revocation, no renewal and no idle limit, and writes
// no headers.
package limit

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// User is what the sealed cookie holds.
type User struct {
	Subject, Email, Name, SID string
	Expires, AuthTime         int64
	Groups                    []string
}

// Group is the group that the compared routes require.
const Group = "staff-headquarters"

// Alice is the user of all comparisons. Her claims are as long as those of ordinary users: with three groups they take
// 184 bytes, and 283 characters as a cookie. Her groups are sorted, and Group is the last of them. All but three look
// like those of a directory.
func Alice(groups int) User {
	alice := User{
		Subject: "7c9f2d4e-51ab-4e0c-8f6d-2b7a93c1e508", SID: "0b6e1f37-c2d8-4a95-9e13-64f7a5d0b82c",
		Email: "alice.adams@example.com", Name: "Alice Adams",
		Groups:   []string{"engineering-backend", "release-managers", Group}[max(0, 3-groups):],
		AuthTime: time.Now().Unix(), Expires: time.Now().Add(24 * time.Hour).Unix(),
	}
	for i := range groups - 3 {
		alice.Groups = append(alice.Groups, fmt.Sprintf("%08x-5d1f-4c7a-9b3e-2f6a8c0d4e1b", i*2654435761))
	}
	slices.Sort(alice.Groups)
	return alice
}

// Claims returns u as the claims of a token.
func (u User) Claims() map[string]any {
	return map[string]any{
		"sub": u.Subject, "email": u.Email, "name": u.Name, "sid": u.SID, "groups": u.Groups, "exp": u.Expires,
		"auth_time": u.AuthTime,
	}
}

// App serves GET /x for the members of Group.
type App struct {
	*gin.Engine
	aead cipher.AEAD
}

const cookieName = "__Host-session"

// New returns an App with a secret of 32 bytes.
func New(secret []byte) (*App, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	a := &App{gin.New(), aead}
	a.Use(a.identify)
	a.GET("/x", require(Group), func(c *gin.Context) { c.Status(http.StatusOK) })
	return a, nil
}

func (a *App) identify(c *gin.Context) {
	if u := a.open(c.Request); u != nil {
		c.Set("user", u)
	}
}

func require(group string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if u, _ := c.Value("user").(*User); u == nil || !slices.Contains(u.Groups, group) {
			c.AbortWithStatus(http.StatusForbidden)
		}
	}
}

// Cookie returns the sealed cookie of u.
func (a *App) Cookie(u User) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(u.Expires))
	b = binary.BigEndian.AppendUint64(b, uint64(u.AuthTime))
	b = binary.BigEndian.AppendUint16(b, uint16(len(u.Groups)))
	for _, text := range append([]string{u.Subject, u.Email, u.Name, u.SID}, u.Groups...) {
		b = append(append(b, byte(len(text))), text...)
	}
	return cookieName + "=" + base64.RawURLEncoding.EncodeToString(a.aead.Seal(nil, nil, b, []byte(cookieName)))
}

// open returns the user of the request, or nil.
func (a *App) open(r *http.Request) *User {
	text := ""
	for _, line := range r.Header["Cookie"] {
		for more := true; more; {
			var pair string
			pair, line, more = strings.Cut(line, ";")
			if value, ok := strings.CutPrefix(strings.TrimLeft(pair, " "), cookieName+"="); ok {
				text = value
			}
		}
	}
	sealed := make([]byte, base64.RawURLEncoding.DecodedLen(len(text)))
	if _, err := base64.RawURLEncoding.Decode(sealed, []byte(text)); err != nil {
		return nil
	}
	plaintext, err := a.aead.Open(sealed[:0], nil, sealed, []byte(cookieName))
	if err != nil || len(plaintext) < 18 {
		return nil
	}
	return decode(string(plaintext))
}

func decode(b string) *User {
	rest := b[18:]
	next := func() (text string) {
		if rest != "" && len(rest) > int(rest[0]) {
			n := 1 + int(rest[0])
			text, rest = rest[1:n], rest[n:]
		}
		return text
	}
	u := &User{
		Expires: int64(binary.BigEndian.Uint64([]byte(b[:8]))), AuthTime: int64(binary.BigEndian.Uint64([]byte(b[8:16]))),
		Groups:  make([]string, binary.BigEndian.Uint16([]byte(b[16:18]))),
		Subject: next(), Email: next(), Name: next(), SID: next(),
	}
	if time.Now().Unix() > u.Expires {
		return nil
	}
	for i := range u.Groups {
		u.Groups[i] = next()
	}
	return u
}
