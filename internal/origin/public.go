package origin

import "net/netip"

// IsPublic reports whether addr is an address of the public Internet: neither of this machine nor of its networks, nor
// one that could lead there. Cloud metadata services are at link-local and unique local addresses. An address that
// embeds an IPv4 address is public only if both are.
func IsPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, prefix := range specialPurpose() {
		if prefix.Contains(addr) {
			return false
		}
	}
	if embedded, ok := embeddedIPv4(addr); ok {
		return IsPublic(embedded)
	}
	return true
}

// specialPurpose returns the blocks of the IANA special-purpose address registries (RFC 6890) that are not globally
// reachable and that netip does not already know.
func specialPurpose() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this network
		netip.MustParsePrefix("100.64.0.0/10"),   // shared address space of carriers and clouds
		netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments; some clouds have their metadata there
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation
		netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"), // documentation
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation
		netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
		netip.MustParsePrefix("::/96"),           // IPv4-compatible
		netip.MustParsePrefix("64:ff9b:1::/48"),  // local translation to IPv4
		netip.MustParsePrefix("100::/64"),        // discarded
		netip.MustParsePrefix("2001::/23"),       // protocol assignments, and Teredo
		netip.MustParsePrefix("2001:db8::/32"),   // documentation
		netip.MustParsePrefix("3fff::/20"),       // documentation
		netip.MustParsePrefix("5f00::/16"),       // segment routing
		netip.MustParsePrefix("fec0::/10"),       // site-local, deprecated
	}
}

// embeddedIPv4 returns the IPv4 address to which a translator or a tunnel sends what is for addr: NAT64 (RFC 6052) and
// 6to4 (RFC 3056).
func embeddedIPv4(addr netip.Addr) (netip.Addr, bool) {
	b := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}
