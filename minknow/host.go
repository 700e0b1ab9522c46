package minknow

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/porevec/porevec/minknow/api"
)

// pollPositions is how often positions are listed where they cannot be watched.
const pollPositions = 5 * time.Second

// watch follows the positions of a host until the feed is closed.
func (f *Feed) watch(h Host) {
	followed := &followed{feed: f, host: h, cancel: make(map[string]context.CancelFunc)}
	var pause backoff
	var told string
	connected := func() {
		pause.reset()
		told = ""
	}
	for f.ctx.Err() == nil {
		err := followed.attach(f.ctx, connected)
		if f.ctx.Err() != nil {
			return
		}
		if err = h.Explain(err); err.Error() != told { // the same trouble is told once
			told = err.Error()
			f.cfg.Log.Warn("no connection to MinKNOW; trying again", "host", h.Name, "port", h.ManagerPort, "error", err)
		}
		pause.wait(f.ctx, nil)
	}
}

// followed are the positions of a host that have a goroutine.
type followed struct {
	feed   *Feed
	host   Host
	cancel map[string]context.CancelFunc // by name
}

// attach connects to the manager and follows its positions until the connection is
// lost. connected is called when it stands.
func (h *followed) attach(ctx context.Context, connected func()) error {
	conn, err := h.host.Dial(ctx, h.host.ManagerPort)
	if err != nil {
		return err
	}
	defer conn.Close()
	manager := api.NewManagerServiceClient(conn)
	stream, err := manager.WatchFlowCellPositions(ctx, &api.WatchFlowCellPositionsRequest{})
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		news, err := stream.Recv()
		switch {
		case status.Code(err) == codes.Unimplemented:
			return h.poll(ctx, manager, connected)
		case err != nil:
			return err
		}
		if first {
			connected()
			h.feed.cfg.Log.Info("connected to MinKNOW", "host", h.host.Name)
		}
		for _, p := range news.Additions {
			h.update(p)
		}
		for _, p := range news.Changes {
			h.update(p)
		}
		for _, name := range news.Removals {
			h.remove(name)
		}
	}
}

// poll lists the positions again and again.
func (h *followed) poll(ctx context.Context, manager api.ManagerServiceClient, connected func()) error {
	for first := true; ; first = false {
		there, err := list(ctx, manager)
		if err != nil {
			return err
		}
		if first {
			connected()
			h.feed.cfg.Log.Info("connected to MinKNOW; positions are listed every few seconds, since this server does not notify of them", "host", h.host.Name)
		}
		for name := range h.cancel {
			if there[name] == nil {
				h.remove(name)
			}
		}
		for _, p := range there {
			h.update(p)
		}
		if !sleep(ctx, pollPositions) {
			return ctx.Err()
		}
	}
}

// list gives the positions of a host by their names.
func list(ctx context.Context, manager api.ManagerServiceClient) (map[string]*api.FlowCellPosition, error) {
	stream, err := manager.FlowCellPositions(ctx, &api.FlowCellPositionsRequest{})
	if err != nil {
		return nil, err
	}
	there := make(map[string]*api.FlowCellPosition)
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return there, nil
		}
		if err != nil {
			return nil, err
		}
		for _, p := range part.Positions {
			there[p.Name] = p
		}
	}
}

// Positions lists the flow-cell positions of a host, once.
func Positions(ctx context.Context, h Host) (map[string]*api.FlowCellPosition, error) {
	conn, err := h.Dial(ctx, h.ManagerPort)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	there, err := list(ctx, api.NewManagerServiceClient(conn))
	if err != nil {
		return nil, h.Explain(err)
	}
	return there, nil
}

// update begins to follow a position, or tells it of a new port.
func (h *followed) update(p *api.FlowCellPosition) {
	position, wanted := h.feed.position(h.host, p.Name)
	if !wanted {
		return
	}
	position.told(p)
	if h.cancel[p.Name] != nil {
		return
	}
	ctx, cancel := context.WithCancel(h.feed.ctx)
	h.cancel[p.Name] = cancel
	h.feed.group.Go(func() { position.follow(ctx) })
}

// remove lets go of a position that is gone.
func (h *followed) remove(name string) {
	if cancel := h.cancel[name]; cancel != nil {
		cancel()
		delete(h.cancel, name)
		h.feed.cfg.Log.Info("position removed", "host", h.host.Name, "position", name)
	}
}
