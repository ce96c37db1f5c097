package ginoidctest_test

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// A relying party of thirty lines against a provider in memory.
func Example() {
	idp, err := ginoidctest.New(ginoidctest.Config{Issuer: "https://idp.example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	callback, err := idp.Approve("https://idp.example/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {"https://app.example/auth/callback"},
		"scope": {"openid"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}.Encode(), "alice")
	if err != nil {
		fmt.Println(err)
		return
	}
	idp.Misbehave(ginoidctest.ErrorInvalidGrant)
	client := &http.Client{Transport: idp.Transport()}
	resp, err := client.PostForm("https://idp.example/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {codeOf(callback)}, "code_verifier": {verifier},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.Status, idp.Count(ginoidctest.Token))
	// Output: 400 Bad Request 1
}
