package ort_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
)

func TestParseDevice(t *testing.T) {
	for text, want := range map[string]string{
		"cpu": "cpu", "cuda": "cuda:0", "cuda:3": "cuda:3", "tensorrt:1": "tensorrt:1", "openvino": "openvino:CPU", "openvino:gpu.1": "openvino:GPU.1", "coreml": "coreml",
		"": "", "gpu": "", "cpu:0": "", "cuda:-1": "", "cuda:x": "", "cuda:": "", "openvino:": "", "CUDA": "", "cuda:99999": "",
	} {
		d, err := ort.ParseDevice(text)
		if (err == nil) != (want != "") || err == nil && d.String() != want {
			t.Errorf("%q: %v, %v; want %q", text, d, err, want)
		}
	}
}

// What is not installed is said with what to do.
func TestMissingProvider(t *testing.T) {
	needRuntime(t)
	mac, err := ort.ParseDevice("coreml")
	if err != nil || runtime.GOOS == "linux" && mac.Missing() == nil {
		t.Errorf("CoreML on %s, %v", runtime.GOOS, err)
	}
	d, err := ort.ParseDevice("tensorrt:0")
	if err != nil {
		t.Fatal(err)
	}
	if d.Missing() == nil {
		t.Skip("TensorRT is installed")
	}
	_, err = ort.Open(embed.Models()[0], d)
	if err == nil || !strings.Contains(err.Error(), "libonnxruntime_providers_tensorrt.so") || !strings.Contains(err.Error(), "POREVEC_ORT") {
		t.Error(err)
	}
}

// A call ends at its deadline, long before it would be done, and the session goes on.
func TestDeadline(t *testing.T) {
	e := open(t, embed.Models()[0])
	m := e.Model()
	in := random(1, 1024, m.DefaultWindow) // 0.1 s or more
	out := make([]float32, in.Len()*m.Dim)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := e.Encode(ctx, in, out); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("after its deadline: %v", err)
	}
	few := random(2, 3, m.DefaultWindow)
	got, want := make([]float32, 3*m.Dim), make([]float32, 3*m.Dim)
	if err := open(t, m).Encode(t.Context(), few, want); err != nil {
		t.Fatal(err)
	}
	if err := e.Encode(t.Context(), few, got); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("the session gives other vectors after a call that was ended: %v, want %v", got[i], want[i])
		}
	}
}
