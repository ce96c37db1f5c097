package fakeop

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The building blocks of the table of misbehaviours.

func edit(e Endpoint, change func(map[string]any)) hooks {
	return hooks{edits: map[Endpoint]func(map[string]any){e: change}}
}

func set(e Endpoint, name string, value any) hooks {
	return edit(e, func(document map[string]any) { document[name] = value })
}

func remove(e Endpoint, name string) hooks {
	return edit(e, func(document map[string]any) { delete(document, name) })
}

func answer(h http.HandlerFunc, at ...Endpoint) hooks {
	answers := make(map[Endpoint]http.HandlerFunc)
	for _, e := range at {
		answers[e] = h
	}
	return hooks{answers: answers}
}

func signing(what Endpoint, sign func(signingKey, []byte) (string, error)) hooks {
	return hooks{signs: map[Endpoint]func(signingKey, []byte) (string, error){what: sign}}
}

// naming signs with a kid.
func naming(kid string) func(signingKey, []byte) (string, error) {
	return func(k signingKey, payload []byte) (string, error) { return k.sign(payload, kid) }
}

// appending signs a payload with an additional member at its end, which is the one that most JSON decoders use.
func appending(member string) func(signingKey, []byte) (string, error) {
	return func(k signingKey, payload []byte) (string, error) {
		longer := append(bytes.TrimSuffix(payload, []byte("}")), ","+member+"}"...)
		return k.sign(longer, k.id)
	}
}

// overage replaces groups by what Microsoft Entra sends for a user with too many.
func (p *Provider) overage(claims map[string]any) {
	delete(claims, "groups")
	claims["_claim_names"] = map[string]string{"groups": "src1"}
	claims["_claim_sources"] = map[string]any{"src1": map[string]string{"endpoint": p.elsewhere()}}
}

// elsewhere returns a URL on another host, where a request is counted as [Elsewhere]: by the in-memory transport, or
// through loopback's other name.
func (p *Provider) elsewhere() string {
	u, err := url.Parse(p.root)
	if err != nil || u.Hostname() != "127.0.0.1" {
		return stranger + string(Elsewhere)
	}
	return strings.Replace(p.root, "127.0.0.1", "localhost", 1) + string(Elsewhere)
}

// moveEndpoints gives every endpoint in the metadata, including mtls_endpoint_aliases, a URL without TLS on another
// host.
func (p *Provider) moveEndpoints(doc map[string]any) {
	for name, value := range doc {
		switch value := value.(type) {
		case map[string]any:
			p.moveEndpoints(value)
		case string:
			for _, root := range []string{p.root, p.cfg.MTLSRoot} {
				if path, below := strings.CutPrefix(value, root); below && root != "" && name != "issuer" {
					doc[name] = "http://elsewhere.example" + path
				}
			}
		}
	}
}

func (p *Provider) redirectElsewhere(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", p.elsewhere())
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func htmlAnswer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html><title>Welcome</title><p>This is the portal of your hotel.")
}

func null(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, nil) }

func refusal(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, status, (&oauthError{code, "refused by the test"}).document())
	}
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "7")
	http.Error(w, "down for maintenance", http.StatusServiceUnavailable)
}

// slow responds after a minute, or never if the client gives up first. The server notices that only after it has read
// the request's body.
func slow(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-r.Context().Done():
	case <-time.After(time.Minute):
		http.Error(w, "too slow", http.StatusGatewayTimeout)
	}
}

// gzipBomb sends one small gzip member 64 times over (RFC 1952, 2.2), each a mebibyte of spaces, and ends early if the
// client stops reading.
func gzipBomb(w http.ResponseWriter, _ *http.Request) {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 1<<20)) // a buffer never fails
	_ = z.Close()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	for range 64 {
		if _, err := w.Write(member.Bytes()); err != nil {
			return
		}
	}
}

// strangeKeys are keys that make common key-set parsers reject the whole set.
func strangeKeys() []any {
	return []any{
		map[string]string{
			"kty": "EC", "crv": "secp256k1", "kid": "ledger", "use": "sig", "alg": "ES256K",
			"x": "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g", "y": "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg",
		},
		map[string]string{"kty": "AKP", "kid": "tomorrow", "use": "sig", "alg": "ML-DSA-999", "pub": "AA"},
	}
}
