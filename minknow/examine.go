package minknow

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/porevec/porevec/minknow/api"
)

// Found is what a host is like.
type Found struct {
	Version   string // of MinKNOW; "unknown" where it does not tell
	Positions []FoundPosition
}

// FoundPosition is a flow-cell position of a host. Err says why its signal could not be
// streamed.
type FoundPosition struct {
	Name  string
	State string // in words
	Err   error
}

// Examine connects to a host and to each of its positions, and lets go of them again.
func Examine(ctx context.Context, h Host) (*Found, error) {
	conn, err := h.Dial(ctx, h.ManagerPort)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 4*callTimeout)
	defer cancel()
	manager := api.NewManagerServiceClient(conn)
	found := &Found{Version: "unknown"}
	version, err := manager.GetVersionInfo(ctx, &api.ManagerVersionRequest{})
	switch {
	case err == nil:
		found.Version = version.Minknow.GetFull()
	case status.Code(err) != codes.Unimplemented:
		return nil, h.Explain(err)
	}
	there, err := list(ctx, manager)
	if err != nil {
		return nil, h.Explain(err)
	}
	for name, p := range there {
		one := FoundPosition{Name: name}
		one.State, one.Err = examinePosition(ctx, h, p)
		found.Positions = append(found.Positions, one)
	}
	slices.SortFunc(found.Positions, func(a, b FoundPosition) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

func examinePosition(ctx context.Context, h Host, p *api.FlowCellPosition) (state string, err error) {
	port := uint16(p.RpcPorts.GetSecure())
	if port == 0 {
		return "its software does not run (" + p.State.String() + ") " + p.ErrorInfo, nil
	}
	conn, err := h.Dial(ctx, port)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	cell, err := api.NewDeviceServiceClient(conn).GetFlowCellInfo(ctx, &api.GetFlowCellInfoRequest{})
	if err != nil {
		return "", h.Explain(err)
	}
	state = "no flow cell"
	if cell.HasFlowCell {
		state = fmt.Sprintf("flow cell %s, %d channels", either(cell.ProductCode, cell.UserSpecifiedProductCode), cell.ChannelCount)
	}
	now, err := api.NewAcquisitionServiceClient(conn).CurrentStatus(ctx, &api.CurrentStatusRequest{})
	if err == nil {
		state += ", " + now.Status.String()
	}
	return state, nil
}
