package minknow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/porevec/porevec/internal/version"
	"github.com/porevec/porevec/minknow/api"
)

// session is one stream of a run's signal, and what is asked beside it.
type session struct {
	p        *position
	conn     *grpc.ClientConn
	info     *runInfo
	tracker  *tracker
	announce bool
}

// heartbeat is how often channel states come without news.
const heartbeat = 5 * time.Second

// open asks about the run and readies its books.
func (p *position) open(ctx context.Context, conn *grpc.ClientConn, run *api.AcquisitionRunInfo) (*session, error) {
	info, err := describe(ctx, conn, p.name, run)
	if err != nil {
		return nil, err
	}
	if err := checkDataTypes(ctx, conn); err != nil {
		return nil, err
	}
	s := &session{p: p, conn: conn, info: info, announce: p.feed.cfg.Announce}
	if p.tracker == nil {
		p.tracker = &tracker{
			run: info.run, path: "minknow://" + p.hostName + "/" + p.name, calibration: info.calibration,
			muxes: newMuxes(info.channels), stats: p.stats, log: p.log, seen: p.feed.cfg.Seen, channels: make(map[uint16]*channel),
		}
		p.log.Info("following a run", "run", info.run.AcquisitionID, "sample", info.run.SampleID, "flow_cell", info.run.FlowCellProductCode,
			"kit", info.run.SequencingKit, "channels", info.channels, "sample_rate_hz", info.run.SampleRateHz, "software", info.run.Software)
		if len(info.missing) > 0 {
			p.log.Warn("this server does not tell everything; going on without", "missing", info.missing)
		}
	}
	s.tracker = p.tracker
	p.stats.update(func(st *Stats) {
		st.State, st.Run, st.SampleRateHz, st.Channels = "streaming", info.run.AcquisitionID, info.run.SampleRateHz, info.channels
		st.NoCalibration = !info.calibrated
	})
	return s, nil
}

// checkDataTypes refuses signal that is not what raw_data is taken to be.
func checkDataTypes(ctx context.Context, conn *grpc.ClientConn) error {
	types, err := api.NewDataServiceClient(conn).GetDataTypes(ctx, &api.GetDataTypesRequest{})
	if status.Code(err) == codes.Unimplemented {
		return nil
	}
	if err != nil {
		return err
	}
	if t := types.UncalibratedSignal; t == nil || t.Type != api.GetDataTypesResponse_DataType_SIGNED_INTEGER || t.BigEndian || t.Size != 2 {
		return fmt.Errorf("the position sends its signal as %v, and not as 16-bit little-endian integers: this version of porevec cannot read that", t)
	}
	return nil
}

// stream takes signal until the run ends, the connection is lost or ctx ends.
func (s *session) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel(nil)
	live, err := api.NewDataServiceClient(s.conn).GetLiveReads(ctx)
	if err != nil {
		return err
	}
	// The setup, and never anything else.
	err = live.Send(&api.GetLiveReadsRequest{Request: &api.GetLiveReadsRequest_Setup{Setup: &api.GetLiveReadsRequest_StreamSetup{
		FirstChannel: 1, LastChannel: uint32(s.info.channels), RawDataType: api.GetLiveReadsRequest_UNCALIBRATED,
		// sample_minimum_chunk_size stays 0: other values do not work as they should.
	}}})
	if err != nil && !errors.Is(err, io.EOF) { // EOF: Recv says why
		return err
	}
	s.say("porevec " + version.Version + " follows this run: it reads the signal and changes nothing")
	defer s.say("porevec no longer follows this run")
	var last lastMessage
	last.set(time.Now())
	beside.Go(func() { s.watchStates(ctx) })
	beside.Go(func() {
		if err := s.watchProgress(ctx, &last); err != nil {
			cancel(err)
		}
	})
	for {
		msg, err := live.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return lost(ctx, err)
		}
		now := time.Now()
		last.set(now)
		d := newDelivery(s.tracker, msg, now)
		size := d.size
		s.p.feed.queue.put(d)
		s.p.stats.update(func(st *Stats) {
			st.Messages++
			st.Bytes += uint64(size)
			if d.size < size {
				st.ShedMessages++
			}
			st.LastMessage = now
			st.AcquiredNow = max(st.AcquiredNow, msg.SamplesSinceStart)
			st.SamplesBehind = behind(d, st.AcquiredNow)
		})
	}
}

// behind is how far the newest sample of a message lies behind what is acquired.
func behind(d *delivery, acquired uint64) uint64 {
	var newest uint64
	for i := range d.pieces {
		newest = max(newest, d.pieces[i].start+d.pieces[i].length)
	}
	return acquired - min(newest, acquired)
}

// lastMessage is when signal came last.
type lastMessage struct {
	mu sync.Mutex
	at time.Time
}

func (l *lastMessage) set(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = at
}

func (l *lastMessage) age() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.at)
}

// watchProgress asks once a second how much is acquired, and now and then in which phase
// the run is. It gives an error when acquisition goes on, reads should come and no signal
// does: a connection may be dead without a word.
func (s *session) watchProgress(ctx context.Context, last *lastMessage) error {
	acquisition, protocol := api.NewAcquisitionServiceClient(s.conn), api.NewProtocolServiceClient(s.conn)
	const phaseEvery = 5
	var before uint64
	reading := true // reads should come
	for n := 0; sleep(ctx, time.Second); n++ {
		if n%phaseEvery == 0 {
			var doing string
			doing, reading = phase(ctx, protocol)
			s.p.state(doing)
		}
		call, cancel := context.WithTimeout(ctx, callTimeout)
		progress, err := acquisition.GetProgress(call, &api.GetProgressRequest{})
		cancel()
		if err != nil {
			continue // it is not offered; or if the connection is gone, the stream tells
		}
		acquired := progress.RawPerChannel.GetAcquired()
		s.p.stats.update(func(st *Stats) { st.AcquiredNow = max(st.AcquiredNow, acquired) })
		if acquired > before && before > 0 && reading && last.age() > s.p.feed.cfg.Silence {
			return fmt.Errorf("no signal came for %v although the run goes on", s.p.feed.cfg.Silence)
		}
		before = acquired
	}
	return nil
}

// phase is what a run is doing, in words, and whether reads should come meanwhile. A
// server that does not tell is taken to be sequencing.
func phase(ctx context.Context, protocol api.ProtocolServiceClient) (doing string, reading bool) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	run, err := protocol.GetCurrentProtocolRun(ctx, &api.GetCurrentProtocolRunRequest{})
	if err == nil {
		switch run.Phase {
		case api.ProtocolPhase_PHASE_PREPARING_FOR_MUX_SCAN, api.ProtocolPhase_PHASE_MUX_SCAN:
			return "mux scan", false
		case api.ProtocolPhase_PHASE_PAUSING, api.ProtocolPhase_PHASE_PAUSED, api.ProtocolPhase_PHASE_RESUMING:
			return "paused", false
		}
	}
	return "streaming", true
}

// watchStates keeps track of which well each channel is connected to. Where the server
// does not tell, the wells are unknown.
func (s *session) watchStates(ctx context.Context) {
	client := api.NewDataServiceClient(s.conn)
	for ctx.Err() == nil {
		stream, err := client.GetChannelStates(ctx, &api.GetChannelStatesRequest{
			FirstChannel: 1, LastChannel: uint32(s.info.channels),
			UseChannelStatesIds: wrapperspb.Bool(true), Heartbeat: durationpb.New(heartbeat),
		})
		for err == nil {
			var states *api.GetChannelStatesResponse
			if states, err = stream.Recv(); err == nil {
				for _, c := range states.ChannelStates {
					if c.Config != nil {
						s.tracker.muxes.set(c.Channel, c.Config.Well)
					}
				}
			}
		}
		if status.Code(err) == codes.Unimplemented || !sleep(ctx, heartbeat) {
			return
		}
	}
}

// say writes into MinKNOW's own log, which the operator sees. That it cannot be
// written stops nothing.
func (s *session) say(text string) {
	if !s.announce {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	_, err := api.NewLogServiceClient(s.conn).SendUserMessage(ctx, &api.SendUserMessageRequest{
		UserMessage: text, Severity: api.Severity_MESSAGE_SEVERITY_INFO, Identifier: "porevec",
	})
	if err != nil {
		s.p.log.Debug("no message in MinKNOW's log", "error", err)
	}
}
