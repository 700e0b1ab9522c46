// Package ort runs encoders on ONNX Runtime: on the CPU, or on a [Device] for which the
// runtime has an execution provider.
//
// On the CPU one session serves any number of goroutines; a call of Encode computes on the
// goroutine's own thread. Speed comes from calling it on as many goroutines as
// there are cores: ONNX Runtime's own threads wait for one another and are slower.
package ort

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/signal"
)

// Encoder is an [embed.Encoder].
type Encoder struct {
	model embed.Model
	// closing is held for reading by every Encode under way.
	closing sync.RWMutex
	session *onnx.DynamicAdvancedSession // nil once closed
}

// New opens a model on the CPU. It calls [Init].
func New(model embed.Model) (*Encoder, error) { return Open(model, CPU) }

// Open opens a model on a device, all of it: an operator that the device lacks is an
// error. It calls [Init], and may take minutes where a device compiles the model first.
func Open(model embed.Model, device Device) (*Encoder, error) {
	if err := Init(); err != nil {
		return nil, fatal("load ONNX Runtime", err)
	}
	if err := device.Missing(); err != nil {
		return nil, fatal("open model "+model.ID, err)
	}
	options, err := sessionOptions()
	if err == nil {
		defer options.Destroy()
		err = keepSignalStack(func() error { return device.prepare(options, &model) })
	}
	if err != nil {
		return nil, fatal("configure ONNX Runtime for "+device.String(), err)
	}
	var session *onnx.DynamicAdvancedSession
	err = keepSignalStack(func() (err error) {
		session, err = onnx.NewDynamicAdvancedSessionWithONNXData(model.File, inputNames, outputNames, options)
		return err
	})
	if err != nil {
		return nil, fatal(fmt.Sprintf("open model %s on %v", model.ID, device), explain(err, &model, device))
	}
	return &Encoder{model: model, session: session}, nil
}

// The inputs and the output of a signal tower.
var inputNames, outputNames = []string{"signal", "shift", "scale"}, []string{"embedding"}

// newSession opens a file of a model whose graph has the given output and inputs.
func newSession(id string, file []byte, output string, inputs ...string) (*onnx.DynamicAdvancedSession, error) {
	if err := Init(); err != nil {
		return nil, fatal("load ONNX Runtime", err)
	}
	options, err := sessionOptions()
	if err != nil {
		return nil, fatal("configure ONNX Runtime", err)
	}
	defer options.Destroy()
	session, err := onnx.NewDynamicAdvancedSessionWithONNXData(file, inputs, []string{output}, options)
	if err != nil {
		return nil, fatal("open model "+id, err)
	}
	return session, nil
}

// sessionOptions make Run compute on the calling thread alone.
func sessionOptions() (*onnx.SessionOptions, error) {
	o, err := onnx.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		o.SetIntraOpNumThreads(1),
		o.SetInterOpNumThreads(1),
		o.SetExecutionMode(onnx.ExecutionModeSequential),
		o.SetGraphOptimizationLevel(onnx.GraphOptimizationLevelEnableAll),
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		o.AddSessionConfigEntry("session.inter_op.allow_spinning", "0"),
		// Its kernels for SME give a chunk other bits alone than in a batch.
		o.AddSessionConfigEntry("mlas.disable_kleidiai", "1"),
		o.SetCpuMemArena(true),
		// A pattern is kept for every shape ever seen, and short chunks have any.
		o.SetMemPattern(false),
	)
	if err != nil {
		o.Destroy()
		return nil, err
	}
	return o, nil
}

// Model is the model that was opened.
func (e *Encoder) Model() embed.Model { return e.model }

// Close waits for the calls under way and frees the session.
func (e *Encoder) Close() error {
	e.closing.Lock()
	defer e.closing.Unlock()
	if e.session == nil {
		return nil
	}
	err := e.session.Destroy()
	e.session = nil
	return err
}

// Encode implements [embed.Encoder]. A call under way ends early at the deadline of ctx,
// between two operators; it does not at a cancellation, since it takes milliseconds.
func (e *Encoder) Encode(ctx context.Context, in *signal.Batch, out []float32) error {
	if err := ctx.Err(); err != nil {
		return &signal.Error{Class: signal.Cancelled, Op: "encode", Err: err}
	}
	if err := e.model.CheckBatch(in, out); err != nil {
		return fatal("encode", err)
	}
	if in.Len() == 0 {
		return nil
	}
	e.closing.RLock()
	defer e.closing.RUnlock()
	if e.session == nil {
		return fatal("encode", errors.New("the encoder is closed"))
	}
	if err := e.run(ctx, in, out); err != nil {
		return fatal(fmt.Sprintf("encode %d chunks of %d samples", in.Len(), in.Window), err)
	}
	return nil
}

// run lets ONNX Runtime read and write the caller's memory: nothing is copied.
func (e *Encoder) run(ctx context.Context, in *signal.Batch, out []float32) error {
	n := int64(in.Len())
	var bound binding
	defer bound.release()
	signals := bind(&bound, in.Samples, n, 1, 1, int64(in.Window))
	shift := bind(&bound, in.Shift, n, 1, 1, 1)
	scale := bind(&bound, in.Scale, n, 1, 1, 1)
	embedding := bind(&bound, out, n, int64(e.model.Dim))
	if bound.err != nil {
		return bound.err
	}
	inputs, outputs := []onnx.Value{signals, shift, scale}, []onnx.Value{embedding}
	if _, limited := ctx.Deadline(); !limited {
		return e.session.Run(inputs, outputs)
	}
	options, err := onnx.NewRunOptions()
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(ended); _ = options.Terminate() })
	defer func() {
		if !stop() {
			<-ended
		}
		options.Destroy()
	}()
	if err := e.session.RunWithOptions(inputs, outputs, options); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// binding holds the tensors of one call. Their memory is pinned because ONNX
// Runtime keeps the pointers in its own.
type binding struct {
	pinner  runtime.Pinner
	tensors []onnx.Value
	err     error
}

func bind[T int16 | float32](b *binding, data []T, shape ...int64) onnx.Value {
	if b.err != nil {
		return nil
	}
	b.pinner.Pin(&data[0])
	tensor, err := onnx.NewTensor(onnx.NewShape(shape...), data)
	if err != nil {
		b.err = err
		return nil
	}
	b.tensors = append(b.tensors, tensor)
	return tensor
}

func (b *binding) release() {
	for _, t := range b.tensors {
		t.Destroy()
	}
	b.pinner.Unpin()
}

func fatal(op string, err error) error {
	return &signal.Error{Class: signal.Fatal, Op: op, Err: err}
}
