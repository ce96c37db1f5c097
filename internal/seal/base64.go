package seal

import "encoding/binary"

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" // base64url (RFC 4648, section 5)

// other marks a byte that is not of the alphabet: the lowest bit, which no digit uses.
const other = 1

// digits holds, for each of the four places in a group of base64url, the bits that a byte there stands for.
type digits [4][256]uint32

func newDigits() *digits {
	d := &digits{}
	for place := range d {
		for c := range d[place] {
			d[place][c] = other
		}
		for value, c := range []byte(alphabet) {
			d[place][c] = uint32(value) << (26 - 6*place)
		}
	}
	return d
}

var base64url = newDigits()

// decode decodes unpadded base64url into dst, which has room for exactly the bytes of text. It reports whether text is
// the only spelling of these bytes: encoding/base64 skips line breaks even in strict mode, and takes about twice as
// long, which counts as every request with a session is decoded.
func decode(dst []byte, text string) bool {
	d, all, n := base64url, uint32(0), 0
	for i := 0; i+8 <= len(text) && n+8 <= len(dst); i, n = i+8, n+6 { // writes two bytes more, which are overwritten next
		group := text[i : i+8]
		high := d[0][group[0]] | d[1][group[1]] | d[2][group[2]] | d[3][group[3]]
		low := d[0][group[4]] | d[1][group[5]] | d[2][group[6]] | d[3][group[7]]
		all |= high | low
		binary.BigEndian.PutUint64(dst[n:n+8], uint64(high)<<32|uint64(low)<<8)
	}
	if all&other != 0 {
		return false
	}
	dst, text = dst[n:], text[n/6*8:]
	for ; len(text) >= 4; dst, text = dst[3:], text[4:] {
		group := d[0][text[0]] | d[1][text[1]] | d[2][text[2]] | d[3][text[3]]
		if group&other != 0 {
			return false
		}
		dst[0], dst[1], dst[2] = byte(group>>24), byte(group>>16), byte(group>>8)
	}
	switch len(text) { // the bits of a last character that no byte uses must be zero
	case 2:
		group := d[0][text[0]] | d[1][text[1]]
		dst[0] = byte(group >> 24)
		return group<<8 == 0
	case 3:
		group := d[0][text[0]] | d[1][text[1]] | d[2][text[2]]
		dst[0], dst[1] = byte(group>>24), byte(group>>16)
		return group<<16 == 0
	}
	return len(text) == 0
}
