package replay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/porevec/porevec/pod5"
	"github.com/porevec/porevec/replay"
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

func ExampleSource() {
	dir, err := os.MkdirTemp("", "pod5")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := writeExample(filepath.Join(dir, "example.pod5")); err != nil {
		log.Fatal(err)
	}

	files, err := replay.FindFiles([]string{dir}, true)
	if err != nil {
		log.Fatal(err)
	}
	source := replay.NewSource(replay.List(files), replay.Options{})
	defer source.Close()
	for {
		block, err := source.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if signal.ClassOf(err) == signal.Corrupt {
				continue // a file or a read was skipped
			}
			log.Fatal(err)
		}
		fmt.Println(block.Offset, block.Samples, block.Last)
		block.Release()
	}
	// Output: 0 [840 841 900 910 905] true
}
