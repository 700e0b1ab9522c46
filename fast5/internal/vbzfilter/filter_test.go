package vbzfilter

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// slow follows the format's description word by word.
func slow(n int, stream []byte, zigzag bool) []int16 {
	keys, data := stream[:(n+3)/4], stream[(n+3)/4:]
	out := make([]int16, n)
	sum := int64(0)
	for i := range n {
		size := int(keys[i/4]>>(2*(i%4))&3) + 1
		v := int64(0)
		for k := range size {
			v += int64(data[k]) << (8 * k)
		}
		data = data[size:]
		switch {
		case !zigzag:
			sum = v
		case v%2 == 1:
			sum -= (v + 1) / 2
		default:
			sum += v / 2
		}
		out[i] = int16(sum)
	}
	return out
}

func chunk(values int, stream ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(2*values)), stream...)
}

var plain = Parameters{0, 2, 1, 0}

func TestAppend(t *testing.T) {
	data := chunk(6, 0b11_10_01_00, 0b00_00, 2, 0x90, 1, 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 3, 4)
	for _, p := range []Parameters{plain, {1, 2, 0, 0}, {0, 4, 1, 0}} {
		d := slices.Clone(data)
		binary.LittleEndian.PutUint32(d, 6*p[1])
		want := slow(6, data[4:], p[2] == 1)
		got, err := Append([]int16{9}, d, 6, p)
		if err != nil || got[0] != 9 || !slices.Equal(got[1:], want) {
			t.Errorf("%v: %v, want %v, %v", p, got, want, err)
		}
	}
	if got, err := Append(nil, data, 2, plain); err != nil || len(got) != 2 {
		t.Errorf("the beginning of a chunk: %v, %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	good := chunk(1, 0, 2)
	for _, c := range []struct {
		name string
		data []byte
		n    int
		p    Parameters
		want error
	}{
		{"no parameters", good, 1, nil, ErrUnsupported},
		{"version 2", good, 1, Parameters{2, 2, 1, 0}, ErrUnsupported},
		{"bytes", good, 1, Parameters{0, 1, 1, 0}, ErrUnsupported},
		{"no size", good[:3], 1, plain, ErrCorrupt},
		{"odd size", append([]byte{3, 0, 0, 0}, good[4:]...), 1, plain, ErrCorrupt},
		{"fewer values", good, 2, plain, ErrCorrupt},
		{"data cut off", chunk(1, 3, 2), 1, plain, ErrCorrupt},
		{"no frame", good, 1, Parameters{0, 2, 1}, ErrCorrupt},
		{"claims a lot", chunk(1<<30, 0x28, 0xb5), 1, Parameters{0, 2, 1, 1}, ErrCorrupt},
	} {
		dst := []int16{5}
		if got, err := Append(dst, c.data, c.n, c.p); !errors.Is(err, c.want) || len(got) != 1 {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

// FuzzAppend compares with the slow way whatever decodes.
func FuzzAppend(f *testing.F) {
	f.Add(uint16(6), true, []byte{0b11_10_01_00, 0, 2, 0x90, 1, 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 3, 4})
	f.Fuzz(func(t *testing.T, n uint16, zigzag bool, stream []byte) {
		p := slices.Clone(plain)
		if !zigzag {
			p[2] = 0
		}
		got, err := Append(nil, chunk(int(n), stream...), int(n), p)
		if err == nil && !slices.Equal(got, slow(int(n), stream, zigzag)) {
			t.Fatal("differs from the slow way")
		}
		_, _ = Append(nil, chunk(int(n), stream...), int(n), Parameters{0, 2, 1, 1})
	})
}
