package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testWindow = 64

var testModel = embed.Model{ID: "test", Dim: 4, MinSamples: 8, Windows: []int{testWindow}, DefaultWindow: testWindow}

// faulty is an encoder whose vectors tell which chunk they are of, and which fails as a
// test wants it.
type faulty struct {
	device *faultyDevice
	closed atomic.Bool
}

// faultyDevice opens faulty encoders.
type faultyDevice struct {
	// fail is asked before each call with the number of chunks.
	fail    func(chunks int) error
	opening error
	stuck   chan struct{} // Open returns when it is closed; nil: at once
	wrong   bool

	mu     sync.Mutex
	chunks int // that were computed
	opened int
	most   int // in a call
	open   []*faulty
}

func (d *faultyDevice) Open() (embed.Encoder, error) {
	if d.stuck != nil {
		<-d.stuck
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opening != nil {
		return nil, d.opening
	}
	d.opened++
	f := &faulty{device: d}
	d.open = append(d.open, f)
	return f, nil
}

func (f *faulty) Model() embed.Model { return testModel }

func (f *faulty) Close() error {
	f.closed.Store(true)
	return nil
}

func (f *faulty) Encode(ctx context.Context, in *signal.Batch, out []float32) error {
	d := f.device
	if d.fail != nil {
		if err := d.fail(in.Len()); err != nil {
			return err
		}
	}
	for i := range in.Len() {
		copy(out[i*testModel.Dim:], vectorOf(in.Samples[i*in.Window:(i+1)*in.Window]))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.chunks += in.Len()
	d.most = max(d.most, in.Len())
	if d.wrong {
		clear(out)
	}
	return nil
}

func vectorOf(samples []int16) []float32 {
	return []float32{float32(samples[0]), float32(samples[1]), float32(len(samples)), 1}
}

// prove is what golden chunks are for.
func prove(ctx context.Context, c embed.Computer) error {
	in := batchOf(7, 1, testWindow)
	out := make([]float32, testModel.Dim)
	if err := c.Encode(ctx, in, out); err != nil {
		return err
	}
	if !slices.Equal(out, vectorOf(in.Samples)) {
		return errors.New("wrong vectors")
	}
	return nil
}

// batchOf has chunks whose first samples are n and their place in the batch.
func batchOf(n, chunks, window int) *signal.Batch {
	b := signal.NewBatch(chunks, window)
	for i := range chunks {
		samples := make([]int16, window)
		samples[0], samples[1] = int16(n), int16(i)
		b.Chunks, b.Samples = append(b.Chunks, signal.Chunk{}), append(b.Samples, samples...)
		b.Shift, b.Scale = append(b.Shift, 0), append(b.Scale, 1)
	}
	return b
}

// graphics is a device with calls of its own; processor computes on its callers.
func graphics(d *faultyDevice) Device {
	return Device{Name: "graphics", Open: d.Open, Prove: prove, Chunks: 16, Calls: 2, Patience: 200 * time.Millisecond}
}

func processor(d *faultyDevice) Device {
	return Device{Name: "processor", Open: d.Open, Prove: prove, Chunks: 4}
}

// afterProof fails all calls but the first, which proves the device.
func afterProof(why string) func(int) error {
	var proven atomic.Bool
	return func(int) error {
		if proven.Swap(true) {
			return errors.New(why)
		}
		return nil
	}
}

// events gathers what is told.
type events struct {
	mu   sync.Mutex
	list []Event
}

func (e *events) add(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

func (e *events) has(kind EventKind) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, event := range e.list {
		if event.Kind == kind {
			n++
		}
	}
	return n
}

func newEncoder(t *testing.T, told *events, devices ...Device) *Encoder {
	t.Helper()
	e, err := New(t.Context(), Config{Model: testModel, Devices: devices, Log: slog.New(slog.DiscardHandler), Told: told.add, rest: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// embedAll encodes batches of many sizes from several goroutines, and checks each vector.
func embedAll(t *testing.T, e *Encoder, batches int) (chunks int) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(4)
	for n := range batches {
		size := 1 + n%40
		chunks += size
		group.Go(func() error {
			in := batchOf(n, size, testWindow)
			out := make([]float32, size*testModel.Dim)
			if err := e.Encode(t.Context(), in, out); err != nil {
				return err
			}
			for i := range size {
				if got := out[i*testModel.Dim : (i+1)*testModel.Dim]; !slices.Equal(got, []float32{float32(n), float32(i), testWindow, 1}) {
					return fmt.Errorf("batch %d: chunk %d has the vector %v", n, i, got)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return chunks
}

func TestErrors(t *testing.T) {
	var calls atomic.Int64
	var broken atomic.Bool
	gpu, cpu, told := &faultyDevice{}, &faultyDevice{}, &events{}
	gpu.fail = func(int) error {
		if calls.Add(1) == 20 || broken.Load() {
			broken.Store(true)
			return errors.New("CUDA failure 719: unspecified launch failure")
		}
		return nil
	}
	e := newEncoder(t, told, graphics(gpu), processor(cpu))
	if e.Device() != "graphics" {
		t.Fatalf("computes on %q", e.Device())
	}
	embedAll(t, e, 200)
	if e.Device() != "processor" || told.has(Failed) != 1 || cpu.chunks == 0 || cpu.most > 4 || gpu.most > 16 {
		t.Errorf("computes on %q after %+v, %d chunks on the processor, at most %d and %d at a time", e.Device(), told.list, cpu.chunks, cpu.most, gpu.most)
	}
	if f := told.list[0]; f.Device != "graphics" || f.Now != "processor" || f.Why == "" || f.At.IsZero() {
		t.Errorf("event %+v", f)
	}
	broken.Store(false)
	eventually(t, func() bool { return e.Device() == "graphics" })
	before := gpu.chunks
	embedAll(t, e, 20)
	if told.has(Returned) != 1 || gpu.chunks == before || !gpu.open[0].closed.Load() {
		t.Errorf("after its return: %+v; %d chunks, the first session closed: %v", told.list, gpu.chunks-before, gpu.open[0].closed.Load())
	}
}

// A call that never returns is left behind, and what it writes later goes nowhere.
func TestHangs(t *testing.T) {
	var calls atomic.Int64
	release := make(chan struct{})
	gpu, cpu, told := &faultyDevice{}, &faultyDevice{}, &events{}
	gpu.fail = func(int) error {
		if calls.Add(1) == 10 {
			<-release
		}
		return nil
	}
	d := graphics(gpu)
	d.Patience = 20 * time.Millisecond
	e := newEncoder(t, told, d, processor(cpu))
	embedAll(t, e, 100)
	if told.has(Failed) != 1 || cpu.chunks == 0 {
		t.Errorf("%+v, %d chunks on the processor", told.list, cpu.chunks)
	}
	in, out := batchOf(1, 8, testWindow), make([]float32, 8*testModel.Dim)
	if err := e.Encode(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(out)
	close(release)
	time.Sleep(20 * time.Millisecond)
	if !slices.Equal(out, want) {
		t.Error("a call that was given up changed the vectors of another one")
	}
}

func TestOutOfMemory(t *testing.T) {
	gpu, cpu, told := &faultyDevice{}, &faultyDevice{}, &events{}
	gpu.fail = func(chunks int) error {
		if chunks > 5 {
			return errors.New("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 1048576")
		}
		return nil
	}
	e := newEncoder(t, told, graphics(gpu), processor(cpu))
	chunks := embedAll(t, e, 60)
	if gpu.most > 5 || told.has(Failed) > 0 || told.has(Smaller) == 0 || e.Device() != "graphics" || cpu.opened > 0 {
		t.Errorf("at most %d chunks at a time, %+v", gpu.most, told.list)
	}
	if got := gpu.chunks - 1; got != chunks { // one proves
		t.Errorf("%d chunks were computed, want %d: each once", got, chunks)
	}
}

func TestNothingFitsInMemory(t *testing.T) {
	gpu, cpu, told := &faultyDevice{}, &faultyDevice{}, &events{}
	gpu.fail = afterProof("CUDA failure 2: out of memory")
	e := newEncoder(t, told, graphics(gpu), processor(cpu))
	embedAll(t, e, 20)
	if e.Device() != "processor" || told.has(Failed) != 1 {
		t.Errorf("%+v", told.list)
	}
}

func TestWrongVectors(t *testing.T) {
	gpu, cpu := &faultyDevice{wrong: true}, &faultyDevice{}
	if _, err := New(t.Context(), Config{Model: testModel, Devices: []Device{graphics(gpu), processor(cpu)}, Insist: true, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a device that gives wrong vectors was accepted")
	}
	speeds := Rank(t.Context(), []Device{graphics(gpu), processor(cpu)}, batchOf(1, 1, testWindow), 2, 10*time.Millisecond)
	if speeds[0].Device.Name != "processor" || speeds[0].Err != nil || speeds[0].SamplesPerS <= 0 || speeds[1].Err == nil || speeds[1].SamplesPerS != 0 {
		t.Errorf("%+v", speeds)
	}
}

// Chunks of other lengths go where they can.
func TestFixedWindow(t *testing.T) {
	gpu, cpu, told := &faultyDevice{}, &faultyDevice{}, &events{}
	d := graphics(gpu)
	d.Window = testWindow
	e := newEncoder(t, told, d, processor(cpu))
	out := make([]float32, 2*testModel.Dim)
	if err := e.Encode(t.Context(), batchOf(1, 2, testWindow/2), out); err != nil {
		t.Fatal(err)
	}
	if cpu.chunks != 3 || e.Device() != "graphics" || out[2] != testWindow/2 { // one proves
		t.Errorf("%d chunks on the processor, %v", cpu.chunks, out)
	}
}

func TestNoDeviceLeft(t *testing.T) {
	gpu, cpu, told := &faultyDevice{}, &faultyDevice{opening: errors.New("no file")}, &events{}
	gpu.fail = afterProof("fallen off the bus")
	e := newEncoder(t, told, graphics(gpu), processor(cpu))
	err := e.Encode(t.Context(), batchOf(1, 2, testWindow), make([]float32, 2*testModel.Dim))
	if err == nil || signal.ClassOf(err) != signal.Fatal {
		t.Fatalf("%v", err)
	}
	for _, word := range []string{"graphics", "fallen off the bus", "processor", "no file"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in %v", word, err)
		}
	}
}

// Chunks that no device takes are told so.
func TestNoDeviceForTheWindow(t *testing.T) {
	d := graphics(&faultyDevice{})
	d.Window = testWindow
	e := newEncoder(t, &events{}, d)
	err := e.Encode(t.Context(), batchOf(1, 2, testWindow/2), make([]float32, 2*testModel.Dim))
	if err == nil || !strings.Contains(err.Error(), "graphics: it takes chunks of 64 samples only") {
		t.Error(err)
	}
}

// A device that never opens stops nothing: not the chunks, not Device, not Close.
func TestOpeningHangs(t *testing.T) {
	first, second, cpu, told := &faultyDevice{}, &faultyDevice{stuck: make(chan struct{})}, &faultyDevice{}, &events{}
	first.fail = afterProof("fallen off the bus")
	hung := graphics(second)
	hung.Name = "hung"
	e := newEncoder(t, told, graphics(first), hung, processor(cpu))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := e.Encode(ctx, batchOf(1, 2, testWindow), make([]float32, 2*testModel.Dim))
	if signal.ClassOf(err) != signal.Cancelled { // it waits for the second device, but not longer than it may
		t.Error(err)
	}
	if f := told.list[0]; f.Device != "graphics" || f.Now != "hung" {
		t.Errorf("%+v", f)
	}
	e.mu.Lock()
	e.places[1].opening.giveUp() // as when it has been waited for long enough
	e.mu.Unlock()
	embedAll(t, e, 20)
	if e.Device() != "processor" || cpu.chunks == 0 {
		t.Errorf("computes on %q, %d chunks on the processor", e.Device(), cpu.chunks)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	close(second.stuck)
	eventually(t, func() bool {
		second.mu.Lock()
		defer second.mu.Unlock()
		return len(second.open) == 1 && second.open[0].closed.Load()
	})
}

// Where nobody insists on the first device, the first one that works computes.
func TestFirstDoesNotOpen(t *testing.T) {
	gpu, cpu, told := &faultyDevice{opening: errors.New("no driver")}, &faultyDevice{}, &events{}
	e := newEncoder(t, told, graphics(gpu), processor(cpu))
	embedAll(t, e, 5)
	if e.Device() != "processor" || told.has(Failed) != 1 || told.list[0].Now != "processor" {
		t.Errorf("computes on %q, %+v", e.Device(), told.list)
	}
	gpu.mu.Lock()
	gpu.opening = nil
	gpu.mu.Unlock()
	eventually(t, func() bool { return e.Device() == "graphics" })
	_, err := New(t.Context(), Config{Model: testModel, Devices: []Device{graphics(&faultyDevice{opening: errors.New("no driver")}), processor(cpu)}, Insist: true, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "graphics: no driver") {
		t.Errorf("it was insisted on: %v", err)
	}
}

// The first device may hang too; then there is no encoder.
func TestFirstOpeningHangs(t *testing.T) {
	gpu := &faultyDevice{stuck: make(chan struct{})}
	defer close(gpu.stuck)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := New(ctx, Config{Model: testModel, Devices: []Device{graphics(gpu)}, Log: slog.New(slog.DiscardHandler)}); signal.ClassOf(err) != signal.Cancelled {
		t.Error(err)
	}
}

// Whose turn it is, is told each time: also when that one cannot be opened.
func TestFallbackDoesNotOpen(t *testing.T) {
	first, second, cpu, told := &faultyDevice{}, &faultyDevice{opening: errors.New("no driver")}, &faultyDevice{}, &events{}
	first.fail = afterProof("fallen off the bus")
	other := graphics(second)
	other.Name = "other"
	e := newEncoder(t, told, graphics(first), other, processor(cpu))
	embedAll(t, e, 1)
	eventually(t, func() bool { return told.has(Failed) == 2 })
	told.mu.Lock()
	defer told.mu.Unlock()
	for i, want := range []Event{{Device: "graphics", Now: "other", Why: "fallen off the bus"}, {Device: "other", Now: "processor", Why: "no driver"}} {
		if got := told.list[i]; got.Device != want.Device || got.Now != want.Now || !strings.Contains(got.Why, want.Why) {
			t.Errorf("event %d: %+v, want %+v", i, got, want)
		}
	}
}

// Failures in a row make rests longer; a device that works for long begins anew.
func TestRestsAreForgotten(t *testing.T) {
	var broken atomic.Bool
	gpu, cpu, told := &faultyDevice{}, &faultyDevice{}, &events{}
	gpu.fail = func(int) error {
		if broken.Load() {
			return errors.New("a blip")
		}
		return nil
	}
	e := newEncoder(t, told, graphics(gpu), processor(cpu))
	rest := func() time.Duration { // after one more failure
		broken.Store(true)
		embedAll(t, e, 1)
		broken.Store(false)
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.places[0].rest
	}
	if first := rest(); first != 2*e.rest {
		t.Errorf("the next rest is %v", first)
	}
	eventually(t, func() bool { return e.Device() == "graphics" })
	time.Sleep(2 * forgiven * e.rest)
	if again := rest(); again != 2*e.rest {
		t.Errorf("after it had worked for long, the next rest is %v", again)
	}
}

func TestCancelled(t *testing.T) {
	gpu, told := &faultyDevice{}, &events{}
	e := newEncoder(t, told, graphics(gpu))
	ctx, cancel := context.WithCancel(t.Context())
	gpu.fail = func(int) error { cancel(); return errors.New("interrupted") }
	if err := e.Encode(ctx, batchOf(1, 2, testWindow), make([]float32, 2*testModel.Dim)); signal.ClassOf(err) != signal.Cancelled {
		t.Error(err)
	}
	if told.has(Failed) > 0 {
		t.Error("a cancelled call counts as a failure of the device")
	}
}

// eventually waits for something that another goroutine does.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it does not happen")
}
