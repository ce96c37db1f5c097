package fakeop

import (
	"fmt"
	"net/http"
	"slices"
)

// What is signed has no endpoint of its own, nor have refreshes; these are the
// keys of edits, answers and signatures. What a refresh brings goes by its own
// key and by that of what any token request brings.
const (
	idTokenClaims    Endpoint = "id_token"
	refreshedIDToken Endpoint = "id_token of a refresh"
	refreshAnswer    Endpoint = "answer to a refresh"
	jarmClaims       Endpoint = "authorization response as a JWT"
	userInfoClaims   Endpoint = "userinfo as a JWT"

	accessTokenClaims Endpoint = "access token as a JWT"
)

// hooks is what a provider does differently. A misbehaviour is a named value of
// this type; the On… methods and Intercept fill one more.
type hooks struct {
	edits   map[Endpoint]func(map[string]any) // change a document before it is sent; Authorize: the authorization response
	answers map[Endpoint]http.HandlerFunc     // replace an endpoint
	signs   map[Endpoint]func(key signingKey, payload []byte) (string, error)
	encrypt func(token string) (string, error) // instead of Provider.encryptTo

	keepRefreshToken bool // as Config.KeepRefreshToken
}

// OnDiscovery edits the discovery document before it is sent. Like the other
// hooks it comes after the active misbehaviours, runs in the goroutine of the
// request, and is removed by nil.
func (p *Provider) OnDiscovery(edit func(doc map[string]any)) { p.onEdit(Discovery, edit) }

// OnIDToken edits the claims of each ID token before it is signed. That of a
// sign-in has the request's nonce, that of a refresh has none.
func (p *Provider) OnIDToken(edit func(claims map[string]any)) { p.onEdit(idTokenClaims, edit) }

// OnAccessToken edits the claims of each JWT access token before it is signed. "typ" is the header's type.
func (p *Provider) OnAccessToken(edit func(claims map[string]any)) { p.onEdit(accessTokenClaims, edit) }

// OnTokenAnswer edits the successful answers of the token endpoint.
func (p *Provider) OnTokenAnswer(edit func(answer map[string]any)) { p.onEdit(Token, edit) }

// OnRefreshAnswer edits those of them that answer a refresh, after OnTokenAnswer.
func (p *Provider) OnRefreshAnswer(edit func(answer map[string]any)) { p.onEdit(refreshAnswer, edit) }

// OnUserInfo edits the claims the userinfo endpoint answers with.
func (p *Provider) OnUserInfo(edit func(claims map[string]any)) { p.onEdit(UserInfo, edit) }

// Intercept answers an endpoint with h instead, whatever the method, and before
// any misbehaviour; nil gives the endpoint back. Requests are still counted.
func (p *Provider) Intercept(e Endpoint, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.own.answers == nil {
		p.own.answers = make(map[Endpoint]http.HandlerFunc)
	}
	p.own.answers[e] = h
}

// Misbehave replaces the active misbehaviours; without arguments the provider
// behaves. After a name that is not in the table every endpoint answers 501,
// so that a misspelt test cannot pass.
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

// edit runs the misbehaviours' edits of what a document is, then the test's own,
// outside the lock so that a hook may ask the provider things.
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

// intercepted is the handler that stands in for an endpoint, nil for none.
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

// sign signs claims with the newest key, or as a misbehaviour wants it.
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
