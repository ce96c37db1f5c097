package blackbox_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"math/big"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestProtocol signs in with every kind of request, response and client authentication that a provider may require. The
// test provider checks each of them; this test checks what the rows list.
func TestProtocol(t *testing.T) {
	keys := testapp.NewClientKeys(t)
	type change = func(*ginoidc.Config, *fakeop.Config)
	mode := func(mode string) change {
		return func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = mode }
	}
	always := func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].PushedAuthorization = "always" }
	signed := func(c *ginoidc.Config, op *fakeop.Config) {
		p := &c.Providers[0]
		p.SignRequests, p.ClientKey, op.ClientKey, op.RequireRequestObject = true, testapp.PEM(keys["EC"]),
			keys["EC"].Public(), true
	}
	dpop := func(c *ginoidc.Config, op *fakeop.Config) { c.Providers[0].DPoP, op.RequireDPoP = true, true }
	encrypted := func(kind string) change {
		return func(c *ginoidc.Config, op *fakeop.Config) {
			c.Providers[0].DecryptionKey, op.EncryptIDToken = testapp.PEM(keys[kind]), keys[kind].Public()
		}
	}
	const par, token = "/par", "/token"
	for _, tt := range []struct {
		name    string
		changes []change
		query   string // names in the authorization URL
		form    string // endpoint and names of the parameters that are posted to it
		absent  string // a name that is in neither
	}{
		{"PAR required", []change{func(_ *ginoidc.Config, op *fakeop.Config) { op.RequirePAR = true }},
			"client_id request_uri", par + " code_challenge nonce state redirect_uri", "client_secret"},
		{"PAR by choice", []change{always}, "client_id request_uri", par + " code_challenge scope", ""},
		{"PAR not required", nil,
			"client_id code_challenge code_challenge_method nonce redirect_uri response_type scope state",
			token + " code code_verifier", "client_assertion"},
		{"client_secret_post", []change{func(c *ginoidc.Config,
			_ *fakeop.Config) {
			c.Providers[0].ClientAuthMethod = "client_secret_post"
		}}, "", token + " client_id client_secret", ""},
		{"client_secret_jwt", []change{func(c *ginoidc.Config, op *fakeop.Config) {
			p := &c.Providers[0]
			p.ClientAuthMethod, op.ClientAuthMethod, p.ClientSecret, op.ClientSecret = "client_secret_jwt", "client_secret_jwt",
				testapp.CookieSecret, testapp.CookieSecret
		}}, "", token + " client_assertion client_assertion_type", "client_secret"},
		{"none", []change{func(c *ginoidc.Config, op *fakeop.Config) {
			c.Providers[0].ClientAuthMethod, c.Providers[0].ClientSecret, op.Public = "none", "", true
		}}, "", token + " client_id", "client_secret"},
		{"private_key_jwt, EC", []change{keys.Authenticate("EC", "")}, "", token + " client_assertion", "client_secret"},
		{"private_key_jwt, RSA", []change{keys.Authenticate("RSA", "")}, "", token + " client_assertion", "client_secret"},
		{"private_key_jwt, PS256", []change{keys.Authenticate("RSA", "PS256"), always}, "client_id request_uri",
			par + " client_assertion", "client_secret"},
		{"private_key_jwt, Ed25519", []change{keys.Authenticate("Ed25519", "")}, "", token + " client_assertion",
			"client_secret"},
		{"signed request", []change{signed}, "client_id request response_type scope", token + " code", "request"},
		{"signed request, pushed", []change{signed, always}, "client_id request_uri", par + " request", "code_challenge"},
		{"form_post", []change{mode("form_post")}, "", token + " code", ""},
		{"JARM", []change{mode("query.jwt")}, "", token + " code", ""},
		{"JARM by form_post", []change{mode("form_post.jwt"), always}, "client_id request_uri", par + " response_mode", ""},
		{"DPoP", []change{dpop}, "", token + " code", ""},
		{"DPoP with nonces", []change{dpop, func(_ *ginoidc.Config, op *fakeop.Config) { op.DPoPNonces = true }},
			"", token + " code", ""},
		{"signed userinfo", []change{func(_ *ginoidc.Config, op *fakeop.Config) {
			op.SignUserInfo,
				op.GroupsInUserInfoOnly = true, true
		}}, "", token + " code", ""}, // case 105
		{"ID token encrypted to RSA", []change{encrypted("RSA")}, "", token + " code", ""},
		{"ID token encrypted to EC", []change{encrypted("EC")}, "", token + " code", ""},
		{"FAPI 2.0", []change{keys.FAPI2}, "client_id request_uri", par + " client_assertion code_challenge",
			"client_secret"},
		{"everything at once", []change{keys.FAPI2, signed, mode("form_post.jwt"), encrypted("EC"),
			func(_ *ginoidc.Config, op *fakeop.Config) { op.SignUserInfo = true }},
			"client_id request_uri", par + " client_assertion request", "code_challenge"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := &testapp.Recorder{}
			a := testapp.New(t,
				append(tt.changes, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Transport = seen })...)
			b := a.Browser()
			started := b.Navigate("/auth/signin?return_to=/me&max_age=3600")
			if query := testapp.ParseURL(t, started.Location()).Query(); tt.query != "" &&
				names(query) != strings.Replace(tt.query+" ", "code_challenge_method ", "code_challenge_method max_age ", 1) {
				t.Errorf("asked with %s", names(query))
			}
			callback, err := a.OP.Approve(started.Location(), "alice")
			if err != nil {
				t.Fatalf("%v\n%s", err, a.Logs)
			}
			if r := b.Callback(callback); r.StatusCode != 303 || r.Location() != "/me" {
				t.Fatalf("%d to %q\n%s", r.StatusCode, r.Location(), a.Logs)
			}
			if r := b.Fetch("/admin"); r.StatusCode != 200 || b.WhoAmI() != "alice" {
				t.Errorf("%d, %q signed in", r.StatusCode, b.WhoAmI())
			}
			fields := strings.Fields(tt.form)
			for _, name := range fields[1:] {
				if !seen.Form[fields[0]].Has(name) {
					t.Errorf("posted to %s: %s", fields[0], names(seen.Form[fields[0]]))
				}
			}
			if tt.absent != "" && seen.Form[fields[0]].Has(tt.absent) {
				t.Errorf("%s was posted to %s", tt.absent, fields[0])
			}
			scheme, _, _ := strings.Cut(seen.Header["/userinfo"].Get("Authorization"), " ")
			bound := seen.Header["/token"].Get("DPoP") != "" && seen.Header["/userinfo"].Get("DPoP") != ""
			if want := map[bool]string{true: "DPoP", false: "Bearer"}[bound]; scheme != want {
				t.Errorf("userinfo asked for with %v", seen.Header["/userinfo"])
			}
		})
	}
}

// TestProtocolRefuses: if a provider does not do what is configured, nobody is signed in and the log has the reason.
func TestProtocolRefuses(t *testing.T) {
	keys := testapp.NewClientKeys(t)
	jarm := func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = "query.jwt" }
	par := func(_ *ginoidc.Config, op *fakeop.Config) { op.RequirePAR = true }
	dpop := func(c *ginoidc.Config, op *fakeop.Config) { c.Providers[0].DPoP = true }
	signedUserInfo := func(_ *ginoidc.Config, op *fakeop.Config) { op.SignUserInfo = true }
	encrypted := func(c *ginoidc.Config, op *fakeop.Config) {
		c.Providers[0].DecryptionKey, op.EncryptIDToken = testapp.PEM(keys["RSA"]), keys["RSA"].Public()
	}
	for _, tt := range []struct {
		does   fakeop.Misbehaviour
		change func(*ginoidc.Config, *fakeop.Config)
		status int
		reason string // in the log
	}{
		{fakeop.JARMSigNone, jarm, 400, "algorithm"},
		{fakeop.JARMInvalidSig, jarm, 400, "bad_signature"},
		{fakeop.JARMInvalidIss, jarm, 400, "issuer"},
		{fakeop.JARMWithoutIss, jarm, 400, "issuer"},
		{fakeop.JARMInvalidAud, jarm, 400, "audience"},
		{fakeop.JARMWithoutAud, jarm, 400, "audience"},
		{fakeop.JARMExpired, jarm, 400, "clock_skew"},
		{fakeop.JARMWithoutExp, jarm, 400, "bad_time"},
		{fakeop.JARMWithoutState, jarm, 400, "no state"},
		{fakeop.PARHTMLAnswer, par, 502, "provider_status"},
		{fakeop.PARError, par, 502, "invalid_request"},
		{fakeop.PARRedirect307, par, 502, "redirect"},
		{fakeop.PARWithoutExpiresIn, par, 502, "bad_expires_in"},
		{fakeop.PARWithoutRequestURI, par, 502, "bad_request_uri"},
		{fakeop.PAREmptyRequestURI, par, 502, "bad_request_uri"},
		{fakeop.DiscoveryWithoutPAR, par, 503, "par_unsupported"},
		{fakeop.DPoPDowngrade, dpop, 502, "bad_token_type"},
		{fakeop.DPoPNonceEndless, dpop, 502, "use_dpop_nonce"},
		{fakeop.UserInfoNonceEndless, dpop, 502, "use_dpop_nonce"},
		{fakeop.UserInfoSigNone, signedUserInfo, 502, "algorithm"},        // case 105
		{fakeop.UserInfoInvalidSig, signedUserInfo, 502, "bad_signature"}, // case 105
		{fakeop.UserInfoInvalidIss, signedUserInfo, 502, "issuer"},        // case 105
		{fakeop.UserInfoInvalidAud, signedUserInfo, 502, "audience"},      // case 105
		{fakeop.EncryptedToStranger, encrypted, 401, "decryption_failed"},
		{fakeop.EncryptedRSA15, encrypted, 401, "algorithm"},
		{fakeop.EncryptedNotSigned, encrypted, 401, "malformed"},
		{fakeop.NotEncrypted, encrypted, 401, "not_encrypted"},
	} {
		t.Run(string(tt.does), func(t *testing.T) {
			a := testapp.New(t, tt.change)
			a.OP.Misbehave(tt.does)
			b := a.Browser()
			r := b.Navigate("/auth/signin")
			if r.StatusCode == 302 {
				callback, err := a.OP.Approve(r.Location(), "alice")
				if err != nil {
					t.Fatal(err)
				}
				r = b.Navigate(callback)
			} else if len(r.Header["Set-Cookie"]) != 0 {
				t.Errorf("no sign-in, and a cookie: %v", r.Header)
			}
			if r.StatusCode != tt.status || b.WhoAmI() != "" || !strings.Contains(a.Logs.String(), tt.reason) {
				t.Errorf("%d, %q signed in, log %s", r.StatusCode, b.WhoAmI(), a.Logs)
			}
			if a.OP.Count(fakeop.Elsewhere) != 0 {
				t.Error("another host was called")
			}
			if tt.status == 400 && a.OP.Count(fakeop.Token) != 0 {
				t.Error("the code was redeemed")
			}
		})
	}
}

// TestSignedResponses: with a response mode for signed responses, no other response is accepted, nor one for another
// browser, and such responses cause no fetch of keys. Cases 22, 30.
func TestSignedResponses(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = "query.jwt" })
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	plain := testapp.New(t)
	unsigned := testapp.ParseURL(t, plain.Browser().Start("/auth/signin", "alice")).RawQuery
	for name, target := range map[string]string{
		"not signed": "/auth/callback?" + unsigned, "signed and not": callback + "&code=x",
		"two":   callback + "&" + testapp.ParseURL(t, b.Start("/auth/signin", "alice")).RawQuery,
		"empty": "/auth/callback?response=", "nothing": "/auth/callback",
	} {
		if r := b.Navigate(target); r.StatusCode != 400 {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
	if err := a.OP.RotateKeys(false); err != nil {
		t.Fatal(err)
	}
	keys := a.OP.Count(fakeop.JWKS)
	other := a.Browser()
	for range 20 {
		theirs := other.Start("/auth/signin", "bob")
		if r := b.Navigate(theirs); r.StatusCode != 400 {
			t.Errorf("another browser's: %d", r.StatusCode)
		}
	}
	if n := a.OP.Count(fakeop.JWKS); n != keys {
		t.Errorf("%d fetches of keys", n-keys)
	}
	b.MustSignIn("alice")
	if r := plain.Browser().Navigate("/auth/callback?response=" + testapp.ParseURL(t,
		callback).Query().Get("response")); r.StatusCode != 400 { // case 46
		t.Errorf("signed, to a plain mode: %d", r.StatusCode)
	}
}

// TestFAPI2Refuses: the profile refuses a provider that does not support all of it, before any browser is redirected
// there.
func TestFAPI2Refuses(t *testing.T) {
	keys := testapp.NewClientKeys(t)
	for _, missing := range []string{
		"pushed_authorization_request_endpoint", "authorization_response_iss_parameter_supported",
		"code_challenge_methods_supported",
		"dpop_signing_alg_values_supported", "token_endpoint_auth_methods_supported",
	} {
		a := testapp.New(t, keys.FAPI2)
		a.OP.OnDiscovery(func(doc map[string]any) { delete(doc, missing) })
		if r := a.Browser().Navigate("/auth/signin"); r.StatusCode != 503 ||
			!strings.Contains(a.Logs.String(), "fapi2_unsupported") || !strings.Contains(a.Logs.String(), missing) {
			t.Errorf("%s: %d %s", missing, r.StatusCode, a.Logs)
		}
	}
}

// TestMutualTLS: the client authenticates with its certificate, at the provider's endpoints for mutual TLS.
func TestMutualTLS(t *testing.T) {
	keys := testapp.NewClientKeys(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, keys["EC"].Public(), keys["EC"])
	if err != nil {
		t.Fatal(err)
	}
	for _, registered := range []bool{true, false} {
		var op *fakeop.Provider
		server := httptest.NewUnstartedServer(nil)
		server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		server.StartTLS()
		defer server.Close()
		a := testapp.New(t, func(c *ginoidc.Config, o *fakeop.Config) {
			c.Providers[0].Issuer, o.Issuer, o.MTLSRoot = server.URL, server.URL, server.URL+"/mtls"
			p := &c.Providers[0]
			p.ClientSecret, p.ClientAuthMethod, o.ClientAuthMethod = "", "self_signed_tls_client_auth",
				"self_signed_tls_client_auth"
			c.Providers[0].ClientCertificate = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: keys["EC"]}
			if o.ClientKey = keys["EC"].Public(); !registered {
				o.ClientKey = keys["RSA"].Public()
			}
			c.Providers[0].RootCAs = x509.NewCertPool()
			c.Providers[0].RootCAs.AddCert(server.Certificate())
			c.Providers[0].Transport = testapp.Network{}
		})
		op = a.OP
		server.Config.Handler = op
		b := a.Browser()
		if r := b.SignIn("alice"); (r.StatusCode == 303) != registered || (b.WhoAmI() == "alice") != registered {
			t.Errorf("registered %t: %d, %q signed in\n%s", registered, r.StatusCode, b.WhoAmI(), a.Logs)
		}
	}
}

// names returns the names of the parameters in order, each followed by a space.
func names(values url.Values) (list string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list += name + " "
	}
	return list
}
