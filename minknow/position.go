package minknow

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/porevec/porevec/minknow/api"
)

// position follows the runs of one flow-cell position.
type position struct {
	feed     *Feed
	hostName string
	name     string
	log      *slog.Logger
	stats    *counters

	stop context.CancelFunc // nil: nobody follows; the feed's lock is held for it
	// following is held while a goroutine follows: a position that came back has one
	// before the last one is gone.
	following sync.Mutex

	mu      sync.Mutex
	host    Host
	port    uint16
	changed chan struct{} // closed when the port changes
	// run is the acquisition that MinKNOW told of last; nil: none.
	run     *api.AcquisitionRunInfo
	runNews chan struct{} // closed when run changes

	// tracker keeps the books of the run that is followed, over lost connections too.
	tracker *tracker
	over    string // the acquisition that was over last
	// connected says that a connection stood before.
	connected bool
}

func newPosition(f *Feed, h Host, name string) *position {
	p := &position{
		feed: f, host: h, hostName: h.Name, name: name, log: f.cfg.Log.With("host", h.Name, "position", name), stats: &counters{},
		changed: make(chan struct{}), runNews: make(chan struct{}),
	}
	p.stats.stats = Stats{Host: h.Name, Position: name, State: "not connected"}
	return p
}

// beFollowed starts a goroutine that follows, unless there is one.
func (p *position) beFollowed() {
	if p.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(p.feed.ctx)
	p.stop = cancel
	p.feed.group.Go(func() { p.follow(ctx) })
}

// letGo ends that goroutine.
func (p *position) letGo() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// setHost changes how to connect from the next time on.
func (p *position) setHost(h Host) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.host = h
}

// told takes in what the manager says of the position.
func (p *position) told(info *api.FlowCellPosition) {
	port := uint16(info.RpcPorts.GetSecure())
	p.mu.Lock()
	defer p.mu.Unlock()
	if port != p.port {
		p.port = port
		close(p.changed)
		p.changed = make(chan struct{})
	}
	if port == 0 {
		p.state("its software does not run (" + info.State.String() + ")")
		if info.ErrorInfo != "" {
			p.log.Warn("MinKNOW reports trouble with a position", "state", info.State.String(), "error", info.ErrorInfo)
		}
	}
}

func (p *position) state(text string) { p.stats.update(func(s *Stats) { s.State = text }) }

// follow connects to the position and follows its runs until ctx ends.
func (p *position) follow(ctx context.Context) {
	p.following.Lock()
	defer p.following.Unlock()
	var pause backoff
	var told string
	connected := func() {
		pause.reset()
		told = ""
	}
	for ctx.Err() == nil {
		p.mu.Lock()
		port, changed, host := p.port, p.changed, p.host
		p.mu.Unlock()
		if port == 0 {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		err := p.attach(ctx, host, port, connected)
		if ctx.Err() != nil {
			break
		}
		p.state("not connected")
		if err = host.Explain(err); err.Error() != told {
			told = err.Error()
			p.log.Warn("connection to the position lost; trying again", "port", port, "error", err)
		}
		pause.wait(ctx, changed)
	}
	p.state("let go")
}

// attach connects and follows runs until the connection is lost.
func (p *position) attach(ctx context.Context, host Host, port uint16, connected func()) error {
	conn, err := host.Dial(ctx, port)
	if err != nil {
		return err
	}
	defer conn.Close()
	if p.connected {
		p.stats.update(func(s *Stats) { s.Reconnects++ })
	}
	p.connected = true
	ctx, cancel := context.WithCancelCause(ctx)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer cancel(nil)
	watcher.Go(func() {
		if err := watchRuns(ctx, conn, p.setRun); err != nil {
			cancel(err)
		}
	})
	for {
		run, err := p.awaitRun(ctx, conn)
		if err != nil {
			return lost(ctx, err)
		}
		if err := p.followRun(ctx, conn, run, connected); err != nil {
			return lost(ctx, err)
		}
	}
}

// lost is why a connection ended: what cancelled ctx, if anything did.
func lost(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// setRun notes the acquisition that MinKNOW tells of.
func (p *position) setRun(run *api.AcquisitionRunInfo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run = run
	close(p.runNews)
	p.runNews = make(chan struct{})
}

func (p *position) current() (*api.AcquisitionRunInfo, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run, p.runNews
}

// awaitRun waits for a sequencing run. Meanwhile the run before it is found to be over.
func (p *position) awaitRun(ctx context.Context, conn *grpc.ClientConn) (*api.AcquisitionRunInfo, error) {
	for {
		run, news := p.current()
		if p.tracker != nil && (run == nil || run.RunId != p.tracker.run.AcquisitionID || run.State == api.AcquisitionState_ACQUISITION_COMPLETED) {
			p.endRun()
		}
		if run != nil && run.RunId != p.over && p.sequencing(ctx, conn, run) {
			return run, nil
		}
		if run != nil {
			p.state("waits for a run")
		}
		select {
		case <-news:
		case <-time.After(pollRuns): // a state that is told nowhere else
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// sequencing says whether an acquisition is one to follow.
func (p *position) sequencing(ctx context.Context, conn *grpc.ClientConn, run *api.AcquisitionRunInfo) bool {
	if run.ConfigSummary.GetPurpose() == api.Purpose_CALIBRATION {
		return false
	}
	switch run.State {
	case api.AcquisitionState_ACQUISITION_RUNNING, api.AcquisitionState_ACQUISITION_PAUSED:
		return true
	case api.AcquisitionState_ACQUISITION_STARTING:
		// Some servers never leave this state.
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		now, err := api.NewAcquisitionServiceClient(conn).CurrentStatus(ctx, &api.CurrentStatusRequest{})
		return err == nil && now.Status == api.MinknowStatus_PROCESSING
	}
	return false
}

// endRun closes the books of a run.
func (p *position) endRun() {
	p.log.Info("run is over", "run", p.tracker.run.AcquisitionID)
	p.over = p.tracker.run.AcquisitionID
	p.feed.queue.put(&delivery{tracker: p.tracker, runEnded: true, received: time.Now()})
	p.tracker = nil
	p.stats.update(func(s *Stats) { s.Run = "" })
}

// followRun streams a run until it is over or the stream ends. An error means that the
// connection is to be made anew.
func (p *position) followRun(ctx context.Context, conn *grpc.ClientConn, run *api.AcquisitionRunInfo, streaming func()) error {
	ctx, cancel := context.WithCancel(ctx)
	var waiter sync.WaitGroup
	defer waiter.Wait()
	defer cancel()
	waiter.Go(func() { // the stream of a run that is over may never end by itself
		for {
			now, news := p.current()
			if now == nil || now.RunId != run.RunId || now.State == api.AcquisitionState_ACQUISITION_COMPLETED {
				if sleep(ctx, lastWords) {
					cancel()
				}
				return
			}
			select {
			case <-news:
			case <-ctx.Done():
				return
			}
		}
	})
	s, err := p.open(ctx, conn, run)
	if err == nil {
		streaming()
		err = s.stream(ctx)
	}
	switch now, _ := p.current(); {
	case now == nil || now.RunId != run.RunId || now.State == api.AcquisitionState_ACQUISITION_COMPLETED:
		return nil // it is over, whatever the stream said
	case err == nil, runEnds(err):
		// The stream says so before the watch does.
		if !sleep(ctx, lastWords) {
			return nil
		}
		now, _ := p.current()
		if now != nil && now.RunId == run.RunId && now.State != api.AcquisitionState_ACQUISITION_COMPLETED {
			p.stats.update(func(s *Stats) { s.Reconnects++ })
			p.log.Info("the stream of signal ended, and the run goes on: streaming again", "run", run.RunId)
		}
		return nil
	}
	return fmt.Errorf("stream of signal: %w", err)
}

const (
	callTimeout = 5 * time.Second // MinKNOW may be busy for a second or two
	pollRuns    = 2 * time.Second
	lastWords   = time.Second // how long watch and stream may differ in what they know
)

// runEnds says whether a stream ended as it does with its run.
func runEnds(err error) bool {
	switch status.Code(err) {
	case codes.Canceled, codes.Aborted, codes.FailedPrecondition:
		return true
	}
	return false
}

// watchRuns tells of every change of the current acquisition, nil when there is none,
// until the connection is lost.
func watchRuns(ctx context.Context, conn *grpc.ClientConn, update func(*api.AcquisitionRunInfo)) error {
	client := api.NewAcquisitionServiceClient(conn)
	for {
		stream, err := client.WatchCurrentAcquisitionRun(ctx, &api.WatchCurrentAcquisitionRunRequest{})
		for err == nil {
			var run *api.AcquisitionRunInfo
			if run, err = stream.Recv(); err == nil {
				update(run)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		switch code := status.Code(err); {
		case code == codes.Unimplemented:
			run, err := client.GetCurrentAcquisitionRun(ctx, &api.GetCurrentAcquisitionRunRequest{})
			switch {
			case err == nil:
				update(run)
			case status.Code(err) == codes.FailedPrecondition:
				update(nil)
			default:
				return err
			}
		case code == codes.Unknown, runEnds(err): // the server ended the watch: ask again
		default:
			return err
		}
		if !sleep(ctx, pollRuns) {
			return nil
		}
	}
}
