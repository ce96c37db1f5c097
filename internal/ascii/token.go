package ascii

// The characters of a b64token: bit n of the first is character n, of the second character 64+n.
const (
	token0 = 1<<'+' | 1<<'-' | 1<<'.' | 1<<'/' | 1<<'=' | (1<<10-1)<<'0'
	token1 = 1<<('_'-64) | 1<<('~'-64) | (1<<26-1)<<('A'-64) | (1<<26-1)<<('a'-64)
)

// IsToken68 reports whether s consists of the characters of access tokens in headers (b64token, RFC 6750 section 2.1)
// and is not empty. It is called for each request with a token, which may have thousands of characters.
func IsToken68(s string) bool {
	for i := range len(s) {
		b, set := s[i], uint64(token0)
		if b >= 64 {
			b, set = b-64, token1
		}
		if b >= 64 || set>>b&1 == 0 {
			return false
		}
	}
	return s != ""
}
