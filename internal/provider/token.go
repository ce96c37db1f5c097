package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
)

var errRefusedGrant = errors.New("the provider refused the code or refresh token")

const (
	opToken = "token request"

	maxLifetime = 365 * 24 * time.Hour // of an access token; expires_in is clamped to it
)

// Tokens is a checked token response (RFC 6749 section 5.1, OpenID Connect Core 1.0 section 3.1.3.3).
type Tokens struct {
	AccessToken  string
	IDToken      string    // not verified yet
	RefreshToken string    // "" if there is none
	TokenType    string    // "Bearer", or "DPoP" if the access token is bound to a key
	Scope        string    // as granted; "" if the provider did not say, never the requested scope
	Expiry       time.Time // of the access token; zero if the provider did not say
	// Nonce is that of the sign-in, for checking ID tokens of a refresh. The caller sets it; "" means unknown.
	Nonce string

	// Generation counts how often the refresh token was redeemed for other access tokens than this one: of several copies
	// of a session's tokens, the one with the highest number has the refresh token that is still valid.
	Generation uint64

	key *dpopKey // the access token is bound to it; nil means a bearer token
}

// Exchange redeems an authorization code with its PKCE verifier, with exactly one POST. With DPoP there is a second
// POST if the provider asks for a nonce, in which case it has not looked at the code yet.
func (p *Provider) Exchange(ctx context.Context, code, verifier string) (*Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.redirectURL}, "code_verifier": {verifier},
	}
	key, err := p.newKey()
	if err != nil {
		return nil, err
	}
	a, err := p.postProved(ctx, opToken, metadata.TokenEndpoint, form, key, code, verifier)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, p.refused(ctx, opToken, a)
	}
	return parseTokens(a, key, time.Now())
}

// parseTokens reads a successful response to an authorization code. Errors never quote it.
func parseTokens(a *answer, key *dpopKey, now time.Time) (*Tokens, error) {
	tokens, _, err := readTokens(opToken, a, key, now)
	if err != nil {
		return nil, err
	}
	if tokens.IDToken == "" {
		return nil, invalid(opToken, "no_id_token", "id_token is missing or empty")
	}
	return tokens, nil
}

// readTokens reads what token responses of all grants have in common. It refuses duplicate members, names that differ
// only in case, and any other token type than requested: a bearer token instead of one bound to key could be used by
// anyone who steals it.
func readTokens(op string, a *answer, key *dpopKey, now time.Time) (*Tokens, document, error) {
	doc, err := a.object(op)
	if err != nil {
		return nil, nil, err
	}
	if code, err := doc.text("error"); err != nil || code != "" {
		return nil, nil, invalid(op, "error_with_200", "an error with status 200")
	}
	tokens := &Tokens{TokenType: key.scheme(), key: key}
	tokenType, _ := doc.text("token_type")
	var problems [4]error
	tokens.AccessToken, problems[0] = doc.text("access_token")
	tokens.IDToken, problems[1] = doc.text("id_token")
	tokens.RefreshToken, problems[2] = doc.text("refresh_token")
	tokens.Scope, problems[3] = doc.words("scope")
	if err := errors.Join(problems[:]...); err != nil {
		return nil, nil, invalid(op, "bad_answer", "%w", err)
	}
	lifetime, ok := expiresIn(doc["expires_in"])
	switch {
	case !visible(tokens.AccessToken):
		return nil, nil, invalid(op, "no_access_token", "access_token is missing, empty or not printable ASCII")
	case !strings.EqualFold(tokenType, tokens.TokenType):
		return nil, nil, invalid(op, "bad_token_type", "token_type is %s, not %s", excerpt(tokenType), tokens.TokenType)
	case !ok:
		return nil, nil, invalid(op, "bad_expires_in", "expires_in is not a number")
	case lifetime > 0:
		tokens.Expiry = now.Add(lifetime)
	}
	return tokens, doc, nil
}

// expiresIn reads a number or a numeric string. Absent, zero and negative mean unknown: a token that counted as expired
// at once would be refreshed at every request. All other values are clamped.
func expiresIn(value any) (lifetime time.Duration, ok bool) {
	var text string
	switch v := value.(type) {
	case nil:
		return 0, true
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) {
		err = nil // ±Inf, clamped below
	}
	if err != nil || seconds != seconds {
		return 0, false
	}
	return time.Duration(max(0, min(seconds, maxLifetime.Seconds()))) * time.Second, true
}

// visible reports whether s is 1*VSCHAR (RFC 6749 appendix A), and so safe in a header.
func visible(s string) bool { return s != "" && ascii.Printable(s) }
