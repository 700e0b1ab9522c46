package main

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/porevec/porevec/embed/device"
	"github.com/porevec/porevec/power"
)

var update = flag.Bool("update", false, "write the golden files")

// Messages of schema version 1 keep their keys, for programs that read them. A key may
// be added, and the file made anew; none goes or changes its meaning.
func TestGoldenMessages(t *testing.T) {
	lag, heard := uint64(17), 0.5
	watts, degrees := 41.5, 77.0
	state := status{
		deviceStatus: deviceStatus{Device: "cpu", DeviceEvents: 1, DeviceEvent: &device.Event{
			At: time.Date(2026, 11, 23, 7, 59, 0, 0, time.UTC), Kind: device.Failed, Device: "cuda:0", Now: "cpu", Why: "out of memory", Chunks: 8,
		}},
		powerStatus: powerStatus{
			Level: power.First4, LevelWhy: "processor at 91 °C, limit 85 °C", LevelChanges: 3, Watts: &watts, Joules: 500, CPUTempC: &degrees, GPUTempC: &degrees,
			Throttled: []string{"processor: package too hot"}, MemoryBytes: 120_000_000, OnBattery: true, BatteryPercent: &watts,
		},
		Time: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), ElapsedS: 12.5, Reads: 3, Samples: 40_000, Chunks: 9, Acknowledged: 8, Errors: 1, SamplesPerS: 3200,
		Retries: 2, Waiting: "publish: stream POREVEC is full", StoreBytes: 1000, StoreLimitBytes: 2000, DiskFreeBytes: 3000, HubLagMessages: &lag, HubHeardS: &heard,
	}
	for name, message := range map[string]any{
		"v1-stat.json": state,
		"v1-live-stat.json": liveStatus{
			status: state, ChunksPerS: 150, ChunksShed: 4, ChunksWaiting: 5, ChunkAgeMS: 25, ChunkAgeP99MS: 47,
			positionStatus: positionStatus{
				Host: "localhost", Position: "X1", State: "sequencing", Run: "a1b2c3", Channels: 512, Messages: 6, LiveSamples: 7, LiveReads: 8,
				SamplesBehind: 9, SecondsBehind: 1.5, MessageAgeS: 0.2, Gaps: 10, GapSamples: 11, HeadsMissing: 12, Merged: 13, Repeated: 14, Late: 15,
				Malformed: 16, ShedSamples: 17, Reconnects: 18, NoOffsets: true, NoCalibration: true,
			},
		},
		"v1-read.json": carriedRead{
			Run: "a1b2c3", ReadID: "01234567-89ab-cdef-0123-456789abcdef", Channel: 300, Mux: 2, ReadStart: 5000,
			Carried: [][2]uint64{{0, 4000}, {8000, 9000}}, Samples: 5000, Shed: 100, Repeated: 200, EndSeen: true,
		},
	} {
		got, err := json.MarshalIndent(message, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		path := "testdata/" + name
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != string(got) {
			t.Errorf("%s is now %s, %v", path, got, err)
		}
	}
}
