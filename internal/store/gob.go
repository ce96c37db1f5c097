package store

import (
	"bytes"
	"encoding/gob"
	"errors"
)

// errGobPanic has no details: the text of the panic may hold values of the session.
var errGobPanic = errors.New("encoding/gob panicked")

// EncodeGob encodes v. A panic of a type's own GobEncode is returned as an error: a value in a session must not crash
// the request.
func EncodeGob(v any) (data []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errGobPanic
		}
	}()
	var buf bytes.Buffer
	err = gob.NewEncoder(&buf).Encode(v)
	return buf.Bytes(), err
}

// DecodeGob decodes data into what v points to, which must not be used after an error.
func DecodeGob(data []byte, v any) (err error) {
	defer func() {
		if recover() != nil {
			err = errGobPanic
		}
	}()
	return gob.NewDecoder(bytes.NewReader(data)).Decode(v)
}
