package fakeop

import (
	"fmt"
	"net/http"
	"slices"
)

// Signed documents and refreshes have no endpoint of their own; these are the keys of their edits, responses and
// signatures. The document of a refresh is edited under its own key and under that of all token responses.
const (
	idTokenClaims    Endpoint = "id_token"
	refreshedIDToken Endpoint = "id_token of a refresh"
	refreshAnswer    Endpoint = "answer to a refresh"
	jarmClaims       Endpoint = "authorization response as a JWT"
	userInfoClaims   Endpoint = "userinfo as a JWT"

	accessTokenClaims   Endpoint = "access token as a JWT"
	introspectionClaims Endpoint = "answer to introspection as a JWT"
)

// hooks is what a provider does differently. A misbehaviour is a named value of this type; the On… methods and
// Intercept fill one more.
type hooks struct {
	edits   map[Endpoint]func(map[string]any) // change a document before it is sent; Authorize: the authorization response
	answers map[Endpoint]http.HandlerFunc     // replace an endpoint
	signs   map[Endpoint]func(key signingKey, payload []byte) (string, error)
	encrypt func(token string) (string, error) // replaces Provider.encryptTo

	keepRefreshToken bool // as Config.KeepRefreshToken
}

// OnDiscovery edits the discovery document before it is sent. Like the other hooks it runs after the active
// misbehaviours, on the goroutine of the request, and nil removes it.
func (p *Provider) OnDiscovery(edit func(doc map[string]any)) { p.onEdit(Discovery, edit) }

// OnIDToken edits the claims of each ID token before it is signed. The ID token of a sign-in has the request's nonce,
// that of a refresh has none.
func (p *Provider) OnIDToken(edit func(claims map[string]any)) { p.onEdit(idTokenClaims, edit) }

// OnAccessToken edits the claims of each JWT access token before it is signed. "typ" is the header's type.
func (p *Provider) OnAccessToken(edit func(claims map[string]any)) { p.onEdit(accessTokenClaims, edit) }

// OnIntrospection edits introspection responses, including those for inactive tokens.
func (p *Provider) OnIntrospection(edit func(answer map[string]any)) { p.onEdit(Introspection, edit) }

// OnSignedIntrospection edits the claims of introspection responses in JWT form, after OnIntrospection. "typ" is the
// header's type.
func (p *Provider) OnSignedIntrospection(edit func(claims map[string]any)) {
	p.onEdit(introspectionClaims, edit)
}

// OnTokenAnswer edits the successful responses of the token endpoint.
func (p *Provider) OnTokenAnswer(edit func(answer map[string]any)) { p.onEdit(Token, edit) }

// OnRefreshAnswer edits the responses to refreshes, after OnTokenAnswer.
func (p *Provider) OnRefreshAnswer(edit func(answer map[string]any)) { p.onEdit(refreshAnswer, edit) }

// OnUserInfo edits the claims of userinfo responses.
func (p *Provider) OnUserInfo(edit func(claims map[string]any)) { p.onEdit(UserInfo, edit) }

// Intercept serves an endpoint with h instead, whatever the method, and before any misbehaviour; nil restores the
// endpoint. Requests are still counted.
func (p *Provider) Intercept(e Endpoint, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.own.answers == nil {
		p.own.answers = make(map[Endpoint]http.HandlerFunc)
	}
	p.own.answers[e] = h
}

// Misbehave replaces the active misbehaviours. Without arguments the provider behaves correctly. After an unknown name
// every endpoint responds with 501, so that a misspelled test cannot pass.
func (p *Provider) Misbehave(names ...Misbehaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.misbehaving, p.unknown = nil, nil
	for _, name := range names {
		fault, known := p.faults[name]
		if !known {
			p.unknown = append(p.unknown, name)
			continue
		}
		p.misbehaving = append(p.misbehaving, fault)
	}
}

func (p *Provider) onEdit(e Endpoint, edit func(map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.own.edits == nil {
		p.own.edits = make(map[Endpoint]func(map[string]any))
	}
	p.own.edits[e] = edit
}

// edit runs the misbehaviours' edits of a document, then the test's own, outside the lock so that a hook may call the
// provider.
func (p *Provider) edit(document map[string]any, what ...Endpoint) {
	var edits []func(map[string]any)
	p.mu.Lock()
	for _, h := range append(slices.Clone(p.misbehaving), p.own) {
		for _, e := range what {
			edits = append(edits, h.edits[e])
		}
	}
	p.mu.Unlock()
	for _, edit := range edits {
		if edit != nil {
			edit(document)
		}
	}
}

// intercepted returns the handler that replaces an endpoint, or nil.
func (p *Provider) intercepted(e Endpoint) http.HandlerFunc {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unknown) > 0 {
		text := fmt.Sprintf("test provider: no such misbehaviour: %q", p.unknown)
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, http.StatusNotImplemented) }
	}
	answer := p.own.answers[e]
	for _, h := range p.misbehaving {
		if answer == nil {
			answer = h.answers[e]
		}
	}
	return answer
}

// sign signs claims with the newest key, or as a misbehaviour says.
func (p *Provider) sign(payload []byte, what ...Endpoint) (string, error) {
	p.mu.Lock()
	key := p.keys[0]
	sign := func(key signingKey, payload []byte) (string, error) { return key.sign(payload, key.id) }
	for _, h := range p.misbehaving {
		for _, e := range what {
			if h.signs[e] != nil {
				sign = h.signs[e]
			}
		}
	}
	p.mu.Unlock()
	return sign(key, payload)
}
