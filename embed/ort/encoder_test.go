package ort_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/embed/reference"
	"github.com/porevec/porevec/signal"
)

// needRuntime skips where ONNX Runtime is not installed; make deps installs it. One
// that POREVEC_ORT names must work.
func needRuntime(tb testing.TB) {
	tb.Helper()
	var missing *ort.LibraryError
	if err := ort.Init(); errors.As(err, &missing) && os.Getenv("POREVEC_ORT") == "" {
		tb.Skip(err)
	}
}

func open(tb testing.TB, model embed.Model) *ort.Encoder {
	tb.Helper()
	needRuntime(tb)
	e, err := ort.New(model)
	if err != nil {
		tb.Fatal(err)
	}
	closeAtEnd(tb, e)
	return e
}

func closeAtEnd(tb testing.TB, c io.Closer) {
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
}

// fp32 is the float32 form of a built-in model.
func fp32(tb testing.TB, id string) embed.Model {
	tb.Helper()
	m, err := embed.Load(filepath.Join("..", "models", id+".fp32.onnx"))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// random makes n chunks of steps, noise and spikes, some of them beyond the clip.
func random(seed uint64, n, window int) *signal.Batch {
	r := rand.New(rand.NewPCG(seed, 1))
	b := signal.NewBatch(n, window)
	for range n {
		b.Chunks = append(b.Chunks, signal.Chunk{Samples: uint32(window)})
		b.Shift = append(b.Shift, 400+50*r.Float32())
		b.Scale = append(b.Scale, 60+40*r.Float32())
		level := 400.0
		for range window {
			if r.IntN(10) == 0 {
				level = 400 + 80*r.NormFloat64()
			}
			x := level + 8*r.NormFloat64()
			if r.IntN(500) == 0 {
				x = float64(r.IntN(2)*4000 - 2000)
			}
			b.Samples = append(b.Samples, int16(x))
		}
	}
	return b
}

// pick makes a batch of some chunks of another.
func pick(from *signal.Batch, chunks ...int) *signal.Batch {
	b := signal.NewBatch(len(chunks), from.Window)
	for _, i := range chunks {
		b.Chunks = append(b.Chunks, from.Chunks[i])
		b.Samples = append(b.Samples, from.Samples[i*from.Window:(i+1)*from.Window]...)
		b.Shift, b.Scale = append(b.Shift, from.Shift[i]), append(b.Scale, from.Scale[i])
	}
	return b
}

func encode(tb testing.TB, e embed.Encoder, in *signal.Batch) []float32 {
	tb.Helper()
	model := e.Model()
	out := make([]float32, in.Len()*model.Dim)
	if err := e.Encode(context.Background(), in, out); err != nil {
		tb.Fatal(err)
	}
	return out
}

// distance gives the smallest cosine of rows and the largest difference of
// elements.
func distance(a, b []float32, dim int) (cosine, diff float64) {
	cosine = 1
	for i := 0; i < len(a); i += dim {
		var ab, aa, bb float64
		for j := i; j < i+dim; j++ {
			x, y := float64(a[j]), float64(b[j])
			ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
			diff = max(diff, math.Abs(x-y))
		}
		cosine = min(cosine, ab/math.Sqrt(aa*bb))
	}
	return cosine, diff
}

func TestCheckBuiltInModels(t *testing.T) {
	for _, m := range embed.Models() {
		open(t, m) // skips without a runtime
		report := embed.CheckBuiltIn(t.Context(), m.ID, func(m embed.Model) (embed.Encoder, error) { return ort.New(m) })
		if err := report.Err(); err != nil {
			t.Error(err)
		}
		if len(report.Checks) < 4 {
			t.Errorf("%s: only %d checks", m.ID, len(report.Checks))
		}
		for _, f := range report.Checks {
			if f.Figure == nil {
				t.Errorf("%s: %v was not measured", m.ID, f)
			}
		}
	}
}

// The reference encoder sums exactly, ONNX Runtime in float32 and in its own
// order: 1e-5 holds for float32 models. In integers, a value that lies on the
// edge between two steps may fall to either side, and moves a vector by about 1e-4.
func TestAgreesWithReference(t *testing.T) {
	for _, m := range embed.Models() {
		for _, c := range []struct {
			model     embed.Model
			minCosine float64
			maxDiff   float64
		}{{m, 0.999999, 2e-3}, {fp32(t, m.ID), 0.9999999, 1e-5}} {
			fast := open(t, c.model)
			exact, err := reference.New(c.model)
			if err != nil {
				t.Fatal(err)
			}
			batches := []*signal.Batch{random(1, 4, m.DefaultWindow), random(2, 2, m.MinSamples), random(3, 2, m.MinSamples+517)}
			goldens, err := embed.Goldens(m.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range goldens {
				batches = append(batches, g.Batch())
			}
			for _, in := range batches {
				cosine, diff := distance(encode(t, fast, in), encode(t, exact, in), m.Dim)
				if cosine < c.minCosine || diff > c.maxDiff {
					t.Errorf("%s, quantized %v, %d samples: cosine %.9f, difference %.2g", m.ID, c.model.Quantized(), in.Window, cosine, diff)
				}
			}
		}
	}
}

// A chunk's vector has the same bits in every batch: the parity of live and
// replayed runs rests on it.
func TestSameBitsInEveryBatch(t *testing.T) {
	for _, m := range embed.Models() {
		for _, model := range []embed.Model{m, fp32(t, m.ID)} {
			e := open(t, model)
			for _, window := range []int{m.MinSamples, m.MinSamples + 777, m.DefaultWindow} {
				all := random(5, 32, window)
				want := encode(t, e, all)
				for _, chunks := range [][]int{{7}, {31}, {3, 7, 11}, {7, 7, 7}, {31, 7, 0, 1, 2, 30, 7, 9}} {
					got := encode(t, e, pick(all, chunks...))
					for row, chunk := range chunks {
						if !slices.Equal(got[row*m.Dim:(row+1)*m.Dim], want[chunk*m.Dim:(chunk+1)*m.Dim]) {
							t.Errorf("%s, quantized %v, %d samples: chunk %d differs in batch %v", m.ID, model.Quantized(), window, chunk, chunks)
						}
					}
				}
			}
		}
	}
}

func TestVectorsHaveNormOne(t *testing.T) {
	m := embed.Models()[0]
	out := encode(t, open(t, m), random(6, 3, m.DefaultWindow))
	for i := 0; i < len(out); i += m.Dim {
		var squares float64
		for _, x := range out[i : i+m.Dim] {
			squares += float64(x) * float64(x)
		}
		if math.Abs(squares-1) > 1e-5 {
			t.Errorf("row %d has norm² %v", i/m.Dim, squares)
		}
	}
}

func TestConcurrentEncode(t *testing.T) {
	m := embed.Models()[0]
	e := open(t, m)
	all := random(8, 16, m.MinSamples)
	want := encode(t, e, all)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 12 {
				chunk := (worker + i) % all.Len()
				out := make([]float32, m.Dim)
				if err := e.Encode(context.Background(), pick(all, chunk), out); err != nil {
					t.Error(err)
				} else if !slices.Equal(out, want[chunk*m.Dim:(chunk+1)*m.Dim]) {
					t.Errorf("worker %d: chunk %d differs", worker, chunk)
				}
			}
		})
	}
	wg.Wait()
}

func TestEncodeRefuses(t *testing.T) {
	m := embed.Models()[0]
	e := open(t, m)
	good := random(9, 2, m.MinSamples)
	room := make([]float32, 2*m.Dim)
	noScale := pick(good, 0, 1)
	noScale.Scale[1] = 0
	cut := pick(good, 0, 1)
	cut.Samples = cut.Samples[1:]
	for _, c := range []struct {
		name string
		in   *signal.Batch
		out  []float32
		want string
	}{
		{"short output", good, room[1:], "2 chunks of"},
		{"long output", good, append(room, 0), "2 chunks of"},
		{"short chunks", random(9, 2, m.MinSamples-1), room, "or more"},
		{"long chunks", random(9, 2, m.MaxSamples()+1), room, "or fewer"},
		{"scale 0", noScale, room, "chunk 1"},
		{"a missing sample", cut, room, "samples in a batch"},
	} {
		err := e.Encode(t.Context(), c.in, c.out)
		if err == nil || !strings.Contains(err.Error(), c.want) || signal.ClassOf(err) != signal.Fatal {
			t.Errorf("%s: got %v, want a fatal error with %q", c.name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Encode(ctx, good, room); signal.ClassOf(err) != signal.Cancelled {
		t.Errorf("cancelled: got %v", err)
	}
	if err := e.Encode(t.Context(), signal.NewBatch(4, m.DefaultWindow), nil); err != nil {
		t.Errorf("empty batch: %v", err)
	}
}

func TestEncodeAfterClose(t *testing.T) {
	m := embed.Models()[0]
	e := open(t, m)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Encode(t.Context(), random(1, 1, m.MinSamples), make([]float32, m.Dim)); err == nil {
		t.Error("a closed encoder encoded")
	}
}

func TestNewRefusesBrokenModel(t *testing.T) {
	m := embed.Models()[0]
	open(t, m)
	m.File = m.File[:len(m.File)/2]
	if _, err := ort.New(m); err == nil || !strings.Contains(err.Error(), m.ID) {
		t.Errorf("half a model: %v", err)
	}
}

// Short chunks have any length; none may leave memory behind.
func TestMemoryOverManyLengths(t *testing.T) {
	m := embed.Models()[0]
	e := open(t, m)
	r := rand.New(rand.NewPCG(1, 2))
	lengths := func(n int) {
		for range n {
			encode(t, e, random(1, 1+r.IntN(4), m.MinSamples+r.IntN(m.MaxSamples()-m.MinSamples+1)))
		}
	}
	encode(t, e, random(1, 4, m.MaxSamples()))
	lengths(50)
	before := residentBytes(t)
	lengths(1000)
	if grown := residentBytes(t) - before; grown > 32<<20 {
		t.Errorf("resident memory grew by %d MiB over 1000 lengths", grown>>20)
	} else {
		t.Logf("resident memory %d MiB, grown by %d KiB", before>>20, grown>>10)
	}
}

func residentBytes(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

func BenchmarkEncode(b *testing.B) {
	id := embed.Models()[0].ID
	for _, model := range []embed.Model{embed.Models()[0], fp32(b, id)} {
		for _, size := range []int{1, 8, 32} {
			name := "fp32"
			if model.Quantized() {
				name = "int8"
			}
			b.Run(fmt.Sprintf("%s/batch%d", name, size), func(b *testing.B) {
				e := open(b, model)
				in := random(1, size, model.DefaultWindow)
				out := make([]float32, size*model.Dim)
				b.ReportAllocs()
				for b.Loop() {
					if err := e.Encode(context.Background(), in, out); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*len(in.Samples))/b.Elapsed().Seconds(), "samples/s")
			})
		}
	}
}
