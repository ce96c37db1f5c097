package wire

import "encoding/binary"

// Each kind of stored value has a form byte, so that a map of values is never read as a record or the other way round.
// It also serves as the version of the layout: a new layout takes a new number.
const (
	FormValues byte = 1 // what the sessions.Store interface keeps
	FormRecord byte = 2 // what SaveRecord keeps
)

// Frame returns form (1 byte) ‖ end (uvarint, Unix seconds, 0 for none) ‖ payload. Neither a browser nor a server that
// keeps a session is trusted to forget it in time, so its end is sealed with it.
func Frame(form byte, end uint64, payload []byte) []byte {
	b := make([]byte, 0, 1+binary.MaxVarintLen64+len(payload))
	b = append(b, form)
	b = binary.AppendUvarint(b, end)
	return append(b, payload...)
}

// Unframe reverses Frame. ok is false for a frame of another form.
func Unframe(frame []byte, form byte) (payload []byte, end uint64, ok bool) {
	r := NewReader(frame)
	if r.Byte() != form {
		return nil, 0, false
	}
	end, payload = r.Uvarint(), r.Rest()
	return payload, end, !r.Failed()
}
