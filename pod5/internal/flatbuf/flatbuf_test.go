package flatbuf

import (
	"errors"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	data := Encode(Fields{
		uint8(7), true, int16(-2), int32(-3), int64(-4), "five",
		Fields{nil, "inner"},
		[]Fields{{int16(1)}, {}, {int16(3)}},
		Structs{Width: 16, Data: make([]byte, 32)},
		nil,
	})
	if len(data)%8 != 0 {
		t.Errorf("length %d is no multiple of 8", len(data))
	}
	buf := NewBuffer(data)
	root := buf.Root()
	if root.Uint8(0) != 7 || !root.Bool(1) || root.Int16(2) != -2 || root.Int32(3) != -3 || root.Int64(4) != -4 {
		t.Error("a number changed")
	}
	if root.String(5) != "five" || root.Table(6).String(1) != "inner" || root.Table(6).Has(0) {
		t.Error("a text changed")
	}
	list := root.Vector(7, 4)
	if list.Len() != 3 || list.Table(0).Int16(0) != 1 || list.Table(1).Has(0) || list.Table(2).Int16(0) != 3 {
		t.Error("a list changed")
	}
	if v := root.Vector(8, 16); v.Len() != 2 || len(v.Struct(1)) != 16 {
		t.Error("the structs changed")
	}
	for _, slot := range []int{9, 10, 1000} { // left out, never there, far beyond
		if root.Has(slot) || root.Int64(slot) != 0 || root.String(slot) != "" || root.Vector(slot, 4).Len() != 0 || root.Table(slot).Has(0) {
			t.Errorf("slot %d holds something", slot)
		}
	}
	if buf.Err() != nil {
		t.Error(buf.Err())
	}
}

// TestDamage looks at everything in buffers that are cut or lie about offsets.
func TestDamage(t *testing.T) {
	whole := Encode(Fields{int64(1), strings.Repeat("x", 40), []Fields{{"a"}, {"b"}}, Fields{int32(5)}})
	visit := func(data []byte) error {
		buf := NewBuffer(data)
		root := buf.Root()
		_, _ = root.Int64(0), root.String(1)
		list := root.Vector(2, 4)
		for i := range list.Len() {
			_ = list.Table(i).String(0)
		}
		_ = root.Table(3).Int32(0)
		return buf.Err()
	}
	if err := visit(whole); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := visit(whole[:n]); n < 40 && !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at %d: %v", n, err)
		}
		for _, change := range []byte{1, 0x40, 0x80, 0xff} {
			data := append([]byte{}, whole...)
			data[n] ^= change
			_ = visit(data) // an error or other values, never a panic
		}
	}
	if err := visit([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("root outside: %v", err)
	}
}

func TestLongTextsAreRefused(t *testing.T) {
	buf := NewBuffer(Encode(Fields{strings.Repeat("x", maxString+1)}))
	if text := buf.Root().String(0); text != "" || buf.Err() == nil {
		t.Errorf("%d bytes were taken", len(text))
	}
}
