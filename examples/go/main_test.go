package main

import (
	"testing"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

func TestCosineIsWithThePreviousChunkOfTheRead(t *testing.T) {
	chunk := func(read byte, channel uint16, index uint32, x, y float32) wire.Row {
		return wire.Row{ReadID: signal.ReadID{read}, Channel: channel, Chunk: index, Vector: []float32{x, y}}
	}
	p := previous{}
	for _, c := range []struct {
		name   string
		digest string
		row    wire.Row
		want   float32
		ok     bool
	}{
		{"the first of a read", "a", chunk(1, 7, 0, 1, 0), 0, false},
		{"another channel", "a", chunk(2, 8, 1, 0, 1), 0, false},
		{"the next", "a", chunk(1, 7, 1, 0.6, 0.8), 0.6, true},
		{"one was lost between", "a", chunk(1, 7, 3, 0, 1), 0, false},
		{"another model", "b", chunk(1, 7, 4, 0, 1), 0, false},
		{"the next read on the channel", "b", chunk(3, 7, 5, 0, 1), 0, false},
	} {
		if got, ok := p.cosine(c.digest, c.row); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v, want %v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}
