package report

import (
	"bufio"
	"encoding/json"
	"strconv"

	"github.com/porevec/porevec/index/search"
)

// AppendJSON appends the answer as one JSON object, without a line feed. Its keys
// are, in this order:
//
//	run, read_id, channel
//	read_start        samples from the start of the acquisition to that of the read
//	chunks, samples   heard so far, the samples of the leader among them
//	target            name of the sequence
//	target_length     bases
//	start, end        bases on the forward strand, from 0, end excluded
//	strand            "+" or "-"
//	probability       0 to 1, that the place is right
//	target_probability  0 to 1, that the target is, wherever on it
//	lead_nats         see [search.Answer]
//	called, final     true or false
//	read_seconds      from the start of the read to the answer
//	seconds           from the start of the acquisition to the answer
//
// From target to strand all are null where nothing was found. Figures without a
// value are null.
func AppendJSON(dst []byte, a *search.Answer) []byte {
	key := func(name string) { dst = append(append(append(dst, '"'), name...), `":`...) }
	text := func(name, value string) {
		key(name)
		quoted, _ := json.Marshal(value) // a string always has a JSON form
		dst = append(append(dst, quoted...), ',')
	}
	number := func(name string, value uint64) {
		key(name)
		dst = append(strconv.AppendUint(dst, value, 10), ',')
	}
	integer := func(name string, value int) {
		key(name)
		dst = append(strconv.AppendInt(dst, int64(value), 10), ',')
	}
	figure := func(name string, value float64) {
		key(name)
		if finite(value) {
			dst = strconv.AppendFloat(dst, value, 'g', -1, 64)
		} else {
			dst = append(dst, "null"...)
		}
		dst = append(dst, ',')
	}
	truth := func(name string, value bool) {
		key(name)
		dst = append(strconv.AppendBool(dst, value), ',')
	}
	dst = append(dst, '{')
	text("run", runID(a))
	text("read_id", a.ReadID.String())
	number("channel", uint64(a.Channel))
	number("read_start", a.ReadStart)
	integer("chunks", a.Chunks)
	number("samples", a.Samples)
	if p := a.Place; a.Found {
		text("target", p.Target)
		integer("target_length", p.TargetLength)
		integer("start", p.Start)
		integer("end", p.End)
		text("strand", strand(p))
	} else {
		dst = append(dst, `"target":null,"target_length":null,"start":null,"end":null,"strand":null,`...)
	}
	figure("probability", a.Probability)
	figure("target_probability", a.TargetProbability)
	figure("lead_nats", a.LeadNats)
	truth("called", a.Called)
	truth("final", a.Final)
	figure("read_seconds", a.ReadSeconds())
	figure("seconds", a.Seconds())
	dst[len(dst)-1] = '}'
	return dst
}

type ndjson struct {
	out       *bufio.Writer
	eachChunk bool
	line      []byte
}

func (w *ndjson) Write(a *search.Answer) error {
	if !a.Final && !w.eachChunk {
		return nil
	}
	w.line = append(AppendJSON(w.line[:0], a), '\n')
	_, err := w.out.Write(w.line)
	return err
}

func (w *ndjson) Flush() error { return w.out.Flush() }
