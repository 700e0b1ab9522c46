package sink

import (
	"context"
	"errors"
	"testing"

	"github.com/porevec/porevec/signal"
)

// box is a sink that settles on demand.
type box struct {
	refuse error
	rows   []uint32
	dones  []func(error)
}

func (b *box) Put(_ context.Context, e *signal.Embedded, done func(error)) error {
	if b.refuse != nil {
		return b.refuse
	}
	for _, c := range e.Chunks {
		b.rows = append(b.rows, c.Index)
	}
	b.dones = append(b.dones, done)
	return nil
}
func (*box) Flush(context.Context) error { return nil }
func (*box) Close() error                { return nil }

func three() *signal.Embedded {
	e := &signal.Embedded{Recipe: &signal.Recipe{}, Dim: 2, Vectors: []float32{0, 1, 2, 3, 4, 5}}
	for i := range 3 {
		e.Chunks = append(e.Chunks, signal.Chunk{Index: uint32(i)})
	}
	return e
}

func TestTeeWaitsForAll(t *testing.T) {
	a, b := &box{}, &box{}
	var got []error
	if err := Tee(a, b).Put(t.Context(), three(), func(err error) { got = append(got, err) }); err != nil {
		t.Fatal(err)
	}
	a.dones[0](nil)
	if len(got) != 0 {
		t.Fatal("settled before the second sink had it")
	}
	lost := errors.New("lost")
	b.dones[0](lost)
	if len(got) != 1 || !errors.Is(got[0], lost) {
		t.Errorf("verdicts %v", got)
	}
}

func TestTeeRefusals(t *testing.T) {
	full := errors.New("full")
	calls := 0
	done := func(error) { calls++ }
	if err := Tee(&box{refuse: full}, &box{}).Put(t.Context(), three(), done); !errors.Is(err, full) || calls != 0 {
		t.Errorf("first refuses: error %v, %d verdicts", err, calls)
	}
	a := &box{}
	var verdict error
	if err := Tee(a, &box{refuse: full}, &box{}).Put(t.Context(), three(), func(err error) { calls++; verdict = err }); err != nil {
		t.Fatalf("the first has it, so it was accepted: %v", err)
	}
	a.dones[0](nil)
	if calls != 1 || !errors.Is(verdict, full) {
		t.Errorf("%d verdicts, the last %v", calls, verdict)
	}
}
