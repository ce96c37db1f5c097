package wire

import "encoding/binary"

// Index says where every 16th text of a sorted List begins, in two bytes each, so that a search reads a few texts of
// hundreds. Short lists need none.
type Index string

const (
	stride   = 16
	indexMin = 2 * stride // texts
	indexMax = 1<<16 - 1  // bytes of a list
)

// NewIndex returns the Index of a list, or "" for one that is short, not sorted or too long.
func NewIndex(l List) Index {
	if len(l) > indexMax {
		return ""
	}
	var b []byte
	n, last := 0, ""
	for rest := l; rest != ""; n++ {
		text, after, ok := rest.cut()
		if !ok || n > 0 && text <= last {
			return ""
		}
		if n > 0 && n%stride == 0 {
			b = binary.BigEndian.AppendUint16(b, uint16(len(l)-len(rest)))
		}
		rest, last = after, text
	}
	if n < indexMin {
		return ""
	}
	return Index(b)
}

// Fits reports whether x can be the index of a list of so many bytes.
func (x Index) Fits(size int) bool {
	last := 0
	for i := range len(x) / 2 {
		at := x.at(i)
		if at <= last || at >= size {
			return false
		}
		last = at
	}
	return len(x)%2 == 0
}

// Part returns the part of a list in which text is, if it is in the list at all. Without an index that is the list.
func (x Index) Part(l List, text string) List {
	low, high := 0, len(x)/2 // the texts before low are not above it, and those from high on are
	for low < high {
		middle := (low + high) / 2
		if first, _, _ := l[x.at(middle):].cut(); first <= text {
			low = middle + 1
		} else {
			high = middle
		}
	}
	begin, end := 0, len(l)
	if low > 0 {
		begin = x.at(low - 1)
	}
	if low < len(x)/2 {
		end = x.at(low)
	}
	return l[begin:end]
}

// at returns where the text of an entry begins.
func (x Index) at(i int) int { return int(x[2*i])<<8 | int(x[2*i+1]) }
