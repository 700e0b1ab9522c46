package pod5_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/porevec/porevec/pod5"
	"github.com/porevec/porevec/signal"
)

// writeExample writes a file of one read.
func writeExample(path string) error {
	run := &signal.Run{AcquisitionID: "a1", SampleRateHz: 5000, FlowCellProductCode: "FLO-MIN114", SequencingKit: "sqk-lsk114"}
	read := signal.Read{
		ID: signal.ReadID{1}, Run: run, Channel: 7,
		Calibration: signal.Calibration{Offset: -240, Scale: 0.15}, EndReason: signal.EndSignalPositive,
	}
	w, err := pod5.Create(path, pod5.WriterOptions{})
	if err != nil {
		return err
	}
	if err := w.Add(&read, []int16{840, 841, 900, 910, 905}); err != nil {
		return errors.Join(err, w.Discard())
	}
	return w.Close()
}

func Example() {
	dir, err := os.MkdirTemp("", "pod5")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "example.pod5")
	if err := writeExample(path); err != nil {
		log.Fatal(err)
	}

	file, err := pod5.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for read, err := range file.Reads() {
		if err != nil {
			log.Print(err) // this read cannot be used; the next one may
			continue
		}
		samples, err := file.Signal(read, nil)
		if err != nil {
			log.Print(err)
			continue
		}
		fmt.Printf("channel %d, %s, %d samples from %.1f pA\n", read.Channel, read.EndReason, len(samples), read.Calibration.PA(samples[0]))
	}
	// Output: channel 7, signal_positive, 5 samples from 90.0 pA
}
