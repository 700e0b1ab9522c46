package ort

import (
	"testing"
	"testing/fstest"
)

// Engines are compiled anew for another card, driver or TensorRT, and for nothing else.
func TestArchitecture(t *testing.T) {
	const card = "proc/driver/nvidia/gpus/0000:01:00.0/information"
	computer := func() fstest.MapFS {
		return fstest.MapFS{
			card:                         {Data: []byte("Model: \t\t NVIDIA RTX A2000\nIRQ:   \t\t 139\nGPU UUID: \t GPU-????????\n")},
			"proc/driver/nvidia/version": {Data: []byte("NVRM version: 580.65.06\n")},
			"usr/lib64/libnvinfer.so.10": {}, "usr/lib64/libnvinfer.so.10.13.2": {},
		}
	}
	folders := []string{"/opt/none", "/usr/lib64", "/usr/lib64"}
	of := func(change func(fstest.MapFS)) string {
		root := computer()
		change(root)
		return architecture(root, folders)
	}
	same := of(func(fstest.MapFS) {})
	if of(func(r fstest.MapFS) {
		r[card] = &fstest.MapFile{Data: []byte("Model: \t\t NVIDIA RTX A2000\nIRQ:   \t\t 140\nGPU UUID: \t GPU-5b7a\nDevice Minor: \t 0\n")}
	}) != same {
		t.Error("another interrupt makes another architecture")
	}
	for what, change := range map[string]func(fstest.MapFS){
		"card":   func(r fstest.MapFS) { r[card] = &fstest.MapFile{Data: []byte("Model: \t\t NVIDIA H200\n")} },
		"driver": func(r fstest.MapFS) { r["proc/driver/nvidia/version"] = &fstest.MapFile{Data: []byte("581")} },
		"TensorRT": func(r fstest.MapFS) {
			delete(r, "usr/lib64/libnvinfer.so.10.13.2")
			r["usr/lib64/libnvinfer.so.10.14.0"] = &fstest.MapFile{}
		},
	} {
		if of(change) == same {
			t.Errorf("another %s makes no other architecture", what)
		}
	}
}
