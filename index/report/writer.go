package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/porevec/porevec/index/search"
)

// Writer writes answers in the order in which they come. It buffers: nothing is
// sure to be written before Flush. Not safe for concurrent use.
type Writer interface {
	Write(*search.Answer) error
	Flush() error
}

// Options of [New].
type Options struct {
	// EachChunk writes the answers that are not final too, one after every chunk.
	// PAF knows one line per read and writes final answers only.
	EachChunk bool
	// SamplesPerBase and LeaderSamples are those of the encoder; see embed.Model.
	// PAF alone needs them, to tell bases from samples.
	SamplesPerBase float64
	LeaderSamples  int
}

// Formats are the names that [New] knows.
func Formats() []string { return []string{"tsv", "paf", "ndjson"} }

// New makes a writer of a format: tsv, paf or ndjson.
//
// # TSV
//
// A header line, then one line per answer:
//
//	read_id             UUID of the read
//	run                 acquisition id
//	channel             channel of the flow cell, from 1
//	target              name of the sequence; * where nothing was found, as in the next three
//	start, end          bases on its forward strand, from 0, end excluded
//	strand              + or -
//	probability         that the place is right, 0 to 1
//	target_probability  that the target is, wherever on it, 0 to 1
//	called              yes, or no: then the place is a guess
//	final               yes, or no: more answers about this read follow
//	chunks              heard so far
//	samples             heard so far, the leader among them
//	lead_nats           logarithm by which the place is likelier than any other one;
//	                    negative where a decoy is likelier
//	read_seconds        from the start of the read to the answer
//	seconds             from the start of the acquisition to the answer; like read_seconds
//	                    0 without a sample rate
//
// Figures without a value are NaN, +Inf or -Inf.
//
// # PAF
//
// One line per read, as minimap2 --paf-no-hit writes it: reads that were not called
// have a line without a place. No base was called, so bases are estimates: columns
// 2 to 4 are samples heard divided by SamplesPerBase, and column 3 is where the leader
// ends. No base was compared either: column 11 is the length of the stretch on the
// target, column 10 is that times the probability of the place, and their quotient is
// no identity. Column 12 is -10·log10(1-probability), 60 at most. Tags:
//
//	tp:A:P  on lines with a place     ns:i  samples heard
//	ch:i    channel                   nc:i  chunks heard
//	st:i    first sample of the read  pr:f  probability
//	                                  ld:f  lead in nats
//	                                  mt:f  milliseconds that the search computed
//
// White space in names becomes underscores, because readers of PAF split at it.
//
// # NDJSON
//
// One object per line, see [AppendJSON].
func New(format string, w io.Writer, o Options) (Writer, error) {
	out := bufio.NewWriter(w)
	switch format {
	case "tsv":
		return newTSV(out, o.EachChunk), nil
	case "paf":
		if !(o.SamplesPerBase > 0) || o.LeaderSamples < 0 {
			return nil, fmt.Errorf("PAF needs the samples per base (%v) and the leader (%d samples) of the encoder", o.SamplesPerBase, o.LeaderSamples)
		}
		return &paf{out: out, samplesPerBase: o.SamplesPerBase, leader: uint64(o.LeaderSamples)}, nil
	case "ndjson":
		return &ndjson{out: out, eachChunk: o.EachChunk}, nil
	}
	return nil, fmt.Errorf("format %q: there are %s", format, strings.Join(Formats(), ", "))
}

// printable replaces all that could break a line, a column or a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// runID is "" where the run is not known.
func runID(a *search.Answer) string {
	if a.Run == nil {
		return ""
	}
	return a.Run.AcquisitionID
}

func strand(p search.Place) string {
	if p.Reverse {
		return "-"
	}
	return "+"
}
