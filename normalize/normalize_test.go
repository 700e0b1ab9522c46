package normalize_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/porevec/porevec/normalize"
	"github.com/porevec/porevec/signal"
)

// spiked is a squiggle with a spike to each rail.
func spiked(rng *rand.Rand, n int) []int16 {
	out := squiggle(rng, n)
	if n > 10 {
		out[3], out[7] = math.MaxInt16, math.MinInt16
	}
	return out
}

// squiggle is a level that jumps, plus noise.
func squiggle(rng *rand.Rand, n int) []int16 {
	out := make([]int16, n)
	level := 500.0
	for i := range out {
		if rng.IntN(12) == 0 {
			level = 400 + 300*rng.Float64()
		}
		out[i] = int16(level + 15*rng.NormFloat64())
	}
	return out
}

// median sorts: the slow and obvious oracle.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func TestMedMADAgainstSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	n, err := normalize.New(normalize.MedMAD, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 2, 3, 1000, 1001, 4096} {
		samples := spiked(rng, size)
		values := make([]float64, size)
		for i, s := range samples {
			values[i] = float64(s)
		}
		med := median(values)
		for i := range values {
			values[i] = math.Abs(values[i] - med)
		}
		wantScale := max(1, 1.4826*median(values))
		shift, scale, err := n.Fit(samples, signal.Calibration{})
		if err != nil {
			t.Fatal(err)
		}
		if float64(shift) != med || math.Abs(float64(scale)-wantScale) > 1e-4*wantScale {
			t.Errorf("%d samples: shift %g scale %g, want %g %g", size, shift, scale, med, wantScale)
		}
	}
}

func TestFlatAndEmptyChunksKeepAFiniteScale(t *testing.T) {
	for _, method := range []normalize.Method{normalize.MedMAD, normalize.Quantile} {
		n, err := normalize.New(method, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, samples := range [][]int16{nil, make([]int16, 100), {math.MinInt16, math.MinInt16}} {
			if _, scale, err := n.Fit(samples, signal.Calibration{}); err != nil || scale < 1 {
				t.Errorf("%s of %d equal samples: scale %g, error %v", method, len(samples), scale, err)
			}
		}
	}
}

// The constants are dorado's; the expected values were computed by hand from
// the definition: q20 = 20, q90 = 90 of 0..100.
func TestQuantile(t *testing.T) {
	samples := make([]int16, 101)
	for i := range samples {
		samples[i] = int16(100 - i)
	}
	n, err := normalize.New(normalize.Quantile, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	shift, scale, err := n.Fit(samples, signal.Calibration{})
	if err != nil || math.Abs(float64(shift)-0.51*110) > 1e-4 || math.Abs(float64(scale)-0.53*70) > 1e-4 {
		t.Errorf("got shift %g scale %g error %v", shift, scale, err)
	}
}

func TestPAStandardizesCurrent(t *testing.T) {
	n, err := normalize.New(normalize.PA, 93.6, 22.6)
	if err != nil {
		t.Fatal(err)
	}
	cal := signal.Calibration{Offset: -243, Scale: 0.146}
	shift, scale, err := n.Fit(nil, cal)
	if err != nil {
		t.Fatal(err)
	}
	for _, adc := range []int16{-300, 0, 812, 2047} {
		got := (float64(adc) - float64(shift)) / float64(scale)
		want := (float64(cal.PA(adc)) - 93.6) / 22.6
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("adc %d: x = %g, want %g", adc, got, want)
		}
	}
	nan := float32(math.NaN())
	for _, bad := range []signal.Calibration{{}, {Scale: -1}, {Scale: nan}, {Offset: nan, Scale: 1}} {
		if _, _, err := n.Fit(nil, bad); err == nil {
			t.Errorf("calibration %+v was accepted", bad)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := normalize.New("zscore", 0, 1); err == nil {
		t.Error("an unknown method was accepted")
	}
	if _, err := normalize.New(normalize.PA, 90, 0); err == nil {
		t.Error("a standard deviation of 0 was accepted")
	}
}

func BenchmarkMedMAD(b *testing.B) {
	for name, samples := range map[string][]int16{
		"squiggle": squiggle(rand.New(rand.NewPCG(1, 2)), 4096),
		"spiked":   spiked(rand.New(rand.NewPCG(1, 2)), 4096),
	} {
		b.Run(name, func(b *testing.B) {
			n, err := normalize.New(normalize.MedMAD, 0, 0)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(2 * 4096)
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = n.Fit(samples, signal.Calibration{})
			}
		})
	}
}
