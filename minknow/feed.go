package minknow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/porevec/porevec/minknow/api"
	"github.com/porevec/porevec/signal"
)

// Host is a computer that runs MinKNOW.
type Host struct {
	Name string
	// ManagerPort is where its manager listens.
	ManagerPort uint16
	// Dial connects to one of its ports. Its errors are words for the operator.
	Dial func(ctx context.Context, port uint16) (*grpc.ClientConn, error)
	// Explain puts a failed call into such words.
	Explain func(error) error
}

// Config says what a feed follows.
type Config struct {
	Hosts []Host
	// Positions are the names of the flow-cell positions to follow; empty: all.
	Positions []string
	// Runs ends the feed when so many runs are over; 0: it goes on.
	Runs int
	// QueueBytes bounds the signal that waits to be taken; 0: 64 MiB.
	QueueBytes int
	// Silence is how long no signal may come while reads should, before a connection is
	// taken to be dead; 0: two minutes, for with few pores left that much may pass between
	// two reads.
	Silence time.Duration
	// Announce tells the operator in MinKNOW's log when a run is followed.
	Announce bool
	// Seen is told of each read that is over, from the goroutine that calls Next or
	// Close; nil: nobody is.
	Seen func(Seen)
	Log  *slog.Logger
}

// Validate names every problem of the configuration.
func (c Config) Validate() error {
	var errs []error
	if len(c.Hosts) == 0 {
		errs = append(errs, errors.New("no host to follow is given"))
	}
	for _, h := range c.Hosts {
		if h.Dial == nil || h.Explain == nil || h.ManagerPort == 0 {
			errs = append(errs, fmt.Errorf("host %q: a way to connect and the manager's port are needed", h.Name))
		}
	}
	if c.Runs < 0 || c.QueueBytes < 0 || c.Silence < 0 {
		errs = append(errs, errors.New("counts and sizes must not be negative"))
	}
	if c.Log == nil {
		errs = append(errs, errors.New("a log is needed"))
	}
	return errors.Join(errs...)
}

// Feed follows the runs of some hosts. It is a pipeline.Source.
type Feed struct {
	cfg   Config
	queue *queue
	ready []*signal.Block // of the message taken last

	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu        sync.Mutex
	begun     bool
	names     []string             // of the positions to follow; empty: all
	watches   []context.CancelFunc // of the hosts
	positions map[string]*position // by host and name
	runsOver  int
}

// New makes a feed; it connects to nothing before the first call of Next.
func New(cfg Config) (*Feed, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.QueueBytes == 0 {
		cfg.QueueBytes = 64 << 20
	}
	if cfg.Silence == 0 {
		cfg.Silence = 2 * time.Minute
	}
	if cfg.Seen == nil {
		cfg.Seen = func(Seen) {}
	}
	f := &Feed{cfg: cfg, queue: newQueue(cfg.QueueBytes), positions: make(map[string]*position)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f, nil
}

// Next waits for the next block of any run. io.EOF comes when as many runs are over as
// were asked for, or after Close.
func (f *Feed) Next(ctx context.Context) (*signal.Block, error) {
	f.begin()
	for len(f.ready) == 0 {
		d, err := f.queue.take(ctx)
		switch {
		case err != nil:
			return nil, err
		case d == nil:
			return nil, io.EOF
		case d.runEnded:
			d.tracker.endAll(d, f.emit)
			f.runOver()
		default:
			d.tracker.take(d, f.emit)
		}
	}
	b := f.ready[0]
	f.ready = f.ready[1:]
	return b, nil
}

func (f *Feed) emit(b *signal.Block) { f.ready = append(f.ready, b) }

// runOver counts the runs that have ended.
func (f *Feed) runOver() {
	f.mu.Lock()
	f.runsOver++
	over := f.runsOver == f.cfg.Runs
	f.mu.Unlock()
	if over {
		f.cfg.Log.Info("as many runs are over as were to be followed", "runs", f.cfg.Runs)
		f.cancel()
		f.queue.end()
	}
}

// Close lets go of every host and waits until nothing of the feed runs any more. Reads
// that were in progress are told to Seen. Next must not be called meanwhile.
func (f *Feed) Close() error {
	f.mu.Lock()
	f.cancel()
	f.mu.Unlock() // from now on no goroutine is added
	f.group.Wait()
	f.queue.end()
	release := func(b *signal.Block) { b.Release() }
	for _, b := range f.ready {
		release(b)
	}
	f.ready = nil
	for {
		d, _ := f.queue.take(context.Background()) // it has ended, so this never waits
		if d == nil {
			break
		}
		d.shed() // nobody takes its blocks
		d.tracker.take(d, release)
	}
	for _, p := range f.positions {
		if p.tracker != nil {
			p.tracker.endAll(&delivery{}, release)
		}
	}
	return nil
}

// Stats tells of every position that was met, by host and name.
func (f *Feed) Stats() []Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Stats
	for _, p := range f.positions {
		all = append(all, p.stats.snapshot())
	}
	slices.SortFunc(all, func(a, b Stats) int {
		return strings.Compare(positionKey(a.Host, a.Position), positionKey(b.Host, b.Position))
	})
	return all
}

// begin connects, once.
func (f *Feed) begin() {
	f.mu.Lock()
	begun := f.begun
	f.begun = true
	f.mu.Unlock()
	if !begun {
		f.Follow(f.cfg.Hosts, f.cfg.Positions)
	}
}

// Follow changes which positions of which hosts are followed. Those that were and still
// are go on without a pause, by the new way to connect when they next connect. The
// others are let go. It may be called from any goroutine.
func (f *Feed) Follow(hosts []Host, names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return
	}
	f.begun, f.names = true, names
	for _, cancel := range f.watches {
		cancel()
	}
	f.watches = nil
	for _, p := range f.positions {
		at := slices.IndexFunc(hosts, func(h Host) bool { return h.Name == p.hostName })
		if at < 0 || !f.wanted(p.name) {
			p.letGo()
			continue
		}
		p.setHost(hosts[at])
	}
	for _, h := range hosts {
		ctx, cancel := context.WithCancel(f.ctx)
		f.watches = append(f.watches, cancel)
		f.group.Go(func() { f.watch(ctx, h) })
	}
}

func (f *Feed) wanted(name string) bool { return len(f.names) == 0 || slices.Contains(f.names, name) }

// told takes in what a manager says of a position, and follows it if it is wanted.
func (f *Feed) told(ctx context.Context, h Host, info *api.FlowCellPosition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil || !f.wanted(info.Name) {
		return // the list is an old one
	}
	key := positionKey(h.Name, info.Name)
	p := f.positions[key]
	if p == nil {
		p = newPosition(f, h, info.Name)
		f.positions[key] = p
	}
	p.told(info)
	p.beFollowed()
}

// gone lets go of a position that its host no longer has.
func (f *Feed) gone(h Host, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.positions[positionKey(h.Name, name)]; p != nil {
		p.letGo()
		p.log.Info("position removed")
	}
}

func positionKey(host, name string) string { return host + "\x00" + name }
