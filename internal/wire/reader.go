// Package wire reads and writes the binary records that the plugin keeps in cookies and stores.
//
// A record may have been written by an older or newer version. So a [Reader] takes nothing for granted: it never reads
// past the end, and allocates memory for the bytes present, not for the lengths that are claimed.
package wire

import (
	"encoding/binary"
	"math/bits"
	"time"
	"unsafe"
)

// MaxSeconds is the Unix time of the last second of the year 9999, the latest that formats such as RFC 3339 can
// express.
const MaxSeconds = 253402300799

// Reader reads a record from its beginning. After a fault all further reads return zero values, so that only the end
// has to be checked.
type Reader struct {
	data   []byte
	at     int
	failed bool
}

// NewReader returns a Reader of data, which belongs to it from then on: what it returns, texts included, shares the
// memory of data. No two reads return the same bytes, so a change of a block changes no text.
func NewReader(data []byte) Reader { return Reader{data: data} }

// Fail marks the record as faulty.
func (r *Reader) Fail() { r.at, r.failed = len(r.data), true }

// Failed reports whether something was missing, out of bounds or marked as faulty.
func (r *Reader) Failed() bool { return r.failed }

// Done reports whether the record was read to its end without a fault.
func (r *Reader) Done() bool { return !r.failed && r.at == len(r.data) }

// At returns how many bytes have been read.
func (r *Reader) At() int { return r.at }

// skip passes over n bytes and returns where they begin.
func (r *Reader) skip(n int) (at int, ok bool) {
	if n < 0 || n > len(r.data)-r.at {
		r.Fail()
		return 0, false
	}
	at = r.at
	r.at += n
	return at, true
}

// Bytes reads n bytes. It returns nil if there are fewer.
func (r *Reader) Bytes(n int) []byte {
	at, ok := r.skip(n)
	if !ok {
		return nil
	}
	return r.data[at : at+n : at+n]
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if r.at == len(r.data) {
		r.Fail()
		return 0
	}
	r.at++
	return r.data[r.at-1]
}

// Uint64 reads eight bytes, the most significant first.
func (r *Reader) Uint64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Uvarint reads an unsigned number of variable length.
func (r *Reader) Uvarint() uint64 {
	if r.at < len(r.data) && r.data[r.at] < 0x80 { // as most lengths are
		r.at++
		return uint64(r.data[r.at-1])
	}
	if rest := r.data[r.at:]; len(rest) >= 8 {
		b := binary.LittleEndian.Uint64(rest)
		if b&0x8080808080 == 0x80808080 { // five bytes, as of Unix seconds: what follows need not wait for their number
			r.at += 5
			return b&0x7f | b>>1&0x3f80 | b>>2&0x1fc000 | b>>3&0xfe00000 | b>>4&0x7f0000000
		}
		if v, n := uvarint(b); n > 0 {
			r.at += n
			return v
		}
	}
	v, n := binary.Uvarint(r.data[r.at:])
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.at += n
	return v
}

// uvarint is binary.Uvarint of eight bytes, the first of them lowest, without a loop: a record begins with six times,
// which are five to eight bytes each. n is 0 if the number is longer. Each byte of it but the last has its highest bit
// set. The others are the bits of the number, the lowest seven first.
func uvarint(b uint64) (v uint64, n int) {
	last := ^b & 0x8080808080808080
	if last == 0 {
		return 0, 0
	}
	v = b & (last ^ (last - 1)) & 0x7f7f7f7f7f7f7f7f // without what follows the number
	v = v&0x007f007f007f007f | v&0x7f007f007f007f00>>1
	v = v&0x00003fff00003fff | v&0x3fff00003fff0000>>2
	v = v&0x000000000fffffff | v&0x0fffffff00000000>>4
	return v, bits.TrailingZeros64(last)/8 + 1
}

// Varint reads a signed number of variable length.
func (r *Reader) Varint() int64 {
	v, n := binary.Varint(r.data[r.at:])
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.at += n
	return v
}

// length reads a length or a count, which is at most the number of bytes that are left.
func (r *Reader) length() int {
	n := r.Uvarint()
	if n > uint64(len(r.data)-r.at) {
		r.Fail()
		return 0
	}
	return int(n)
}

// Block reads a length and that many bytes.
func (r *Reader) Block() []byte { return r.Bytes(r.length()) }

// Field reads a byte, which is its tag, a length and that many bytes.
func (r *Reader) Field() (tag byte, content []byte) {
	if rest := r.data[r.at:]; len(rest) >= 2 && rest[1] < 0x80 && int(rest[1]) <= len(rest)-2 {
		end := 2 + int(rest[1])
		r.at += end
		return rest[0], rest[2:end:end]
	}
	return r.Byte(), r.Block()
}

// Text reads a length and that many bytes as a string.
func (r *Reader) Text() string { return Text(r.Block()) }

// Texts reads a count and that many texts.
func (r *Reader) Texts() []string {
	list := make([]string, r.length()) // each takes at least one byte
	for i := range list {
		list[i] = r.Text()
	}
	return list
}

// CountedList reads a count and that many texts, without making a string of each.
func (r *Reader) CountedList() List {
	n, begin := r.length(), r.at
	for ; n > 0; n-- {
		r.Block()
	}
	if r.failed {
		return ""
	}
	return List(Text(r.data[begin:r.at]))
}

// Seconds reads a time in Unix seconds, the zero time for 0.
func (r *Reader) Seconds() time.Time {
	if s := r.Unix(); s != 0 {
		return time.Unix(s, 0).UTC()
	}
	return time.Time{}
}

// Unix reads a time as Unix seconds.
func (r *Reader) Unix() int64 { return r.number(MaxSeconds) }

// UnixMicro reads a time as Unix microseconds.
func (r *Reader) UnixMicro() int64 { return r.number(MaxSeconds * 1e6) }

// number reads a number of at most limit.
func (r *Reader) number(limit uint64) int64 {
	n := r.Uvarint()
	if n > limit {
		r.Fail()
		return 0
	}
	return int64(n)
}

// Text returns b as a string that shares its memory, which must not change any more. A copy would cost each request
// with a session an allocation.
func Text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Rest reads what is left.
func (r *Reader) Rest() []byte { return r.Bytes(len(r.data) - r.at) }
