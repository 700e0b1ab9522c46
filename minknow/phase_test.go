package minknow

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/porevec/porevec/minknow/api"
)

// told is a protocol service that answers one question.
type told struct {
	api.ProtocolServiceClient
	run *api.ProtocolRunInfo
	err error
}

func (t told) GetCurrentProtocolRun(context.Context, *api.GetCurrentProtocolRunRequest, ...grpc.CallOption) (*api.ProtocolRunInfo, error) {
	return t.run, t.err
}

func TestPhase(t *testing.T) {
	for _, c := range []struct {
		service told
		doing   string
		reading bool
	}{
		{told{run: &api.ProtocolRunInfo{Phase: api.ProtocolPhase_PHASE_SEQUENCING}}, "streaming", true},
		{told{run: &api.ProtocolRunInfo{Phase: api.ProtocolPhase_PHASE_MUX_SCAN}}, "mux scan", false},
		{told{run: &api.ProtocolRunInfo{Phase: api.ProtocolPhase_PHASE_PAUSED}}, "paused", false},
		{told{err: status.Error(codes.Unimplemented, "")}, "streaming", true},
	} {
		if doing, reading := phase(t.Context(), c.service); doing != c.doing || reading != c.reading {
			t.Errorf("%v: %q, %v", c.service, doing, reading)
		}
	}
}
