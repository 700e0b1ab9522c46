package dot

// portable is what the other kernels are compared with.
var portable = kernel{"portable", onePortable, allPortable}

func allPortable(scores []int32, blocks []byte, queries []int8, start *[Queries]int32) {
	rows, dim := len(scores)/Queries, len(queries)/Queries
	for q := range Queries {
		onePortable(scores[q*rows:][:rows], blocks, queries[q*dim:][:dim], start[q])
	}
}

func onePortable(scores []int32, blocks []byte, query []int8, start int32) {
	for len(scores) > 0 {
		sums := (*[Rows]int32)(scores)
		for i := range sums {
			sums[i] = start
		}
		for d := 0; d < len(query); d += 4 {
			a, b, c, e := int32(query[d]), int32(query[d+1]), int32(query[d+2]), int32(query[d+3])
			group := (*[4 * Rows]byte)(blocks[d*Rows:])
			for i := range sums {
				sums[i] += a*int32(group[4*i]) + b*int32(group[4*i+1]) + c*int32(group[4*i+2]) + e*int32(group[4*i+3])
			}
		}
		scores, blocks = scores[Rows:], blocks[Rows*len(query):]
	}
}
