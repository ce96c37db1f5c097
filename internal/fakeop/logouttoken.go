package fakeop

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogoutToken issues what a provider posts to the app as logout_token when a user has signed out elsewhere (OpenID
// Connect Back-Channel Logout 1.0, section 2.4). It names the session sid or, if sid is empty, all sessions of the
// subject; an empty subject is omitted. edit, which may be nil, changes the claims before they are signed, and may set
// the header's type by a claim named "typ", which is then removed.
func (p *Provider) LogoutToken(subject, sid string, edit func(claims map[string]any)) (string, error) {
	now := time.Now()
	claims := map[string]any{
		"iss": p.issuer, "aud": p.cfg.ClientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": map[string]any{logoutEvent: map[string]any{}},
		"typ":    "logout+jwt",
	}
	if subject != "" {
		claims["sub"] = subject
	}
	if sid != "" {
		claims["sid"] = sid
	}
	if edit != nil {
		edit(claims)
	}
	return p.signTyped(claims)
}

// signTyped signs claims with the newest key. The claim "typ" becomes the header's type, and is removed.
func (p *Provider) signTyped(claims map[string]any) (string, error) {
	typ, _ := claims["typ"].(string)
	delete(claims, "typ")
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("test provider: claims of a %s: %w", typ, err)
	}
	key := p.newestKey()
	return key.signAs(typ, payload, key.id)
}
