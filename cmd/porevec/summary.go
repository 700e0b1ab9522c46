package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/porevec/porevec/pipeline"
)

// summary writes a table of all reads. Its first columns have the names and meanings of
// those of dorado summary, so that tables can be joined.
type summary struct {
	path string
	file *os.File

	mu  sync.Mutex
	out *bufio.Writer
	err error
}

const summaryColumns = "filename\tread_id\trun_id\tchannel\tmux\tstart_time\tduration\tend_reason\tsamples\tchunks\tskipped\tmodel\n"

// newSummary begins a table, which gets its name when it is whole; nil for "".
func newSummary(path string) (*summary, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Create(path + ".part")
	if err != nil {
		return nil, fmt.Errorf("--summary: %w", err)
	}
	s := &summary{path: path, file: file, out: bufio.NewWriterSize(file, 1<<16)}
	_, s.err = s.out.WriteString(summaryColumns)
	return s, nil
}

// add is told of a read that is over. Times are in seconds, start_time since the start of
// the acquisition. What is not known stays empty.
func (s *summary) add(end pipeline.ReadEnd) {
	r := end.Read
	run, channel, mux, start, duration, samples, reason, model := "", "", "", "", "", "", "", ""
	if r.Run != nil {
		run, channel, reason = r.Run.AcquisitionID, strconv.Itoa(int(r.Channel)), string(r.EndReason)
		if r.Mux > 0 {
			mux = strconv.Itoa(int(r.Mux))
		}
		samples = strconv.FormatUint(r.Samples, 10)
		if rate := float64(r.Run.SampleRateHz); rate > 0 {
			start, duration = strconv.FormatFloat(float64(r.Start)/rate, 'f', 5, 64), strconv.FormatFloat(float64(r.Samples)/rate, 'f', 5, 64)
		}
	}
	if end.Recipe != nil {
		model = end.Recipe.ModelID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n",
			filepath.Base(r.Path), r.ID, run, channel, mux, start, duration, reason, samples, end.Chunks, end.Skipped, model)
	}
}

// hook is what the pipeline tells of reads; nil where there is no table.
func (s *summary) hook() func(pipeline.ReadEnd) {
	if s == nil {
		return nil
	}
	return s.add
}

// close ends the table, if there is one; whole says that all reads are in it.
func (s *summary) close(whole bool) error {
	if s == nil {
		return nil
	}
	err := errors.Join(s.err, s.out.Flush(), s.file.Sync(), s.file.Close())
	if err == nil && whole {
		err = os.Rename(s.file.Name(), s.path)
	}
	if err != nil {
		return fmt.Errorf("--summary %s: %w", s.path, err)
	}
	return nil
}
