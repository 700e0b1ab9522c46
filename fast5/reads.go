package fast5

import (
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/porevec/porevec/fast5/internal/hdf5"
	"github.com/porevec/porevec/signal"
)

// Read is a read of a file, which knows where its signal lies.
type Read struct {
	signal.Read
	data   *hdf5.Dataset
	digits float64 // digitisation
}

// Pieces is the number of stored pieces.
func (r *Read) Pieces() int { return len(r.data.Chunks) }

// Reads walks over the reads in file order. A read that cannot be used gives an
// error in its place; the walk goes on behind it.
func (f *File) Reads() iter.Seq2[*Read, error] {
	return func(yield func(*Read, error) bool) {
		for i := range f.reads {
			if !yield(f.readAt(i)) {
				return
			}
		}
	}
}

// ReadsOf walks over the reads with these ids, in file order.
func (f *File) ReadsOf(ids map[signal.ReadID]struct{}) iter.Seq2[*Read, error] {
	return func(yield func(*Read, error) bool) {
		for i, l := range f.reads {
			// A group is named after its read; where it is not, one must look.
			if id, err := signal.ParseReadID(strings.TrimPrefix(l.Name, "read_")); err == nil {
				if _, wanted := ids[id]; !wanted {
					continue
				}
			}
			read, err := f.readAt(i)
			if err == nil {
				if _, wanted := ids[read.ID]; !wanted {
					continue
				}
			}
			if !yield(read, err) {
				return
			}
		}
	}
}

func (f *File) readAt(i int) (*Read, error) {
	name := strings.TrimPrefix(f.reads[i].Name, "read_")
	r, err := f.read(f.reads[i])
	if err != nil {
		return nil, failRead(f.path, "list reads", name, err)
	}
	r.Path = f.path
	r.Origin = signal.Origin{Source: f.source, Ordinal: uint64(i)}
	return r, nil
}

// read reads one group.
func (f *File) read(l hdf5.Link) (*Read, error) {
	group, err := f.hdf.Object(l.Address)
	if err != nil {
		return nil, err
	}
	raw, tags := group, f.tags
	if !f.single {
		tags = group
		if raw, err = group.Child("Raw"); err != nil {
			return nil, err
		}
	}
	if raw == nil {
		return nil, fmt.Errorf("%w: it has no group Raw", ErrNoSignal)
	}
	data, err := raw.Child("Signal")
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("%w: it has no dataset Signal", ErrNoSignal)
	}
	r := &Read{}
	if r.data, err = data.Dataset(); err != nil {
		return nil, err
	}
	r.Samples = r.data.Len
	if err := fillRead(r, raw, l.Name); err != nil {
		return nil, err
	}
	rate, err := fillChannel(r, tags)
	if err != nil {
		return nil, err
	}
	r.Run, err = f.run(group, tags, rate, r)
	return r, err
}

// fillRead reads what the group Raw says. Where it does not name the read, the
// name of the read's group does.
func fillRead(r *Read, raw *hdf5.Object, group string) error {
	a := attributes{raw, nil}
	name := a.text("read_id")
	if name == "" {
		name = strings.TrimPrefix(group, "read_")
	}
	id, err := signal.ParseReadID(name)
	r.Number = uint32(a.int("read_number"))
	r.Start = uint64(a.int("start_time"))
	r.Mux = uint8(a.int("start_mux"))
	r.MedianBeforePA = float32(a.float("median_before"))
	r.OpenPorePA = float32(math.NaN())
	r.EndReason, r.EndReasonForced = a.endReason()
	if a.err != nil {
		return a.err
	}
	if err != nil {
		return fmt.Errorf("%w: read_id %q: %w", ErrCorrupt, name, err)
	}
	r.ID = id
	return nil
}

// fillChannel reads the group channel_id and gives the sampling rate. A file may
// hold bare signal: then channel and rate are 0 and the calibration is NaN, which
// is what is known of them.
func fillChannel(r *Read, tags *hdf5.Object) (rateHz float64, err error) {
	nan := float32(math.NaN())
	r.Calibration = signal.Calibration{Offset: nan, Scale: nan}
	if tags == nil {
		return 0, nil
	}
	channel, err := tags.Child("channel_id")
	if err != nil || channel == nil {
		return 0, err
	}
	a := attributes{channel, nil}
	number := a.text("channel_number")
	offset, span, digits, rate := a.float("offset"), a.float("range"), a.float("digitisation"), a.float("sampling_rate")
	if a.err != nil {
		return 0, a.err
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%w: channel_number %q", ErrCorrupt, number)
	}
	// A rate above 2^16 Hz fits no field of ours, and no instrument.
	if digits <= 0 || rate <= 0 || rate > math.MaxUint16 || math.IsInf(offset, 0) || math.IsInf(span, 0) || math.IsInf(digits, 0) {
		return 0, fmt.Errorf("%w: offset %g, range %g, digitisation %g, sampling_rate %g", ErrCorrupt, offset, span, digits, rate)
	}
	r.Channel = uint16(n)
	// pA = (adc + offset) · range / digitisation
	r.Calibration = signal.Calibration{Offset: float32(offset), Scale: float32(span / digits)}
	r.digits = digits
	return rate, nil
}
