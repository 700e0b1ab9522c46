package simulator

import (
	"context"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/porevec/porevec/minknow/api"
)

// classStrand is the class of every read here, as in get_read_classifications.
const classStrand = 83

type liveStream = grpc.BidiStreamingServer[api.GetLiveReadsRequest, api.GetLiveReadsResponse]

// stream sends pieces to one client.
type stream struct {
	p   *position
	a   *acquisition
	out liveStream

	mu       sync.Mutex // of what requests change
	setup    *api.GetLiveReadsRequest_StreamSetup
	rawType  api.GetLiveReadsRequest_RawDataType
	stopped  map[string]bool // reads of which no more is wanted
	answers  []*api.GetLiveReadsResponse_ActionResponse
	refusal  error
	cursors  []cursor // by channel - 1
	count    int      // of items, for faults
	withheld map[int]item
}

// cursor is how far a channel was sent.
type cursor struct {
	read *placed
	sent uint64 // samples of it
}

// item is what a message says of one read.
type item struct {
	p        *placed
	from, to uint64
}

// GetLiveReads streams pieces of reads until the run ends or the client goes.
func (d *dataService) GetLiveReads(out liveStream) error {
	first, err := out.Recv()
	if err != nil {
		return err
	}
	if first.GetSetup() == nil {
		return status.Error(codes.InvalidArgument, "the first message must be a setup")
	}
	a := d.p.running()
	if a == nil {
		return status.Error(codes.FailedPrecondition, "no acquisition is running")
	}
	s := &stream{
		p: d.p, a: a, out: out, rawType: api.GetLiveReadsRequest_NONE, stopped: make(map[string]bool),
		withheld: make(map[int]item), cursors: make([]cursor, d.p.cfg.Channels),
	}
	if err := s.configure(first.GetSetup()); err != nil {
		return err
	}
	s.attach()
	a.clock.start()
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel()
	// It ends with the call: Recv fails when this function has returned.
	go s.requests(cancel)
	return s.serve(ctx)
}

// configure takes in a setup.
func (s *stream) configure(setup *api.GetLiveReadsRequest_StreamSetup) error {
	if setup.FirstChannel < 1 || setup.LastChannel < setup.FirstChannel || int(setup.LastChannel) > s.p.cfg.Channels {
		return status.Errorf(codes.InvalidArgument, "channels %d to %d: the flow cell has 1 to %d", setup.FirstChannel, setup.LastChannel, s.p.cfg.Channels)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setup = setup
	if setup.RawDataType != api.GetLiveReadsRequest_KEEP_LAST {
		s.rawType = setup.RawDataType
	}
	return nil
}

// requests takes what the client sends after its first setup.
func (s *stream) requests(cancel context.CancelFunc) {
	for {
		request, err := s.out.Recv()
		if err != nil {
			return // the client may have closed its side, and still listens
		}
		if setup := request.GetSetup(); setup != nil {
			if err := s.configure(setup); err != nil {
				s.mu.Lock()
				s.refusal = err
				s.mu.Unlock()
				cancel()
				return
			}
		}
		for _, action := range request.GetActions().GetActions() {
			s.act(action)
		}
	}
}

// act does what a client wants done to a read.
func (s *stream) act(action *api.GetLiveReadsRequest_Action) {
	s.p.acted(action)
	answer := &api.GetLiveReadsResponse_ActionResponse{ActionId: action.ActionId, Response: api.GetLiveReadsResponse_ActionResponse_FAILED_READ_FINISHED}
	now := s.a.clock.now()
	s.a.look(now, int(action.Channel), int(action.Channel), func(_ int, reads []*placed) {
		for _, p := range reads {
			if p.id.String() != action.GetId() || now >= p.end() || now < p.start {
				continue
			}
			answer.Response = api.GetLiveReadsResponse_ActionResponse_SUCCESS
			if action.GetUnblock() != nil {
				s.a.unblock(p, now)
			}
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped[action.GetId()] = true
	s.answers = append(s.answers, answer)
}

// attach begins with what is new from now on.
func (s *stream) attach() {
	now := s.a.clock.now()
	s.a.look(now, 1, len(s.cursors), func(channel int, reads []*placed) {
		for _, p := range reads {
			if p.start <= now {
				s.cursors[channel-1] = cursor{p, s.a.complete(p, now)}
			}
		}
	})
}

// looksPerPiece is how often channels are looked at in the time of a piece.
const looksPerPiece = 16

// serve sends what has become complete, again and again.
func (s *stream) serve(ctx context.Context) error {
	step := max(s.a.piece/looksPerPiece, 1)
	at := s.a.clock.now()
	for {
		at = max(at+step, s.a.clock.now())
		select {
		case <-s.a.over:
			if s.a.ends {
				if err := s.send(s.collect(s.a.clock.now())); err != nil {
					return err
				}
			}
			return status.Error(codes.Aborted, "the acquisition has ended")
		default:
		}
		if !s.a.clock.wait(ctx, at) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.refusal != nil {
				return s.refusal
			}
			return status.FromContextError(ctx.Err()).Err()
		}
		if s.p.stalled() {
			continue
		}
		if err := s.send(s.collect(s.a.clock.now())); err != nil {
			return err
		}
	}
}

// collect gives what is new, and moves the cursors past it.
func (s *stream) collect(now uint64) []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items []item
	s.a.look(now, int(s.setup.FirstChannel), int(s.setup.LastChannel), func(channel int, reads []*placed) {
		c := &s.cursors[channel-1]
		for _, p := range reads {
			if p.start > now || c.read != nil && p.start < c.read.start {
				continue
			}
			if p != c.read {
				*c = cursor{read: p}
			}
			if now > p.end()+2*s.a.piece && !s.a.ends {
				continue // it was over before its turn came: only reads in progress are sent
			}
			if to := s.a.complete(p, now); to > c.sent {
				if s.wanted(p) {
					items = s.spoil(items, item{p, c.sent, to})
				}
				c.sent = to
			}
		}
	})
	return items
}

// wanted says whether the client takes pieces of a read.
func (s *stream) wanted(p *placed) bool {
	if s.stopped[p.id.String()] {
		return false
	}
	classes := s.setup.AcceptedFirstChunkClassifications
	for _, class := range classes {
		if class == classStrand {
			return true
		}
	}
	return len(classes) == 0
}

// spoil adds an item, as faults want it.
func (s *stream) spoil(items []item, i item) []item {
	s.count++
	held, isHeld := s.withheld[i.p.channel]
	after := isHeld && held.p != i.p
	if after {
		delete(s.withheld, i.p.channel)
	}
	for _, f := range s.p.cfg.Faults {
		if f.Every == 0 || s.count%f.Every != 0 {
			continue
		}
		switch f.Kind {
		case "gap":
			return items
		case "dup":
			items = append(items, i)
		case "late":
			if !isHeld {
				s.withheld[i.p.channel] = i
				return items
			}
		}
	}
	items = append(items, i)
	if after {
		items = append(items, held)
	}
	return items
}

// send packs items into messages of some channels each.
func (s *stream) send(items []item) error {
	s.mu.Lock()
	answers := s.answers
	s.answers = nil
	rawType := s.rawType
	s.mu.Unlock()
	if s.p.wantsBig() {
		answers = append(answers, &api.GetLiveReadsResponse_ActionResponse{ActionId: strings.Repeat("0", bigBytes)})
	}
	for len(items) > 0 || len(answers) > 0 {
		now := s.a.clock.now()
		msg := &api.GetLiveReadsResponse{
			SamplesSinceStart: now, SecondsSinceStart: float64(now) / float64(s.p.run.SampleRateHz),
			Channels: make(map[uint32]*api.GetLiveReadsResponse_ReadData), ActionResponses: answers,
		}
		answers = nil
		n := 0
		for ; n < len(items) && len(msg.Channels) < s.p.cfg.MessageChannels; n++ {
			i := items[n]
			if msg.Channels[uint32(i.p.channel)] != nil {
				break // a channel comes once in a message
			}
			msg.Channels[uint32(i.p.channel)] = s.data(i, rawType)
		}
		if err := s.out.Send(msg); err != nil {
			return err
		}
		for _, i := range items[:n] {
			s.a.books.sent(i.p, i.from, i.to)
		}
		items = items[n:]
	}
	return nil
}

// bigBytes is the size of a message that is too big for clients with usual limits.
const bigBytes = 30 << 20
