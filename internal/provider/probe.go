package provider

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// Probe is what the provider says of itself, and what it answers to a sign-in that cannot succeed: nobody is signed in
// at the provider in it, and its code is made up. Texts of the provider are truncated and quote no secret.
type Probe struct {
	Discovery Reply     // of the metadata
	Metadata  *Metadata // nil if it is not what this client can use; then nothing else was asked
	Named     string    // issuer that the document names, if it is not the configured one
	Offers    Offers

	TLS        string        // the version, "" without TLS
	ValidUntil time.Time     // of the provider's certificate
	Skew       time.Duration // by how much the provider's clock is ahead
	Dated      bool          // Skew is known

	Keys     Reply
	KeyTypes []string // of the usable keys
	Fitting  []string // accepted algorithms that one of the keys can sign with

	Token         Reply          // to the made-up code
	Pushed        *Reply         // nil if requests are not pushed
	Authorization BrowserOutcome // zero if a pushed request was refused
	SignOut       BrowserOutcome // zero if the provider has no endpoint for it
}

// Offers holds lists of the provider's metadata that only inform, nil if absent.
type Offers struct {
	IDTokenAlgs, Scopes, Claims, GrantTypes []string
	BackChannelLogout                       bool
}

// Probe asks the provider: for its metadata and keys, and then with one request each at its endpoints for
// authorization, pushed requests, tokens and sign-out. Nothing comes from a cache. params and signOut are those of a
// sign-in and a sign-out.
func (p *Provider) Probe(ctx context.Context, params, signOut url.Values) *Probe {
	found := &Probe{}
	if found.discover(ctx, p); found.Metadata == nil {
		return found
	}
	found.fetchKeys(ctx, p)
	found.redeem(ctx, p)
	found.authorize(ctx, p, params)
	found.signOut(ctx, p, signOut)
	return found
}

// discover fetches the metadata, and with it the clock and the certificate of the provider.
func (f *Probe) discover(ctx context.Context, p *Provider) {
	began := time.Now()
	a, err := p.backend.get(ctx, opDiscovery, p.metadataAddress())
	took := time.Since(began)
	f.Discovery = p.replyOf(a, err)
	if a == nil {
		return
	}
	if date, err := http.ParseTime(a.header.Get("Date")); err == nil { // which has no fractions of a second
		f.Skew, f.Dated = date.Add(time.Second/2).Sub(began.Add(took/2)), true
	}
	if a.tls != nil {
		f.TLS = tls.VersionName(a.tls.Version)
		if len(a.tls.PeerCertificates) > 0 {
			f.ValidUntil = a.tls.PeerCertificates[0].NotAfter
		}
	}
	if err != nil {
		return
	}
	object, _ := decodeObject(a.body, maxBody)
	f.read(object, p.issuer)
	metadata, err := parseMetadata(a.body, p.issuer, UsesMutualTLS(p.authMethod))
	if err == nil {
		err = p.checkSupport(ctx, metadata)
	}
	if f.Discovery.Err = asError(opDiscovery, err); f.Discovery.Err == nil {
		f.Metadata = metadata
	}
}

// read reads what the document says of the provider.
func (f *Probe) read(doc document, issuer string) {
	if named, _ := doc.text("issuer"); named != issuer {
		f.Named = cut(named)
	}
	f.Offers = Offers{
		IDTokenAlgs: doc.list("id_token_signing_alg_values_supported"), Scopes: doc.list("scopes_supported"),
		Claims: doc.list("claims_supported"), GrantTypes: doc.list("grant_types_supported"),
		BackChannelLogout: doc["backchannel_logout_supported"] == true,
	}
}

// fetchKeys fetches the key set.
func (f *Probe) fetchKeys(ctx context.Context, p *Provider) {
	a, err := p.backend.get(ctx, opKeys, f.Metadata.JWKSURI)
	var set *keySet
	if err == nil {
		set, err = parseKeySet(a.body, p.backend.limits.keys)
	}
	if f.Keys.Err = asError(opKeys, err); err != nil {
		return
	}
	for _, key := range set.keys {
		f.KeyTypes = append(f.KeyTypes, keyType(key))
	}
	slices.Sort(f.KeyTypes)
	f.KeyTypes = slices.Compact(f.KeyTypes)
	for _, alg := range p.algs {
		if slices.ContainsFunc(set.keys, func(key jose.JSONWebKey) bool { return fits(key, alg) }) {
			f.Fitting = append(f.Fitting, alg)
		}
	}
}

// keyType returns the algorithm of a key, or its type if it may sign with several.
func keyType(key jose.JSONWebKey) string {
	if key.Algorithm != "" {
		return cut(key.Algorithm)
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return "RSA"
	case *ecdsa.PublicKey:
		return public.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "other"
}

// redeem sends a token request with a made-up code. A provider that knows this client refuses the code, and any other
// provider refuses the client (RFC 6749 section 5.2).
func (f *Probe) redeem(ctx context.Context, p *Provider) {
	code, verifier := rand.Text(), oauth2.GenerateVerifier()
	key, err := p.newKey()
	if err != nil {
		f.Token.Err = asError(opToken, err)
		return
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.redirectURL}, "code_verifier": {verifier},
	}
	a, err := p.postProved(ctx, opToken, f.Metadata.TokenEndpoint, form, key, code, verifier)
	f.Token = p.replyOf(a, err, form.Get("client_assertion"))
}

// authorize sends an authorization request as a browser would that is signed in nowhere. With prompt=none the provider
// has to send it back (OpenID Connect Core 1.0 section 3.1.2.6) unless it does not know the client or its redirect URI
// (RFC 6749 section 4.1.2.1).
func (f *Probe) authorize(ctx context.Context, p *Provider, params url.Values) {
	asked := url.Values{}
	maps.Copy(asked, params)
	asked.Set("prompt", "none")
	req := AuthRequest{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Params: asked}
	address, err := f.authorizationURL(ctx, p, req)
	if address == "" {
		f.Authorization.Err = asError(opAuthorization, err)
		return
	}
	a, err := p.backend.load(ctx, opAuthorization, address, "text/html")
	f.Authorization = p.outcomeOf(ctx, a, err, req.State)
}

// signOut sends a sign-out request as a browser would that is signed in nowhere (RP-Initiated Logout 1.0 section 2).
func (f *Probe) signOut(ctx context.Context, p *Provider, params url.Values) {
	if f.Metadata.EndSessionEndpoint == "" {
		return
	}
	address, err := mergeQuery(f.Metadata.EndSessionEndpoint, params)
	if err != nil {
		f.SignOut.Err = asError(opAuthorization, err)
		return
	}
	a, err := p.backend.load(ctx, opAuthorization, address, "text/html")
	f.SignOut, _ = pageOf(a, err, params.Get("post_logout_redirect_uri"))
}

// authorizationURL is [Provider.AuthorizationURL] that keeps the answer to a pushed request. It returns "" if that was
// refused, and with an error.
func (f *Probe) authorizationURL(ctx context.Context, p *Provider, req AuthRequest) (string, error) {
	params, err := p.authorizationParams(req)
	if err != nil {
		return "", err
	}
	query, err := p.signed(params)
	if err != nil {
		return "", err
	}
	if !p.pushes(f.Metadata) {
		query["response_type"], query["scope"] = params["response_type"], params["scope"]
		return mergeQuery(f.Metadata.AuthorizationEndpoint, query)
	}
	a, err := p.post(ctx, opPush, f.Metadata.PushedAuthorizationRequestEndpoint, query)
	reply := p.replyOf(a, err, query.Get("client_assertion"))
	f.Pushed = &reply
	if err != nil || a.status != http.StatusCreated {
		return "", nil
	}
	requestURI, err := parsePushed(a)
	if err != nil {
		return "", err
	}
	return mergeQuery(f.Metadata.AuthorizationEndpoint, url.Values{
		"client_id": {p.clientID}, "request_uri": {requestURI},
	})
}

// asError returns err as an *Error, or nil. One of another type can only be a failure of this process.
func asError(op string, err error) *Error {
	if err == nil {
		return nil
	}
	if known := (*Error)(nil); errors.As(err, &known) {
		return known
	}
	return &Error{Kind: Misconfigured, Op: op, Err: err}
}
