// Package fasta reads reference sequences: plain or gzip FASTA, with soft-masked
// bases, N and the other codes of IUPAC.
package fasta

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"github.com/klauspost/compress/gzip"
	"io"
	"os"
	"strings"
)

// Base is a set of bases: one bit each for A, C, G and T. A code of IUPAC stands
// for one, two, three or, N, all four of them.
type Base byte

// The bases that are certain.
const (
	A Base = 1 << iota
	C
	G
	T
	N = A | C | G | T
)

// Complement is the set of the bases that pair with those of b.
func (b Base) Complement() Base {
	return b&A<<3 | b&C<<1 | b&G>>1 | b&T>>3
}

// Certain says whether b is one base.
func (b Base) Certain() bool { return b&(b-1) == 0 }

// codes gives the set of each letter, 0 where it is none.
var codes = func() (table [256]Base) {
	for letter, set := range map[byte]Base{
		'A': A, 'C': C, 'G': G, 'T': T, 'U': T,
		'R': A | G, 'Y': C | T, 'S': C | G, 'W': A | T, 'K': G | T, 'M': A | C,
		'B': C | G | T, 'D': A | G | T, 'H': A | C | T, 'V': A | C | G, 'N': N, 'X': N,
	} {
		table[letter], table[letter+'a'-'A'] = set, set
	}
	return table
}()

// Record is one sequence.
type Record struct {
	Name  string // the header's first word
	Bases []Base // none is 0
}

const (
	maxHeader = 64 << 10 // bytes
	// MaxBases bounds what a file may hold, however well it is compressed.
	MaxBases = 1 << 30
)

// ErrFormat is in the errors about files that are no FASTA of nucleotides.
var ErrFormat = errors.New("not a FASTA file of nucleotides")

// Read gives the records of a file in their order. Its errors name file, record
// and line; an error of each ends the reading and is returned as it is.
func Read(path string, each func(Record) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, maxHeader)
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("%s: unpack: %w", path, err)
		}
		in = bufio.NewReaderSize(unpacked, maxHeader)
	}
	r := reader{path: path, in: in, each: each}
	return r.read()
}

type reader struct {
	path   string
	in     *bufio.Reader
	each   func(Record) error
	line   int
	total  int
	record Record
	begun  bool
}

func (r *reader) read() error {
	for {
		line, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if line[0] == '>' {
			err = r.begin(line[1:])
		} else {
			err = r.add(line)
		}
		if err != nil {
			return err
		}
	}
	if !r.begun {
		return fmt.Errorf("%s: the file is empty: %w", r.path, ErrFormat)
	}
	return r.finish()
}

// next gives a line, or a part of one that is very long, without white space at
// its ends. It passes over empty lines.
func (r *reader) next() ([]byte, error) {
	for {
		line, err := r.in.ReadSlice('\n')
		whole := err == nil
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, io.EOF
		case errors.Is(err, bufio.ErrBufferFull) && line[0] == '>':
			return nil, r.wrong("a header of more than %d bytes", maxHeader)
		case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("%s: after line %d: %w", r.path, r.line, err)
		}
		if whole || errors.Is(err, io.EOF) {
			r.line++
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

// begin ends the record before and starts another.
func (r *reader) begin(header []byte) error {
	if err := r.finish(); err != nil {
		return err
	}
	words := strings.Fields(string(header))
	if len(words) == 0 {
		return r.wrong("a sequence without a name")
	}
	for _, c := range words[0] {
		if c < ' ' || c == 0x7f || c == 0xfffd {
			return r.wrong("the name %q holds what is no text", words[0])
		}
	}
	r.record, r.begun = Record{Name: words[0]}, true
	return nil
}

func (r *reader) add(line []byte) error {
	if !r.begun {
		switch {
		case line[0] == '@':
			return r.wrong("this looks like FASTQ; references are given as FASTA")
		case bytes.IndexByte(line, 0) >= 0:
			return r.wrong("this is a binary file")
		}
		return r.wrong("it must begin with '>' and a name")
	}
	if r.total += len(line); r.total > MaxBases {
		return r.wrong("more than %d bases: indices are for panels of targets, not for genomes of this size", MaxBases)
	}
	for _, letter := range line {
		base := codes[letter]
		if base == 0 {
			return r.unknown(letter)
		}
		r.record.Bases = append(r.record.Bases, base)
	}
	return nil
}

func (r *reader) unknown(letter byte) error {
	switch {
	case letter == '-' || letter == '.':
		return r.wrong("%s: %q is a gap: give the sequences themselves, not an alignment", r.record.Name, letter)
	case letter == '*' || letter >= 'A' && letter <= 'z':
		return r.wrong("%s: %q is no code of IUPAC for nucleotides: is this a protein?", r.record.Name, letter)
	case letter == ' ' || letter == '\t':
		return r.wrong("%s: white space inside of a sequence", r.record.Name)
	}
	return r.wrong("%s: byte %#02x in a sequence", r.record.Name, letter)
}

func (r *reader) finish() error {
	if !r.begun {
		return nil
	}
	if len(r.record.Bases) == 0 {
		return r.wrong("%s has no bases", r.record.Name)
	}
	return r.each(r.record)
}

func (r *reader) wrong(format string, args ...any) error {
	return fmt.Errorf("%s: line %d: %s: %w", r.path, r.line, fmt.Sprintf(format, args...), ErrFormat)
}
