package minknow

import "sync"

// The buffers of blocks are as many as there are blocks under way, which the pipeline
// bounds.
var pool = sync.Pool{New: func() any { return new([]int16) }}

func newSamples() *[]int16         { return pool.Get().(*[]int16) }
func freeSamples(samples *[]int16) { pool.Put(samples) }
