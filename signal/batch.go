package signal

// Batch is the input of one encoder call: Len() chunks of equal length.
type Batch struct {
	// Window is the length of each chunk in samples.
	Window int
	Chunks []Chunk
	// Samples holds Len()·Window ADC counts, chunk after chunk.
	Samples []int16
	// Shift and Scale normalize chunk i: x = (adc − Shift[i]) / Scale[i], both
	// in ADC counts.
	Shift, Scale []float32
}

// NewBatch makes an empty batch with room for size chunks of window samples.
func NewBatch(size, window int) *Batch {
	return &Batch{
		Window:  window,
		Chunks:  make([]Chunk, 0, size),
		Samples: make([]int16, 0, size*window),
		Shift:   make([]float32, 0, size),
		Scale:   make([]float32, 0, size),
	}
}

// Len is the number of chunks.
func (b *Batch) Len() int { return len(b.Chunks) }

// Full says whether another chunk would not fit.
func (b *Batch) Full() bool { return len(b.Chunks) == cap(b.Chunks) }

// Reset empties the batch for chunks of window samples and keeps its memory.
func (b *Batch) Reset(window int) {
	b.Window = window
	clear(b.Chunks[:cap(b.Chunks)]) // drop the pointers to reads
	b.Chunks, b.Samples, b.Shift, b.Scale = b.Chunks[:0], b.Samples[:0], b.Shift[:0], b.Scale[:0]
}

// Repeat is a batch of n chunks: those of b, again and again.
func (b *Batch) Repeat(n int) *Batch {
	out := NewBatch(n, b.Window)
	for i := range n {
		i %= b.Len()
		out.Chunks, out.Samples = append(out.Chunks, b.Chunks[i]), append(out.Samples, b.Samples[i*b.Window:(i+1)*b.Window]...)
		out.Shift, out.Scale = append(out.Shift, b.Shift[i]), append(out.Scale, b.Scale[i])
	}
	return out
}

// Embedded holds the vectors of a batch, in its order. All of its rows were made
// by one recipe; they may belong to several reads and runs.
type Embedded struct {
	Recipe *Recipe
	Chunks []Chunk
	Dim    int
	// Vectors holds len(Chunks)·Dim values; row i is an L2-normalized vector.
	Vectors []float32
}

// Row is the vector of chunk i.
func (e *Embedded) Row(i int) []float32 { return e.Vectors[i*e.Dim : (i+1)*e.Dim] }
