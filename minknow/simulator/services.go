package simulator

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/porevec/porevec/minknow/api"
)

// The services of a position. Each answers from what the position knows.
type (
	instanceService struct {
		api.UnimplementedInstanceServiceServer
	}
	deviceService struct {
		api.UnimplementedDeviceServiceServer
		p *position
	}
	acquisitionService struct {
		api.UnimplementedAcquisitionServiceServer
		p *position
	}
	protocolService struct {
		api.UnimplementedProtocolServiceServer
		p *position
	}
	analysisService struct {
		api.UnimplementedAnalysisConfigurationServiceServer
		p *position
	}
	logService struct {
		api.UnimplementedLogServiceServer
		p *position
	}
	dataService struct {
		api.UnimplementedDataServiceServer
		p *position
	}
)

func (p *position) register(s *grpc.Server) {
	api.RegisterInstanceServiceServer(s, &instanceService{})
	api.RegisterDeviceServiceServer(s, &deviceService{p: p})
	api.RegisterAcquisitionServiceServer(s, &acquisitionService{p: p})
	api.RegisterProtocolServiceServer(s, &protocolService{p: p})
	api.RegisterAnalysisConfigurationServiceServer(s, &analysisService{p: p})
	api.RegisterLogServiceServer(s, &logService{p: p})
	api.RegisterDataServiceServer(s, &dataService{p: p})
}

// version is the one that is simulated.
func version() *api.GetVersionInfoResponse {
	return &api.GetVersionInfoResponse{
		Minknow: &api.GetVersionInfoResponse_MinknowVersion{Major: 6, Minor: 4, Patch: 3, Full: "6.4.3"}, Bream: "8.4.3", DistributionVersion: "25.05.14",
	}
}

func (*instanceService) GetVersionInfo(context.Context, *api.GetVersionInfoRequest) (*api.GetVersionInfoResponse, error) {
	return version(), nil
}

func (s *deviceService) GetDeviceInfo(context.Context, *api.GetDeviceInfoRequest) (*api.GetDeviceInfoResponse, error) {
	return s.p.device(), nil
}

// mostMinION is how many channels a MinION's flow cell has.
const mostMinION = 512

func (p *position) device() *api.GetDeviceInfoResponse {
	d := &api.GetDeviceInfoResponse{
		DeviceId: p.name, DeviceType: api.GetDeviceInfoResponse_MINION, IsSimulated: true,
		MaxChannelCount: uint32(p.cfg.Channels), MaxWellsPerChannel: 4, Digitisation: digitisation,
	}
	if p.cfg.Channels > mostMinION {
		d.DeviceType = api.GetDeviceInfoResponse_PROMETHION
	}
	return d
}

func (s *deviceService) GetFlowCellInfo(context.Context, *api.GetFlowCellInfoRequest) (*api.GetFlowCellInfoResponse, error) {
	return s.p.flowCell(), nil
}

func (p *position) flowCell() *api.GetFlowCellInfoResponse {
	return &api.GetFlowCellInfoResponse{
		HasFlowCell: true, ChannelCount: uint32(p.cfg.Channels), WellsPerChannel: 4,
		FlowCellId: p.run.FlowCellID, ProductCode: p.run.FlowCellProductCode,
	}
}

func (s *deviceService) GetSampleRate(context.Context, *api.GetSampleRateRequest) (*api.GetSampleRateResponse, error) {
	return &api.GetSampleRateResponse{SampleRate: uint32(s.p.run.SampleRateHz)}, nil
}

func (s *deviceService) GetCalibration(_ context.Context, r *api.GetCalibrationRequest) (*api.GetCalibrationResponse, error) {
	if r.FirstChannel < 1 || r.LastChannel < r.FirstChannel || int(r.LastChannel) > s.p.cfg.Channels {
		return nil, status.Errorf(codes.InvalidArgument, "channels %d to %d: there are 1 to %d", r.FirstChannel, r.LastChannel, s.p.cfg.Channels)
	}
	out := &api.GetCalibrationResponse{Digitisation: digitisation, HasCalibration: true}
	for _, c := range s.p.calibration[r.FirstChannel-1 : r.LastChannel] {
		out.Offsets = append(out.Offsets, c.Offset)
		out.PaRanges = append(out.PaRanges, c.Scale*digitisation)
	}
	return out, nil
}

func (s *acquisitionService) CurrentStatus(context.Context, *api.CurrentStatusRequest) (*api.CurrentStatusResponse, error) {
	out := &api.CurrentStatusResponse{Status: api.MinknowStatus_READY}
	if info, _ := s.p.acquisition.get(); info != nil {
		switch info.State {
		case api.AcquisitionState_ACQUISITION_STARTING:
			out.Status = api.MinknowStatus_STARTING
		case api.AcquisitionState_ACQUISITION_RUNNING:
			out.Status = api.MinknowStatus_PROCESSING
		case api.AcquisitionState_ACQUISITION_FINISHING:
			out.Status = api.MinknowStatus_FINISHING
		}
	}
	return out, nil
}

func (s *acquisitionService) GetProgress(context.Context, *api.GetProgressRequest) (*api.GetProgressResponse, error) {
	a := s.p.running()
	if a == nil {
		return nil, status.Error(codes.FailedPrecondition, "no acquisition is running")
	}
	now := a.clock.now()
	return &api.GetProgressResponse{RawPerChannel: &api.GetProgressResponse_RawPerChannel{Acquired: now, Processed: now}}, nil
}

func (s *acquisitionService) GetAcquisitionInfo(_ context.Context, r *api.GetAcquisitionRunInfoRequest) (*api.AcquisitionRunInfo, error) {
	info, _ := s.p.acquisition.get()
	if info == nil || r.RunId != "" && r.RunId != info.RunId {
		return nil, status.Errorf(codes.FailedPrecondition, "there is no acquisition %q", r.RunId)
	}
	return info, nil
}

func (s *acquisitionService) GetCurrentAcquisitionRun(context.Context, *api.GetCurrentAcquisitionRunRequest) (*api.AcquisitionRunInfo, error) {
	info, _ := s.p.acquisition.get()
	if info == nil || info.State == api.AcquisitionState_ACQUISITION_COMPLETED {
		return nil, status.Error(codes.FailedPrecondition, "no acquisition is running")
	}
	return info, nil
}

func (s *acquisitionService) WatchCurrentAcquisitionRun(_ *api.WatchCurrentAcquisitionRunRequest, out grpc.ServerStreamingServer[api.AcquisitionRunInfo]) error {
	return s.p.acquisition.watch(out.Context(), func(info *api.AcquisitionRunInfo) error {
		if info == nil {
			return nil
		}
		return out.Send(info)
	})
}

func (p *position) protocolRun(phase api.ProtocolPhase) *api.ProtocolRunInfo {
	kit := strings.ToUpper(p.run.SequencingKit)
	info := &api.ProtocolRunInfo{
		RunId: p.run.ProtocolRunID, ProtocolId: p.run.ProtocolName, Phase: phase, Device: p.device(), FlowCell: p.flowCell(),
		AcquisitionRunIds: []string{p.run.AcquisitionID},
		UserInfo: &api.ProtocolRunUserInfo{
			ProtocolGroupId: wrapperspb.String(p.run.ExperimentName), SampleId: wrapperspb.String(p.run.SampleID),
			KitInfo: &api.KitInfo{SequencingKit: kit},
		},
		MetaInfo: &api.ProtocolInfo{Identifier: p.run.ProtocolName, Tags: map[string]*api.ProtocolInfo_TagValue{
			"kit": {TagValue: &api.ProtocolInfo_TagValue_StringValue{StringValue: kit}},
		}},
	}
	if !p.run.ProtocolStart.IsZero() {
		info.StartTime = timestamppb.New(p.run.ProtocolStart)
	}
	return info
}

func (s *protocolService) GetRunInfo(context.Context, *api.GetRunInfoRequest) (*api.ProtocolRunInfo, error) {
	return s.current()
}

func (s *protocolService) GetCurrentProtocolRun(context.Context, *api.GetCurrentProtocolRunRequest) (*api.ProtocolRunInfo, error) {
	return s.current()
}

func (s *protocolService) current() (*api.ProtocolRunInfo, error) {
	info, _ := s.p.protocol.get()
	if info == nil {
		return nil, status.Error(codes.FailedPrecondition, "no protocol is running")
	}
	return info, nil
}

func (s *protocolService) WatchCurrentProtocolRun(_ *api.WatchCurrentProtocolRunRequest, out grpc.ServerStreamingServer[api.ProtocolRunInfo]) error {
	return s.p.protocol.watch(out.Context(), func(info *api.ProtocolRunInfo) error {
		if info == nil {
			return nil
		}
		return out.Send(info)
	})
}

func (s *protocolService) GetContextInfo(context.Context, *api.GetContextInfoRequest) (*api.GetContextInfoResponse, error) {
	return &api.GetContextInfoResponse{ContextInfo: s.p.run.ContextTags}, nil
}

func (*analysisService) GetReadClassifications(context.Context, *api.GetReadClassificationsRequest) (*api.GetReadClassificationsResponse, error) {
	return &api.GetReadClassificationsResponse{ReadClassifications: map[int32]string{
		65: "adapter", 69: "event", 77: "multiple", 78: "unclassed", 80: "pore", classStrand: "strand", 84: "transition", 85: "unavailable", 90: "zero",
	}}, nil
}

func (s *analysisService) GetAnalysisConfiguration(context.Context, *api.GetAnalysisConfigurationRequest) (*api.AnalysisConfiguration, error) {
	return &api.AnalysisConfiguration{ReadDetection: &api.ReadDetectionParams{
		BreakReadsAfterSeconds: wrapperspb.Double(s.p.cfg.Piece.Seconds()), BreakReadsOnMuxChanges: wrapperspb.Bool(true),
	}}, nil
}

func (s *logService) SendUserMessage(_ context.Context, r *api.SendUserMessageRequest) (*api.SendUserMessageResponse, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.messages = append(s.p.messages, r.UserMessage)
	s.p.log.Info("message of a client", "text", r.UserMessage)
	return &api.SendUserMessageResponse{}, nil
}

func (*dataService) GetDataTypes(context.Context, *api.GetDataTypesRequest) (*api.GetDataTypesResponse, error) {
	return &api.GetDataTypesResponse{
		UncalibratedSignal: &api.GetDataTypesResponse_DataType{Type: api.GetDataTypesResponse_DataType_SIGNED_INTEGER, Size: 2},
		CalibratedSignal:   &api.GetDataTypesResponse_DataType{Type: api.GetDataTypesResponse_DataType_FLOATING_POINT, Size: 4},
		BiasVoltages:       &api.GetDataTypesResponse_DataType{Type: api.GetDataTypesResponse_DataType_SIGNED_INTEGER, Size: 2},
	}, nil
}

// stateStrand is the number of the channel state in which a read passes.
const stateStrand = 2

// GetChannelStates tells once which well each channel is connected to, and then that
// nothing has changed.
func (d *dataService) GetChannelStates(r *api.GetChannelStatesRequest, out grpc.ServerStreamingServer[api.GetChannelStatesResponse]) error {
	if r.FirstChannel < 1 || r.LastChannel < r.FirstChannel || int(r.LastChannel) > d.p.cfg.Channels {
		return status.Errorf(codes.InvalidArgument, "channels %d to %d: there are 1 to %d", r.FirstChannel, r.LastChannel, d.p.cfg.Channels)
	}
	all := &api.GetChannelStatesResponse{}
	for c := r.FirstChannel; c <= r.LastChannel; c++ {
		state := &api.GetChannelStatesResponse_ChannelStateData{
			Channel: c, Config: &api.GetChannelStatesResponse_ChannelConfiguration{Well: 1 + c%4},
			State: &api.GetChannelStatesResponse_ChannelStateData_StateName{StateName: "strand"},
		}
		if r.UseChannelStatesIds.GetValue() {
			state.State = &api.GetChannelStatesResponse_ChannelStateData_StateId{StateId: stateStrand}
		}
		all.ChannelStates = append(all.ChannelStates, state)
	}
	if err := out.Send(all); err != nil {
		return err
	}
	beat := r.Heartbeat.AsDuration()
	if beat < 100*time.Millisecond {
		beat = time.Hour
	}
	for sleep(out.Context(), beat) {
		if err := out.Send(&api.GetChannelStatesResponse{}); err != nil {
			return err
		}
	}
	return nil
}
