package blackbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestCookieSizes: how large the cookies of a session are, by the groups of its user.
func TestCookieSizes(t *testing.T) {
	const short, uuid = "group-%06d", "3f2504e0-4f89-41d3-9a0c-0305e8%06d"
	for _, groups := range []int{0, 3, 50, 300} {
		with := fmt.Sprintf("%d | ", groups)
		for i, format := range []string{short, uuid} {
			bytes, cookies := sealedSize(t, groups, format)
			if least := groups * len(fmt.Sprintf(format, 0)); bytes < least || bytes > 2*least+400 {
				t.Errorf("%d groups like %s: %d bytes", groups, format, bytes)
			}
			with += fmt.Sprintf("%s%d bytes, %d %s", []string{"", " | "}[i], bytes, cookies,
				map[bool]string{true: "cookie", false: "cookies"}[cookies == 1])
		}
		t.Log("figure sizes: " + with)
	}
}

// sealedSize signs in a user with a name, an address, a session id of the provider, and so many groups. It returns how
// many bytes the values of the session's cookies have without the ID token, and how many cookies there are.
func sealedSize(t *testing.T, groups int, format string) (bytes, cookies int) {
	t.Helper()
	user := fakeop.User{Subject: "00u1a2b3c4d5e6f7g8h9", Name: "Alice Example", Email: "alice@example.com"}
	for i := range groups {
		user.Groups = append(user.Groups, fmt.Sprintf(format, i))
	}
	b := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.KeepIDToken = ginoidc.Never }).Browser()
	b.App.OP.AddUser(user)
	b.MustSignIn(user.Subject)
	for cookie := range strings.SplitSeq(b.CookieHeader(), "; ") {
		if name, value, _ := strings.Cut(cookie, "="); strings.HasPrefix(name, "__Host-ginoidc") {
			bytes, cookies = bytes+len(value), cookies+1
		}
	}
	return bytes, cookies
}
