package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/normalize"
	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink"
)

// Source yields the blocks of reads; io.EOF ends it. An error of class corrupt
// tells of a file or read that was skipped: Next goes on after it. Next is
// called from one goroutine.
type Source interface {
	Next(context.Context) (*signal.Block, error)
}

// Line is what the reads of one kind of run go through.
type Line struct {
	Encoder     embed.Encoder
	BatchChunks int // most chunks in an encoder call
	Segment     segment.Config
	Normalize   *normalize.Normalizer // used by the cutting goroutine alone
	Recipe      *signal.Recipe
}

// Config holds what a pipeline is made of.
type Config struct {
	Source Source
	// SourceEnded is called once when nothing more is taken from the source, before the
	// sink is flushed; nil: nobody is told.
	SourceEnded func()
	// AtRest says of a source without an end whether it had given all there was when it was
	// stopped, so that what was made of it is whole; nil: it had not.
	AtRest func() bool
	// LineFor picks the line of a run, or says with embed.ErrNoModel that none fits;
	// another error ends the pipeline. It is called once per kind of run, from one
	// goroutine.
	LineFor func(context.Context, *signal.Run) (*Line, error)
	// ShortLineFor gives a line of a run with a shorter window than LineFor's, for
	// Limit.ShortWindow; nil: there is none.
	ShortLineFor func(context.Context, *signal.Run) (*Line, error)
	Sink         sink.Sink
	// Stored says whether an earlier run delivered the chunk; nil: none was.
	Stored func(context.Context, *signal.Recipe, signal.Chunk) (bool, error)

	// ReadEnd is told of every read that is over, from any goroutine; nil: nobody is told.
	ReadEnd func(ReadEnd)

	Workers  int           // that encode at once, one core each
	BatchAge time.Duration // longest wait of a chunk for its batch to fill
	// Backlog makes the source a live feed: so many chunks may wait for an encoder, and
	// beyond that some are shed. 0: the source waits instead.
	Backlog int
	// Speed replays at a multiple of the sequencer's pace; 0 is as fast as it
	// goes.
	Speed float64
	Log   *slog.Logger
}

// Validate names every problem of the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Source == nil || c.LineFor == nil || c.Sink == nil || c.Log == nil {
		errs = append(errs, errors.New("source, lines, sink and log are needed"))
	}
	if c.Workers < 1 {
		errs = append(errs, fmt.Errorf("%d workers: at least 1 must encode", c.Workers))
	}
	if c.BatchAge <= 0 {
		errs = append(errs, fmt.Errorf("batch age of %v: must be above 0", c.BatchAge))
	}
	if c.Backlog < 0 {
		errs = append(errs, fmt.Errorf("backlog of %d chunks: must not be negative", c.Backlog))
	}
	if !(c.Speed >= 0) {
		errs = append(errs, fmt.Errorf("speed of %g: must not be negative", c.Speed))
	}
	return errors.Join(errs...)
}

// ReadEnd is what came of a read when it was cut. Whether its vectors were delivered is
// in the report.
type ReadEnd struct {
	// Read has only Path and ID of a read that could not be had at all.
	Read   *signal.Read
	Recipe *signal.Recipe // nil: no model
	Chunks uint32
	// Skipped is why it gave no chunk, or not all; "" when it did.
	Skipped segment.Reason
}

// Pipeline is one run from a source to a sink.
type Pipeline struct {
	cfg      Config
	ledger   *ledger
	stop     chan struct{} // closed by Stop
	stopOnce sync.Once
	failed   atomic.Pointer[error] // the first failure
	complete atomic.Bool           // the source came to its end
	stopped  atomic.Bool           // nothing more was asked of it
	limit    atomic.Pointer[Limit]

	blocks  chan *signal.Block
	free    chan *job // batches that wait to be filled
	work    chan *job // to the encoders
	ordered chan *job // the same jobs, in the order in which they were cut
}

// New makes a pipeline; nothing runs before Run.
func New(cfg Config) (*Pipeline, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	// Enough that every worker is busy while one batch fills, one is delivered
	// and each worker's next is waiting.
	jobs := 2*cfg.Workers + 2
	p := &Pipeline{
		cfg:     cfg,
		ledger:  newLedger(),
		stop:    make(chan struct{}),
		blocks:  make(chan *signal.Block, 2),
		free:    make(chan *job, jobs),
		work:    make(chan *job, jobs),
		ordered: make(chan *job, jobs),
	}
	for range jobs {
		p.free <- &job{encoded: make(chan error, 1)}
	}
	return p, nil
}

// Run works until the source ends, Stop is called, ctx is cancelled or
// something fatal happens, closes the sink and waits for all of its goroutines.
// The report is complete in every case.
func (p *Pipeline) Run(ctx context.Context) (Report, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.read(ctx) })
	group.Go(func() error { return p.cut(ctx) })
	for range p.cfg.Workers {
		group.Go(func() error { return p.encode(ctx) })
	}
	group.Go(func() error { return p.deliver(ctx) })
	err := group.Wait()
	return p.ledger.snapshot(), err
}

// Stop ends the source; what has been read reaches the sink. It may be called
// from anywhere, more than once.
func (p *Pipeline) Stop() { p.stopOnce.Do(func() { close(p.stop) }) }

// Progress is the report so far.
func (p *Pipeline) Progress() Report { return p.ledger.snapshot() }

// fail keeps the first failure and stops the source.
func (p *Pipeline) fail(err error) {
	if p.failed.CompareAndSwap(nil, &err) && signal.ClassOf(err) != signal.Cancelled {
		p.ledger.note(err)
	}
	p.Stop()
}

func (p *Pipeline) failure() error {
	if err := p.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// spent books time on a stage.
func (p *Pipeline) spent(stage func(*Stages) *time.Duration, since time.Time) {
	d := time.Since(since)
	p.ledger.update(func(r *Report) { *stage(&r.Stages) += d })
}
