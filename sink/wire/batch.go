package wire

import (
	"github.com/porevec/porevec/signal"
)

// The element types of an embedding, as [signal.Recipe] names them.
const (
	Float16 = "float16"
	Float32 = "float32"
)

// Batch holds rows of one run and one recipe, column by column; all columns have
// one length. Vectors are float32 in memory whatever the recipe's DType, which
// rules only how they are written.
type Batch struct {
	// Run is, after decoding, what the message tells of it: acquisition id,
	// flow cell id and product code, kit and sample rate.
	Run    *signal.Run
	Recipe *signal.Recipe

	ReadIDs     []signal.ReadID
	Channels    []uint16
	Muxes       []uint8
	Chunks      []uint32 // index of the chunk in its read
	ReadStarts  []uint64 // samples since the start of the acquisition
	ChunkStarts []uint64 // samples since the start of the read
	Samples     []uint32 // length of the chunk
	Flags       []signal.Flags
	Vectors     []float32 // Len()·Recipe.Dim
}

// Row is one vector of a batch and what it belongs to.
type Row struct {
	ReadID     signal.ReadID
	Channel    uint16
	Mux        uint8
	Chunk      uint32
	ReadStart  uint64
	ChunkStart uint64
	Samples    uint32
	Flags      signal.Flags
	Vector     []float32 // shares the batch's memory
}

// Len is the number of rows.
func (b *Batch) Len() int { return len(b.ReadIDs) }

// Row is row i.
func (b *Batch) Row(i int) Row {
	dim := b.Recipe.Dim
	return Row{
		ReadID: b.ReadIDs[i], Channel: b.Channels[i], Mux: b.Muxes[i], Chunk: b.Chunks[i],
		ReadStart: b.ReadStarts[i], ChunkStart: b.ChunkStarts[i], Samples: b.Samples[i],
		Flags: b.Flags[i], Vector: b.Vectors[i*dim : (i+1)*dim],
	}
}

// Append copies the vector of a chunk into the batch. The chunk must be of the
// batch's run, the vector Recipe.Dim long.
func (b *Batch) Append(c signal.Chunk, vector []float32) {
	b.AppendRow(Row{
		ReadID: c.Read.ID, Channel: c.Read.Channel, Mux: c.Read.Mux, Chunk: c.Index,
		ReadStart: c.Read.Start, ChunkStart: c.Start, Samples: c.Samples, Flags: c.Flags, Vector: vector,
	})
}

// AppendRow copies a row of another batch of the same run and recipe.
func (b *Batch) AppendRow(r Row) {
	b.ReadIDs = append(b.ReadIDs, r.ReadID)
	b.Channels = append(b.Channels, r.Channel)
	b.Muxes = append(b.Muxes, r.Mux)
	b.Chunks = append(b.Chunks, r.Chunk)
	b.ReadStarts = append(b.ReadStarts, r.ReadStart)
	b.ChunkStarts = append(b.ChunkStarts, r.ChunkStart)
	b.Samples = append(b.Samples, r.Samples)
	b.Flags = append(b.Flags, r.Flags)
	b.Vectors = append(b.Vectors, r.Vector...)
}

// Reset empties the batch for another run or recipe and keeps its memory.
func (b *Batch) Reset(run *signal.Run, recipe *signal.Recipe) {
	*b = Batch{
		Run: run, Recipe: recipe,
		ReadIDs: b.ReadIDs[:0], Channels: b.Channels[:0], Muxes: b.Muxes[:0], Chunks: b.Chunks[:0],
		ReadStarts: b.ReadStarts[:0], ChunkStarts: b.ChunkStarts[:0], Samples: b.Samples[:0],
		Flags: b.Flags[:0], Vectors: b.Vectors[:0],
	}
}

// RowBytes is the size of a row of the recipe in a message, without the few
// hundred bytes that every message has besides.
func RowBytes(r *signal.Recipe) int {
	const others = 16 + 2 + 1 + 4 + 8 + 8 + 4 + 2
	if r.DType == Float16 {
		return others + 2*r.Dim
	}
	return others + 4*r.Dim
}
