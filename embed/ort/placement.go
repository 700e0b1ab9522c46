package ort

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/signal"
)

// explain adds the operators that a device lacks to the refusal to open a model on it.
func explain(refusal error, m *embed.Model, d Device) error {
	if !strings.Contains(refusal.Error(), "fallback to CPU EP has been explicitly disabled") {
		return refusal
	}
	lacking, err := foreignOperators(m, d)
	if err != nil {
		return errors.Join(refusal, err)
	}
	return fmt.Errorf("%v cannot compute %s of this file, which would run on the CPU: use another file of the encoder", d, strings.Join(lacking, ", "))
}

// foreignOperators lists the operators of a model that a session for the device runs on
// the CPU, each with its number. ONNX Runtime tells it in a profile of a call only.
func foreignOperators(m *embed.Model, d Device) ([]string, error) {
	dir, err := os.MkdirTemp("", "porevec-placement-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	options, err := sessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	err = errors.Join(d.prepare(options, m), options.AddSessionConfigEntry(noFallback, "0"), options.EnableProfiling(filepath.Join(dir, "profile")))
	if err != nil {
		return nil, err
	}
	session, err := onnx.NewDynamicAdvancedSessionWithONNXData(m.File, inputNames, outputNames, options)
	if err != nil {
		return nil, err
	}
	e := &Encoder{model: *m, session: session}
	chunk := &signal.Batch{Window: m.DefaultWindow, Chunks: make([]signal.Chunk, 1), Samples: make([]int16, m.DefaultWindow), Shift: []float32{0}, Scale: []float32{1}}
	err = e.Encode(context.Background(), chunk, make([]float32, m.Dim))
	if err = errors.Join(err, e.Close()); err != nil { // closing writes the profile
		return nil, err
	}
	return operatorsOn("CPUExecutionProvider", dir)
}

// operatorsOn reads the profile in a folder.
func operatorsOn(provider, dir string) ([]string, error) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) != 1 {
		return nil, errors.New("ONNX Runtime wrote no profile")
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	var events []struct {
		Name string
		Args struct {
			Operator string `json:"op_name"`
			Provider string
		}
	}
	if err := json.Unmarshal(text, &events); err != nil {
		return nil, fmt.Errorf("profile of ONNX Runtime: %w", err)
	}
	nodes := make(map[string]map[string]bool) // by operator: the names of its nodes
	for _, e := range events {
		name, ran := strings.CutSuffix(e.Name, "_kernel_time")
		if !ran || e.Args.Provider != provider {
			continue
		}
		if nodes[e.Args.Operator] == nil {
			nodes[e.Args.Operator] = make(map[string]bool)
		}
		nodes[e.Args.Operator][name] = true
	}
	var list []string
	for _, operator := range slices.Sorted(maps.Keys(nodes)) {
		list = append(list, fmt.Sprintf("%d × %s", len(nodes[operator]), operator))
	}
	return list, nil
}
