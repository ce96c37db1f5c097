package ginoidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
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
)

// clientKeys are what the app has and what the provider registered, of each type.
type clientKeys map[string]crypto.Signer

func newClientKeys(t *testing.T) clientKeys {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return clientKeys{"EC": ec, "RSA": rs, "Ed25519": ed}
}

// authenticates by private_key_jwt.
func (k clientKeys) authenticates(kind, alg string) func(*ginoidc.Config, *fakeop.Config) {
	return func(c *ginoidc.Config, op *fakeop.Config) {
		c.ClientAuthMethod, c.ClientSecret, c.ClientKey, c.ClientKeyAlg = "private_key_jwt", "", pemKey(k[kind]), alg
		op.ClientAuthMethod, op.ClientKey = "private_key_jwt", k[kind].Public()
	}
}

// fapi2 is a client and a provider of the FAPI 2.0 Security Profile.
func (k clientKeys) fapi2(c *ginoidc.Config, op *fakeop.Config) {
	c.Profile, c.ClientSecret, c.SigningAlgs, c.ClientKey = "fapi2", "", nil, pemKey(k["EC"])
	op.ClientAuthMethod, op.ClientKey = "private_key_jwt", k["EC"].Public()
	op.RequirePAR, op.RequireDPoP, op.DPoPNonces = true, true, true
}

// TestProtocol signs in with every way of asking, answering and proving that a provider may demand. The test provider
// checks each of them; what the row says is looked at here.
func TestProtocol(t *testing.T) {
	keys := newClientKeys(t)
	type change = func(*ginoidc.Config, *fakeop.Config)
	mode := func(mode string) change {
		return func(c *ginoidc.Config, _ *fakeop.Config) { c.ResponseMode = mode }
	}
	always := func(c *ginoidc.Config, _ *fakeop.Config) { c.PushedAuthorization = "always" }
	signed := func(c *ginoidc.Config, op *fakeop.Config) {
		c.SignRequests, c.ClientKey, op.ClientKey, op.RequireRequestObject = true, pemKey(keys["EC"]), keys["EC"].Public(), true
	}
	dpop := func(c *ginoidc.Config, op *fakeop.Config) { c.DPoP, op.RequireDPoP = true, true }
	encrypted := func(kind string) change {
		return func(c *ginoidc.Config, op *fakeop.Config) {
			c.DecryptionKey, op.EncryptIDToken = pemKey(keys[kind]), keys[kind].Public()
		}
	}
	const par, token = "/par", "/token"
	for _, tt := range []struct {
		name    string
		changes []change
		query   string // names in the authorization URL
		form    string // endpoint and names in what is posted to it
		absent  string // a name that is not
	}{
		{"PAR required", []change{func(_ *ginoidc.Config, op *fakeop.Config) { op.RequirePAR = true }}, "client_id request_uri", par + " code_challenge nonce state redirect_uri", "client_secret"},
		{"PAR by choice", []change{always}, "client_id request_uri", par + " code_challenge scope", ""},
		{"PAR not required", nil, "client_id code_challenge code_challenge_method nonce redirect_uri response_type scope state", token + " code code_verifier", "client_assertion"},
		{"client_secret_post", []change{func(c *ginoidc.Config, _ *fakeop.Config) { c.ClientAuthMethod = "client_secret_post" }}, "", token + " client_id client_secret", ""},
		{"client_secret_jwt", []change{func(c *ginoidc.Config, op *fakeop.Config) {
			c.ClientAuthMethod, op.ClientAuthMethod, c.ClientSecret, op.ClientSecret = "client_secret_jwt", "client_secret_jwt", secret, secret
		}}, "", token + " client_assertion client_assertion_type", "client_secret"},
		{"none", []change{func(c *ginoidc.Config, op *fakeop.Config) {
			c.ClientAuthMethod, c.ClientSecret, op.Public = "none", "", true
		}}, "", token + " client_id", "client_secret"},
		{"private_key_jwt, EC", []change{keys.authenticates("EC", "")}, "", token + " client_assertion", "client_secret"},
		{"private_key_jwt, RSA", []change{keys.authenticates("RSA", "")}, "", token + " client_assertion", "client_secret"},
		{"private_key_jwt, PS256", []change{keys.authenticates("RSA", "PS256"), always}, "client_id request_uri", par + " client_assertion", "client_secret"},
		{"private_key_jwt, Ed25519", []change{keys.authenticates("Ed25519", "")}, "", token + " client_assertion", "client_secret"},
		{"signed request", []change{signed}, "client_id request response_type scope", token + " code", "request"},
		{"signed request, pushed", []change{signed, always}, "client_id request_uri", par + " request", "code_challenge"},
		{"form_post", []change{mode("form_post")}, "", token + " code", ""},
		{"JARM", []change{mode("query.jwt")}, "", token + " code", ""},
		{"JARM by form_post", []change{mode("form_post.jwt"), always}, "client_id request_uri", par + " response_mode", ""},
		{"DPoP", []change{dpop}, "", token + " code", ""},
		{"DPoP with nonces", []change{dpop, func(_ *ginoidc.Config, op *fakeop.Config) { op.DPoPNonces = true }}, "", token + " code", ""},
		{"signed userinfo", []change{func(_ *ginoidc.Config, op *fakeop.Config) { op.SignUserInfo, op.GroupsInUserInfoOnly = true, true }}, "", token + " code", ""}, // case 105
		{"ID token encrypted to RSA", []change{encrypted("RSA")}, "", token + " code", ""},
		{"ID token encrypted to EC", []change{encrypted("EC")}, "", token + " code", ""},
		{"FAPI 2.0", []change{keys.fapi2}, "client_id request_uri", par + " client_assertion code_challenge", "client_secret"},
		{"everything at once", []change{keys.fapi2, signed, mode("form_post.jwt"), encrypted("EC"), func(_ *ginoidc.Config, op *fakeop.Config) { op.SignUserInfo = true }},
			"client_id request_uri", par + " client_assertion request", "code_challenge"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := &recorder{}
			a := newApp(t, append(tt.changes, func(c *ginoidc.Config, _ *fakeop.Config) { c.Transport = seen })...)
			b := a.browser()
			started := b.navigate("/auth/signin?return_to=/me&max_age=3600")
			if query := parse(t, started.location()).Query(); tt.query != "" && names(query) != strings.Replace(tt.query+" ", "code_challenge_method ", "code_challenge_method max_age ", 1) {
				t.Errorf("asked with %s", names(query))
			}
			callback, err := a.op.Approve(started.location(), "alice")
			if err != nil {
				t.Fatalf("%v\n%s", err, a.logs)
			}
			deliver := b.navigate
			if strings.HasPrefix(a.responseMode, "form_post") {
				deliver = func(callback string) reply { return b.post(callback) }
			}
			if r := deliver(callback); r.StatusCode != 303 || r.location() != "/me" {
				t.Fatalf("%d to %q\n%s", r.StatusCode, r.location(), a.logs)
			}
			if r := b.fetch("/admin"); r.StatusCode != 200 || b.whoami() != "alice" {
				t.Errorf("%d, %q signed in", r.StatusCode, b.whoami())
			}
			fields := strings.Fields(tt.form)
			for _, name := range fields[1:] {
				if !seen.form[fields[0]].Has(name) {
					t.Errorf("posted to %s: %s", fields[0], names(seen.form[fields[0]]))
				}
			}
			if tt.absent != "" && seen.form[fields[0]].Has(tt.absent) {
				t.Errorf("%s was posted to %s", tt.absent, fields[0])
			}
			scheme, _, _ := strings.Cut(seen.header["/userinfo"].Get("Authorization"), " ")
			bound := seen.header["/token"].Get("DPoP") != "" && seen.header["/userinfo"].Get("DPoP") != ""
			if want := map[bool]string{true: "DPoP", false: "Bearer"}[bound]; scheme != want {
				t.Errorf("userinfo asked for with %v", seen.header["/userinfo"])
			}
		})
	}
}

// TestProtocolRefuses: a provider that falls short of what was agreed signs nobody in, and says why in the log.
func TestProtocolRefuses(t *testing.T) {
	keys := newClientKeys(t)
	jarm := func(c *ginoidc.Config, _ *fakeop.Config) { c.ResponseMode = "query.jwt" }
	par := func(_ *ginoidc.Config, op *fakeop.Config) { op.RequirePAR = true }
	dpop := func(c *ginoidc.Config, op *fakeop.Config) { c.DPoP = true }
	signedUserInfo := func(_ *ginoidc.Config, op *fakeop.Config) { op.SignUserInfo = true }
	encrypted := func(c *ginoidc.Config, op *fakeop.Config) {
		c.DecryptionKey, op.EncryptIDToken = pemKey(keys["RSA"]), keys["RSA"].Public()
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
		{fakeop.EncryptedAnew, encrypted, 401, "malformed"},
		{fakeop.NotEncrypted, encrypted, 401, "not_encrypted"},
	} {
		t.Run(string(tt.does), func(t *testing.T) {
			a := newApp(t, tt.change)
			a.op.Misbehave(tt.does)
			b := a.browser()
			r := b.navigate("/auth/signin")
			if r.StatusCode == 302 {
				callback, err := a.op.Approve(r.location(), "alice")
				if err != nil {
					t.Fatal(err)
				}
				r = b.navigate(callback)
			} else if len(r.Header["Set-Cookie"]) != 0 {
				t.Errorf("no sign-in, and a cookie: %v", r.Header)
			}
			if r.StatusCode != tt.status || b.whoami() != "" || !strings.Contains(a.logs.String(), tt.reason) {
				t.Errorf("%d, %q signed in, log %s", r.StatusCode, b.whoami(), a.logs)
			}
			if a.op.Count(fakeop.Elsewhere) != 0 {
				t.Error("another host was called")
			}
			if tt.status == 400 && a.op.Count(fakeop.Token) != 0 {
				t.Error("the code was redeemed")
			}
		})
	}
}

// TestSignedResponses: a mode of signed answers takes no other, nor one of a browser that did not ask, and such a one costs
// no fetch of keys. Cases 22, 30.
func TestSignedResponses(t *testing.T) {
	a := newApp(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.ResponseMode = "query.jwt" })
	b := a.browser()
	callback := b.start("/auth/signin", "alice")
	plain := newApp(t)
	unsigned := parse(t, plain.browser().start("/auth/signin", "alice")).RawQuery
	for name, target := range map[string]string{
		"not signed": "/auth/callback?" + unsigned, "signed and not": callback + "&code=x", "two": callback + "&" + parse(t, b.start("/auth/signin", "alice")).RawQuery,
		"empty": "/auth/callback?response=", "nothing": "/auth/callback",
	} {
		if r := b.navigate(target); r.StatusCode != 400 {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
	if err := a.op.RotateKeys(false); err != nil {
		t.Fatal(err)
	}
	keys := a.op.Count(fakeop.JWKS)
	other := a.browser()
	for range 20 {
		theirs := other.start("/auth/signin", "bob")
		if r := b.navigate(theirs); r.StatusCode != 400 {
			t.Errorf("another browser's: %d", r.StatusCode)
		}
	}
	if n := a.op.Count(fakeop.JWKS); n != keys {
		t.Errorf("%d fetches of keys", n-keys)
	}
	b.mustSignIn("alice")
	if r := plain.browser().navigate("/auth/callback?response=" + parse(t, callback).Query().Get("response")); r.StatusCode != 400 { // case 46
		t.Errorf("signed, to a plain mode: %d", r.StatusCode)
	}
}

// TestFAPI2Refuses: the profile refuses a provider that lacks any of it, before anybody is sent there.
func TestFAPI2Refuses(t *testing.T) {
	keys := newClientKeys(t)
	for _, missing := range []string{
		"pushed_authorization_request_endpoint", "authorization_response_iss_parameter_supported", "code_challenge_methods_supported",
		"dpop_signing_alg_values_supported", "token_endpoint_auth_methods_supported",
	} {
		a := newApp(t, keys.fapi2)
		a.op.OnDiscovery(func(doc map[string]any) { delete(doc, missing) })
		if r := a.browser().navigate("/auth/signin"); r.StatusCode != 503 || !strings.Contains(a.logs.String(), "fapi2_unsupported") || !strings.Contains(a.logs.String(), missing) {
			t.Errorf("%s: %d %s", missing, r.StatusCode, a.logs)
		}
	}
}

// TestMutualTLS: the client is known by its certificate, at the endpoints that the provider has for that.
func TestMutualTLS(t *testing.T) {
	keys := newClientKeys(t)
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
		a := newApp(t, func(c *ginoidc.Config, o *fakeop.Config) {
			c.Issuer, o.Issuer, o.MTLSRoot = server.URL, server.URL, server.URL+"/mtls"
			c.ClientSecret, c.ClientAuthMethod, o.ClientAuthMethod = "", "self_signed_tls_client_auth", "self_signed_tls_client_auth"
			c.ClientCertificate = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: keys["EC"]}
			if o.ClientKey = keys["EC"].Public(); !registered {
				o.ClientKey = keys["RSA"].Public()
			}
			c.RootCAs = x509.NewCertPool()
			c.RootCAs.AddCert(server.Certificate())
			c.Transport = ownTransport{}
		})
		op = a.op
		server.Config.Handler = op
		b := a.browser()
		if r := b.signIn("alice"); (r.StatusCode == 303) != registered || (b.whoami() == "alice") != registered {
			t.Errorf("registered %t: %d, %q signed in\n%s", registered, r.StatusCode, b.whoami(), a.logs)
		}
	}
}

// names lists the parameters in order, each with a space behind it.
func names(values url.Values) (list string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list += name + " "
	}
	return list
}
