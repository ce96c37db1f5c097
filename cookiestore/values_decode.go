package cookiestore

import (
	"math"
	"reflect"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// decodeValues reverses encodeValues. ok is false if anything is unexpected: another version may have sealed it.
func decodeValues(b []byte) (values map[any]any, ok bool) {
	r := wire.NewReader(b)
	values = make(map[any]any)
	for n := r.Uvarint(); n > 0 && !r.Failed(); n-- {
		key, value := readValue(&r), readValue(&r)
		if key != nil && !reflect.ValueOf(key).Comparable() {
			return nil, false // would panic as a map key
		}
		values[key] = value
	}
	return values, r.Done()
}

func readValue(r *wire.Reader) any {
	switch r.Byte() {
	case tagNil:
		return nil
	case tagFalse:
		return false
	case tagTrue:
		return true
	case tagInt:
		return int(r.Varint())
	case tagInt8:
		return int8(r.Varint())
	case tagInt16:
		return int16(r.Varint())
	case tagInt32:
		return int32(r.Varint())
	case tagInt64:
		return r.Varint()
	case tagUint:
		return uint(r.Uvarint())
	case tagUint8:
		return uint8(r.Uvarint())
	case tagUint16:
		return uint16(r.Uvarint())
	case tagUint32:
		return uint32(r.Uvarint())
	case tagUint64:
		return r.Uvarint()
	case tagFloat32:
		return math.Float32frombits(uint32(r.Uvarint()))
	case tagFloat64:
		return math.Float64frombits(r.Uvarint())
	case tagString:
		return r.Text()
	case tagBytes:
		return r.Block()
	case tagStrings:
		return r.Texts()
	case tagTime:
		return readTime(r)
	case tagGob:
		return readGob(r)
	default:
		r.Fail()
		return nil
	}
}

func readTime(r *wire.Reader) time.Time {
	var t time.Time
	if err := t.UnmarshalBinary(r.Block()); err != nil {
		r.Fail()
	}
	return t
}

func readGob(r *wire.Reader) any {
	var v any
	if err := store.DecodeGob(r.Block(), &v); err != nil {
		r.Fail()
		return nil
	}
	return v
}
