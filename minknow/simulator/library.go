package simulator

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"github.com/porevec/porevec/replay"
	"github.com/porevec/porevec/signal"
)

// take is a recorded read with its samples.
type take struct {
	read    *signal.Read
	samples []int16
}

// library walks over the reads of the first run of some files.
type library struct {
	paths []string
	run   *signal.Run // of the first read
	log   *slog.Logger
}

// openLibrary finds the run to serve.
func openLibrary(paths []string, log *slog.Logger) (*library, error) {
	l := &library{paths: paths, log: log}
	for t, err := range l.reads() {
		if err != nil {
			return nil, err
		}
		l.run = t.read.Run
		if l.run.SampleRateHz == 0 {
			return nil, fmt.Errorf("%s: the run does not say its sample rate", t.read.Path)
		}
		return l, nil
	}
	return nil, errors.New("the files hold no reads that can be served")
}

// reads walks over the reads in the order of the files. Reads of other runs and those
// that cannot be decoded are passed over. An error is the last thing to come.
func (l *library) reads() iter.Seq2[take, error] {
	return func(yield func(take, error) bool) {
		var others, broken int
		defer func() {
			if others+broken > 0 {
				l.log.Debug("reads passed over", "of other runs", others, "broken", broken)
			}
		}()
		for _, path := range l.paths {
			file, err := replay.Open(path)
			if err != nil {
				yield(take{}, err)
				return
			}
			for r, err := range file.Reads() {
				if err != nil {
					broken++
					continue
				}
				info := r.Info()
				if l.run != nil && info.Run.AcquisitionID != l.run.AcquisitionID {
					others++
					continue
				}
				samples, err := replay.Signal(r, nil)
				if err != nil {
					broken++
					continue
				}
				read := *info
				if !yield(take{&read, samples}, nil) {
					file.Close()
					return
				}
			}
			if err := file.Close(); err != nil {
				yield(take{}, err)
				return
			}
		}
	}
}

// renamed is the id of a read when it is served again.
func renamed(id signal.ReadID, position, round int) signal.ReadID {
	if position == 0 && round == 0 {
		return id
	}
	text := binary.BigEndian.AppendUint32(append([]byte(nil), id[:]...), uint32(position))
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(text, uint32(round)))
	var out signal.ReadID
	copy(out[:], sum[:])
	out[6], out[8] = out[6]&0x0f|0x80, out[8]&0x3f|0x80 // a UUID of version 8: made by a rule of one's own
	return out
}
