package signal

import (
	"encoding/hex"
	"errors"
	"time"
)

// ReadID is a read's UUID in text order: byte 0 is the first hex pair.
type ReadID [16]byte

// String is the canonical form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.
func (id ReadID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// ErrReadID says that a text is not a UUID.
var ErrReadID = errors.New("a read id is a UUID such as 01234567-89ab-cdef-0123-456789abcdef")

// ParseReadID reads the canonical text form, in either case.
func ParseReadID(s string) (ReadID, error) {
	var id ReadID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, ErrReadID
	}
	digits := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return id, ErrReadID
	}
	return id, nil
}

// Run is one acquisition of a sequencer: the settings that all of its reads
// share. Empty strings mean that the source does not say.
type Run struct {
	AcquisitionID       string
	AcquisitionStart    time.Time // UTC
	ProtocolRunID       string
	ProtocolName        string
	ProtocolStart       time.Time // UTC
	ExperimentName      string
	SampleID            string
	FlowCellID          string
	FlowCellProductCode string // e.g. FLO-MIN114
	SequencingKit       string // e.g. sqk-lsk114
	Position            string // flow-cell position, e.g. MN12345 or X1
	PositionType        string // e.g. minion, promethion
	SystemName          string
	SystemType          string
	Software            string
	SampleRateHz        uint16
	ADCMin, ADCMax      int16
	ContextTags         map[string]string
	TrackingID          map[string]string
}

// Calibration turns ADC counts into current: pA = (adc + Offset) * Scale, in
// float32. Offset is in ADC counts, Scale in pA per count.
type Calibration struct {
	Offset, Scale float32
}

// PA is the current of one sample in picoampere.
func (c Calibration) PA(adc int16) float32 { return (float32(adc) + c.Offset) * c.Scale }

// Origin places a read in a recorded file, for checkpoints: reads of one
// source are always replayed in the order of Ordinal.
type Origin struct {
	// Source names the file wherever it lies: its base name and the random
	// identifier inside of it.
	Source string
	// Ordinal is the read's place in the file, from 0.
	Ordinal uint64
}

// Read is what is known of one molecule's signal, without the samples.
type Read struct {
	ID      ReadID
	Run     *Run
	Channel uint16 // 1-based
	Mux     uint8  // well, 1-based; 0 when unknown
	Number  uint32 // counts per channel
	// Start is the index of the read's first sample on its channel since the
	// start of the acquisition.
	Start uint64
	// Samples is the length announced by the source; 0 while unknown (live).
	Samples     uint64
	Calibration Calibration
	// MedianBeforePA is the current before the read; NaN when unknown.
	MedianBeforePA float32
	// OpenPorePA is the current of the empty pore; NaN when unknown.
	OpenPorePA      float32
	EndReason       EndReason
	EndReasonForced bool
	PoreType        string
	Path            string // the file that the read came from
	Origin          Origin
}
