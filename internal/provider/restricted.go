package provider

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

// restrictedLimits keep a provider that is slow or hostile from using up what the others need: with all its calls in
// flight it occupies 24 connections and 6 MiB.
func restrictedLimits(call time.Duration) limits {
	return limits{call: call, body: 256 << 10, calls: 8, keys: 32, tokens: maxCachedTokens / 32,
		tokenBytes: maxCachedBytes / 32, idle: 1, idleTime: 15 * time.Second}
}

// errPrivateAddress is the refusal to connect to an address that is not public.
var errPrivateAddress = errors.New("the address is not public")

// publicTransport makes a transport connect to public addresses only. The address is checked when it is dialed, after
// the name was resolved and for each address that it has, so no name and no change of a name on the way gets around it
// (server-side request forgery, DNS rebinding). A proxy would resolve names itself, so there is none.
func publicTransport(t *http.Transport, connect time.Duration) *http.Transport {
	t.Proxy = nil
	t.DialContext = (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second, Control: refusePrivate}).DialContext
	return t
}

// refusePrivate is the Control of a net.Dialer. address is what the name was resolved to.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !origin.IsPublic(to.Addr()) {
		return errPrivateAddress
	}
	return nil
}

// namesPrivate reports whether the host of u is an address that is not public, or a name of this machine (RFC 6761,
// section 6.3). It is for a Transport of the app, which dials itself.
func namesPrivate(u *url.URL) bool {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && !origin.IsPublic(addr)
}

func privateAddress(op string, u *url.URL) *Error {
	return misconfigured(op, "private_address", "%w: %s", errPrivateAddress, excerpt(origin.Of(u)))
}
