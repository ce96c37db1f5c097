package cookiestore

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// Each value is a tag byte and its payload: numbers as varints, and a length before any data of variable length. The
// tags are stored in users' browsers: add new ones at the end and never reorder them.
const (
	tagNil byte = iota
	tagFalse
	tagTrue
	tagInt
	tagInt8
	tagInt16
	tagInt32
	tagInt64
	tagUint
	tagUint8
	tagUint16
	tagUint32
	tagUint64
	tagFloat32
	tagFloat64
	tagString
	tagBytes
	tagStrings
	tagTime
	tagGob
)

// encodeValues writes the number of pairs, then each key and its value.
func encodeValues(values map[any]any) ([]byte, error) {
	b := binary.AppendUvarint(nil, uint64(len(values)))
	for k, v := range values {
		var err error
		if b, err = appendValue(b, k); err != nil {
			return nil, err
		}
		if b, err = appendValue(b, v); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, tagNil), nil
	case bool:
		if v {
			return append(b, tagTrue), nil
		}
		return append(b, tagFalse), nil
	case int:
		return appendInt(b, tagInt, int64(v)), nil
	case int8:
		return appendInt(b, tagInt8, int64(v)), nil
	case int16:
		return appendInt(b, tagInt16, int64(v)), nil
	case int32:
		return appendInt(b, tagInt32, int64(v)), nil
	case int64:
		return appendInt(b, tagInt64, v), nil
	case uint:
		return appendUint(b, tagUint, uint64(v)), nil
	case uint8:
		return appendUint(b, tagUint8, uint64(v)), nil
	case uint16:
		return appendUint(b, tagUint16, uint64(v)), nil
	case uint32:
		return appendUint(b, tagUint32, uint64(v)), nil
	case uint64:
		return appendUint(b, tagUint64, v), nil
	case float32:
		return appendUint(b, tagFloat32, uint64(math.Float32bits(v))), nil
	case float64:
		return appendUint(b, tagFloat64, math.Float64bits(v)), nil
	case string:
		return wire.AppendText(append(b, tagString), v), nil
	case []byte:
		return wire.AppendText(append(b, tagBytes), v), nil
	case []string:
		return wire.AppendTexts(append(b, tagStrings), v), nil
	case time.Time:
		return appendMarshaled(b, tagTime, v, v.MarshalBinary)
	default:
		return appendMarshaled(b, tagGob, v, func() ([]byte, error) { return store.EncodeGob(&v) })
	}
}

func appendInt(b []byte, tag byte, v int64) []byte {
	return binary.AppendVarint(append(b, tag), v)
}

func appendUint(b []byte, tag byte, v uint64) []byte {
	return binary.AppendUvarint(append(b, tag), v)
}

func appendMarshaled(b []byte, tag byte, v any, marshal func() ([]byte, error)) ([]byte, error) {
	data, err := marshal()
	if err != nil {
		return nil, fmt.Errorf("cookiestore: a %T in the session: %w", v, err)
	}
	return wire.AppendText(append(b, tag), data), nil
}
