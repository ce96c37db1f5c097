package cookiestore

import (
	"bytes"
	"encoding/gob"
	"errors"
)

var errGobPanic = errors.New("its gob encoding panicked")

// encodeGob is the way of every type without a tag, which the app must make known with gob.Register.
// A panic of the type's own GobEncode is an error here: a value in a session must not end the request.
func encodeGob(v any) (data []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errGobPanic
		}
	}()
	var buf bytes.Buffer
	err = gob.NewEncoder(&buf).Encode(&v)
	return buf.Bytes(), err
}

func decodeGob(data []byte) (v any, err error) {
	defer func() {
		if recover() != nil {
			err = errGobPanic
		}
	}()
	err = gob.NewDecoder(bytes.NewReader(data)).Decode(&v)
	return v, err
}
