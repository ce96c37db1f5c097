package provider

import (
	"context"
	"mime"
	"net/http"
)

const opUserInfo = "userinfo"

// UserInfo asks the userinfo endpoint about the user of accessToken (OpenID Connect Core 1.0 section 5.3). The
// answer must name the same subject as the ID token, or it may be another user's (section 5.3.2). It returns
// nil, nil when the provider has no userinfo endpoint.
func (p *Provider) UserInfo(ctx context.Context, accessToken, subject string) (Claims, error) {
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	metadata, err := p.Metadata(ctx)
	if err != nil || metadata.UserinfoEndpoint == "" {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, metadata.UserinfoEndpoint, nil)
	if err != nil {
		return nil, invalid(opUserInfo, "bad_endpoint", "%w", foreign{err})
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	req.Header.Set("Accept", "application/json")
	a, err := p.backend.do(opUserInfo, req)
	if err != nil {
		return nil, err
	}
	return parseUserInfo(a, subject)
}

func parseUserInfo(a *answer, subject string) (Claims, error) {
	if a.status != http.StatusOK {
		return nil, unexpectedStatus(opUserInfo, a)
	}
	if mediaType, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); mediaType == "application/jwt" {
		return nil, invalid(opUserInfo, "signed_userinfo",
			"the provider signs or encrypts userinfo (application/jwt), which is not supported yet: register this client for plain userinfo")
	}
	if !isJSON(a.header) {
		return nil, invalid(opUserInfo, "bad_content_type", "the answer is %s, not application/json",
			excerpt(a.header.Get("Content-Type")))
	}
	claims, err := decodeObject(a.body, maxBody)
	if err != nil {
		return nil, invalid(opUserInfo, "bad_answer", "%w", err)
	}
	if sub, _ := claims["sub"].(string); sub == "" || sub != subject {
		return nil, badToken(opUserInfo, "subject_mismatch", "userinfo is not about the subject of the ID token")
	}
	return claims, nil
}
