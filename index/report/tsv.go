package report

import (
	"bufio"
	"strconv"

	"github.com/porevec/porevec/index/search"
)

const tsvHeader = "read_id\trun\tchannel\ttarget\tstart\tend\tstrand\tprobability\ttarget_probability\tcalled\tfinal\tchunks\tsamples\tlead_nats\tread_seconds\tseconds\n"

type tsv struct {
	out       *bufio.Writer
	eachChunk bool
	line      []byte
}

func newTSV(out *bufio.Writer, eachChunk bool) *tsv {
	_, _ = out.WriteString(tsvHeader) // fits the buffer; Flush tells of errors
	return &tsv{out: out, eachChunk: eachChunk}
}

func (w *tsv) Write(a *search.Answer) error {
	if !a.Final && !w.eachChunk {
		return nil
	}
	w.line = w.line[:0]
	text := func(s string) { w.line = append(append(w.line, s...), '\t') }
	number := func(n int) { w.line = append(strconv.AppendInt(w.line, int64(n), 10), '\t') }
	figure := func(f float64, decimals int) {
		w.line = append(strconv.AppendFloat(w.line, f, 'f', decimals, 64), '\t')
	}

	text(a.ReadID.String())
	text(printable(runID(a)))
	number(int(a.Channel))
	if a.Found {
		text(printable(a.Place.Target))
		number(a.Place.Start)
		number(a.Place.End)
		text(strand(a.Place))
	} else {
		text("*\t*\t*\t*")
	}
	figure(a.Probability, 6)
	figure(a.TargetProbability, 6)
	text(yesNo(a.Called))
	text(yesNo(a.Final))
	number(a.Chunks)
	text(strconv.FormatUint(a.Samples, 10))
	figure(a.LeadNats, 3)
	figure(a.ReadSeconds(), 3)
	figure(a.Seconds(), 3)
	w.line[len(w.line)-1] = '\n'
	_, err := w.out.Write(w.line)
	return err
}

func (w *tsv) Flush() error { return w.out.Flush() }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
