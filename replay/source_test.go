package replay

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/porevec/porevec/pod5"
	"github.com/porevec/porevec/pod5/pod5test"
	"github.com/porevec/porevec/signal"
)

// replayed is what came out of a source, by the read's place in its file.
type replayed struct {
	samples [][]int16
	reads   []*signal.Read
	lost    uint64
	faults  []error // returned or in blocks
}

// replay drains a source and checks that blocks follow one another.
func replay(t *testing.T, src *Source) (r replayed) {
	t.Helper()
	open := false
	for {
		b, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if signal.ClassOf(err) != signal.Corrupt {
				t.Fatal(err)
			}
			r.faults = append(r.faults, err)
			continue
		}
		if !open {
			r.reads = append(r.reads, b.Read)
			r.samples = append(r.samples, nil)
		}
		last := len(r.reads) - 1
		if b.Read != r.reads[last] || b.Offset != uint64(len(r.samples[last])) {
			t.Errorf("block at %d of read %v does not follow", b.Offset, b.Read.ID)
		}
		r.samples[last] = append(r.samples[last], b.Samples...)
		r.lost += b.Lost
		if b.Err != nil {
			r.faults = append(r.faults, b.Err)
			if !b.Last {
				t.Error("an error in a block that is not the last")
			}
		}
		open = !b.Last
		b.Release()
	}
	if open {
		t.Error("the last read was not ended")
	}
	return r
}

func TestSourceReplaysInOrder(t *testing.T) {
	dir := t.TempDir()
	reads := pod5test.Reads(14)
	paths := []string{
		pod5test.Write(t, dir, "b.pod5", pod5test.Layout{Version: 4}, reads[:9]),
		pod5test.Write(t, dir, "a.pod5", pod5test.Layout{Version: 1}, reads[9:]),
	}
	src := NewSource(List(paths), Options{Decoders: 3})
	defer src.Close()
	got := replay(t, src)
	if len(got.faults) > 0 || len(got.reads) != len(reads) {
		t.Fatalf("%d reads, faults %v", len(got.reads), got.faults)
	}
	for i := range reads {
		if got.reads[i].ID != reads[i].ID || !slices.Equal(got.samples[i], reads[i].All()) {
			t.Errorf("read %d differs", i)
		}
	}
	if got.reads[9].Origin.Ordinal != 0 || got.reads[9].Path != paths[1] {
		t.Errorf("first read of the second file: %+v", got.reads[9])
	}
	if done, total := src.Progress(); done != total || total == 0 {
		t.Errorf("progress %d of %d", done, total)
	}
	if opened, failed := src.Files(); opened != 2 || failed != 0 {
		t.Errorf("%d files opened, %d failed", opened, failed)
	}
}

// TestSourceGoesOn puts damaged things between whole ones.
func TestSourceGoesOn(t *testing.T) {
	dir := t.TempDir()
	reads := pod5test.Reads(8) // pieces: 0 1 2 3 0 1 2 3
	cut := filepath.Join(dir, "cut.pod5")
	whole := pod5test.Layout{Version: 4}.Build(reads)
	if err := os.WriteFile(cut, whole[:len(whole)-50], 0o644); err != nil {
		t.Fatal(err)
	}
	// Row 4 is the second piece of read 3.
	broken := pod5test.Layout{Version: 4, Frame: func(row int, f []byte) []byte {
		if row == 4 {
			f[0] = 0
		}
		return f
	}}
	wrongSum := pod5test.Layout{Version: 4, Total: func(read int, n uint64) uint64 {
		if read == 5 {
			n += 3
		}
		return n
	}}
	src := NewSource(List([]string{
		cut,
		pod5test.Write(t, dir, "broken.pod5", broken, reads),
		filepath.Join(dir, "missing.pod5"),
		pod5test.Write(t, dir, "sum.pod5", wrongSum, reads),
	}), Options{})
	defer src.Close()
	got := replay(t, src)
	if opened, failed := src.Files(); opened != 2 || failed != 2 {
		t.Errorf("%d files opened, %d failed", opened, failed)
	}
	if len(got.reads) != 8+7 {
		t.Errorf("%d reads, want 8 and 7", len(got.reads))
	}
	if len(got.faults) != 4 || !errors.Is(got.faults[0], pod5.ErrUnfinished) || !errors.Is(got.faults[1], pod5.ErrCorrupt) ||
		!errors.Is(got.faults[2], os.ErrNotExist) || !errors.Is(got.faults[3], pod5.ErrCorrupt) {
		t.Errorf("faults %v", got.faults)
	}
	if want := reads[3].Pieces[0]; !slices.Equal(got.samples[3], want) {
		t.Errorf("%d samples before the damage, want %d", len(got.samples[3]), len(want))
	}
	if want := uint64(len(reads[3].Pieces[1]) + len(reads[3].Pieces[2])); got.lost != want {
		t.Errorf("%d samples lost, want %d", got.lost, want)
	}
}

func TestOptions(t *testing.T) {
	reads := pod5test.Reads(14)
	path := pod5test.Write(t, t.TempDir(), "a.pod5", pod5test.Layout{Version: 4, Interleave: true}, reads)
	for _, c := range []struct {
		name  string
		opts  Options
		want  []int
		unmet []signal.ReadID
	}{
		{"two reads", Options{MaxReads: 2}, []int{0, 1}, nil},
		{"some ids", Options{ReadIDs: map[signal.ReadID]struct{}{reads[3].ID: {}, reads[11].ID: {}, {1}: {}}}, []int{3, 11}, []signal.ReadID{{1}}},
		{"first of some ids", Options{MaxReads: 1, ReadIDs: map[signal.ReadID]struct{}{reads[3].ID: {}, reads[11].ID: {}}}, []int{3}, []signal.ReadID{reads[11].ID}},
		{"no id", Options{ReadIDs: map[signal.ReadID]struct{}{}}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := NewSource(List([]string{path}), c.opts)
			defer src.Close()
			var got []int
			for _, r := range replay(t, src).reads {
				got = append(got, int(r.Origin.Ordinal))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("reads %v, want %v", got, c.want)
			}
			if unmet := src.Unmet(); !slices.Equal(unmet, c.unmet) {
				t.Errorf("unmet %v, want %v", unmet, c.unmet)
			}
		})
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSourceWaitsForBlocks holds on to all blocks that the source may hand out.
func TestSourceWaitsForBlocks(t *testing.T) {
	path := pod5test.Write(t, t.TempDir(), "a.pod5", pod5test.Layout{Version: 4}, pod5test.Reads(40))
	src := NewSource(List([]string{path}), Options{})
	defer src.Close()
	var held []*signal.Block
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		b, err := src.Next(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, b)
	}
	if most := freeBlocks + aheadSteps; len(held) > most {
		t.Errorf("%d blocks are out, want at most %d", len(held), most)
	}
	held[0].Release()
	b, err := src.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range append(held[1:], b) {
		b.Release()
	}
}

func TestSourceClosesEarly(t *testing.T) {
	path := pod5test.Write(t, t.TempDir(), "a.pod5", pod5test.Layout{Version: 4}, pod5test.Reads(14))
	src := NewSource(List([]string{path, path}), Options{})
	b, err := src.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	b.Release()
	if _, err := src.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after Close: %v", err)
	}
}

func TestFindFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.pod5", "a.pod5", "._a.pod5", "x.fast5", "c.pod5.tmp", "sub/d.pod5", "sub/deep/e.pod5", "other/f.pod5"} {
		path := filepath.Join(dir, "run", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := filepath.Join(dir, "run")
	for link, target := range map[string]string{
		"run/sub/loop": run,                         // a cycle
		"run/zlink":    filepath.Join(run, "other"), // entered already
		"linked":       filepath.Join(run, "sub"),
		"run/dangling": filepath.Join(run, "nothing"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	for _, c := range []struct {
		name      string
		paths     []string
		recursive bool
		want      []string
	}{
		{"folder", []string{"run"}, false, []string{"run/a.pod5", "run/b.pod5", "run/x.fast5"}},
		{"folders below", []string{"run"}, true, []string{"run/a.pod5", "run/b.pod5", "run/other/f.pod5", "run/sub/d.pod5", "run/sub/deep/e.pod5", "run/x.fast5"}},
		{"files as given", []string{"run/x.fast5", "run/b.pod5", "run/a.pod5"}, true, []string{"run/x.fast5", "run/b.pod5", "run/a.pod5"}},
		{"link to a folder", []string{"linked"}, false, []string{"linked/d.pod5"}},
		{"empty", nil, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var paths, want []string
			for _, p := range c.paths {
				paths = append(paths, filepath.Join(dir, p))
			}
			for _, p := range c.want {
				want = append(want, filepath.Join(dir, p))
			}
			got, err := FindFiles(paths, c.recursive)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
	if _, err := FindFiles([]string{run, filepath.Join(dir, "nowhere")}, true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing folder gave %v", err)
	}
}

func BenchmarkReadFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.pod5")
	reads := pod5test.Reads(1)
	reads[0].Pieces = [][]int16{pod5test.Noisy(150_000)}
	for range 6 {
		reads = append(reads, reads[0])
	}
	w, err := pod5.Create(path, pod5.WriterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range reads {
		if err := w.Add(&reads[i].Read, reads[i].All()); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(reads)) * 2 * 150_000)
	for b.Loop() {
		src := NewSource(List([]string{path}), Options{})
		for {
			block, err := src.Next(b.Context())
			if err != nil {
				break
			}
			if block.Err != nil {
				b.Fatal(block.Err)
			}
			block.Release()
		}
		src.Close()
	}
	b.ReportMetric(float64(len(reads))*150_000*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
}
