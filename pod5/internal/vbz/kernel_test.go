//go:build (amd64 || arm64) && unix

package vbz

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// fence copies data to the end of a page that nothing readable follows, so that a
// load beyond them is a fault.
func fence(t *testing.T, data []byte) []byte {
	t.Helper()
	page := unix.Getpagesize()
	room := (len(data) + page - 1) / page * page
	memory, err := unix.Mmap(-1, 0, room+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(memory) })
	if err := unix.Mprotect(memory[room:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	fenced := memory[room-len(data) : room : room]
	copy(fenced, data)
	return fenced
}

// checkKernels compares every kernel of this CPU with the portable way, on a
// stream that is valid for n samples.
func checkKernels(t *testing.T, n int, stream []byte) {
	t.Helper()
	keyLen := (n + 7) / 8
	keys, data := stream[:keyLen], fence(t, stream[keyLen:])
	for _, carry := range []uint16{0, 1, 0x8000, 0xffff} {
		want := make([]int16, n)
		unpackPortable(want, keys, data, carry)
		for name, run := range kernels() {
			const guard = 31111
			got := slices.Repeat([]int16{guard}, n+32)
			groups, used, last := run(got[:n], keys[:n/8], data, carry)
			if groups > n/8 || groups < n/8-4 {
				t.Fatalf("%s did %d groups of %d", name, groups, n/8)
			}
			wantUsed := 8*groups + ones(keys[:groups])
			wantLast := carry
			if groups > 0 {
				wantLast = uint16(want[8*groups-1])
			}
			if used != wantUsed || last != wantLast {
				t.Fatalf("%s: %d bytes used, last sample %d, want %d and %d", name, used, last, wantUsed, wantLast)
			}
			if !slices.Equal(got[:8*groups], want[:8*groups]) {
				t.Fatalf("%s gives other samples than the portable way", name)
			}
			if i := slices.IndexFunc(got[8*groups:], func(s int16) bool { return s != guard }); i >= 0 {
				t.Fatalf("%s wrote sample %d after doing %d groups", name, 8*groups+i, groups)
			}
		}
	}
}

// TestKernels goes through all key bytes, alone and beside one another.
func TestKernels(t *testing.T) {
	if len(kernels()) == 0 {
		t.Skip("this CPU has none of the instructions")
	}
	rng := rand.New(rand.NewPCG(9, 1))
	for _, n := range []int{0, 7, 8, 16, 24, 31, 32, 40, 256 * 8, 2*256*8 + 5} {
		for shift := range 3 {
			keys := make([]byte, (n+7)/8)
			for i := range keys {
				keys[i] = byte(i * []int{1, 0, 255}[shift])
			}
			if n%8 != 0 {
				keys[len(keys)-1] &= 1<<(n%8) - 1
			}
			data := make([]byte, n+ones(keys))
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			checkKernels(t, n, append(keys, data...))
		}
	}
	for range 200 {
		n := rng.IntN(3000)
		samples := current(n)
		for i := range samples {
			if rng.IntN(20) == 0 {
				samples[i] = int16(rng.Uint32())
			}
		}
		checkKernels(t, n, pack(nil, samples))
	}
}

// FuzzKernels makes valid streams of anything.
func FuzzKernels(f *testing.F) {
	f.Add([]byte{0, 0, 0xff, 0x81}, []byte("small and large steps of a current"))
	f.Add(make([]byte, 64), []byte{1})
	f.Fuzz(func(t *testing.T, keys, pattern []byte) {
		n := 8 * len(keys)
		data := make([]byte, n+ones(keys))
		for i := range data {
			if len(pattern) > 0 {
				data[i] = pattern[i%len(pattern)] + byte(i/len(pattern))
			}
		}
		checkKernels(t, n, append(slices.Clone(keys), data...))
	})
}

func BenchmarkKernels(b *testing.B) {
	const n = 102_400
	stream, dst := pack(nil, current(n)), make([]int16, n)
	keys, data := stream[:n/8], stream[n/8:]
	run := func(name string, unpack func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				unpack()
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
		})
	}
	run("portable", func() { unpackPortable(dst, keys, data, 0) })
	for name, k := range kernels() {
		run(name, func() { k(dst, keys, data, 0) })
	}
}
