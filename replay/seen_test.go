package replay

import (
	"testing"

	"github.com/porevec/porevec/pod5/pod5test"
)

func TestSourceReportsDuplicates(t *testing.T) {
	dir := t.TempDir()
	reads := pod5test.Reads(14)
	a := pod5test.Write(t, dir, "a.pod5", pod5test.Layout{Version: 4}, reads[:9])
	b := pod5test.Write(t, dir, "b.pod5", pod5test.Layout{Version: 2}, reads[6:])
	src := NewSource(List([]string{a, b}), Options{})
	defer src.Close()
	if got := replay(t, src); len(got.reads) != 9+8 {
		t.Errorf("%d reads, want all of both files", len(got.reads))
	}
	want := Duplicates{Reads: 3, First: reads[6].ID, File: b, Other: a}
	if got := src.Duplicates(); got != want {
		t.Errorf("duplicates %+v, want %+v", got, want)
	}
}
