package index

import "sort"

// Window is a stretch of a contig that has a vector.
type Window struct {
	Contig  int // place in Header.Contigs
	Start   int // first base, from 0 on the forward strand
	Reverse bool
}

// numbering gives every window of a layer a number: contig after contig, and of
// each the forward strand before the reverse one. Windows that were left out have
// numbers too.
type numbering struct {
	stride int
	first  []int // number of each contig's first window, and one more at the end
}

func number(contigs []Contig, span, stride int) numbering {
	n := numbering{stride: stride, first: make([]int, len(contigs)+1)}
	for i, c := range contigs {
		n.first[i+1] = n.first[i] + 2*starts(c.Length, span, stride)
	}
	return n
}

// starts is how many windows a sequence has on each strand.
func starts(length, span, stride int) int {
	if length < span {
		return 0
	}
	return (length-span)/stride + 1
}

func (n *numbering) count() int { return n.first[len(n.first)-1] }

// window is the inverse of numbering; id is less than count.
func (n *numbering) window(id int) Window {
	contig := sort.SearchInts(n.first, id+1) - 1
	half := (n.first[contig+1] - n.first[contig]) / 2
	at := id - n.first[contig]
	return Window{Contig: contig, Start: at % half * n.stride, Reverse: at >= half}
}
