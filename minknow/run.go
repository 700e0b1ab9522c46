package minknow

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"google.golang.org/grpc"

	"github.com/porevec/porevec/minknow/api"
	"github.com/porevec/porevec/signal"
)

// runInfo is what must be known of a run before its signal is streamed.
type runInfo struct {
	run         *signal.Run
	channels    int
	calibration []signal.Calibration // by channel, from 1
	calibrated  bool
	missing     []string // what the server does not tell
}

// describe asks a position about its run. Only what signal makes no sense without must
// be answered: the number of channels and the rate of samples.
func describe(ctx context.Context, conn *grpc.ClientConn, position string, acquisition *api.AcquisitionRunInfo) (*runInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*callTimeout)
	defer cancel()
	info := &runInfo{run: &signal.Run{AcquisitionID: acquisition.RunId, Position: position}}
	if acquisition.StartTime != nil {
		info.run.AcquisitionStart = acquisition.StartTime.AsTime()
	}
	optional := func(name string, err error) bool {
		if err != nil {
			info.missing = append(info.missing, name)
		}
		return err == nil
	}
	device := api.NewDeviceServiceClient(conn)
	flowCell, err := device.GetFlowCellInfo(ctx, &api.GetFlowCellInfoRequest{})
	if optional("flow cell", err) {
		info.channels = int(flowCell.ChannelCount)
		info.run.FlowCellID = either(flowCell.FlowCellId, flowCell.UserSpecifiedFlowCellId)
		info.run.FlowCellProductCode = either(flowCell.ProductCode, flowCell.UserSpecifiedProductCode)
	}
	machine, err := device.GetDeviceInfo(ctx, &api.GetDeviceInfoRequest{})
	if optional("device", err) {
		info.run.PositionType = strings.ToLower(machine.DeviceType.String())
		if info.channels == 0 {
			info.channels = int(machine.MaxChannelCount)
		}
	}
	if info.channels == 0 {
		info.channels = int(acquisition.ConfigSummary.GetChannelCount())
	}
	if info.channels < 1 || info.channels > math.MaxUint16 {
		return nil, errors.Join(fmt.Errorf("the position does not tell how many channels its flow cell has (%d)", info.channels), err)
	}
	if err := info.askRate(ctx, device, acquisition); err != nil {
		return nil, err
	}
	info.askCalibration(ctx, device)
	version, err := api.NewInstanceServiceClient(conn).GetVersionInfo(ctx, &api.GetVersionInfoRequest{})
	if optional("version", err) {
		info.run.Software = "MinKNOW " + version.Minknow.GetFull()
	}
	protocol := api.NewProtocolServiceClient(conn)
	run, err := protocol.GetCurrentProtocolRun(ctx, &api.GetCurrentProtocolRunRequest{})
	if optional("protocol run", err) {
		info.takeProtocol(run)
	}
	tags, err := protocol.GetContextInfo(ctx, &api.GetContextInfoRequest{})
	if optional("context tags", err) {
		info.run.ContextTags = tags.ContextInfo
		info.run.SequencingKit = either(info.run.SequencingKit, tags.ContextInfo["sequencing_kit"])
	}
	return info, nil
}

func (info *runInfo) askRate(ctx context.Context, device api.DeviceServiceClient, acquisition *api.AcquisitionRunInfo) error {
	rate := acquisition.ConfigSummary.GetSampleRate()
	answer, err := device.GetSampleRate(ctx, &api.GetSampleRateRequest{})
	if err == nil {
		rate = answer.SampleRate
	}
	if rate < 1 || rate > math.MaxUint16 {
		return errors.Join(fmt.Errorf("the position does not tell its sample rate (%d Hz)", rate), err)
	}
	info.run.SampleRateHz = uint16(rate)
	return nil
}

// askCalibration leaves a scale of 0 where there is no calibration: nothing can be said
// in picoampere then.
func (info *runInfo) askCalibration(ctx context.Context, device api.DeviceServiceClient) {
	info.calibration = make([]signal.Calibration, info.channels)
	answer, err := device.GetCalibration(ctx, &api.GetCalibrationRequest{FirstChannel: 1, LastChannel: uint32(info.channels)})
	if err != nil || !answer.HasCalibration || answer.Digitisation == 0 ||
		len(answer.Offsets) != info.channels || len(answer.PaRanges) != info.channels {
		info.missing = append(info.missing, "calibration")
		return
	}
	info.calibrated = true
	for i := range info.calibration {
		info.calibration[i] = signal.Calibration{Offset: answer.Offsets[i], Scale: answer.PaRanges[i] / float32(answer.Digitisation)}
	}
	// The converter counts from -digitisation/2.
	half := int(min(answer.Digitisation/2, 1<<15))
	info.run.ADCMin, info.run.ADCMax = int16(-half), int16(half-1)
}

func (info *runInfo) takeProtocol(p *api.ProtocolRunInfo) {
	run, user := info.run, p.UserInfo
	run.ProtocolRunID, run.ProtocolName = p.RunId, p.ProtocolId
	if p.StartTime != nil {
		run.ProtocolStart = p.StartTime.AsTime()
	}
	run.ExperimentName = user.GetProtocolGroupId().GetValue()
	run.SampleID = user.GetSampleId().GetValue()
	run.SequencingKit = strings.ToLower(either(user.GetKitInfo().GetSequencingKit(), p.MetaInfo.GetTags()["kit"].GetStringValue()))
	run.FlowCellID = either(run.FlowCellID, user.GetUserSpecifiedFlowCellId().GetValue())
	run.FlowCellProductCode = either(run.FlowCellProductCode, user.GetUserSpecifiedProductCode().GetValue())
}

// either is the first text unless it is empty.
func either(first, second string) string {
	if first != "" {
		return first
	}
	return second
}
