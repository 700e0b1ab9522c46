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

// watch keeps track of the positions of a host until ctx ends.
func (f *Feed) watch(ctx context.Context, h Host) {
	var pause backoff
	var told string
	connected := func(how string) {
		pause.reset()
		told = ""
		f.cfg.Log.Info("connected to MinKNOW"+how, "host", h.Name)
	}
	for ctx.Err() == nil {
		err := f.manage(ctx, h, connected)
		if ctx.Err() != nil {
			return
		}
		if err = h.Explain(err); err.Error() != told { // the same trouble is told once
			told = err.Error()
			f.cfg.Log.Warn("no connection to MinKNOW; trying again", "host", h.Name, "port", h.ManagerPort, "error", err)
		}
		pause.wait(ctx, nil)
	}
}

// manage follows what the manager tells until the connection is lost.
func (f *Feed) manage(ctx context.Context, h Host, connected func(how string)) error {
	conn, err := h.Dial(ctx, h.ManagerPort)
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
			return f.poll(ctx, h, manager, connected)
		case err != nil:
			return err
		}
		if first {
			connected("")
		}
		for _, p := range news.Additions {
			f.told(ctx, h, p)
		}
		for _, p := range news.Changes {
			f.told(ctx, h, p)
		}
		for _, name := range news.Removals {
			f.gone(h, name)
		}
	}
}

// poll lists the positions again and again.
func (f *Feed) poll(ctx context.Context, h Host, manager api.ManagerServiceClient, connected func(how string)) error {
	var before map[string]*api.FlowCellPosition
	for {
		there, err := list(ctx, manager)
		if err != nil {
			return err
		}
		if before == nil {
			connected("; its positions are listed every few seconds, since this server does not notify of them")
		}
		for name := range before {
			if there[name] == nil {
				f.gone(h, name)
			}
		}
		for _, p := range there {
			f.told(ctx, h, p)
		}
		before = there
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
