package index_test

import (
	"errors"
	"testing"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/index"
	"github.com/porevec/porevec/index/internal/hashtower"
)

// BenchmarkBuild indexes half a million bases for chunks of one length with the
// real tower, on one core.
func BenchmarkBuild(b *testing.B) {
	tower, err := embed.FindTower(embed.Models()[0].ID)
	if err != nil {
		b.Fatal(err)
	}
	opened, err := ort.NewTower(tower)
	var missing *ort.LibraryError
	if errors.As(err, &missing) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer opened.Close()
	const bases = 500_000
	var refs index.References
	if err := refs.Add(writeFile(b, "x.fa", ">x\n"+hashtower.Sequence(1, bases))); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		_, err := index.Build(b.Context(), &refs, index.BuildConfig{
			Tower: opened, Windows: []int{4096}, StrideBases: index.DefaultStrideBases, Threads: 1, Progress: func(int, int) {},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(bases)*float64(b.N)/b.Elapsed().Seconds()/1e3, "kbases/s")
}
