// Package report writes the answers of a search: as tables, for scorers of mappers,
// for programs, and summed up for people.
package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/porevec/porevec/index/search"
)

// Writer writes answers in one format.
type Writer interface {
	Write(*search.Answer) error
	// Flush passes on what Write has gathered.
	Flush() error
}

// Options say what is written.
type Options struct {
	// EachChunk has answers written that are not final, too.
	EachChunk bool
	// SamplesPerBase and LeaderSamples of the model: PAF gives lengths of reads in
	// bases.
	SamplesPerBase float64
	LeaderSamples  int
}

// New makes a writer of the format tsv, paf or ndjson.
func New(format string, out io.Writer, o Options) (Writer, error) {
	w := &writer{out: bufio.NewWriter(out), options: o}
	switch format {
	case "tsv":
		w.format = appendTSV
		_, err := w.out.WriteString(tsvHeader)
		return w, err
	case "paf":
		w.options.EachChunk = false
		w.format = appendPAF
	case "ndjson":
		w.format = func(dst []byte, a *search.Answer, _ *Options) []byte { return append(AppendJSON(dst, a), '\n') }
	default:
		return nil, fmt.Errorf("%q is none of tsv, paf and ndjson", format)
	}
	return w, nil
}

type writer struct {
	out     *bufio.Writer
	options Options
	format  func(dst []byte, a *search.Answer, o *Options) []byte
	line    []byte
}

func (w *writer) Write(a *search.Answer) error {
	if !a.Final && !w.options.EachChunk {
		return nil
	}
	w.line = w.format(w.line[:0], a, &w.options)
	_, err := w.out.Write(w.line)
	return err
}

func (w *writer) Flush() error { return w.out.Flush() }

// clean makes any text fit into a column.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, text)
}

// strand is + or -.
func strand(p *search.Place) byte {
	if p.Reverse {
		return '-'
	}
	return '+'
}
