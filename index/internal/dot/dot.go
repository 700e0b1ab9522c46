// Package dot computes dot products of vectors of int8: one pass over many rows for
// several queries. All implementations give the same integers.
//
// Rows lie in blocks of 16. A block has, for each four consecutive dimensions, 16
// times 4 bytes: the four values of row 0, of row 1 and so on, each with 128 added.
// So one vector register holds four dimensions of 8 or 16 rows, and no sum goes
// across a register. A row's values are -127 to 127, a query's -63 to 63: the sum of
// two products, at most 2·255·63, then fits into the int16 that AVX2 makes of it.
package dot

import "fmt"

const (
	// Rows is how many rows a block has.
	Rows = 16
	// Queries is how many Scores takes.
	Queries = 8
	// offset makes the values of rows unsigned, as the processors want them.
	offset = 128
)

// kernel computes scores for one or for Queries queries. start is what each
// query's sums begin with: it takes the offset of the rows out again.
type kernel struct {
	name string
	one  func(scores []int32, blocks []byte, query []int8, start int32)
	all  func(scores []int32, blocks []byte, queries []int8, start *[Queries]int32)
}

// best is the fastest kernel of this processor.
var best = kernels()[0]

// PackRow writes a row's values into a block of Rows·len(values) bytes.
func PackRow(block []byte, row int, values []int8) {
	for d, v := range values {
		block[place(row, d)] = byte(int(v) + offset)
	}
}

// Row reads a row of consecutive blocks.
func Row(blocks []byte, row, dim int) []int8 {
	block := blocks[row/Rows*Rows*dim:]
	values := make([]int8, dim)
	for d := range values {
		values[d] = int8(int(block[place(row%Rows, d)]) - offset)
	}
	return values
}

// place of a value in a block.
func place(row, d int) int { return d/4*(4*Rows) + row*4 + d%4 }

// Scores computes the products of all rows of consecutive blocks with Queries
// queries of dim values, a multiple of 4. The scores of query q begin at
// scores[q·rows].
func Scores(scores []int32, blocks []byte, queries []int8, dim int) {
	rows := check(blocks, dim)
	if len(queries) != Queries*dim || len(scores) != Queries*rows {
		panic(fmt.Sprintf("dot: %d values of queries and room for %d scores, for %d rows of dimension %d", len(queries), len(scores), rows, dim))
	}
	if rows == 0 {
		return
	}
	var start [Queries]int32
	for q := range start {
		start[q] = startOf(queries[q*dim:][:dim])
	}
	best.all(scores, blocks, queries, &start)
}

// ScoresOne is Scores for one query.
func ScoresOne(scores []int32, blocks []byte, query []int8, dim int) {
	rows := check(blocks, dim)
	if len(query) != dim || len(scores) != rows {
		panic(fmt.Sprintf("dot: %d values of a query and room for %d scores, for %d rows of dimension %d", len(query), len(scores), rows, dim))
	}
	if rows == 0 {
		return
	}
	best.one(scores, blocks, query, startOf(query))
}

// check gives the number of rows.
func check(blocks []byte, dim int) int {
	if dim < 4 || dim%4 != 0 || len(blocks)%(Rows*dim) != 0 {
		panic(fmt.Sprintf("dot: %d bytes are no blocks of dimension %d", len(blocks), dim))
	}
	return len(blocks) / dim
}

func startOf(query []int8) int32 {
	var sum int32
	for _, v := range query {
		sum += int32(v)
	}
	return -offset * sum
}
