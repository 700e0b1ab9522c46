package ort

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/porevec/porevec/embed"
)

// Device is where an encoder computes: an execution provider of ONNX Runtime and which
// of its processors.
type Device struct {
	provider string
	number   int    // of cuda and tensorrt
	target   string // of openvino: CPU, GPU, GPU.1, NPU, AUTO
}

// The providers that a device can name.
const (
	cpu      = "cpu"
	cuda     = "cuda"
	tensorRT = "tensorrt"
	openVINO = "openvino"
	coreML   = "coreml"
)

var (
	// CPU is the processor, with ONNX Runtime's own kernels. It is there on every computer.
	CPU = Device{provider: cpu}
	// CUDA is the first NVIDIA card.
	CUDA = Device{provider: cuda}
	// CoreML is what macOS chooses.
	CoreML = Device{provider: coreML}
)

// ParseDevice reads cpu, cuda:N, tensorrt:N, openvino:TARGET or coreml. N is 0, and
// TARGET is CPU, where it is left out.
func ParseDevice(text string) (Device, error) {
	provider, which, named := strings.Cut(text, ":")
	d := Device{provider: provider}
	switch provider {
	case cpu, coreML:
		if !named {
			return d, nil
		}
	case cuda, tensorRT:
		var err error
		if named {
			d.number, err = strconv.Atoi(which)
		}
		if err == nil && d.number >= 0 && d.number < 1000 {
			return d, nil
		}
	case openVINO:
		d.target = strings.ToUpper(which)
		if !named {
			d.target = "CPU"
		}
		if d.target != "" {
			return d, nil
		}
	}
	return Device{}, fmt.Errorf("%q is no device: say cpu, cuda:N, tensorrt:N, openvino:TARGET or coreml", text)
}

// String is what ParseDevice reads.
func (d Device) String() string {
	switch d.provider {
	case cuda, tensorRT:
		return fmt.Sprintf("%s:%d", d.provider, d.number)
	case openVINO:
		return d.provider + ":" + d.target
	}
	return d.provider
}

// Kinds are the files of an encoder that run well on the device, the best first. The
// CUDA provider has no integer convolutions and would compute a quantized file in
// float32, slower than a float32 file; TensorRT takes symmetric integers only; OpenVINO
// (2025.4) gives other vectors for those of the CPU's file, with a cosine of 0.3.
func (d Device) Kinds() []string {
	switch d.provider {
	case cpu:
		return []string{embed.KindINT8, embed.KindFP32}
	case tensorRT, openVINO:
		return []string{embed.KindS8S8, embed.KindFP16, embed.KindFP32}
	}
	return []string{embed.KindFP16, embed.KindFP32}
}

// FixedWindow says that the device prepares itself for one length of chunk, at a price.
func (d Device) FixedWindow() bool { return d.provider == tensorRT }

// Processor says that the device is the computer's processor, by whichever provider.
func (d Device) Processor() bool {
	return d.provider == cpu || d.provider == openVINO && d.target == "CPU"
}

// Missing says why the device cannot be had here, without opening anything; nil when it
// may be. On Linux the provider of a device is a library of its own.
func (d Device) Missing() error {
	if d.provider == coreML && runtime.GOOS != "darwin" {
		return fmt.Errorf("%s: only on macOS", d)
	}
	if runtime.GOOS != "linux" {
		return nil
	}
	library := map[string]string{cuda: "cuda", tensorRT: "tensorrt", openVINO: "openvino"}[d.provider]
	if library == "" {
		return nil
	}
	if err := Init(); err != nil {
		return err
	}
	name := "libonnxruntime_providers_" + library + ".so"
	if _, err := os.Stat(filepath.Join(folder(), name)); err != nil {
		return fmt.Errorf("%s: ONNX Runtime has no %s beside it (in %s): install its build for this device and point POREVEC_ORT to it", d, name, folder())
	}
	return nil
}

// noFallback is the key of a session that refuses to run any operator on the CPU.
const noFallback = "session.disable_cpu_ep_fallback"

// prepare makes a session compute on the device, and there alone: an operator that the
// provider lacks would otherwise silently run on the processor, with copies to and fro.
func (d Device) prepare(o *onnx.SessionOptions, m *embed.Model) error {
	if d.provider == cpu {
		return nil
	}
	if err := o.AddSessionConfigEntry(noFallback, "1"); err != nil {
		return err
	}
	switch d.provider {
	case cuda:
		return d.useCUDA(o)
	case tensorRT:
		return d.useTensorRT(o, m)
	case openVINO:
		return o.AppendExecutionProviderOpenVINO(map[string]string{"device_type": d.target, "cache_dir": engineCache(m, d)})
	default:
		return o.AppendExecutionProviderCoreMLV2(map[string]string{"ModelFormat": "MLProgram", "MLComputeUnits": "ALL"})
	}
}

func (d Device) useCUDA(o *onnx.SessionOptions) error {
	options, err := onnx.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer options.Destroy()
	err = options.Update(map[string]string{
		"device_id": strconv.Itoa(d.number),
		// Tensor cores want channels last.
		"prefer_nhwc": "1",
		// The default tries all algorithms for every new shape; short reads have any.
		"cudnn_conv_algo_search": "HEURISTIC",
	})
	if err != nil {
		return err
	}
	return o.AppendExecutionProviderCUDA(options)
}

// tensorRTChunks is the most chunks that an engine takes.
const tensorRTChunks = 4096

func (d Device) useTensorRT(o *onnx.SessionOptions, m *embed.Model) error {
	options, err := onnx.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer options.Destroy()
	shapes := func(chunks int) string {
		return fmt.Sprintf("signal:%dx1x1x%d,shift:%[1]dx1x1x1,scale:%[1]dx1x1x1", chunks, m.DefaultWindow)
	}
	cache := engineCache(m, d)
	err = options.Update(map[string]string{
		"device_id":               strconv.Itoa(d.number),
		"trt_fp16_enable":         "1",
		"trt_int8_enable":         map[bool]string{true: "1", false: "0"}[strings.Contains(m.QuantScheme, "s8s8")],
		"trt_engine_cache_enable": "1", "trt_engine_cache_path": cache,
		"trt_timing_cache_enable": "1", "trt_timing_cache_path": cache,
		"trt_profile_min_shapes": shapes(1), "trt_profile_opt_shapes": shapes(256), "trt_profile_max_shapes": shapes(tensorRTChunks),
	})
	if err != nil {
		return err
	}
	return o.AppendExecutionProviderTensorRT(options)
}
