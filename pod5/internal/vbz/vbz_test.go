package vbz

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// current draws samples that look like a measured current: levels with noise.
func current(n int) []int16 {
	rng := rand.New(rand.NewPCG(1, 2))
	samples := make([]int16, n)
	level := 500.0
	for i := range samples {
		if rng.IntN(10) == 0 {
			level = 350 + 300*rng.Float64()
		}
		samples[i] = int16(level + 10*rng.NormFloat64())
	}
	return samples
}

// slowUnpack follows the format's description word by word.
func slowUnpack(n int, stream []byte) []int16 {
	keys, data := stream[:(n+7)/8], stream[(n+7)/8:]
	var out []int16
	sum := int64(0)
	for i := range n {
		v := int64(data[0])
		data = data[1:]
		if keys[i/8]>>(i%8)%2 == 1 {
			v += int64(data[0]) * 256
			data = data[1:]
		}
		if v%2 == 1 {
			sum -= (v + 1) / 2
		} else {
			sum += v / 2
		}
		out = append(out, int16(sum))
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	fill := func(n int, next func(i int) int16) []int16 {
		s := make([]int16, n)
		for i := range s {
			s[i] = next(i)
		}
		return s
	}
	extremes := []int16{math.MinInt16, math.MaxInt16, 0, -1, 1, 127, 128, -128, -129}
	cases := map[string]func(n int) []int16{
		"zeros":   func(n int) []int16 { return make([]int16, n) },
		"current": current,
		"jumps":   func(n int) []int16 { return fill(n, func(i int) int16 { return int16(math.MaxInt16 * (i%2*2 - 1)) }) },
		"wraps": func(n int) []int16 {
			return fill(n, func(i int) int16 { return []int16{math.MinInt16, math.MaxInt16}[i%2] })
		},
		"extremes":   func(n int) []int16 { return fill(n, func(int) int16 { return extremes[rng.IntN(len(extremes))] }) },
		"anything":   func(n int) []int16 { return fill(n, func(int) int16 { return int16(rng.Uint32()) }) },
		"some large": func(n int) []int16 { return fill(n, func(int) int16 { return int16(rng.IntN(300)) }) },
	}
	e, d := NewEncoder(), NewDecoder()
	for name, make := range cases {
		for _, n := range []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000, 102_400} {
			want := make(n)
			got := slices.Repeat([]int16{77}, n)
			if err := d.Decode(got, e.Append(nil, want)); err != nil {
				t.Fatalf("%s, %d samples: %v", name, n, err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %d samples: they changed", name, n)
			}
			if n <= 1000 {
				if slow := slowUnpack(n, pack(nil, want)); !slices.Equal(slow, want) {
					t.Errorf("%s, %d samples: packed differently from the format", name, n)
				}
			}
		}
	}
}

// TestPackedBytes pins the format down to its bytes.
func TestPackedBytes(t *testing.T) {
	got := pack(nil, []int16{1, 0, 200, 200, -32768, 32767, 0, 0, 5})
	want := []byte{
		0b0101_0100, 0, // the keys: samples 2, 4 and 6 take two bytes
		2, 1, 0x90, 1, 0, 0x70, 0xfe, 1, 0xfd, 0xff, 0, 10,
	}
	// 1: +1 → 2; 0: −1 → 1; 200: +200 → 400; 200: 0; −32768: −32968 wraps to 32568 → 65136;
	// 32767: +65535 wraps to −1 → 1; 0: −32767 → 65533; 0; 5: +5 → 10.
	if !slices.Equal(got, want) {
		t.Errorf("packed to\n% x, want\n% x", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(true))
	if err != nil {
		t.Fatal(err)
	}
	frame := func(stream ...byte) []byte { return z.EncodeAll(stream, nil) }
	whole := NewEncoder().Append(nil, current(100))
	for _, c := range []struct {
		name  string
		n     int
		frame []byte
	}{
		{"nothing for samples", 1, nil},
		{"no frame", 3, []byte("ACGTACGTACGT")},
		{"cut", 100, whole[:len(whole)-3]},
		{"one sample fewer", 99, whole},
		{"one sample more", 101, whole},
		{"half", 50, whole},
		{"bytes for no samples", 0, whole},
		{"key without data", 2, frame(0b11, 1, 2, 3)},
		{"data without key", 2, frame(0b01, 1, 2, 3, 4)},
		{"keys beyond the end", 2, frame(0b101, 1, 2, 3)},
		{"two frames", 2, append(frame(0, 1, 2), frame(0, 1, 2)...)},
		{"skippable frame", 2, []byte{0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 0, 1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := NewDecoder().Decode(make([]int16, c.n), c.frame); !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPlausible(t *testing.T) {
	for _, c := range []struct {
		samples    uint64
		compressed int64
		want       bool
	}{
		{102_400, 20, true}, {1 << 20, 0, true}, {1<<20 + 1, 100, false}, {100_000_000, 60_000_000, true}, {math.MaxUint32, 1000, false},
	} {
		if got := Plausible(c.samples, c.compressed); got != c.want {
			t.Errorf("Plausible(%d, %d) = %v", c.samples, c.compressed, got)
		}
	}
}

// TestDecodeReusesMemory compares what decoding allocates with the stream that it
// must not allocate anew. The rest is slack for the zstd decoder, whose own pools
// forget things under the race detector.
func TestDecodeReusesMemory(t *testing.T) {
	const n, rows = 102_400, 20
	frame := NewEncoder().Append(nil, current(n))
	d, dst := NewDecoder(), make([]int16, n)
	var before, after runtime.MemStats
	for i := range rows + 1 {
		if i == 1 { // the first row makes the buffers
			runtime.ReadMemStats(&before)
		}
		if err := d.Decode(dst, frame); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if perRow := (after.TotalAlloc - before.TotalAlloc) / rows; perRow > n/2 {
		t.Errorf("%d bytes allocated per row", perRow)
	}
}

// FuzzVBZ decodes anything; what decodes must survive being packed again.
func FuzzVBZ(f *testing.F) {
	for _, n := range []int{0, 1, 8, 9, 100} {
		f.Add(uint16(n), NewEncoder().Append(nil, current(n)))
		f.Add(uint16(n), pack(nil, current(n)))
	}
	e, d := NewEncoder(), NewDecoder()
	f.Fuzz(func(t *testing.T, n uint16, data []byte) {
		samples := make([]int16, n)
		_ = d.Decode(samples, data) // must not panic; random bytes are rarely a frame
		if unpack(samples, data) != nil {
			return
		}
		if !slices.Equal(samples, slowUnpack(int(n), data)) {
			t.Fatal("differs from the slow way")
		}
		again := make([]int16, n)
		if err := d.Decode(again, e.Append(nil, samples)); err != nil || !slices.Equal(samples, again) {
			t.Fatalf("changed on the way: %v", err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{4096, 102_400} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			frame := NewEncoder().Append(nil, current(n))
			d, dst := NewDecoder(), make([]int16, n)
			b.SetBytes(int64(2 * n))
			for b.Loop() {
				if err := d.Decode(dst, frame); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
		})
	}
}

func BenchmarkUnpack(b *testing.B) {
	const n = 102_400
	stream, dst := pack(nil, current(n)), make([]int16, n)
	b.SetBytes(2 * n)
	for b.Loop() {
		if err := unpack(dst, stream); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
}

func BenchmarkEncode(b *testing.B) {
	const n = 102_400
	samples, e := current(n), NewEncoder()
	var frame []byte
	b.SetBytes(2 * n)
	for b.Loop() {
		frame = e.Append(frame[:0], samples)
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
}
