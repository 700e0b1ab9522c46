package dot

import "golang.org/x/sys/cpu"

var (
	// implementations holds those that this CPU has, the fastest last.
	implementations = available()
	fastest         = implementations[len(implementations)-1]
)

func available() []implementation {
	list := []implementation{portable}
	if cpu.X86.HasAVX2 {
		list = append(list, implementation{"avx2", eightAVX2, oneAVX2, atLeastAVX2})
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VNNI {
			list = append(list, implementation{"avx512vnni", eightVNNI, oneVNNI, atLeastAVX2})
		}
	}
	return list
}

func eightAVX2(scores []int32, blocks []byte, queries []int8, starts [Queries]int32) {
	dim := len(queries) / Queries
	scoreEightAVX2(&scores[0], &blocks[0], &queries[0], &starts, dim, len(blocks)/(dim*Rows))
}

func oneAVX2(scores []int32, blocks []byte, query []int8, start int32) {
	scoreOneAVX2(&scores[0], &blocks[0], &query[0], start, len(query), len(scores)/Rows)
}

func eightVNNI(scores []int32, blocks []byte, queries []int8, starts [Queries]int32) {
	dim := len(queries) / Queries
	scoreEightVNNI(&scores[0], &blocks[0], &queries[0], &starts, dim, len(blocks)/(dim*Rows))
}

func oneVNNI(scores []int32, blocks []byte, query []int8, start int32) {
	scoreOneVNNI(&scores[0], &blocks[0], &query[0], start, len(query), len(scores)/Rows)
}

// atLeastAVX2 passes 16 scores at a time until one of them reaches the limit.
func atLeastAVX2(scores []int32, limit int32) int {
	skip := 0
	if groups := len(scores) / 16; groups > 0 {
		skip = 16 * skipBelowAVX2(&scores[0], limit, groups)
	}
	return skip + atLeastPortable(scores[skip:], limit)
}

// count is a number of blocks, above 0.
//
//go:noescape
func scoreEightAVX2(scores *int32, blocks *byte, queries *int8, starts *[Queries]int32, dim, count int)

//go:noescape
func scoreOneAVX2(scores *int32, blocks *byte, query *int8, start int32, dim, count int)

//go:noescape
func scoreEightVNNI(scores *int32, blocks *byte, queries *int8, starts *[Queries]int32, dim, count int)

//go:noescape
func scoreOneVNNI(scores *int32, blocks *byte, query *int8, start int32, dim, count int)

// skipBelowAVX2 counts the groups of 16 scores before the first with one that
// reaches the limit. groups is above 0.
//
//go:noescape
func skipBelowAVX2(scores *int32, limit int32, groups int) int
