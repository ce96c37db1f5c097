//go:build linux

package blackbox_test

import (
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"net"
	"testing"
)

// answers are what the plugin's route says to one fault of each call, in the order of backendCalls.
type answers [6]answer

type answer struct {
	status int
	code   string
}

// fault is one thing that goes wrong on the way to the provider.
type fault struct {
	name   string
	reason string // in the log, as docs/errors.md has them, as a pattern: the fault met is the fault meant
	slow   bool   // seen by a deadline only
	place  place
	serve  func(net.Conn) // of a listening host
	want   answers
}

// wireFaults are those of the catalogue's group L, with a wrong certificate in two forms. What cannot be reached in
// time is 503, nonsense 502; only while the provider is not even known (discovery) users can but wait: 503.
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
		{"TLS stalls", "timeout", true, listening, stall, unavailable},                                           // case 234
		{"self-signed certificate", "tls", false, listening, over(w.selfSigned, say(ok+"\r\n{}")), unusable},     // case 234
		{"certificate of another name", "tls", false, listening, over(w.otherName, say(ok+"\r\n{}")), unusable},  // case 234
		{"headers drip", "timeout", true, listening, over(w.good, drip(header, "a")), unavailable},               // case 235
		{"body drips for ever", "timeout", true, listening, over(w.good, drip(ok+"\r\n", " ")), unavailable},     // case 236
		{"reset in the middle of the body", "broken_body", false, listening, over(w.good, reset(cut)), unusable}, // case 237
		{"Content-Length beyond the body", "broken_body", false, listening, over(w.good, say(cut)), unusable},    // case 237
		{"503 with HTML", "provider_status", false, listening, over(w.good, say(html)), unavailable},             // case 66
		{"200 with garbage", "bad_|provider_status: the provider answered 200", false, listening, over(w.good, say(noise)),
			unusable}, // case 239
		{"endless body", "body_too_large", false, listening, over(w.good, pour(ok+"\r\n")), unusable}, // case 239
	}
}

// backendCall is one call of the plugin to the provider.
type backendCall struct {
	name       string
	endpoint   string // the member of the discovery document that names it; "" for discovery itself
	remembered bool   // for a while a failure is the answer to the next request too
	// cause prepares a request, of the browser's or for its session, that makes the plugin call.
	cause func(t *testing.T, b *testapp.Browser) (request func() testapp.Reply)
	// heals tells, after the fault, whether the same plugin serves again.
	heals func(b *testapp.Browser, request func() testapp.Reply) bool
}

const pushEndpoint = "pushed_authorization_request_endpoint"

// backendCalls are the columns of the matrix. Another call is one more of them, and one more answer in the two rows of
// wireFaults.
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
	// the same token again, as a provider sends it
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
