// Package dot scores many int8 vectors against a few int8 queries, exactly and
// as fast as the CPU allows, and keeps the best rows.
//
// Rows lie packed in blocks of 16. A block of dim dimensions has dim·16 bytes:
// for every four consecutive dimensions come the four values of row 0, those of
// row 1, … those of row 15, 64 bytes in all.
//
//	byte (d/4)·64 + row·4 + d%4 is the row's value of dimension d, plus 128
//
// So one instruction multiplies four values of each row of a block by the same
// four values of a query and adds them to the row's own sum; nothing is ever
// summed across a register. Rows are unsigned and queries signed because the
// instructions of amd64 multiply just so.
//
// Every implementation gives the same integers.
package dot

import "fmt"

const (
	// Rows in a block.
	Rows = 16
	// Queries that Scores takes at once.
	Queries = 8
	// MaxDim keeps every score within ±2^23: it is exact even as a float32.
	MaxDim = 1024
	// MaxQuery bounds the magnitude of a query's values, 7 bits. AVX2 adds two
	// products in 16 bits and saturates; 2·255·63 = 32130 still fits.
	MaxQuery = 63

	offset = 128 // what a packed byte lies above its value
)

// PackRow writes row i, 0 to 15, of a block of len(values) dimensions. Rows of a
// block that nothing is stored in must be packed as zeros to score 0.
func PackRow(block []byte, i int, values []int8) {
	checkDim(len(values))
	if i < 0 || i >= Rows || len(block) != len(values)*Rows {
		panic(fmt.Sprintf("dot: row %d of %d dimensions in a block of %d bytes", i, len(values), len(block)))
	}
	for d, v := range values {
		block[place(i, d)] = byte(int(v) + offset)
	}
}

// Row reads a row of blocks of dim dimensions.
func Row(blocks []byte, row, dim int) []int8 {
	checkDim(dim)
	block := blocks[row/Rows*Rows*dim:][:Rows*dim]
	values := make([]int8, dim)
	for d := range values {
		values[d] = int8(int(block[place(row%Rows, d)]) - offset)
	}
	return values
}

// place is the byte of a row's dimension in its block.
func place(row, d int) int { return d/4*4*Rows + row*4 + d%4 }

// Scores multiplies every row with each of eight queries. queries holds them
// one after the other, Queries·dim values within ±MaxQuery; dim is a multiple
// of 4 up to MaxDim. Queries that are not needed are zeros. blocks holds whole
// blocks, and scores has a place for each query and row:
//
//	scores[q·rows + row] = Σ values[row][d] · queries[q·dim + d]
//
// Other lengths and larger query values panic. The assembly cannot be preempted
// and the scores are read again soon, so thousands of rows in a call do better
// than millions.
func Scores(scores []int32, blocks []byte, queries []int8) {
	dim := len(queries) / Queries
	if len(queries)%Queries != 0 {
		panic(fmt.Sprintf("dot: %d values cannot be %d queries", len(queries), Queries))
	}
	checkDim(dim)
	checkBlocks(len(scores), len(blocks), dim, Queries)
	var starts [Queries]int32
	for q := range starts {
		starts[q] = start(queries[q*dim:][:dim])
	}
	if len(blocks) > 0 {
		fastest.eight(scores, blocks, queries, starts)
	}
}

// ScoresOne is Scores for a single query of len(query) dimensions, with one
// score for each row.
func ScoresOne(scores []int32, blocks []byte, query []int8) {
	checkDim(len(query))
	checkBlocks(len(scores), len(blocks), len(query), 1)
	first := start(query)
	if len(blocks) > 0 {
		fastest.one(scores, blocks, query, first)
	}
}

// implementation is the inner loops for one kind of CPU. The functions need at
// least one block and checked lengths; the sums of a query begin with its start.
type implementation struct {
	name  string
	eight func(scores []int32, blocks []byte, queries []int8, starts [Queries]int32)
	one   func(scores []int32, blocks []byte, query []int8, start int32)
	// atLeast is the index of the first score that reaches the limit, or
	// len(scores).
	atLeast func(scores []int32, limit int32) int
}

// start takes back the offset of the packed bytes: −128·Σquery.
func start(query []int8) int32 {
	sum := int32(0)
	for _, v := range query {
		if v < -MaxQuery || v > MaxQuery {
			panic(fmt.Sprintf("dot: query value %d exceeds ±%d", v, MaxQuery))
		}
		sum += int32(v)
	}
	return -offset * sum
}

func checkDim(dim int) {
	if dim < 4 || dim > MaxDim || dim%4 != 0 {
		panic(fmt.Sprintf("dot: %d dimensions are not a multiple of 4 from 4 to %d", dim, MaxDim))
	}
}

func checkBlocks(scores, bytes, dim, queries int) {
	if bytes%(dim*Rows) != 0 || scores != bytes/dim*queries {
		panic(fmt.Sprintf("dot: %d scores for %d queries and %d bytes of blocks of %d dimensions", scores, queries, bytes, dim))
	}
}
