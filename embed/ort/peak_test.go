package ort_test

import (
	"testing"
	"time"

	"github.com/porevec/porevec/embed/ort"
)

func TestPeakINT8(t *testing.T) {
	needRuntime(t)
	peak, err := ort.PeakINT8(t.Context(), 50*time.Millisecond)
	if err != nil || peak < 1e8 || peak > 1e14 {
		t.Errorf("%g operations per second, %v", peak, err)
	}
	t.Logf("%.0f GOP/s", peak/1e9)
}
