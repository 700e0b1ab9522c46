package vbz

import (
	"errors"
	"testing"
)

func TestSamplesOfAFrame(t *testing.T) {
	encoder, decoder := NewEncoder(), NewDecoder()
	for n := range 200 {
		for _, step := range []int16{0, 1, 130, 32767} {
			samples := make([]int16, n)
			for i := range samples {
				samples[i] = int16(i*i) * step
			}
			frame := encoder.Append(nil, samples)
			if got, err := decoder.Samples(frame); err != nil || got != n {
				t.Fatalf("%d samples in steps of %d: counted %d, %v", n, step, got, err)
			}
		}
	}
	frame := encoder.Append(nil, make([]int16, 100))
	for cut := 1; cut < len(frame); cut++ {
		if _, err := decoder.Samples(frame[:cut]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at %d of %d: %v", cut, len(frame), err)
		}
	}
}
