package file

import (
	"fmt"
	"io"
	"os"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/arrow"
	"github.com/porevec/porevec/sink/parquet"
	"github.com/porevec/porevec/sink/wire"
)

// Reader reads the vectors of an .arrow or .parquet file, in the file's order.
type Reader struct {
	file *os.File
	rows interface{ Next() (*wire.Batch, error) }
	err  error // ended the rows
}

// Open opens a file of vectors for reading. The other formats do not tell all
// that a batch does.
func Open(path string) (*Reader, error) {
	ext := extension(path)
	switch {
	case ext == ".part":
		return nil, fmt.Errorf("read %s: it is not whole, its writing was interrupted or still goes on: make it anew, or give it another name to read what it has", path)
	case ext == ".npy" || ext == ".ndjson":
		return nil, fmt.Errorf("read %s: %s files do not say exactly which model and settings made them: write .arrow or .parquet and read that", path, ext)
	case ext != ".arrow" && ext != ".parquet":
		return nil, fmt.Errorf("read %s: the name must end in .arrow or .parquet", path)
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, err // names the operation and the path
	}
	r := &Reader{file: in}
	if err := r.guard(r.open); err != nil {
		in.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) open() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	if extension(r.file.Name()) == ".arrow" {
		r.rows, err = arrow.NewReader(r.file, info.Size())
	} else {
		r.rows, err = parquet.NewReader(r.file, info.Size())
	}
	if err == io.EOF { // where the size says that there is more
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Next gives the next rows, of one run, and what the file tells of it: the
// acquisition id and, unless an older porevec wrote the file, the sample rate.
// Their values are not checked. The batch is the caller's. After the last rows
// it gives io.EOF; an error ends them, too.
func (r *Reader) Next() (b *wire.Batch, err error) {
	if r.err == nil {
		r.err = r.guard(func() error {
			b, err = r.rows.Next()
			return err
		})
	}
	if r.err != nil {
		return nil, r.err
	}
	return b, nil
}

// guard names the file in errors, and makes errors of panics: what is read may be
// damaged, and is indexed by what it says of itself.
func (r *Reader) guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged: %v", p)
		}
		if err != nil && err != io.EOF {
			err = &signal.Error{Class: signal.Corrupt, File: r.file.Name(), Op: "read vectors", Err: err}
		}
	}()
	return do()
}

// Close closes the file. Batches stay valid.
func (r *Reader) Close() error { return r.file.Close() }
