package simulator

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/porevec/porevec/minknow/api"
)

// lastWords is how long the host is still there after its last run.
const lastWords = 2 * time.Second

type managerService struct {
	api.UnimplementedManagerServiceServer
	s *Simulator
}

func (m *managerService) GetVersionInfo(context.Context, *api.ManagerVersionRequest) (*api.GetVersionInfoResponse, error) {
	return version(), nil
}

func (m *managerService) LocalAuthenticationTokenPath(context.Context, *api.LocalAuthenticationTokenPathRequest) (*api.LocalAuthenticationTokenPathResponse, error) {
	return &api.LocalAuthenticationTokenPathResponse{Path: m.s.tokens.path}, nil
}

// describe is what the manager says of a position.
func (p *position) describe(port uint16) *api.FlowCellPosition {
	out := &api.FlowCellPosition{Name: p.name, State: api.FlowCellPosition_RUNNING, IsSimulated: true, DeviceType: int32(p.device().DeviceType)}
	if port == 0 {
		out.State = api.FlowCellPosition_INITIALISING
	} else {
		out.RpcPorts = &api.FlowCellPosition_RpcPorts{Secure: uint32(port)}
	}
	return out
}

func (m *managerService) positions(ports map[string]uint16) []*api.FlowCellPosition {
	var all []*api.FlowCellPosition
	for _, p := range m.s.positions {
		all = append(all, p.describe(ports[p.name]))
	}
	return all
}

func (m *managerService) FlowCellPositions(_ *api.FlowCellPositionsRequest, out grpc.ServerStreamingServer[api.FlowCellPositionsResponse]) error {
	ports, _ := m.s.listed.get()
	all := m.positions(ports)
	return out.Send(&api.FlowCellPositionsResponse{TotalCount: int32(len(all)), Positions: all})
}

func (m *managerService) WatchFlowCellPositions(_ *api.WatchFlowCellPositionsRequest, out grpc.ServerStreamingServer[api.WatchFlowCellPositionsResponse]) error {
	first := true
	return m.s.listed.watch(out.Context(), func(ports map[string]uint16) error {
		news := &api.WatchFlowCellPositionsResponse{Changes: m.positions(ports)}
		if first {
			news.Additions, news.Changes = news.Changes, nil
			first = false
		}
		return out.Send(news)
	})
}
