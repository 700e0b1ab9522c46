package simulator

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/porevec/porevec/minknow/api"
	"github.com/porevec/porevec/signal"
)

// position is one flow cell and the software that runs it.
type position struct {
	cfg    Config
	index  int
	name   string
	run    *signal.Run // as recorded
	log    *slog.Logger
	tokens *tokens
	server server

	reel        reel
	calibration []signal.Calibration // by channel - 1

	acquisition *news[*api.AcquisitionRunInfo] // nil: there was none yet
	protocol    *news[*api.ProtocolRunInfo]

	mu       sync.Mutex
	current  *acquisition // while its signal can be streamed
	books    []*books
	actions  []*api.GetLiveReadsRequest_Action
	messages []string
	stallEnd time.Time
	big      int
}

// digitisation of the simulated converter: a power of two, so that calibrations come
// back exactly.
const digitisation = 8192

func newPosition(cfg Config, index int, name string, lib *library, tokens *tokens) (*position, error) {
	p := &position{
		cfg: cfg, index: index, name: name, run: lib.run, log: cfg.Log.With("position", name), tokens: tokens,
		acquisition: newNews[*api.AcquisitionRunInfo](nil), protocol: newNews[*api.ProtocolRunInfo](nil),
	}
	var err error
	if cfg.Recorded {
		p.reel, err = newRecorded(lib, index, cfg.Positions, cfg.Channels)
	} else {
		p.reel, err = newPacked(lib, index, cfg.Positions, cfg.Channels, cfg.Repeat, p.piece()), nil
	}
	if err != nil {
		return nil, err
	}
	if p.calibration, err = calibrations(lib, cfg.Channels); err != nil {
		return nil, err
	}
	return p, nil
}

// calibrations gives each channel that of the first recorded read on it, or else that
// of any read.
func calibrations(lib *library, channels int) ([]signal.Calibration, error) {
	all := make([]signal.Calibration, channels)
	known := make([]bool, channels)
	var first signal.Calibration
	const enough = 10_000 // reads; a large run is not read twice for this
	n := 0
	for t, err := range lib.reads() {
		if err != nil {
			return nil, err
		}
		if n == 0 {
			first = t.read.Calibration
		}
		if c := int(t.read.Channel) - 1; c >= 0 && !known[c%channels] {
			all[c%channels], known[c%channels] = t.read.Calibration, true
		}
		if n++; n == enough {
			break
		}
	}
	for c := range all {
		if !known[c] {
			all[c] = first
		}
	}
	return all, nil
}

func (p *position) piece() uint64 {
	return max(1, uint64(p.cfg.Piece.Seconds()*float64(p.run.SampleRateHz)))
}

func (p *position) samples(d time.Duration) uint64 {
	return uint64(d.Seconds() * float64(p.run.SampleRateHz))
}

// real is how long a time of the run's clock is for us.
func (p *position) real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / p.cfg.Pace)
}

// running is the acquisition whose signal can be streamed; nil: none.
func (p *position) running() *acquisition {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

// play goes through the runs of the position, until ctx ends or all reads were played.
func (p *position) play(ctx context.Context) error {
	defer p.reel.close()
	p.protocol.set(p.protocolRun(api.ProtocolPhase_PHASE_INITIALISING))
	if p.cfg.Calibration > 0 {
		id := derived(p.run.AcquisitionID, "calibration")
		p.tell(id, api.AcquisitionState_ACQUISITION_RUNNING, api.Purpose_CALIBRATION)
		if !sleep(ctx, p.real(p.cfg.Calibration)) {
			return nil
		}
		p.tell(id, api.AcquisitionState_ACQUISITION_COMPLETED, api.Purpose_CALIBRATION)
	}
	id := p.run.AcquisitionID
	if p.index > 0 {
		id = derived(id, fmt.Sprint("position ", p.index))
	}
	for n, stop := range append(p.stops(), Fault{}) {
		if n > 0 {
			id = derived(p.run.AcquisitionID, fmt.Sprint("position ", p.index, " run ", n))
			p.reel.again()
		}
		more, err := p.acquire(ctx, id, stop)
		if err != nil || !more {
			return err
		}
		if !sleep(ctx, p.real(stop.For)) {
			return nil
		}
	}
	return nil
}

// stops are the faults that end a run.
func (p *position) stops() []Fault {
	var stops []Fault
	for _, f := range p.cfg.Faults {
		if f.Kind == "stop" {
			stops = append(stops, f)
		}
	}
	return stops
}

// acquire plays one acquisition. more says that it was stopped and another one is due.
func (p *position) acquire(ctx context.Context, id string, stop Fault) (more bool, err error) {
	a := &acquisition{
		id: id, clock: newClock(p.run.SampleRateHz, p.cfg.Pace, p.reel.from()), began: time.Now(), piece: p.piece(), ends: p.cfg.Ends,
		over: make(chan struct{}), reel: p.reel, channels: make([][]*placed, p.cfg.Channels), counts: make([]uint32, p.cfg.Channels),
	}
	if p.cfg.Books {
		a.books = newBooks()
	}
	for _, f := range p.cfg.Faults {
		if f.Kind == "muxscan" || f.Kind == "pause" {
			a.scans = append(a.scans, scan{a.clock.from + p.samples(f.At), a.clock.from + p.samples(f.At+f.For)})
		}
	}
	p.tell(id, api.AcquisitionState_ACQUISITION_STARTING, api.Purpose_SEQUENCING)
	p.mu.Lock()
	p.current = a
	if a.books != nil {
		p.books = append(p.books, a.books)
	}
	p.mu.Unlock()
	if !p.cfg.Hold {
		a.clock.start()
	}
	p.protocol.set(p.protocolRun(api.ProtocolPhase_PHASE_SEQUENCING))
	p.tell(id, api.AcquisitionState_ACQUISITION_RUNNING, api.Purpose_SEQUENCING)
	p.log.Info("run begins", "acquisition", id)

	ctx, cancel := context.WithCancel(ctx)
	var faults sync.WaitGroup
	for _, f := range p.cfg.Faults {
		if f.Every == 0 && f.Kind != "stop" {
			faults.Go(func() { p.spoil(ctx, a, f) })
		}
	}
	more = p.untilOver(ctx, a, stop)
	cancel()
	faults.Wait()

	p.tell(id, api.AcquisitionState_ACQUISITION_FINISHING, api.Purpose_SEQUENCING)
	p.mu.Lock()
	p.current = nil
	p.mu.Unlock()
	close(a.over)
	err = a.finish()
	p.protocol.set(p.protocolRun(api.ProtocolPhase_PHASE_COMPLETED))
	p.tell(id, api.AcquisitionState_ACQUISITION_COMPLETED, api.Purpose_SEQUENCING)
	p.log.Info("run ends", "acquisition", id)
	return more, err
}

// untilOver waits for the end of a run, and says whether it was stopped on purpose.
func (p *position) untilOver(ctx context.Context, a *acquisition, stop Fault) (stopped bool) {
	for {
		now := a.clock.now()
		switch {
		case stop.Kind != "" && now >= a.clock.from+p.samples(stop.At):
			return true
		case p.cfg.Length > 0 && now >= a.clock.from+p.samples(p.cfg.Length), a.played(now):
			return false
		}
		if !a.clock.wait(ctx, now+a.piece/4) {
			return false
		}
	}
}

// spoil makes a fault happen when its time has come.
func (p *position) spoil(ctx context.Context, a *acquisition, f Fault) {
	if !a.clock.wait(ctx, a.clock.from+p.samples(f.At)) {
		return
	}
	p.log.Info("fault", "kind", f.Kind)
	switch f.Kind {
	case "reset":
		p.server.reset()
	case "goaway":
		p.server.goAway(ctx)
	case "restart":
		p.server.restart(ctx, p.real(f.For))
	case "stall":
		p.mu.Lock()
		p.stallEnd = time.Now().Add(p.real(f.For))
		p.mu.Unlock()
	case "big":
		p.mu.Lock()
		p.big++
		p.mu.Unlock()
	case "token":
		if err := p.tokens.renew(); err != nil {
			p.log.Error("token", "error", err)
		}
	case "muxscan":
		p.protocol.set(p.protocolRun(api.ProtocolPhase_PHASE_MUX_SCAN))
		if a.clock.wait(ctx, a.clock.from+p.samples(f.At+f.For)) {
			p.protocol.set(p.protocolRun(api.ProtocolPhase_PHASE_SEQUENCING))
		}
	case "pause":
		p.protocol.set(p.protocolRun(api.ProtocolPhase_PHASE_PAUSED))
		p.tell(a.id, api.AcquisitionState_ACQUISITION_PAUSED, api.Purpose_SEQUENCING)
		if a.clock.wait(ctx, a.clock.from+p.samples(f.At+f.For)) {
			p.protocol.set(p.protocolRun(api.ProtocolPhase_PHASE_SEQUENCING))
			p.tell(a.id, api.AcquisitionState_ACQUISITION_RUNNING, api.Purpose_SEQUENCING)
		}
	}
}

func (p *position) stalled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.stallEnd)
}

// wantsBig says, once for each such fault, that the next message is to be a big one.
func (p *position) wantsBig() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.big == 0 {
		return false
	}
	p.big--
	return true
}

func (p *position) acted(action *api.GetLiveReadsRequest_Action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.actions = append(p.actions, action)
}

// tell publishes the state of an acquisition.
func (p *position) tell(id string, state api.AcquisitionState, purpose api.Purpose) {
	before, _ := p.acquisition.get()
	info := &api.AcquisitionRunInfo{
		RunId: id, State: state, StartTime: timestamppb.Now(), DataReadStartTime: timestamppb.Now(),
		ConfigSummary: &api.AcquisitionConfigSummary{
			SampleRate: uint32(p.run.SampleRateHz), ChannelCount: uint32(p.cfg.Channels), Purpose: purpose, Pod5ReadsEnabled: true,
		},
	}
	if before != nil && before.RunId == id {
		info.StartTime, info.DataReadStartTime = before.StartTime, before.DataReadStartTime
	}
	if state == api.AcquisitionState_ACQUISITION_COMPLETED {
		info.DataReadEndTime, info.EndTime = timestamppb.Now(), timestamppb.Now()
	}
	p.acquisition.set(info)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// derived is an id that follows from another one.
func derived(id, how string) string {
	sum := sha256.Sum256([]byte(id + "\x00" + how))
	var u signal.ReadID
	copy(u[:], sum[:])
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return u.String()
}
