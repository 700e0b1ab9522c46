package pod5

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/porevec/porevec/pod5/pod5test"
	"github.com/porevec/porevec/signal"
)

func TestReadsByID(t *testing.T) {
	want := pod5test.Reads(23)
	want[17].ID = want[4].ID // twice in the file
	f, err := loadBytes(pod5test.Layout{Version: 4, Interleave: true}.Build(want))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(want)) {
		read, err := f.Read(want[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		ordinal := i
		if i == 17 {
			ordinal = 4
		}
		samples, err := f.Signal(read, nil)
		if err != nil || read.Origin.Ordinal != uint64(ordinal) || !slices.Equal(samples, want[ordinal].All()) {
			t.Errorf("read %d: %+v, %v", i, read.Origin, err)
		}
	}
	if _, err := f.Read(signal.ReadID{1}); !errors.Is(err, ErrNoRead) {
		t.Errorf("a read that is not there gave %v", err)
	}
	chosen := map[signal.ReadID]struct{}{want[20].ID: {}, want[4].ID: {}, want[5].ID: {}, {1}: {}}
	var got []uint64
	for read, err := range f.ReadsOf(chosen) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, read.Origin.Ordinal)
	}
	if !slices.Equal(got, []uint64{4, 5, 17, 20}) {
		t.Errorf("reads %v", got)
	}
	for range f.ReadsOf(chosen) {
		break // must not go on
	}
}

// TestPagers decodes through pages of every size what interleaves.
func TestPagers(t *testing.T) {
	want := pod5test.Reads(30)
	for _, layout := range []pod5test.Layout{
		{Version: 4}, {Version: 4, Interleave: true, Orphans: true}, {Version: 3, Plain: true, BatchRows: []int{50}},
	} {
		f, err := loadBytes(layout.Build(want))
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int64{0, 1, 100, 1000, PageBytes} {
			pager := f.NewPager(size)
			var late []Packed // decoded when the pager has gone on
			var expected [][]int16
			for read, err := range f.Reads() {
				if err != nil {
					t.Fatal(err)
				}
				for i := range read.Rows() {
					packed, err := pager.Fetch(read, i)
					if err != nil {
						t.Fatal(err)
					}
					late = append(late, packed)
					expected = append(expected, want[read.Origin.Ordinal].Pieces[i])
				}
			}
			pager.Close()
			for i, packed := range late {
				got, err := packed.Decode([]int16{7})
				if err != nil || got[0] != 7 || !slices.Equal(got[1:], expected[i]) {
					t.Fatalf("pages of %d bytes, piece %d: %v", size, i, err)
				}
				packed.Release()
			}
		}
	}
}
