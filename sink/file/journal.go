package file

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/porevec/porevec/internal/broker"
	"github.com/porevec/porevec/internal/durable"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// journal keeps the rows of a file until all of them are there. It is only appended to,
// so whatever ends the program leaves a beginning of it that is whole. All formats have
// the same one.
//
// It is journalMagic and then records: the lengths of header and payload and the CRC-32C
// of both, each a little-endian uint32; the header, which is JSON; the payload, which is
// a message of package wire.
type journal struct {
	file *os.File
	size int64 // of what is whole
}

const journalMagic = "porevec journal 1\n"

const (
	frameBytes = 12
	// maxRecord bounds a record: messages are cut at recordBytes, and a row has 16 kB at
	// most.
	maxRecord   = 16 << 20
	recordBytes = 256 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is what is told of the rows in the payload.
type record struct {
	Batch string       `json:"batch,omitempty"` // what they settle, as in the header of a message
	Run   wire.RunInfo `json:"run"`
}

// openJournal opens or begins a journal, which no other process may write. With fresh,
// an older one is thrown away. What it holds is told record by record; a torn end is cut
// off.
func openJournal(path string, fresh bool, tell func(record, *wire.Batch) error) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file}
	if err := j.load(fresh, tell); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return j, nil
}

func (j *journal) load(fresh bool, tell func(record, *wire.Batch) error) error {
	if err := broker.LockFile(j.file); errors.Is(err, broker.ErrLocked) {
		return errors.New("another porevec writes it: wait until that one ends, or name another file")
	} else if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	fresh = fresh || info.Size() < int64(len(journalMagic))
	if !fresh {
		if fresh, err = onlyZeros(j.file); err != nil {
			return err
		}
	}
	if fresh {
		return j.begin()
	}
	if j.size, err = readJournal(j.file, info.Size(), tell); err != nil {
		return err
	}
	return j.file.Truncate(j.size)
}

// begin empties the journal. That it is one is durable before any row is: a power cut may
// keep the length of what was not synced, with zeros in place of it.
func (j *journal) begin() error {
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	if err := j.write([]byte(journalMagic)); err != nil {
		return err
	}
	if err := j.sync(); err != nil {
		return err
	}
	durable.SyncDir(filepath.Dir(j.file.Name()))
	return nil
}

// onlyZeros says whether a file holds nothing else, as one does that was never synced.
func onlyZeros(file io.ReaderAt) (bool, error) {
	var block [64 << 10]byte
	for at := int64(0); ; {
		n, err := file.ReadAt(block[:], at)
		if len(bytes.TrimLeft(block[:n], "\x00")) > 0 {
			return false, nil
		}
		if err != nil {
			return err == io.EOF, endOf(err)
		}
		at += int64(n)
	}
}

// errNoJournal says that a file is something else.
var errNoJournal = errors.New("this is no journal of an interrupted run (another program, or an older porevec, made it): move it away, or name another file")

// readJournal tells of the records of a journal of so many bytes, and gives the length of
// what is whole. It takes memory for one record, and never more than the file has bytes.
func readJournal(from io.ReadSeeker, size int64, tell func(record, *wire.Batch) error) (whole int64, err error) {
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	in := bufio.NewReaderSize(from, 1<<20)
	magic := make([]byte, len(journalMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != journalMagic {
		return 0, errNoJournal
	}
	whole = int64(len(journalMagic))
	var frame [frameBytes]byte
	var body []byte
	for {
		if _, err := io.ReadFull(in, frame[:]); err != nil {
			return whole, endOf(err)
		}
		header, payload := int64(binary.LittleEndian.Uint32(frame[0:])), int64(binary.LittleEndian.Uint32(frame[4:]))
		if n := header + payload; n > maxRecord || whole+frameBytes+n > size {
			return whole, nil
		}
		if n := int(header + payload); cap(body) < n {
			body = make([]byte, n)
		}
		body = body[:header+payload]
		if _, err := io.ReadFull(in, body); err != nil {
			return whole, endOf(err)
		}
		var r record
		if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(frame[8:]) || json.Unmarshal(body[:header], &r) != nil {
			return whole, nil
		}
		batch, err := wire.Decode(body[header:])
		if err != nil {
			return whole, nil
		}
		batch.Run.Position = r.Run.Position
		if err := tell(r, batch); err != nil {
			return whole, err
		}
		whole += frameBytes + header + payload
	}
}

// endOf is nil where a file just ends.
func endOf(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// append adds a record, which is not durable before sync. A failed write leaves the
// journal as it was.
func (j *journal) append(batch string, rows *wire.Batch, run *signal.Run) error {
	payload, err := wire.Encode(nil, rows)
	if err != nil {
		return err
	}
	header, err := json.Marshal(record{batch, wire.InfoOf(run)})
	if err != nil {
		return err
	}
	out := make([]byte, frameBytes, frameBytes+len(header)+len(payload))
	out = append(append(out, header...), payload...)
	binary.LittleEndian.PutUint32(out[0:], uint32(len(header)))
	binary.LittleEndian.PutUint32(out[4:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(out[8:], crc32.Checksum(out[frameBytes:], castagnoli))
	return j.write(out)
}

func (j *journal) write(data []byte) error {
	if _, err := j.file.WriteAt(data, j.size); err != nil {
		return errors.Join(err, j.file.Truncate(j.size))
	}
	j.size += int64(len(data))
	return nil
}

func (j *journal) sync() error { return j.file.Sync() }

// empty says that there is no record.
func (j *journal) empty() bool { return j.size <= int64(len(journalMagic)) }

func (j *journal) close() error { return j.file.Close() }

// remove deletes the journal.
func (j *journal) remove() error { return errors.Join(j.file.Close(), os.Remove(j.file.Name())) }
