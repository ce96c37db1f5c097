package fakeop

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// BadAccessTokens are JWTs that no resource server may take for an access token of its own, by what is wrong with
// them. But for that, each is a good one for the subject and the audience.
func (p *Provider) BadAccessTokens(subject, audience string) (map[string]string, error) {
	user, known := p.user(subject)
	if !known {
		return nil, fmt.Errorf("test provider: no user %q", subject)
	}
	stranger, err := strangerRSA()
	if err != nil {
		return nil, err
	}
	forgeries, err := p.forgeries(stranger)
	if err != nil {
		return nil, err
	}
	good := p.accessTokenClaims(p.signedIn(user, "read"), []string{audience})
	tokens := make(map[string]string, len(forgeries))
	for name, f := range forgeries {
		f.header = merged(map[string]any{"typ": "at+jwt"}, f.header)
		f.claims = merged(good, f.claims)
		if tokens[name], err = p.forge(p.newestKey(), f); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

func (p *Provider) forgeries(stranger signingKey) (map[string]forgery, error) {
	table := forgedClaims()
	public := jose.JSONWebKey{Key: stranger.private.Public(), KeyID: stranger.id}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, public.Key, stranger.private)
	if err != nil {
		return nil, fmt.Errorf("test provider: certificate: %w", err)
	}
	byStranger := func(_ signingKey, signed string) (string, error) { return stranger.signText(signed) }
	own := func(member string, value any) forgery {
		return forgery{header: map[string]any{"alg": stranger.alg, "kid": stranger.id, member: value}, sign: byStranger}
	}
	maps.Copy(table, map[string]forgery{
		"jwk of a stranger":     own("jwk", public),
		"jku of a stranger":     own("jku", p.url(Elsewhere)),
		"x5u of a stranger":     own("x5u", p.url(Elsewhere)),
		"x5c of a stranger":     own("x5c", [][]byte{certificate}),
		"alg none":              {header: map[string]any{"alg": "none", "kid": nil}, sign: unsigned},
		"alg None":              {header: map[string]any{"alg": "None"}, sign: unsigned},
		"HS256 by public key":   {header: map[string]any{"alg": "HS256"}, sign: signingKey.macByPublicKey},
		"unknown kid":           {header: map[string]any{"kid": "unknown"}},
		"stranger's key":        {header: map[string]any{"alg": stranger.alg}, sign: byStranger},
		"no signature":          {sign: unsigned},
		"alg twice":             {moreHeader: `"alg":"none"`},
		"ALG as well":           {moreHeader: `"ALG":"none"`},
		"critical header":       {header: map[string]any{"crit": []string{"exp"}, "exp": 1}},
		"unencoded payload":     {header: map[string]any{"b64": false}},
		"typ JWT":               {header: map[string]any{"typ": "JWT"}},
		"no typ":                {header: map[string]any{"typ": nil}},
		"typ of a logout token": {header: map[string]any{"typ": "logout+jwt"}},
	})
	return table, nil
}

func forgedClaims() map[string]forgery {
	hour := time.Now().Add(time.Hour).Unix()
	event := map[string]any{logoutEvent: map[string]any{}}
	with := func(name string, value any) forgery { return forgery{claims: map[string]any{name: value}} }
	return map[string]forgery{
		"another audience":     with("aud", "https://another-api.example"),
		"no audience":          with("aud", nil),
		"another issuer":       with("iss", stranger),
		"expired":              {claims: map[string]any{"iat": hour - 3*3600, "exp": hour - 2*3600}},
		"never expires":        with("exp", nil),
		"not valid yet":        with("nbf", hour),
		"issued in the future": with("iat", hour),
		"no subject":           with("sub", nil),
		"no client":            with("client_id", nil),
		"no jti":               with("jti", nil),
		"a nonce":              with("nonce", "n"),
		"at_hash":              with("at_hash", "AAAA"),
		"ID token": {
			header: map[string]any{"typ": "JWT"},
			claims: map[string]any{"nonce": "n", "client_id": nil, "scope": nil, "jti": nil},
		},
		"logout token": {
			header: map[string]any{"typ": "logout+jwt"},
			claims: map[string]any{"events": event, "client_id": nil},
		},
		"logout event":         with("events", event),
		"bound in another way": with("cnf", map[string]any{"kid": "1"}),
		"sub twice":            {moreClaims: `"sub":"mallory"`},
		"SUB as well":          {moreClaims: `"SUB":"mallory"`},
		"1 MB":                 with("pad", strings.Repeat("a", 1<<20)),
	}
}
