package simulator

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/porevec/porevec/fixtures"
	"github.com/porevec/porevec/minknow/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a simulator that serves, and a connection to its first position.
type host struct {
	*Simulator
	conn *grpc.ClientConn
	ctx  context.Context // ends with the test; it carries the token
}

func serve(t *testing.T, cfg Config) *host {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.pod5")
	if _, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Seed: 9, Reads: 30, MeanBases: 3000}); err != nil {
		t.Fatal(err)
	}
	cfg.Paths, cfg.Dir, cfg.Name = []string{path}, t.TempDir(), "X1"
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	h := &host{Simulator: s}
	h.conn = h.dial(t, int(s.Positions()["X1"]))
	t.Cleanup(func() {
		h.conn.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	text, err := os.ReadFile(filepath.Join(cfg.Dir, "token.json"))
	var token struct{ Token string }
	if err == nil {
		err = json.Unmarshal(text, &token)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.ctx = metadata.AppendToOutgoingContext(t.Context(), "local-auth", token.Token)
	return h
}

func (h *host) dial(t *testing.T, port int) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(grpcTarget(port), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func grpcTarget(port int) string { return "passthrough:///127.0.0.1:" + strconv.Itoa(port) }

func (h *host) stream(t *testing.T, setup *api.GetLiveReadsRequest_StreamSetup) grpc.BidiStreamingClient[api.GetLiveReadsRequest, api.GetLiveReadsResponse] {
	t.Helper()
	stream, err := api.NewDataServiceClient(h.conn).GetLiveReads(h.ctx)
	if err == nil {
		err = stream.Send(&api.GetLiveReadsRequest{Request: &api.GetLiveReadsRequest_Setup{Setup: setup}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func uncalibrated() *api.GetLiveReadsRequest_StreamSetup {
	return &api.GetLiveReadsRequest_StreamSetup{FirstChannel: 1, LastChannel: 4, RawDataType: api.GetLiveReadsRequest_UNCALIBRATED}
}

// pieces takes messages until n pieces came.
func pieces(t *testing.T, stream grpc.BidiStreamingClient[api.GetLiveReadsRequest, api.GetLiveReadsResponse], n int) (got []*api.GetLiveReadsResponse_ReadData, answers []*api.GetLiveReadsResponse_ActionResponse) {
	t.Helper()
	for len(got) < n {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range m.Channels {
			got = append(got, d)
		}
		answers = append(answers, m.ActionResponses...)
	}
	return got, answers
}

func slow() Config { return Config{Channels: 4, Pace: 10, Piece: 400 * time.Millisecond, Hold: true} }

func TestWhoMayCall(t *testing.T) {
	h := serve(t, slow())
	device := api.NewDeviceServiceClient(h.conn)
	if _, err := device.GetSampleRate(t.Context(), &api.GetSampleRateRequest{}); status.Code(err) != codes.Unauthenticated || status.Convert(err).Message() != "Bad metadata key" {
		t.Errorf("without a token: %v", err)
	}
	if rate, err := device.GetSampleRate(h.ctx, &api.GetSampleRateRequest{}); err != nil || rate.SampleRate != 5000 {
		t.Errorf("with it: %v, %v", rate, err)
	}
	manager := h.dial(t, h.Port())
	defer manager.Close()
	answer, err := api.NewManagerServiceClient(manager).LocalAuthenticationTokenPath(t.Context(), &api.LocalAuthenticationTokenPathRequest{})
	if err != nil || filepath.Base(answer.Path) != "token.json" {
		t.Errorf("%v, %v", answer, err)
	}
}

func TestStreamsBeginWithASetup(t *testing.T) {
	h := serve(t, slow())
	stream, err := api.NewDataServiceClient(h.conn).GetLiveReads(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&api.GetLiveReadsRequest{Request: &api.GetLiveReadsRequest_Actions_{Actions: &api.GetLiveReadsRequest_Actions{}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
	beyond := uncalibrated()
	beyond.LastChannel = 5
	if _, err := h.stream(t, beyond).Recv(); status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
}

func TestRawDataTypes(t *testing.T) {
	h := serve(t, slow())
	calibration, err := api.NewDeviceServiceClient(h.conn).GetCalibration(h.ctx, &api.GetCalibrationRequest{FirstChannel: 1, LastChannel: 4})
	if err != nil {
		t.Fatal(err)
	}
	stream := h.stream(t, uncalibrated())
	raw, _ := pieces(t, stream, 4)
	for _, d := range raw {
		if len(d.RawData) != 2*int(d.ChunkLength) || d.ChunkLength%2000 != 0 || len(d.ChunkClassifications) != int(d.ChunkLength)/2000 {
			t.Errorf("%d samples in %d bytes, %d classes", d.ChunkLength, len(d.RawData), len(d.ChunkClassifications))
		}
	}
	setup := uncalibrated()
	setup.RawDataType = api.GetLiveReadsRequest_CALIBRATED
	if err := stream.Send(&api.GetLiveReadsRequest{Request: &api.GetLiveReadsRequest_Setup{Setup: setup}}); err != nil {
		t.Fatal(err)
	}
	for {
		d, _ := pieces(t, stream, 1)
		if len(d[0].RawData) != 4*int(d[0].ChunkLength) {
			continue // sent before the new setup came
		}
		first := math.Float32frombits(binary.LittleEndian.Uint32(d[0].RawData))
		// The ADC count behind it must be a whole number by the calibration that is told.
		scale := calibration.PaRanges[0] / float32(calibration.Digitisation)
		if adc := first/scale - calibration.Offsets[0]; math.Abs(float64(adc)-math.Round(float64(adc))) > 1e-2 {
			t.Errorf("%g pA is ADC %g", first, adc)
		}
		break
	}
	setup = uncalibrated()
	setup.RawDataType = api.GetLiveReadsRequest_NONE
	if err := stream.Send(&api.GetLiveReadsRequest{Request: &api.GetLiveReadsRequest_Setup{Setup: setup}}); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		if d, _ := pieces(t, stream, 1); len(d[0].RawData) == 0 && d[0].ChunkLength > 0 {
			break
		}
		if i == 100 {
			t.Fatal("signal still comes")
		}
	}
}

func TestAttachedLate(t *testing.T) {
	cfg := slow()
	cfg.Hold = false
	h := serve(t, cfg)
	time.Sleep(300 * time.Millisecond) // three seconds of the run
	got, _ := pieces(t, h.stream(t, uncalibrated()), 1)
	if got[0].ChunkStartSample == got[0].StartSample {
		t.Errorf("a stream that was opened late begins with the read: %+v", got[0].StartSample)
	}
}

func TestActions(t *testing.T) {
	h := serve(t, slow())
	stream := h.stream(t, uncalibrated())
	first, _ := pieces(t, stream, 1)
	id := first[0].Id
	for c := range uint32(4) { // it is not told with the piece
		if err := stream.Send(&api.GetLiveReadsRequest{Request: &api.GetLiveReadsRequest_Actions_{Actions: &api.GetLiveReadsRequest_Actions{
			Actions: []*api.GetLiveReadsRequest_Action{{ActionId: "a", Channel: c + 1, Read: &api.GetLiveReadsRequest_Action_Id{Id: id},
				Action: &api.GetLiveReadsRequest_Action_Unblock{Unblock: &api.GetLiveReadsRequest_UnblockAction{}}}},
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	var done, finished int
	for done+finished < 4 {
		_, answers := pieces(t, stream, 1)
		for _, a := range answers {
			if a.Response == api.GetLiveReadsResponse_ActionResponse_SUCCESS {
				done++
			} else {
				finished++
			}
		}
	}
	if done != 1 || len(h.Actions()) != 4 {
		t.Errorf("%d done, %d finished, %d actions booked", done, finished, len(h.Actions()))
	}
	after, _ := pieces(t, stream, 20)
	for _, d := range after {
		if d.Id == id {
			t.Error("an ejected read goes on")
		}
	}
}

func TestRunStates(t *testing.T) {
	cfg := slow()
	cfg.Calibration, cfg.Length = 2*time.Second, 5*time.Second
	h := serve(t, cfg)
	watch, err := api.NewAcquisitionServiceClient(h.conn).WatchCurrentAcquisitionRun(h.ctx, &api.WatchCurrentAcquisitionRunRequest{})
	if err != nil {
		t.Fatal(err)
	}
	type state struct {
		Purpose api.Purpose
		State   api.AcquisitionState
	}
	var seen []state
	for {
		info, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		s := state{info.ConfigSummary.Purpose, info.State}
		seen = append(seen, s)
		if s == (state{api.Purpose_SEQUENCING, api.AcquisitionState_ACQUISITION_RUNNING}) {
			break
		}
	}
	stream := h.stream(t, uncalibrated())
	for err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Aborted {
		t.Errorf("the stream of a run that ended: %v", err)
	}
	for seen[len(seen)-1].State != api.AcquisitionState_ACQUISITION_COMPLETED {
		info, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, state{info.ConfigSummary.Purpose, info.State})
	}
	// States that pass quickly may not be seen.
	want := []state{{api.Purpose_SEQUENCING, api.AcquisitionState_ACQUISITION_RUNNING}, {api.Purpose_SEQUENCING, api.AcquisitionState_ACQUISITION_COMPLETED}}
	for _, w := range want {
		found := false
		for _, s := range seen {
			found = found || s == w
		}
		if !found {
			t.Errorf("%v was not seen in %v", w, seen)
		}
	}
	if seen[0].Purpose != api.Purpose_CALIBRATION {
		t.Errorf("it begins with %v", seen[0])
	}
	_, err = api.NewAcquisitionServiceClient(h.conn).GetCurrentAcquisitionRun(h.ctx, &api.GetCurrentAcquisitionRunRequest{})
	if status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
}

func TestRepeatedReadsHaveOtherIDs(t *testing.T) {
	cfg := slow()
	cfg.Repeat, cfg.Pace, cfg.Length, cfg.Books = true, 200, 400*time.Second, true
	h := serve(t, cfg)
	stream := h.stream(t, uncalibrated())
	var err error
	for err == nil {
		_, err = stream.Recv()
	}
	if !errors.Is(err, io.EOF) && status.Code(err) != codes.Aborted {
		t.Error(err)
	}
	ids := make(map[string]bool)
	for _, s := range h.Sent() {
		if ids[s.ReadID.String()] {
			t.Errorf("%v comes twice", s.ReadID)
		}
		ids[s.ReadID.String()] = true
	}
	if len(ids) < 40 {
		t.Errorf("%d reads of 30 recorded ones", len(ids))
	}
}

func TestParseFault(t *testing.T) {
	for text, want := range map[string]Fault{
		"gap:every=20":         {Kind: "gap", Every: 20},
		"stall:at=30s,for=5s":  {Kind: "stall", At: 30 * time.Second, For: 5 * time.Second},
		"restart:for=1m,at=0s": {Kind: "restart", For: time.Minute},
	} {
		got, err := ParseFault(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
	for _, text := range []string{"", "flood:at=1s", "gap", "gap:every=0", "gap:every=x", "stall:at=1s", "reset:at=1s,for=2s", "gap:every=2,at=1s", "stall:at=-1s,for=1s", "gap:each=2"} {
		if f, err := ParseFault(text); err == nil {
			t.Errorf("%q is %+v", text, f)
		}
	}
}

func TestConfigNamesEveryProblem(t *testing.T) {
	err := Config{Positions: 100, Channels: 5000, Pace: -1, Recorded: true, Repeat: true}.withDefaults().Validate()
	if n := len(err.(interface{ Unwrap() []error }).Unwrap()); n != 6 {
		t.Errorf("%d problems, want 6: %v", n, err)
	}
}
