package provider

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"
)

const (
	opAccessToken = "access token"

	maxAccessToken = 16 << 10
)

// The reasons to refuse an access token that clients of an API want to tell apart; both are ErrInvalidToken too.
var (
	ErrExpiredToken  = errors.New("the token has expired")
	ErrWrongAudience = errors.New("the token is for another audience")
)

// AccessTokenConfig describes this app as a resource server: which access tokens of requests to it are accepted.
type AccessTokenConfig struct {
	// Audience is the name of the app that access tokens have to carry in aud (RFC 9068 section 3): usually the
	// identifier of the API as registered with the provider. Empty: no access token is accepted.
	Audience string

	// Profile says what JWT access tokens look like: one of the Profile constants, "" means ProfileRFC9068.
	Profile string

	// Issuer is the iss of access tokens where it is not the provider's issuer: see [ProfileEntraV1]. Empty: it is.
	Issuer string

	// Introspection says whether the provider is asked about tokens that are no JWTs, and how it has to answer: one of
	// the Introspection constants, "" for never.
	Introspection string

	// AudienceOptional accepts the provider's word for an opaque token without an audience (RFC 7662 section 2.2 leaves
	// it out at will). Any access token of the provider is good here then, such as one for its userinfo endpoint.
	AudienceOptional bool
}

// AccessToken is what a verified access token says. Requests that bring the same token share one, so it must not be
// changed.
type AccessToken struct {
	// Subject is the user, or what the provider calls a client that acts for itself; "" if an answer to introspection
	// names none.
	Subject string

	// ClientID is the client that the token was issued to; "" if an answer to introspection names none.
	ClientID string

	// Machine reports that the client acts for itself (client_credentials, RFC 6749 section 4.4): there is no user.
	Machine bool

	Scopes []string
	ID     string // jti, or what the profile has in its place; may be "" except in ProfileRFC9068

	// Expires is zero if an answer to introspection does not say.
	Expires time.Time

	// Confirmation names the keys that the token is bound to. See [AccessToken.Bound].
	Confirmation Confirmation

	Claims Claims
}

// Bound reports whether the token is good only together with proof of a key (RFC 9449, RFC 8705). A caller that does
// not check the proof has to refuse such a token, or binding it would not stop anyone who stole it.
func (t *AccessToken) Bound() bool { return t.Confirmation != Confirmation{} }

// resourceServer is what a Provider needs for access tokens of requests to the app.
type resourceServer struct {
	AccessTokenConfig
	profile  accessProfile
	verified tokenCache // JWTs, under the present keys
	introspection
}

// start makes the resource server ready for use.
func (r *resourceServer) start(cfg Config) {
	r.AccessTokenConfig, r.profile = cfg.AccessTokens, profileOf(cfg.AccessTokens.Profile)
	r.Issuer = cmp.Or(r.Issuer, cfg.Issuer)
	r.flight.Log = cfg.Logger
}

// CheckAccessToken checks an access token of either kind: a JWT by [Provider.VerifyAccessToken], any other by
// [Provider.Introspect] if that is configured.
//
// Whatever is wrong with the token is ErrInvalidToken, and is ErrExpiredToken or ErrWrongAudience too where that is
// the reason. A provider that cannot be asked is ErrUnavailable: nothing is known of the token then. Any other error
// is a fault of the provider's or of the configuration.
func (p *Provider) CheckAccessToken(ctx context.Context, raw string) (*AccessToken, error) {
	if p.access.Introspection != "" && !looksLikeJWT(raw) {
		return p.Introspect(ctx, raw)
	}
	return p.VerifyAccessToken(ctx, raw)
}

// looksLikeJWT reports whether a text is of three parts of which the first begins as an encoded JSON object does.
func looksLikeJWT(raw string) bool {
	return strings.HasPrefix(raw, "eyJ") && strings.Count(raw, ".") == 2
}

// VerifyAccessToken checks a JWT access token whole (RFC 9068 section 4, RFC 8725), but for the proof of a key that
// it is bound to. ID tokens, logout tokens and other JWTs of the same provider are refused whatever their audience:
// they are made for other eyes and say nothing of what may be done here.
//
// Anybody may send one, so the signature comes last: garbage costs neither cryptography nor a fetch, and tokens that
// name unknown keys cannot use up the key fetch of a sign-in (cases 119, 256). A token that was verified is
// remembered until it expires or the provider's keys change.
func (p *Provider) VerifyAccessToken(ctx context.Context, raw string) (*AccessToken, error) {
	if err := p.checkReady(opAccessToken, raw); err != nil {
		return nil, err
	}
	key := tokenKey(sha256.Sum256([]byte(raw)))
	if token := p.seenBefore(ctx, key); token != nil {
		return token, nil
	}
	token, err := p.readAccessToken(raw)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	keys, err := p.keys.get(ctx) // before the signature is checked, so that no older ones pass for those that verified it
	if err != nil {
		return nil, err
	}
	if _, err := p.verifySignature(ctx, opAccessToken, raw, p.keys.renewAside); err != nil {
		return nil, err
	}
	p.access.verified.put(key, verdict{token: token, until: token.Expires}, len(raw), keys)
	return token, nil
}

// seenBefore finds a token verified earlier with the keys that the provider still has. It keeps the keys up to date
// as verifying would: else a key withdrawn would be good for as long as nobody brings a new token.
func (p *Provider) seenBefore(ctx context.Context, key tokenKey) *AccessToken {
	found, ok := p.access.verified.get(key)
	if !ok {
		return nil
	}
	if keys, err := p.keys.get(ctx); err != nil || !p.access.verified.follow(keys) {
		return nil
	}
	return found.token
}

// checkReady refuses before anything is read: by size, and where no audience tells the app's tokens from others.
func (p *Provider) checkReady(op, raw string) error {
	switch {
	case p.access.Audience == "" || p.access.profile.kind == nil:
		return misconfigured(op, "not_accepted", "access tokens are not accepted: no audience, or an unknown profile")
	case len(raw) > maxAccessToken:
		return badToken(op, "too_large", "%d bytes", len(raw))
	}
	return nil
}
