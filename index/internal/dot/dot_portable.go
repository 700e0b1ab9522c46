package dot

import "encoding/binary"

var portable = implementation{"portable", eightPortable, onePortable, atLeastPortable}

func eightPortable(scores []int32, blocks []byte, queries []int8, starts [Queries]int32) {
	dim, rows := len(queries)/Queries, len(scores)/Queries
	for row := 0; row < rows; row += Rows {
		for q, start := range starts {
			onePortable(scores[q*rows+row:][:Rows], blocks[row*dim:][:Rows*dim], queries[q*dim:][:dim], start)
		}
	}
}

// twice repeats a number in both halves of a word.
const twice = 1 | 1<<32

// onePortable lets each 64-bit word carry two rows, which are neighbours in a
// block: row i in the lower half, row i+1 in the upper.
func onePortable(scores []int32, blocks []byte, query []int8, start int32) {
	first := uint64(int64(start)) * twice
	for len(scores) > 0 {
		block := blocks[:Rows*len(query)]
		for i := 0; i < Rows; i += 4 {
			s01, s23 := first, first
			rest := query
			for at := 4 * i; at < len(block); at += 4 * Rows {
				q, b := (*[4]int8)(rest), (*[16]byte)(block[at:])
				q0, q1, q2, q3 := uint64(q[0]), uint64(q[1]), uint64(q[2]), uint64(q[3])
				s01 += two(binary.LittleEndian.Uint64(b[:8]), q0, q1, q2, q3)
				s23 += two(binary.LittleEndian.Uint64(b[8:]), q0, q1, q2, q3)
				rest = rest[4:]
			}
			split(scores[i:], s01)
			split(scores[i+2:], s23)
		}
		scores, blocks = scores[Rows:], blocks[len(block):]
	}
}

// two multiplies four values of two rows by those of a query, mod 2^64.
func two(rows, q0, q1, q2, q3 uint64) uint64 {
	const low = 0xff * twice
	return rows&low*q0 + rows>>8&low*q1 + rows>>16&low*q2 + rows>>24&low*q3
}

// split writes the two sums of a word. A negative lower one has borrowed from
// the upper.
func split(scores []int32, sums uint64) {
	lower := int32(sums)
	scores[0], scores[1] = lower, int32((sums-uint64(int64(lower)))>>32)
}

func atLeastPortable(scores []int32, limit int32) int {
	for i, s := range scores {
		if s >= limit {
			return i
		}
	}
	return len(scores)
}
