package pod5

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/pod5/internal/schema"
	"github.com/porevec/porevec/signal"
)

// RecoverOptions say what [Recover] saves besides whole reads.
type RecoverOptions struct {
	// Partial also saves the beginning of reads whose signal has a hole.
	Partial bool
	// SignalOnly also saves reads of which nothing is known but id and samples,
	// and reads of a run that is not described. Their channel is 0, which no pore
	// has, and their calibration 0 and 1: current is in ADC counts.
	SignalOnly bool
	// Like describes the run where the file does not; nil when nothing does.
	Like *signal.Run
	// Copy also copies a file that is whole.
	Copy bool
	// Progress, if not nil, hears how many reads of all have been looked at.
	Progress func(reads, total int)
}

// Recovered tells what became of a file.
type Recovered struct {
	// Whole says that nothing is wrong with the file.
	Whole bool
	// Damage says what is, one thing each.
	Damage []string
	// Breaks says that a table breaks off: how much is lost is not known.
	Breaks bool
	// Reads and Samples are those saved.
	Reads, Samples uint64
	// Partial and SignalOnly count reads among them.
	Partial, SignalOnly uint64
	// Lost are the reads that are known to be lost in whole or part.
	Lost []LostRead
}

// LostRead is a read that was not saved as it once was.
type LostRead struct {
	ID     signal.ReadID
	Reason Loss
	// Saved and Samples are those saved and those that the read is known to have
	// had.
	Saved, Samples uint64
}

// Loss is why a read could not be saved.
type Loss string

// The reasons.
const (
	SignalMissing Loss = "signal_missing"  // the file ends before its signal does
	SignalDamaged Loss = "signal_damaged"  // its signal cannot be decoded
	NotDescribed  Loss = "not_described"   // only its signal is there
	RunUnknown    Loss = "run_unknown"     // its run is not described
	ListedTwice   Loss = "described_twice" // its id was met before
)

// Recover saves in a new file what the POD5 file at path still holds: one that its
// writer did not finish, that was cut off, or that is damaged. The file itself is
// never changed. An existing output is replaced once the new one is complete. When
// the file is whole (unless Copy asks for it) or nothing of it can be saved, there is
// no output.
func Recover(ctx context.Context, path, output string, opts RecoverOptions) (*Recovered, error) {
	for _, out := range []string{output, output + temporary} {
		if sameFile(path, out) {
			return nil, &signal.Error{Class: signal.Fatal, Op: "recover", File: path, Err: fmt.Errorf("%s is the file itself", out)}
		}
	}
	if opts.Progress == nil {
		opts.Progress = func(int, int) {}
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		err = fmt.Errorf("%w: it is no ordinary file", ErrNotPOD5)
	}
	if err != nil {
		return nil, fail(path, "recover", err)
	}
	whole, err := isWhole(ctx, path, opts)
	if err != nil {
		return nil, fail(path, "recover", err)
	}
	if whole && !opts.Copy {
		return &Recovered{Whole: true}, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fail(path, "recover", err)
	}
	defer file.Close()
	rec, err := openRecovery(file, info.Size(), path, opts)
	if err != nil {
		return nil, fail(path, "recover", err)
	}
	defer rec.left.Close()
	rec.result.Whole = whole
	out, err := Create(output, WriterOptions{})
	if err != nil {
		return nil, fail(output, "recover", err)
	}
	err = rec.save(ctx, out)
	if err != nil || rec.result.Reads == 0 {
		return rec.result, errors.Join(err, out.Discard())
	}
	return rec.result, out.Close()
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// isWhole decodes everything, unless something is wrong before. Its errors are those
// of the file system.
func isWhole(ctx context.Context, path string, opts RecoverOptions) (bool, error) {
	f, err := open(path)
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return false, err
	}
	if err != nil {
		return false, nil
	}
	defer f.Close()
	var buf []int16
	done := 0
	for read, err := range f.Reads() {
		if err != nil || f.Check(read) != nil {
			return false, nil
		}
		for i := range read.rows {
			if buf, err = f.Row(read, i, buf[:0]); err != nil {
				return false, nil
			}
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		done++
		opts.Progress(done, f.count)
	}
	return true, nil
}

// recovery saves the reads of one file.
type recovery struct {
	path   string
	opts   RecoverOptions
	left   *remains
	rows   *salvagedRows // nil when there is no signal
	file   *File         // its reads table; nil when there is none
	listed bool          // every read is in that table
	runs   []*signal.Run
	result *Recovered

	out       readWriter
	met       map[signal.ReadID]bool
	bareRuns  map[*signal.Run]bool // named, but not described
	buf       []int16
	done, all int
}

// readWriter is a [Writer].
type readWriter interface {
	AddPieces(read *signal.Read, pieces iter.Seq[[]int16]) error
}

func openRecovery(r io.ReaderAt, size int64, path string, opts RecoverOptions) (*recovery, error) {
	rec := &recovery{path: path, opts: opts, result: &Recovered{}, met: map[signal.ReadID]bool{}, bareRuns: map[*signal.Run]bool{}}
	_, err := readContainer(r, size)
	switch {
	case errors.Is(err, ErrNotPOD5) && !startsTable(r, int64(headerSize)):
		return nil, err
	case errors.Is(err, ErrUnfinished):
		rec.note(errors.New("its end is missing"))
	case err != nil:
		rec.note(err)
	}
	if rec.left, err = findRemains(r, size, path); err != nil {
		return nil, err
	}
	return rec, rec.open(r)
}

func (rec *recovery) note(err error) { rec.result.Damage = append(rec.result.Damage, err.Error()) }

// open takes over the tables that were found. Of its errors it notes those that
// something can be saved in spite of.
func (rec *recovery) open(r io.ReaderAt) error {
	rec.result.Damage = append(rec.result.Damage, rec.left.damage...)
	rec.result.Breaks = rec.left.breaks
	err := errors.Join(
		rec.try(schema.SignalTable, "signal", func(t *arrowipc.Walked) (err error) {
			rec.rows, err = openSalvagedRows(r, rec.left.size, t)
			return err
		}),
		rec.try(schema.RunTable, "run info", func(t *arrowipc.Walked) (err error) {
			rec.runs, err = readRunTable(t.File)
			return err
		}))
	if rec.rows == nil {
		if errors.Is(err, ErrUnsupported) {
			return err
		}
		return nil
	}
	if rec.rows.gaps {
		rec.result.Breaks = true
		rec.note(errors.New("batches of the signal table cannot be read"))
	}
	_ = rec.try(schema.ReadsTable, "reads", rec.openReads) // noted
	return nil
}

// try opens a table in one way after the other. It notes the first error, and
// returns it if no way leads into the table.
func (rec *recovery) try(kind schema.Content, name string, open func(*arrowipc.Walked) error) error {
	var first error
	for _, t := range rec.left.tables[kind] {
		err := open(t)
		if err == nil {
			return nil
		}
		if first == nil {
			first = tableError(name, err)
			rec.note(first)
		}
	}
	return first
}

func (rec *recovery) openReads(table *arrowipc.Walked) error {
	all := table.Batches()
	gaps := len(table.DropUnreadable()) < all
	if gaps {
		rec.result.Breaks = true
		rec.note(errors.New("batches of the reads table cannot be read"))
	}
	columns, err := openReadColumns(table.File, rec.runs)
	if err != nil {
		return err
	}
	if columns.structRuns != nil {
		rec.runs = columns.structRuns
	}
	if err := rec.nameRuns(columns); err != nil {
		return err
	}
	count, err := columns.count()
	if err != nil {
		return err
	}
	rec.listed = table.Ended && !gaps
	rec.file = &File{path: rec.path, rows: rec.rows.signalRows, reads: columns, count: count}
	return nil
}

// nameRuns stands in for runs that the reads name and nothing describes.
func (rec *recovery) nameRuns(c *readColumns) error {
	i := 0
	return c.entries(c.run, func(a *arrowipc.Array, k int) {
		if c.runs[i] == nil {
			name := textAt(a, k)
			if rec.opts.Like != nil && rec.opts.Like.AcquisitionID == name {
				c.runs[i] = rec.opts.Like
			} else {
				c.runs[i] = bareRun(name)
				rec.bareRuns[c.runs[i]] = true
			}
		}
		i++
	})
}

// bareRun is a run of which nothing is known but, perhaps, its name.
func bareRun(name string) *signal.Run {
	return &signal.Run{AcquisitionID: name, AcquisitionStart: time.Unix(0, 0).UTC(), ProtocolStart: time.Unix(0, 0).UTC()}
}

// save writes all reads that can be saved.
func (rec *recovery) save(ctx context.Context, out readWriter) error {
	if rec.rows == nil {
		return nil
	}
	rec.out = out
	if rec.file != nil {
		rec.all = rec.file.count
		for read, err := range rec.file.Reads() {
			if err != nil {
				rec.note(err)
				rec.unlisted(err)
				continue
			}
			if err := rec.next(ctx, read, rec.described); err != nil {
				return err
			}
		}
	}
	if rec.listed {
		return nil // what is left is signal that no read ever had
	}
	undescribed := rec.undescribed()
	rec.all += len(undescribed)
	for _, read := range undescribed {
		if err := rec.next(ctx, read, rec.bare); err != nil {
			return err
		}
	}
	return nil
}

// unlisted deals with a read whose entry cannot be used. In files that do not tell
// the number of samples the reason may be its signal.
func (rec *recovery) unlisted(err error) {
	var e *signal.Error
	if rec.file.reads.samples == nil && errors.As(err, &e) {
		if id, err := signal.ParseReadID(e.ReadID); err == nil {
			rec.met[id] = true
			rec.lose(&Read{Read: signal.Read{ID: id}}, SignalDamaged, 0)
			return
		}
	}
	rec.listed = false
}

func (rec *recovery) next(ctx context.Context, read *Read, save func(*Read) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rec.done++
	rec.opts.Progress(rec.done, rec.all)
	return save(read)
}

// described saves a read of the reads table.
func (rec *recovery) described(read *Read) error {
	switch {
	case rec.met[read.ID]: // a damaged table must not make us write a row many times
		rec.lose(read, ListedTwice, 0)
		return nil
	case rec.bareRuns[read.Run] && !rec.opts.SignalOnly:
		rec.met[read.ID] = true
		rec.lose(read, RunUnknown, 0)
		return nil
	}
	rec.met[read.ID] = true
	return rec.write(read)
}

// bare saves a read of which only the signal is known.
func (rec *recovery) bare(read *Read) error {
	switch {
	case !rec.opts.SignalOnly:
		rec.lose(read, NotDescribed, 0)
		return nil
	case rec.rows.gaps: // any of its rows may be in a gap, the first one too
		rec.lose(read, SignalDamaged, 0)
		return nil
	}
	before := rec.result.Reads
	err := rec.write(read)
	rec.result.SignalOnly += rec.result.Reads - before
	return err
}

// undescribed gathers the reads whose signal is there and that were not met in the
// reads table, in the order of their signal.
func (rec *recovery) undescribed() []*Read {
	run := rec.opts.Like
	switch {
	case run != nil:
	case len(rec.runs) == 1:
		run = rec.runs[0]
	default:
		run = bareRun("unknown")
	}
	var reads []*Read
	known := map[signal.ReadID]*Read{}
	rec.rows.each(func(index uint64, id signal.ReadID, samples uint64) {
		if rec.met[id] {
			return
		}
		read := known[id]
		if read == nil {
			read = &Read{Read: signal.Read{
				ID: id, Run: run, Calibration: signal.Calibration{Scale: 1}, MedianBeforePA: nan, OpenPorePA: nan,
				EndReason: signal.EndUnknown, PoreType: "not_set",
			}}
			known[id] = read
			reads = append(reads, read)
		}
		read.rows = append(read.rows, index)
		read.Samples += samples
	})
	return reads
}

// write saves a read, or its beginning, or notes why not.
func (rec *recovery) write(read *Read) error {
	pieces, samples, fault := rec.measure(read)
	switch {
	case samples > read.Samples: // which of them are its own?
		rec.lose(read, SignalDamaged, 0)
		return nil
	case samples < read.Samples && fault == "":
		fault = SignalMissing
	}
	if fault != "" && (!rec.opts.Partial || samples == 0) {
		rec.lose(read, fault, 0)
		return nil
	}
	written := uint64(0)
	if err := rec.out.AddPieces(&read.Read, rec.pieces(read, pieces, &written)); err != nil {
		return err
	}
	if written != samples {
		return &signal.Error{Class: signal.Fatal, Op: "recover", File: rec.path, Err: errors.New("the file changed while it was read")}
	}
	rec.result.Reads++
	rec.result.Samples += samples
	if fault != "" {
		rec.result.Partial++
		rec.lose(read, fault, samples)
	}
	return nil
}

func (rec *recovery) lose(read *Read, why Loss, saved uint64) {
	rec.result.Lost = append(rec.result.Lost, LostRead{ID: read.ID, Reason: why, Saved: saved, Samples: read.Samples})
}

// measure decodes the signal of a read up to the first hole: how many rows and
// samples come before it, and what it is.
func (rec *recovery) measure(read *Read) (pieces int, samples uint64, fault Loss) {
	for i, index := range read.rows {
		var err error
		rec.buf, err = rec.rows.decodeRow(index, read.ID, rec.buf[:0])
		switch {
		case errors.Is(err, errMissing):
			return i, samples, SignalMissing
		case err != nil:
			return i, samples, SignalDamaged
		}
		samples += uint64(len(rec.buf))
	}
	return len(read.rows), samples, ""
}

// pieces decodes the first n rows of a read again, so that a long read need not be
// kept in memory. A read of one row is still there from measuring it.
func (rec *recovery) pieces(read *Read, n int, written *uint64) iter.Seq[[]int16] {
	return func(yield func([]int16) bool) {
		for _, index := range read.rows[:n] {
			if len(read.rows) > 1 {
				var err error
				if rec.buf, err = rec.rows.decodeRow(index, read.ID, rec.buf[:0]); err != nil {
					return // write compares what was written
				}
			}
			*written += uint64(len(rec.buf))
			if !yield(rec.buf) {
				return
			}
		}
	}
}
