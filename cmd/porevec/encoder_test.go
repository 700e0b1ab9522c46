package main

import (
	"log/slog"
	"math"
	"testing"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/signal"
)

// A model that standardizes pA gets its own constants and the read's
// calibration, whichever way the shipped models normalize.
func TestLineNormalizesAsTheModelSays(t *testing.T) {
	needRuntime(t)
	f := encoderFlags{device: "cpu", dtype: "float16", threads: 1}
	l, err := f.open(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m := embed.Models()[0]
	m.NormMethod, m.NormMeanPA, m.NormSDPA = "pa", 90, 20
	samples := make([]int16, 4096)
	for i := range samples {
		samples[i] = int16(400 + i%101)
	}
	for method, want := range map[string]struct{ shift, scale float64 }{
		"pa":     {90/0.2 + 10, 20 / 0.2},
		"medmad": {450, 1.4826 * 25},
	} {
		m.NormMethod = method
		line, err := l.newLine(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		shift, scale, err := line.Normalize.Fit(samples, signal.Calibration{Offset: -10, Scale: 0.2})
		if err != nil || math.Abs(float64(shift)-want.shift) > 1 || math.Abs(float64(scale)-want.scale) > 1.5 {
			t.Errorf("%s: shift %v, scale %v, %v; want %v", method, shift, scale, err, want)
		}
		if line.Recipe.Normalization != method {
			t.Errorf("the recipe says %s, not %s", line.Recipe.Normalization, method)
		}
		if err := line.Encoder.Close(); err != nil {
			t.Error(err)
		}
	}
	info := newModelInfo(m)
	if info["norm.mean_pa"] != 90.0 || info["norm.sd_pa"] != 20.0 {
		t.Errorf("shown with %v and %v", info["norm.mean_pa"], info["norm.sd_pa"])
	}
}
