package cookiestore

import (
	"encoding/binary"
	"math"
	"reflect"
	"time"
)

// decodeValues reverses encodeValues. ok is false when anything is odd: another build may have sealed it.
func decodeValues(b []byte) (values map[any]any, ok bool) {
	d := decoder{rest: b}
	values = make(map[any]any)
	for n := d.uvarint(); n > 0 && !d.failed; n-- {
		key, value := d.value(), d.value()
		if key != nil && !reflect.ValueOf(key).Comparable() {
			return nil, false // as a map key it would panic
		}
		values[key] = value
	}
	return values, !d.failed && len(d.rest) == 0
}

// decoder reads from the front of rest. Once something is missing every further read is zero.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) fail() {
	d.rest, d.failed = nil, true
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	taken := d.rest[:n:n]
	d.rest = d.rest[n:]
	return taken
}

// block reads a length and as many bytes.
func (d *decoder) block() []byte {
	return d.take(d.uvarint())
}

func (d *decoder) value() any {
	tag := d.take(1)
	if d.failed {
		return nil
	}
	switch tag[0] {
	case tagNil:
		return nil
	case tagFalse:
		return false
	case tagTrue:
		return true
	case tagInt:
		return int(d.varint())
	case tagInt8:
		return int8(d.varint())
	case tagInt16:
		return int16(d.varint())
	case tagInt32:
		return int32(d.varint())
	case tagInt64:
		return d.varint()
	case tagUint:
		return uint(d.uvarint())
	case tagUint8:
		return uint8(d.uvarint())
	case tagUint16:
		return uint16(d.uvarint())
	case tagUint32:
		return uint32(d.uvarint())
	case tagUint64:
		return d.uvarint()
	case tagFloat32:
		return math.Float32frombits(uint32(d.uvarint()))
	case tagFloat64:
		return math.Float64frombits(d.uvarint())
	case tagString:
		return string(d.block())
	case tagBytes:
		return d.block()
	case tagStrings:
		return d.strings()
	case tagTime:
		return d.time()
	case tagGob:
		return d.gob()
	default:
		d.fail()
		return nil
	}
}

func (d *decoder) strings() []string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) { // each takes a byte at least: no memory by a claimed count
		d.fail()
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, string(d.block()))
	}
	return list
}

func (d *decoder) time() time.Time {
	var t time.Time
	if err := t.UnmarshalBinary(d.block()); err != nil {
		d.fail()
	}
	return t
}

func (d *decoder) gob() any {
	v, err := decodeGob(d.block())
	if err != nil {
		d.fail()
	}
	return v
}
