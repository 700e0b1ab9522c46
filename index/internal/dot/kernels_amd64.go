package dot

import "golang.org/x/sys/cpu"

// kernels of this processor, the fastest first.
func kernels() []kernel {
	var list []kernel
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VNNI {
		list = append(list, kernel{"avx512vnni", oneVNNI, allVNNI})
	}
	if cpu.X86.HasAVX2 {
		list = append(list, kernel{"avx2", oneAVX2, allAVX2})
	}
	return append(list, portable)
}

func oneVNNI(scores []int32, blocks []byte, query []int8, start int32) {
	scoresOneVNNI(&scores[0], &blocks[0], len(scores)/Rows, &query[0], len(query)/4, start)
}

func allVNNI(scores []int32, blocks []byte, queries []int8, start *[Queries]int32) {
	rows, dim := len(scores)/Queries, len(queries)/Queries
	scoresEightVNNI(&scores[0], rows, &blocks[0], rows/Rows, &queries[0], dim/4, &start[0])
}

func oneAVX2(scores []int32, blocks []byte, query []int8, start int32) {
	scoresOneAVX2(&scores[0], &blocks[0], len(scores)/Rows, &query[0], len(query)/4, start)
}

func allAVX2(scores []int32, blocks []byte, queries []int8, start *[Queries]int32) {
	const four = Queries / 2
	rows, dim := len(scores)/Queries, len(queries)/Queries
	for q := 0; q < Queries; q += four {
		scoresFourAVX2(&scores[q*rows], rows, &blocks[0], rows/Rows, &queries[q*dim], dim/4, &start[q])
	}
}

// The functions below are in kernels_amd64.s. groups is how many times four
// dimensions there are; rows is the distance of two queries' scores.

//go:noescape
func scoresOneVNNI(scores *int32, blocks *byte, count int, query *int8, groups int, start int32)

//go:noescape
func scoresEightVNNI(scores *int32, rows int, blocks *byte, count int, queries *int8, groups int, start *int32)

//go:noescape
func scoresOneAVX2(scores *int32, blocks *byte, count int, query *int8, groups int, start int32)

//go:noescape
func scoresFourAVX2(scores *int32, rows int, blocks *byte, count int, queries *int8, groups int, start *int32)
