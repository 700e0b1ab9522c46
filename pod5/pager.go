package pod5

import (
	"sync"
	"sync/atomic"
	"time"
)

// Pager reads the stored signal of reads that come roughly in file order: a page
// of neighbouring rows at a time, with one plain read into pooled memory. What it
// fetched can be decoded by others meanwhile. One goroutine may use a Pager.
type Pager struct {
	file   *File
	size   int64
	recent [recentPages]*page // latest first
}

const (
	// PageBytes is a good size of a page: long enough for disks and networks, short
	// enough to be still in a core's cache when it is decoded.
	PageBytes = 1 << 20
	// recentPages lets reads interleave.
	recentPages = 4
	// keptPageBytes bounds the memory that is kept for reuse. Rows longer than a page
	// have one of their own; old files hold a whole read in a row.
	keptPageBytes = 8 << 20
)

// page is a range of the file.
type page struct {
	start int64
	bytes []byte
	users atomic.Int32 // the pager, and every Packed of it
}

var pages = sync.Pool{New: func() any { return &page{} }}

func (p *page) release() {
	if p.users.Add(-1) == 0 && cap(p.bytes) <= keptPageBytes {
		pages.Put(p)
	}
}

// NewPager makes a pager of pages of the given size; 0 reads every row by itself,
// which is right when few of the reads are wanted.
func (f *File) NewPager(pageBytes int64) *Pager { return &Pager{file: f, size: pageBytes} }

// Close gives the pager's memory back. What was fetched stays valid.
func (p *Pager) Close() {
	for i, recent := range p.recent {
		if recent != nil {
			recent.release()
			p.recent[i] = nil
		}
	}
}

// Packed is a piece of a read as it is stored, in memory.
type Packed struct {
	file *File
	read *Read
	row  row
	page *page
}

// Fetch reads piece i of a read, below len(Rows()).
func (p *Pager) Fetch(r *Read, i int) (Packed, error) {
	packed, err := p.fetch(r, i)
	if err != nil {
		err = failRead(p.file.path, "read signal", r.ID, err)
	}
	return packed, err
}

func (p *Pager) fetch(r *Read, i int) (Packed, error) {
	rows := p.file.rows
	row, err := rows.lookup(r.rows[i], r.ID)
	if err != nil {
		return Packed{}, err
	}
	if err := rows.check(row); err != nil {
		return Packed{}, err
	}
	page, err := p.page(row)
	if err != nil {
		return Packed{}, err
	}
	page.users.Add(1)
	return Packed{p.file, r, row, page}, nil
}

// page gives a page that holds a row.
func (p *Pager) page(r row) (*page, error) {
	end := r.extent.Offset + r.extent.Length
	for i, recent := range p.recent {
		if recent != nil && recent.start <= r.extent.Offset && end <= recent.start+int64(len(recent.bytes)) {
			copy(p.recent[1:i+1], p.recent[:i])
			p.recent[0] = recent
			return recent, nil
		}
	}
	length := max(r.extent.Length, min(p.size, r.neighbours-r.extent.Offset))
	fresh := pages.Get().(*page)
	if int64(cap(fresh.bytes)) < length {
		fresh.bytes = make([]byte, max(length, p.size))
	}
	fresh.start, fresh.bytes = r.extent.Offset, fresh.bytes[:length]
	fresh.users.Store(1)
	if err := readFull(p.file.rows.r, fresh.bytes, fresh.start); err != nil {
		fresh.release()
		return nil, err
	}
	if oldest := p.recent[recentPages-1]; oldest != nil {
		oldest.release()
	}
	copy(p.recent[1:], p.recent[:])
	p.recent[0] = fresh
	return fresh, nil
}

// Decode appends the samples to dst. After an error dst comes back as it was.
// Several goroutines may decode what one pager fetched.
func (p Packed) Decode(dst []int16) ([]int16, error) {
	d := rowDecoders.Get().(*rowDecoder)
	defer rowDecoders.Put(d)
	at := p.row.extent.Offset - p.page.start
	dst, err := p.file.rows.unpack(d, p.row, p.page.bytes[at:at+p.row.extent.Length], dst)
	if err != nil {
		err = failRead(p.file.path, "decode signal", p.read.ID, err)
	}
	return dst, err
}

// Bytes is the stored size.
func (p Packed) Bytes() int64 { return p.row.extent.Length }

// Release gives the memory back, once.
func (p Packed) Release() { p.page.release() }

// Unzipping is the time that zstd took of all decoding so far, by all goroutines
// together.
func (f *File) Unzipping() time.Duration { return time.Duration(f.rows.unzipping.Load()) }
