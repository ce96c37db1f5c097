//go:build linux

package blackbox_test

import (
	"net"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/faults"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// answers are the responses of the plugin's route to one fault at each call, in the order of backendCalls.
type answers [6]answer

type answer struct {
	status int
	code   string
}

// fault is one failure on the way to the provider.
type fault struct {
	name   string
	reason string // the reason in the log, as in docs/errors.md, as a pattern: it proves that this fault was met
	slow   bool   // only a deadline detects it
	place  place
	serve  func(net.Conn) // of a listening host
	want   answers
}

// wireFaults returns the faults of group L of the catalogue, with two kinds of wrong certificate. A provider that does
// not respond in time is 503 and an unusable response is 502, except for discovery, where users can only wait: 503.
func (w *wire) wireFaults() []fault {
	const (
		ok     = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
		cut    = ok + "Content-Length: 1000\r\n\r\n{\"issuer\":"
		html   = "HTTP/1.1 503 Down\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>Maintenance"
		noise  = ok + "\r\n\x00\xff\xfe{]not JSON"
		header = "HTTP/1.1 200 OK\r\nX-A: "
	)
	away, nonsense := answer{503, "provider_unavailable"}, answer{502, "provider_error"}
	// discovery, key set at a sign-in, key set at a logout token, token request, userinfo, pushed authorization request
	unavailable := answers{away, away, away, away, away, away}
	unusable := answers{away, nonsense, nonsense, nonsense, nonsense, nonsense}
	return []fault{
		{"connection refused", "unreachable", false, closed, nil, unavailable},  // case 232
		{"name lookup fails", "unreachable", false, nameless, nil, unavailable}, // case 232
		{"silent accept", "timeout", true, mute, nil, unavailable},
		{"TLS stalls", "timeout", true, listening, // case 234
			faults.Stall, unavailable},
		{"self-signed certificate", "tls", false, listening, // case 234
			faults.Over(w.selfSigned, faults.Say(ok+"\r\n{}")), unusable},
		{"certificate of another name", "tls", false, listening, // case 234
			faults.Over(w.otherName, faults.Say(ok+"\r\n{}")), unusable},
		{"headers drip", "timeout", true, listening, // case 235
			faults.Over(w.good, faults.Drip(header, "a")), unavailable},
		{"body drips for ever", "timeout", true, listening, // case 236
			faults.Over(w.good, faults.Drip(ok+"\r\n", " ")), unavailable},
		{"reset in the middle of the body", "broken_body", false, listening, // case 237
			faults.Over(w.good, faults.Reset(cut)), unusable},
		{"Content-Length beyond the body", "broken_body", false, listening, // case 237
			faults.Over(w.good, faults.Say(cut)), unusable},
		{"503 with HTML", "provider_status", false, listening, // case 66
			faults.Over(w.good, faults.Say(html)), unavailable},
		{"200 with garbage", "bad_|provider_status: the provider answered 200", false, listening,
			faults.Over(w.good, faults.Say(noise)),
			unusable}, // case 239
		{"endless body", "body_too_large", false, listening, // case 239
			faults.Over(w.good, faults.Pour(ok+"\r\n")), unusable},
	}
}

// backendCall is one kind of call from the plugin to the provider.
type backendCall struct {
	name       string
	endpoint   string // the member of the discovery document that names it; "" for discovery itself
	remembered bool   // a failure is cached for a while and also the result of the next request
	// cause prepares a request, of the browser or about its session, that makes the plugin call the provider.
	cause func(t *testing.T, b *testapp.Browser) (request func() testapp.Reply)
	// heals reports, after the fault, whether the same plugin works again.
	heals func(b *testapp.Browser, request func() testapp.Reply) bool
}

const pushEndpoint = "pushed_authorization_request_endpoint"

// backendCalls are the columns of the matrix. A new call needs an entry here and one in both answers of wireFaults.
func backendCalls() []backendCall {
	start := func(_ *testing.T, b *testapp.Browser) func() testapp.Reply {
		return func() testapp.Reply { return b.Do("GET", "/auth/signin", nil) }
	}
	callback := func(_ *testing.T, b *testapp.Browser) func() testapp.Reply {
		target := b.Start("/auth/signin", "bob")
		return func() testapp.Reply { return b.Do("GET", target, nil) }
	}
	logout := func(t *testing.T, b *testapp.Browser) func() testapp.Reply {
		token, err := b.App.OP.LogoutToken("alice", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return func() testapp.Reply { return b.App.PostBackChannel("logout_token=" + token) }
	}
	signsIn := func(b *testapp.Browser, _ func() testapp.Reply) bool {
		b = b.App.Browser()
		r := b.Navigate("/auth/signin")
		target, err := b.App.OP.Approve(r.Location(), "bob")
		return err == nil && b.Navigate(target).StatusCode == 303 && b.WhoAmI() == "bob"
	}
	// the same token again, as a provider that retries sends it
	signsOut := func(b *testapp.Browser, request func() testapp.Reply) bool {
		return request().StatusCode == 200 && b.WhoAmI() == "" && signsIn(b, nil)
	}
	return []backendCall{
		{"discovery", "", true, start, signsIn},
		{"key set at a sign-in", "jwks_uri", true, callback, signsIn},
		{"key set at a logout token", "jwks_uri", true, logout, signsOut},
		{"token request", "token_endpoint", false, callback, signsIn},
		{"userinfo", "userinfo_endpoint", false, callback, signsIn},
		{"pushed authorization request", pushEndpoint, false, start, signsIn},
	}
}
