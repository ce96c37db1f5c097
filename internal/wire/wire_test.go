package wire_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

func TestReader(t *testing.T) {
	b := []byte{7}
	b = binary.BigEndian.AppendUint64(b, 1<<63|5)
	b = binary.AppendVarint(binary.AppendUvarint(b, math.MaxUint64), math.MinInt64)
	b = wire.AppendText(wire.AppendText(b, "text"), []byte("block"))
	b = wire.AppendTexts(wire.AppendTexts(b, []string{"a", "", "bc"}), nil)
	b = wire.AppendSeconds(b, time.Unix(300, 9e8))
	b = wire.AppendMicroseconds(b, time.UnixMicro(300))
	b = append(b, "rest"...)
	r := wire.NewReader(b)
	got := []any{
		r.Byte(), r.Uint64(), r.Uvarint(), r.Varint(), r.Text(), string(r.Block()), r.Texts(), r.Texts(), r.Seconds(),
		r.UnixMicro(), string(r.Bytes(2)), string(r.Rest()), r.Done(), r.Failed(), string(r.Rest()),
	}
	want := []any{
		byte(7), uint64(1<<63 | 5), uint64(math.MaxUint64), int64(math.MinInt64), "text", "block",
		[]string{"a", "", "bc"}, []string{}, time.Unix(300, 0).UTC(), int64(300), "re", "st", true, false, "",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%v, want\n%v", got, want)
	}
}

// TestField: a tag, a length and as many bytes, whatever follows, or a fault.
func TestField(t *testing.T) {
	for _, rest := range []string{"", "rest"} {
		for _, n := range []int{0, 1, 127, 128, 300} {
			content := strings.Repeat("c", n)
			r := wire.NewReader(append(wire.AppendText([]byte{7}, content), rest...))
			if tag, got := r.Field(); tag != 7 || string(got) != content || cap(got) != n || string(r.Rest()) != rest {
				t.Errorf("%d bytes before %q: %d %q", n, rest, tag, got)
			}
		}
	}
	for _, odd := range []string{"", "\x07", "\x07\x01", "\x07\x03ab", "\x07\x80", "\x07\x80\x01ab", "\x07\xff"} {
		r := wire.NewReader([]byte(odd))
		if _, got := r.Field(); len(got) != 0 || !r.Failed() {
			t.Errorf("%q: %q", odd, got)
		}
	}
}

// TestToTheEnd: what ends with the record is read whole.
func TestToTheEnd(t *testing.T) {
	for _, texts := range [][]string{{""}, {"", ""}, {"a"}, {"a", "bc"}} {
		r := wire.NewReader(wire.AppendTexts(nil, texts))
		if got := r.Texts(); !slices.Equal(got, texts) || !r.Done() {
			t.Errorf("%q comes back as %q", texts, got)
		}
		r = wire.NewReader(wire.AppendText(nil, texts[0]))
		if got := r.Text(); got != texts[0] || !r.Done() {
			t.Errorf("%q comes back as %q", texts[0], got)
		}
	}
}

// TestUvarint: numbers of all lengths are those of encoding/binary, at the end of a record and before others.
func TestUvarint(t *testing.T) {
	for _, odd := range [][]byte{{0x80, 0}, {0xff, 0x80, 0x80, 0}, bytes.Repeat([]byte{0x80}, 7), endless[:8], endless} {
		checkUvarint(t, odd)
		checkUvarint(t, append(odd[:len(odd):len(odd)], 0))
	}
	for bit := range 64 {
		for _, n := range []uint64{1 << bit, 1<<bit - 1, math.MaxUint64 >> bit, 0xa5a5a5a5a5a5a5a5 >> bit} {
			checkUvarint(t, binary.AppendUvarint(nil, n))
		}
	}
}

var endless = bytes.Repeat([]byte{0xff}, 11)

func checkUvarint(t *testing.T, b []byte) {
	t.Helper()
	for _, rest := range []string{"", "rest", "\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x00longer than that"} {
		all := append(b[:len(b):len(b)], rest...)
		want, n := binary.Uvarint(all)
		r := wire.NewReader(all)
		got := r.Uvarint()
		if n <= 0 {
			if !r.Failed() {
				t.Errorf("%x: %d", all, got)
			}
			continue
		}
		if left := string(r.Rest()); got != want || left != string(all[n:]) || r.Failed() {
			t.Errorf("%x: %d and %x, want %d and %x", all, got, left, want, all[n:])
		}
	}
}

// TestOddTimes: a time that a record cannot hold is written as unknown, and one beyond any calendar is a fault.
func TestOddTimes(t *testing.T) {
	last := time.Unix(wire.MaxSeconds, 0).UTC()
	if last.Format(time.RFC3339) != "9999-12-31T23:59:59Z" {
		t.Errorf("the last second is %v", last)
	}
	for in, want := range map[time.Time]time.Time{
		{}: {}, time.Unix(0, 0): {}, time.Unix(-5, 0): {}, last: last, last.Add(time.Second): {},
		last.Add(-time.Second / 2): last.Add(-time.Second),
	} {
		r := wire.NewReader(wire.AppendSeconds(nil, in))
		if got := r.Seconds(); got != want || !r.Done() {
			t.Errorf("%v comes back as %v", in, got)
		}
	}
	for in, want := range map[time.Time]int64{{}: 0, time.Unix(0, -1): 0, last: last.UnixMicro()} {
		r := wire.NewReader(wire.AppendMicroseconds(nil, in))
		if got := r.UnixMicro(); got != want || !r.Done() {
			t.Errorf("%v comes back as %v", in, got)
		}
	}
	r := wire.NewReader(binary.AppendUvarint(nil, wire.MaxSeconds+1))
	if got := r.Seconds(); !got.IsZero() || !r.Failed() {
		t.Errorf("after the year 9999: %v", got)
	}
	r = wire.NewReader(binary.AppendUvarint(nil, (wire.MaxSeconds+1)*1e6))
	if got := r.UnixMicro(); got != 0 || !r.Failed() {
		t.Errorf("after the year 9999: %d", got)
	}
}

// TestReaderFails: every incomplete read fails, and so does every read after it. The claimed length is not allocated: a
// terabyte would not be available.
func TestReaderFails(t *testing.T) {
	reads := map[string]func(*wire.Reader) any{
		"Byte":        func(r *wire.Reader) any { return r.Byte() },
		"Bytes":       func(r *wire.Reader) any { return r.Bytes(2) },
		"Uint64":      func(r *wire.Reader) any { return r.Uint64() },
		"Uvarint":     func(r *wire.Reader) any { return r.Uvarint() },
		"Varint":      func(r *wire.Reader) any { return r.Varint() },
		"Block":       func(r *wire.Reader) any { return r.Block() },
		"Text":        func(r *wire.Reader) any { return r.Text() },
		"Texts":       func(r *wire.Reader) any { return r.Texts() },
		"CountedList": func(r *wire.Reader) any { return r.CountedList() },
		"Seconds":     func(r *wire.Reader) any { return r.Seconds() },
		"Unix":        func(r *wire.Reader) any { return r.Unix() },
		"UnixMicro":   func(r *wire.Reader) any { return r.UnixMicro() },
	}
	claims := [][]byte{
		binary.AppendUvarint(nil, 1<<40), binary.AppendUvarint(nil, 1<<63),
		binary.AppendUvarint(nil, math.MaxUint64), {2, 'x'},
	}
	for name, data := range map[string][][]byte{
		"Byte": {nil}, "Bytes": {nil, {1}}, "Uint64": {nil, make([]byte, 7)}, "Uvarint": {nil, {0x80}, endless},
		"Varint": {nil, {0x80}, endless}, "Block": append(claims, nil, endless), "Text": append(claims, nil, endless),
		"Texts":       append(claims, nil, endless, []byte{1, 2, 'x'}),
		"CountedList": append(claims, nil, endless, []byte{1, 2, 'x'}),
		"Seconds":     {nil, endless}, "Unix": {nil, endless}, "UnixMicro": {nil, endless},
	} {
		for _, b := range data {
			r := wire.NewReader(b)
			if got := reads[name](&r); !r.Failed() || r.Done() {
				t.Errorf("%s of %x is %v", name, b, got)
			}
			for again, read := range reads {
				if got := reflect.ValueOf(read(&r)); !r.Failed() || !got.IsZero() && got.Len() != 0 {
					t.Errorf("%s of %x, then %s is %v", name, b, again, got)
				}
			}
		}
	}
	r := wire.NewReader([]byte("whole"))
	if r.Fail(); !r.Failed() || r.Done() || len(r.Rest()) != 0 {
		t.Error("a marked record is read on")
	}
	if r = wire.NewReader([]byte("more")); r.Done() || r.Bytes(-1) != nil || !r.Failed() {
		t.Error("a negative number of bytes")
	}
}

// TestReaderSharesNoRoom: appending to a part does not overwrite what follows it.
func TestReaderSharesNoRoom(t *testing.T) {
	b := append(wire.AppendText(nil, "block"), "behind"...)
	r := wire.NewReader(b)
	_ = append(r.Block(), "over"...)
	if got := string(r.Rest()); got != "behind" {
		t.Errorf("behind it is %q", got)
	}
}

func TestTextsTakeNoMemory(t *testing.T) {
	b := wire.AppendTexts(nil, []string{strings.Repeat("a", 100), strings.Repeat("b", 100), strings.Repeat("c", 100)})
	n := testing.AllocsPerRun(100, func() {
		r := wire.NewReader(b)
		r.CountedList()
		r = wire.NewReader(b)
		r.Uvarint()
		r.Text()
		r.Text()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestList(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, texts := range [][]string{nil, {""}, {"a"}, {"a", "", "bc"}, {long, "b"}, {"b", long, long, ""}} {
		list := wire.NewList(texts)
		if got := list.Strings(); !reflect.DeepEqual(got, texts) {
			t.Errorf("%q comes back as %q", texts, got)
		}
		for _, text := range []string{"", "a", "b", "bc", long, long[1:], "ab"} {
			if in := slices.Contains(texts, text); list.Contains(text) != in ||
				list.ContainsAny([]string{"never", text}) != in || list.ContainsAny(nil) {
				t.Errorf("%q in %q is %t", text, texts, list.Contains(text))
			}
		}
		for range list.All {
			break
		}
		if got, ok := wire.ParseList(string(list)); got != list || !ok {
			t.Errorf("%q: read as %q", texts, got)
		}
		r := wire.NewReader(append(wire.AppendTexts(nil, texts), "rest"...))
		if got := r.CountedList(); got != list || string(r.Rest()) != "rest" {
			t.Errorf("%q: read as %q", texts, got)
		}
	}
	for _, odd := range []wire.List{
		"\x02a", "\x01a\x05bcd", "\x80", wire.List(strings.Repeat("\xff", 11)), // or a length beyond 64 bits, or of 2^63
		wire.List(strings.Repeat("\xff", 9) + "\x02"), wire.List(binary.AppendUvarint(nil, 1<<63)) + "bcd",
	} {
		if texts := odd.Strings(); slices.Contains(texts, "bcd") || odd.Contains("bcd") || odd.ContainsAny([]string{"bcd"}) {
			t.Errorf("%q is %q", odd, texts)
		}
		r := wire.NewReader(append([]byte{2}, odd...))
		if got := r.CountedList(); got != "" || !r.Failed() {
			t.Errorf("%q: read as %q", odd, got)
		}
		if got, ok := wire.ParseList(string(odd)); got != "" || ok {
			t.Errorf("%q: read as %q", odd, got)
		}
	}
}

func TestFrame(t *testing.T) {
	for _, end := range []uint64{0, 1, math.MaxUint64} {
		for _, payload := range []string{"", "payload"} {
			frame := wire.Frame(wire.FormRecord, end, []byte(payload))
			got, gotEnd, ok := wire.Unframe(frame, wire.FormRecord)
			if string(got) != payload || got == nil || gotEnd != end || !ok {
				t.Errorf("%q with end %d comes back as %q with end %d, %t", payload, end, got, gotEnd, ok)
			}
			if got, _, ok := wire.Unframe(frame, wire.FormValues); ok {
				t.Errorf("a record is values %q", got)
			}
		}
	}
	for _, b := range [][]byte{nil, {}, {wire.FormRecord}, {wire.FormRecord, 0x80}, {0, 0, 'x'}} {
		if got, _, ok := wire.Unframe(b, wire.FormRecord); ok {
			t.Errorf("%x is a frame of %q", b, got)
		}
	}
}

// FuzzReader: whatever is read from any bytes, nothing panics, and never more than the input is returned.
func FuzzReader(f *testing.F) {
	f.Add(wire.AppendTexts([]byte{1}, []string{"a", "bc"}), []byte{0, 5})
	f.Add(wire.Frame(wire.FormRecord, 300, []byte("payload")), []byte{0, 2, 8})
	f.Fuzz(func(t *testing.T, data, reads []byte) {
		r := wire.NewReader(data)
		size := 0
		for _, read := range reads {
			switch read % 10 {
			case 0:
				r.Byte()
			case 1:
				r.Uint64()
			case 2:
				r.Uvarint()
			case 3:
				r.Varint()
			case 4:
				size += len(r.Text())
			case 5:
				for _, text := range r.Texts() {
					size += len(text)
				}
			case 6:
				size += len(r.Block())
			case 7:
				if at := r.Seconds(); at.Unix() > wire.MaxSeconds || r.UnixMicro()/1e6 > wire.MaxSeconds {
					t.Fatal("a time after the year 9999")
				}
			case 8:
				size += len(r.Bytes(int(read)))
			case 9:
				for _, text := range r.CountedList().Strings() {
					size += len(text)
				}
			}
		}
		failed := r.Failed()
		if size += len(r.Rest()); size > len(data) || r.Done() == failed {
			t.Fatalf("%d bytes out of %d, failed %t", size, len(data), failed)
		}
	})
}
