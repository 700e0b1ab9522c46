package index_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/porevec/porevec/index"
	"github.com/porevec/porevec/index/internal/hashtower"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// build makes an index file of a FASTA text.
func build(t testing.TB, fasta string, change func(*index.BuildConfig)) string {
	t.Helper()
	path, err := tryBuild(t, fasta, change)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func tryBuild(t testing.TB, fasta string, change func(*index.BuildConfig)) (string, error) {
	t.Helper()
	var refs index.References
	if err := refs.Add(writeFile(t, "refs.fa", fasta)); err != nil {
		t.Fatal(err)
	}
	cfg := index.BuildConfig{
		Tower: hashtower.Tower{}, Windows: []int{2000, 1000}, StrideBases: 16, DecoyBases: 100_000, Threads: 2, Progress: func(int, int) {},
	}
	if change != nil {
		change(&cfg)
	}
	built, err := index.Build(t.Context(), &refs, cfg)
	if err != nil {
		return "", err
	}
	path := filepath.Join(t.TempDir(), "x.pvi")
	return path, built.Write(path)
}

func open(t testing.TB, path string) *index.Index {
	t.Helper()
	ix, err := index.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	})
	return ix
}

// TestWindowsFindThemselves looks for windows of both strands, at places that the
// index has and between them.
func TestWindowsFindThemselves(t *testing.T) {
	one, two := hashtower.Sequence(1, 3000), hashtower.Sequence(2, 2000)
	ix := open(t, build(t, ">one\n"+one+"\n>two\n"+strings.ToLower(two)+"\n", nil))
	if len(ix.Layers) != 2 || ix.Layers[0].Window != 1000 || ix.Layers[1].Span != 200 || ix.Bases() != 5000 {
		t.Fatalf("%+v", ix.Header)
	}
	s := ix.NewSearcher(5, 0)
	for _, c := range []struct {
		layer  int
		bases  string
		expect index.Window
	}{
		{0, one[:100], index.Window{}},
		{0, one[1600:1700], index.Window{Contig: 0, Start: 1600}},
		{0, hashtower.Reversed(one[1600:1700]), index.Window{Contig: 0, Start: 1600, Reverse: true}},
		{1, two[160:360], index.Window{Contig: 1, Start: 160}},
		{1, hashtower.Reversed(two[1792:1992]), index.Window{Contig: 1, Start: 1792, Reverse: true}},
		{1, one[805:1005], index.Window{Contig: 0, Start: 800}},
	} {
		found, err := s.Nearest(c.layer, hashtower.Vector(c.bases))
		if err != nil {
			t.Fatal(err)
		}
		exact := c.expect.Start%16 == 0 && c.bases != one[805:1005]
		if hit := found[0][0]; hit.Window != c.expect || exact && math.Abs(hit.Similarity-1) > 0.02 {
			t.Errorf("%+v, want %+v", hit, c.expect)
		}
		if !slices.IsSortedFunc(found[0], func(a, b index.Hit) int { return int(math.Copysign(1, b.Similarity-a.Similarity)) }) || len(found[0]) != 5 {
			t.Errorf("hits are not in order: %+v", found[0])
		}
	}
}

// TestManyAtOnceFindTheSame compares one vector at a time with many together.
func TestManyAtOnceFindTheSame(t *testing.T) {
	text := hashtower.Sequence(3, 5000)
	ix := open(t, build(t, ">a\n"+text, nil))
	var all []float32
	for at := range 19 {
		all = append(all, hashtower.Vector(text[at*200:][:100])...)
	}
	s := ix.NewSearcher(10, 0)
	together, err := s.Nearest(0, all)
	if err != nil {
		t.Fatal(err)
	}
	for i := range together {
		alone, err := s.Nearest(0, all[i*hashtower.Dim:][:hashtower.Dim])
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(alone[0], together[i]) {
			t.Errorf("vector %d: %v alone, %v together", i, alone[0], together[i])
		}
	}
	if _, err := s.Nearest(0, all[:hashtower.Dim+1]); err == nil {
		t.Error("half a vector was searched")
	}
}

func TestLargeIndexProbesCells(t *testing.T) {
	text := hashtower.Sequence(4, 600_000)
	ix := open(t, build(t, ">a\n"+text, func(c *index.BuildConfig) { c.Windows = []int{1000}; c.DecoyBases = 0 }))
	l := ix.Layers[0]
	if l.Cells < 100 || l.Count != 2*((600_000-100)/16+1) || l.Rows%16 != 0 || l.Rows < l.Count {
		t.Fatalf("%+v", l)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	exact, probing := ix.NewSearcher(1, 0), ix.NewSearcher(1, 320)
	same := 0
	const tries = 300
	for range tries {
		at := rng.IntN(len(text) - 100)
		vector := hashtower.Vector(text[at : at+100])
		a, err := exact.Nearest(0, vector)
		if err != nil {
			t.Fatal(err)
		}
		b, err := probing.Nearest(0, vector)
		if err != nil {
			t.Fatal(err)
		}
		if a[0][0] == b[0][0] {
			same++
		}
	}
	if same < tries*99/100 {
		t.Errorf("probing finds the nearest window of %d in %d", same, tries)
	}
}

func TestBuildIsReproducible(t *testing.T) {
	text := ">a\n" + hashtower.Sequence(6, 9000)
	one, err := os.ReadFile(build(t, text, nil))
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(build(t, text, func(c *index.BuildConfig) { c.Threads = 1 }))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(one, other) {
		t.Error("the same references gave another file")
	}
}

func TestAmbiguousWindowsAreLeftOut(t *testing.T) {
	text := hashtower.Sequence(7, 1000) + strings.Repeat("N", 500) + hashtower.Sequence(8, 1000)
	ix := open(t, build(t, ">a\n"+text, func(c *index.BuildConfig) { c.Windows = []int{1000}; c.DecoyBases = 0 }))
	if got, all := ix.Layers[0].Count, 2*((2500-100)/16+1); got >= all-2*500/16 || got < all-2*(500+2*100)/16 {
		t.Errorf("%d of %d windows", got, all)
	}
	if ix.Contigs[0].Ambiguous != 500 {
		t.Errorf("%+v", ix.Contigs[0])
	}
	s := ix.NewSearcher(1, 0)
	if found, err := s.Nearest(0, hashtower.Vector(text[1600:1700])); err != nil || found[0][0].Window.Start != 1600 {
		t.Errorf("behind the gap: %+v %v", found, err)
	}
}

func TestBuildSaysWhatIsWrong(t *testing.T) {
	short := func(c *index.BuildConfig) { c.Windows = []int{2000} }
	if _, err := tryBuild(t, ">a\n"+hashtower.Sequence(1, 150), short); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("a short target: %v", err)
	}
	if _, err := tryBuild(t, ">a\n"+strings.Repeat("N", 3000), nil); err == nil || !strings.Contains(err.Error(), "consist of N") {
		t.Errorf("a target of N: %v", err)
	}
	var refs index.References
	path := writeFile(t, "x.fa", ">a\nACGT\n>a\nACGT\n")
	if err := refs.Add(path); err == nil || !strings.Contains(err.Error(), "a name of its own") {
		t.Errorf("two sequences of one name: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	refs = index.References{}
	if err := refs.Add(writeFile(t, "y.fa", ">a\n"+hashtower.Sequence(1, 5000))); err != nil {
		t.Fatal(err)
	}
	if _, err := index.Build(ctx, &refs, index.BuildConfig{Tower: hashtower.Tower{}, Windows: []int{1000}, StrideBases: 32, Threads: 1, Progress: func(int, int) {}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a build that is cancelled: %v", err)
	}
}

func TestDecoysAreTargetsBackwards(t *testing.T) {
	text := hashtower.Sequence(9, 30_000)
	for most, want := range map[int]int{0: 0, 100_000: 1, 12_000: 1, 20_000: 2} {
		ix := open(t, build(t, ">a\n"+text, func(c *index.BuildConfig) { c.DecoyBases = most; c.Windows = []int{1000} }))
		decoys, bases := 0, 0
		for _, c := range ix.Contigs {
			if c.Decoy {
				decoys++
				bases += c.Length
			}
		}
		if decoys != want || bases > max(most, 0) && most < 30_000 {
			t.Errorf("at most %d bases: %d decoys of %d bases", most, decoys, bases)
		}
		if want != 1 || most < 30_000 {
			continue
		}
		backwards := []byte(text[1004:1104])
		slices.Reverse(backwards)
		found, err := ix.NewSearcher(1, 0).Nearest(0, hashtower.Vector(string(backwards)))
		if hit := found[0][0]; err != nil || !ix.Contigs[hit.Window.Contig].Decoy || hit.Similarity < 0.9 {
			t.Errorf("%+v %v", found, err)
		}
	}
}

// TestEveryAlteredByteIsFound changes bytes all over a file, and cuts it.
func TestEveryAlteredByteIsFound(t *testing.T) {
	whole, err := os.ReadFile(build(t, ">a\n"+hashtower.Sequence(10, 400), func(c *index.BuildConfig) { c.Windows = []int{2000}; c.StrideBases = 64 }))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.pvi")
	try := func(content []byte) error {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		ix, err := index.Open(path)
		if err == nil {
			ix.Close()
		}
		return err
	}
	if err := try(whole); err != nil {
		t.Fatal(err)
	}
	padding := 0
	for i := range whole {
		altered := slices.Clone(whole)
		altered[i] ^= 0x10
		if err := try(altered); err == nil {
			padding++ // between sections lie up to 63 bytes that mean nothing
		} else if !errors.Is(err, index.ErrFormat) || !strings.Contains(err.Error(), path) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	if padding > 5*63 {
		t.Errorf("%d altered bytes of %d were not noticed", padding, len(whole))
	}
	for n := 0; n < len(whole); n += 7 {
		if err := try(whole[:n]); !errors.Is(err, index.ErrFormat) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if err := try([]byte(">a\n" + hashtower.Sequence(1, 300))); !errors.Is(err, index.ErrFormat) || !strings.Contains(err.Error(), "porevec index build") {
		t.Errorf("a FASTA file: %v", err)
	}
	if _, err := index.Open(filepath.Join(t.TempDir(), "none.pvi")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestLayerFor(t *testing.T) {
	ix := open(t, build(t, ">a\n"+hashtower.Sequence(11, 1000), nil))
	for samples, want := range map[int]int{1000: 0, 800: 0, 1250: 0, 1300: -1, 1600: 1, 2000: 1, 2500: 1, 2600: -1, 500: -1, 0: -1} {
		layer, ok := ix.LayerFor(samples)
		if !ok {
			layer = -1
		}
		if layer != want {
			t.Errorf("%d samples: layer %d, want %d", samples, layer, want)
		}
	}
}

// FuzzOpen gives headers that have the right checksum and may be wrong otherwise.
func FuzzOpen(f *testing.F) {
	whole, err := os.ReadFile(build(f, ">a\n"+hashtower.Sequence(10, 400), func(c *index.BuildConfig) { c.Windows = []int{2000}; c.StrideBases = 64 }))
	if err != nil {
		f.Fatal(err)
	}
	length := binary.LittleEndian.Uint64(whole[8:])
	f.Add(whole[48:48+length], whole[48+length:])
	f.Add([]byte(`{"layers":[{}]}`), []byte{})
	f.Fuzz(func(t *testing.T, header, rest []byte) {
		path := filepath.Join(t.TempDir(), "x.pvi")
		if err := os.WriteFile(path, index.Sealed(header, rest), 0o644); err != nil {
			t.Fatal(err)
		}
		ix, err := index.Open(path)
		if err != nil {
			if !errors.Is(err, index.ErrFormat) {
				t.Errorf("%v", err)
			}
			return
		}
		defer ix.Close()
		for i := range ix.Layers {
			if _, err := ix.NewSearcher(5, 1).Nearest(i, make([]float32, ix.Model.Dim)); err != nil {
				t.Error(err)
			}
		}
	})
}
