package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	opToken = "token request"

	maxLifetime = 365 * 24 * time.Hour // of an access token, as far as we believe expires_in
)

// Tokens is a checked token answer (RFC 6749 section 5.1, OpenID Connect Core 1.0 section 3.1.3.3).
type Tokens struct {
	AccessToken  string
	IDToken      string    // not verified yet
	RefreshToken string    // "" when none was given
	TokenType    string    // always "Bearer"
	Scope        string    // as granted; "" when the provider did not say, never what was asked for
	Expiry       time.Time // of the access token; zero when the provider did not say
}

// Exchange redeems an authorization code with its PKCE verifier, with exactly one POST.
func (p *Provider) Exchange(ctx context.Context, code, verifier string) (*Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	config, err := p.tokenConfig(metadata.TokenEndpoint)
	if err != nil {
		return nil, err
	}
	call := &tokenCall{backend: p.backend, secrets: []string{code, verifier, p.clientSecret}}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: call})
	if _, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier)); err != nil {
		var ours *Error
		if errors.As(err, &ours) { // x/oauth2 and net/http wrap what the transport says
			if ours.Code == "invalid_client" {
				p.logger.ErrorContext(ctx, "ginoidc: the provider does not accept this client's id, secret or authentication method",
					"client_id", p.clientID, "method", p.authMethod)
			}
			return nil, ours
		}
		return nil, invalid(opToken, "bad_request", "%w", foreign{err})
	}
	return call.tokens, nil
}

// tokenConfig settles the client authentication. The style is always fixed: left open, x/oauth2 would probe, and send
// the same code twice (case 67).
func (p *Provider) tokenConfig(endpoint string) (*oauth2.Config, error) {
	config := &oauth2.Config{ClientID: p.clientID, RedirectURL: p.redirectURL}
	config.Endpoint.TokenURL = endpoint
	switch p.authMethod {
	case "client_secret_basic": // id and secret form-encoded first, RFC 6749 section 2.3.1
		config.ClientSecret, config.Endpoint.AuthStyle = p.clientSecret, oauth2.AuthStyleInHeader
	case "client_secret_post":
		config.ClientSecret, config.Endpoint.AuthStyle = p.clientSecret, oauth2.AuthStyleInParams
	case "none":
		config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	default:
		return nil, misconfigured(opToken, "auth_method", "client authentication %s is not supported", excerpt(p.authMethod))
	}
	return config, nil
}

// tokenCall is the transport below x/oauth2 for one token request. It judges the raw answer itself, because
// x/oauth2 takes any content type, the last of several members, case twins and any token type.
type tokenCall struct {
	backend *backend
	secrets []string
	tokens  *Tokens
}

// RoundTrip makes the call and hands x/oauth2 the little it needs of an answer that has passed every check.
func (c *tokenCall) RoundTrip(req *http.Request) (*http.Response, error) {
	a, err := c.backend.do(opToken, req, c.secrets...)
	if err != nil {
		return nil, err
	}
	if c.tokens, err = parseTokens(a, time.Now()); err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"access_token": c.tokens.AccessToken, "token_type": "Bearer"})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(bytes.NewReader(body)),
		Request:    req,
	}, nil
}

// parseTokens judges a token answer. Errors never cite it.
func parseTokens(a *answer, now time.Time) (*Tokens, error) {
	if a.status != http.StatusOK {
		return nil, refusedTokens(a)
	}
	if !isJSON(a.header) {
		return nil, invalid(opToken, "bad_content_type", "the answer is %s, not application/json",
			excerpt(a.header.Get("Content-Type")))
	}
	object, err := decodeObject(a.body, maxBody)
	if err != nil {
		return nil, invalid(opToken, "bad_answer", "%w", err)
	}
	if _, present := object["error"]; present {
		return nil, invalid(opToken, "error_with_200", "an error with status 200")
	}
	tokens := &Tokens{TokenType: "Bearer"}
	doc := document(object)
	tokenType, _ := doc.text("token_type")
	var problems [4]error
	tokens.AccessToken, problems[0] = doc.text("access_token")
	tokens.IDToken, problems[1] = doc.text("id_token")
	tokens.RefreshToken, problems[2] = doc.text("refresh_token")
	tokens.Scope, problems[3] = doc.text("scope")
	if err := errors.Join(problems[:]...); err != nil {
		return nil, invalid(opToken, "bad_answer", "%w", err)
	}
	lifetime, ok := expiresIn(object["expires_in"])
	switch {
	case !visible(tokens.AccessToken):
		return nil, invalid(opToken, "no_access_token", "access_token is missing, empty or not printable ASCII")
	case !strings.EqualFold(tokenType, "Bearer"):
		return nil, invalid(opToken, "bad_token_type", "token_type is %s, not Bearer", excerpt(tokenType))
	case tokens.IDToken == "":
		return nil, invalid(opToken, "no_id_token", "id_token is missing or empty")
	case !ok:
		return nil, invalid(opToken, "bad_expires_in", "expires_in is not a number")
	case lifetime > 0:
		tokens.Expiry = now.Add(lifetime)
	}
	return tokens, nil
}

// refusedTokens judges an error answer (RFC 6749 section 5.2). Only registered error codes are taken over.
func refusedTokens(a *answer) *Error {
	object, err := decodeObject(a.body, maxBody)
	if err != nil {
		return unexpectedStatus(opToken, a)
	}
	switch code, _ := object["error"].(string); code {
	case "invalid_grant":
		return &Error{Kind: Refused, Op: opToken, Code: code, Err: errors.New("the provider refused the code")}
	case "invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope":
		return invalid(opToken, code, "the provider refused this client's request with %d", a.status)
	}
	return unexpectedStatus(opToken, a)
}

// expiresIn reads a number or a numeric string. Absent, zero and negative mean unknown (a token that counts as
// expired at once would be refreshed at every request); the rest is clamped (case 60).
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

// visible reports whether s is 1*VSCHAR (RFC 6749 appendix A), and so fit for a header.
func visible(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7E }) < 0
}
