package origin_test

import (
	"net/netip"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

// TestIsPublic: every spelling of an address that leads to this machine, its networks or a metadata service is refused.
// Case 323.
func TestIsPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"1.1.1.1": true, "20.190.159.0": true, "172.15.0.1": true, "172.32.0.1": true, "100.63.255.255": true,
		"2606:4700:4700::1111": true, "2a00:1450:4001:82b::200e": true,
		"::ffff:1.1.1.1": true, "64:ff9b::101:101": true, "2002:101:101::1": true,

		"127.0.0.1": false, "127.255.255.254": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "100.100.100.200": false, "192.0.0.192": false, "198.18.0.1": false, "224.0.0.1": false,
		"240.0.0.1": false, "255.255.255.255": false, "192.0.2.1": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false,
		"ff02::1": false, "fec0::1": false, "2001:db8::1": false, "100::1": false, "2001:0:1::1": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::a9fe:a9fe": false,
		"2002:7f00:1::1": false, "2002:a9fe:a9fe::1": false, "2002:c0a8:101::": false,
	} {
		if got := origin.IsPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
	if origin.IsPublic(netip.Addr{}) {
		t.Error("no address")
	}
}
