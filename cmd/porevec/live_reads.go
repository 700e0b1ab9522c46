package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/porevec/porevec/minknow"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/jetstream"
)

// carriedRead is what came of a read: the line of JSON on the subject .read and in the
// file of live --reads. Part of docs/wire.md.
type carriedRead struct {
	Run       string      `json:"run"`
	ReadID    string      `json:"read_id"`
	Channel   uint16      `json:"channel"`
	Mux       uint8       `json:"mux"`
	ReadStart uint64      `json:"read_start"`
	Carried   [][2]uint64 `json:"carried"`
	Samples   uint64      `json:"samples"`
	Shed      uint64      `json:"shed"`
	Repeated  uint64      `json:"repeated"`
	EndSeen   bool        `json:"end_seen"`
}

// readBooks write down what came of each read, in the stream and in a file.
type readBooks struct {
	file   *os.File        // nil: none
	stream *jetstream.Sink // nil: none
	log    *slog.Logger

	mu   sync.Mutex
	seen []minknow.Seen

	flushing sync.Mutex
	waiting  map[string]*ofRun // what the stream has not taken
	bytes    int
}

// ofRun is lines of one run.
type ofRun struct {
	run   *signal.Run
	lines [][]byte
}

const (
	flushTime = 5 * time.Second
	// mostLines is how many bytes may wait for a stream that takes nothing.
	mostLines = 16 << 20
	// A message holds at most so many bytes of lines.
	messageLines = 256 << 10
)

func openReadBooks(path string, stream *jetstream.Sink, log *slog.Logger) (*readBooks, error) {
	b := &readBooks{stream: stream, log: log, waiting: make(map[string]*ofRun)}
	if path == "" {
		return b, nil
	}
	var err error
	b.file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return b, err
}

// add takes in a read that is over. It never waits.
func (b *readBooks) add(s minknow.Seen) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, s)
}

// flush writes what has been added.
func (b *readBooks) flush(ctx context.Context) {
	b.flushing.Lock()
	defer b.flushing.Unlock()
	b.mu.Lock()
	seen := b.seen
	b.seen = nil
	b.mu.Unlock()
	var text []byte
	for i := range seen {
		line := carriedLine(&seen[i])
		text = append(text, line...)
		b.wait(seen[i].Read.Run, line)
	}
	if b.file != nil && len(text) > 0 {
		if _, err := b.file.Write(text); err != nil {
			b.log.Error("what came of some reads could not be written", "file", b.file.Name(), "error", err)
		}
	}
	if b.stream == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	for id, of := range b.waiting {
		for len(of.lines) > 0 {
			n, message := 0, []byte(nil)
			for n < len(of.lines) && (n == 0 || len(message)+len(of.lines[n]) <= messageLines) {
				message = append(message, of.lines[n]...)
				n++
			}
			if err := b.stream.PublishReads(ctx, of.run, message); err != nil {
				b.log.Warn("what came of some reads waits for the server", "error", err)
				return
			}
			of.lines = of.lines[n:]
			b.bytes -= len(message)
		}
		delete(b.waiting, id)
	}
}

// wait keeps a line for the stream.
func (b *readBooks) wait(run *signal.Run, line []byte) {
	if b.stream == nil {
		return
	}
	if b.bytes+len(line) > mostLines {
		b.log.Error("what came of a read is given up: the server has taken nothing for long", "run", run.AcquisitionID)
		return
	}
	of := b.waiting[run.AcquisitionID]
	if of == nil {
		of = &ofRun{run: run}
		b.waiting[run.AcquisitionID] = of
	}
	of.lines = append(of.lines, line)
	b.bytes += len(line)
}

func carriedLine(s *minknow.Seen) []byte {
	r := carriedRead{
		Run: s.Read.Run.AcquisitionID, ReadID: s.Read.ID.String(), Channel: s.Read.Channel, Mux: s.Read.Mux, ReadStart: s.Read.Start,
		Carried: [][2]uint64{}, Samples: s.Samples(), Shed: s.Shed, Repeated: s.Repeated, EndSeen: s.EndSeen,
	}
	for _, c := range s.Carried {
		r.Carried = append(r.Carried, [2]uint64{c.From, c.To})
	}
	line, _ := json.Marshal(r) // nothing in it can fail
	return append(line, '\n')
}

func (b *readBooks) close() error {
	b.stream = nil
	b.flush(context.Background()) // the file's part
	if b.file == nil {
		return nil
	}
	return errors.Join(b.file.Sync(), b.file.Close())
}

// readCarried reads such lines.
func readCarried(r io.Reader, each func(carriedRead)) error {
	lines := json.NewDecoder(r)
	for {
		var c carriedRead
		if err := lines.Decode(&c); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		each(c)
	}
}
