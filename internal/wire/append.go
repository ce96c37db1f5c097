package wire

import (
	"encoding/binary"
	"time"
)

// AppendText appends the length of text and text itself, for [Reader.Text] or [Reader.Block].
func AppendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// AppendTexts appends the number of texts and each of them.
func AppendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, text := range list {
		b = AppendText(b, text)
	}
	return b
}

// AppendSeconds appends t in Unix seconds, rounded down. A time before 1970 or after the year 9999 becomes 0, unknown.
func AppendSeconds(b []byte, t time.Time) []byte {
	s := t.Unix()
	if s > MaxSeconds {
		s = 0
	}
	return binary.AppendUvarint(b, uint64(max(0, s)))
}

// AppendMicroseconds appends t in Unix microseconds, rounded down. A time before 1970 becomes 0, unknown.
func AppendMicroseconds(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(b, uint64(max(0, t.UnixMicro())))
}
