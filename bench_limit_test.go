//go:build !race

package ginoidc_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// limit is the least correct code for a guarded request: a sealed cookie is found, opened and decoded, its expiry is
// checked, the user goes into the gin.Context, and a guard looks for a group. It has no rotation of secrets, no
// revocation, no renewal and no idle limit, and writes no headers.
type limit struct{ aead cipher.AEAD }

const limitCookie = "__Host-session"

// limitUser is what the sealed cookie holds.
type limitUser struct {
	Subject, Email, Name, SID string
	Expires, AuthTime         int64
	Groups                    []string
}

func newLimit(t testing.TB) limit {
	block, err := aes.NewCipher([]byte(testapp.CookieSecret)[:32])
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return limit{aead}
}

// seal returns the cookie of u.
func (l limit) seal(u limitUser) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(u.Expires))
	b = binary.BigEndian.AppendUint64(b, uint64(u.AuthTime))
	b = binary.BigEndian.AppendUint16(b, uint16(len(u.Groups)))
	for _, text := range append([]string{u.Subject, u.Email, u.Name, u.SID}, u.Groups...) {
		b = append(append(b, byte(len(text))), text...)
	}
	return limitCookie + "=" + base64.RawURLEncoding.EncodeToString(l.aead.Seal(nil, nil, b, []byte(limitCookie)))
}

// open returns the user of the request, or nil.
func (l limit) open(r *http.Request) *limitUser {
	text := ""
	for _, line := range r.Header["Cookie"] {
		for more := true; more; {
			var pair string
			pair, line, more = strings.Cut(line, ";")
			if value, ok := strings.CutPrefix(strings.TrimLeft(pair, " "), limitCookie+"="); ok {
				text = value
			}
		}
	}
	sealed := make([]byte, base64.RawURLEncoding.DecodedLen(len(text)))
	if _, err := base64.RawURLEncoding.Decode(sealed, []byte(text)); err != nil {
		return nil
	}
	plaintext, err := l.aead.Open(sealed[:0], nil, sealed, []byte(limitCookie))
	if err != nil || len(plaintext) < 18 {
		return nil
	}
	return decodeLimitUser(string(plaintext))
}

func decodeLimitUser(b string) *limitUser {
	rest := b[18:]
	next := func() (text string) {
		if rest != "" && len(rest) > int(rest[0]) {
			n := 1 + int(rest[0])
			text, rest = rest[1:n], rest[n:]
		}
		return text
	}
	u := &limitUser{
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

// engine serves GET /x for the members of "staff".
func (l limit) engine() *gin.Engine {
	e := gin.New()
	e.Use(func(c *gin.Context) {
		if u := l.open(c.Request); u != nil {
			c.Set("user", u)
		}
	})
	guard := func(c *gin.Context) {
		if u, _ := c.Value("user").(*limitUser); u == nil || !slices.Contains(u.Groups, "staff") {
			c.AbortWithStatus(http.StatusForbidden)
		}
	}
	e.GET("/x", guard, func(c *gin.Context) { c.Status(http.StatusOK) })
	return e
}
