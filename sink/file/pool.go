package file

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// pool makes one vector of those of a read's chunks: their mean, normalized to length 1
// again. A read is over when another one comes on its channel, or nothing comes any more;
// so no more reads are held than there are channels.
type pool struct {
	to     format
	recipe *signal.Recipe
	open   map[channel]*pooled
	rows   wire.Batch // of reads that are over
}

// channel is where one read follows the other.
type channel struct {
	run    string
	number uint16
}

// pooled is a read under way.
type pooled struct {
	run *signal.Run
	row wire.Row  // of the first chunk; Samples are those that all chunks cover
	sum []float64 // of the vectors
	end uint64    // of the last chunk, in samples of the read
}

func newPool(to format) *pool { return &pool{to: to, open: make(map[channel]*pooled)} }

// Write takes the vectors of chunks, those of a read in their order.
func (p *pool) Write(b *wire.Batch) error {
	p.recipe = b.Recipe
	for i := range b.Len() {
		row := b.Row(i)
		at := channel{b.Run.AcquisitionID, row.Channel}
		read := p.open[at]
		if read != nil && read.row.ReadID != row.ReadID {
			if err := p.over(read); err != nil {
				return err
			}
			read = nil
		}
		if read == nil {
			read = &pooled{run: b.Run, row: row, sum: make([]float64, b.Recipe.Dim), end: row.ChunkStart}
			read.row.Samples, read.row.Chunk, read.row.Flags = 0, 0, 0
			p.open[at] = read
		}
		read.add(row)
	}
	return nil
}

func (r *pooled) add(row wire.Row) {
	end := row.ChunkStart + uint64(row.Samples)
	if end > r.end { // chunks may overlap
		r.row.Samples += uint32(end - max(r.end, row.ChunkStart))
		r.end = end
	}
	r.row.Flags |= row.Flags
	for i, v := range row.Vector {
		r.sum[i] += float64(v)
	}
}

// over writes the vector of a read that is over.
func (p *pool) over(read *pooled) error {
	const together = 1024 // rows
	if p.rows.Len() > 0 && (p.rows.Run.AcquisitionID != read.run.AcquisitionID || p.rows.Len() >= together) {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if p.rows.Len() == 0 {
		p.rows.Reset(read.run, p.recipe)
	}
	var square float64
	for _, v := range read.sum {
		square += v * v
	}
	length := math.Sqrt(square)
	if length == 0 {
		length = 1 // vectors that cancel out have no direction
	}
	read.row.Vector = make([]float32, len(read.sum))
	for i, v := range read.sum {
		read.row.Vector[i] = float32(v / length)
	}
	p.rows.AppendRow(read.row)
	return nil
}

func (p *pool) flush() error {
	if p.rows.Len() == 0 {
		return nil
	}
	err := p.to.Write(&p.rows)
	p.rows.Reset(p.rows.Run, p.rows.Recipe)
	return err
}

// Close writes the reads that are still open, in the order of their start.
func (p *pool) Close() error {
	left := slices.SortedFunc(maps.Values(p.open), func(a, b *pooled) int {
		return cmp.Or(cmp.Compare(a.run.AcquisitionID, b.run.AcquisitionID), cmp.Compare(a.row.ReadStart, b.row.ReadStart), cmp.Compare(a.row.Channel, b.row.Channel))
	})
	for _, read := range left {
		if err := p.over(read); err != nil {
			return err
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	return p.to.Close()
}
