package minknow

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/porevec/porevec/minknow/api"
	"github.com/porevec/porevec/signal"
)

// delivery is one message of a position, or the news that its run is over.
type delivery struct {
	tracker  *tracker
	pieces   []piece // in order of channels
	now      uint64  // samples acquired when it was sent
	received time.Time
	size     int
	runEnded bool
}

// piece is what a message holds of one read.
type piece struct {
	channel   uint16
	id        signal.ReadID
	readStart uint64 // since the acquisition began
	start     uint64 // likewise, of the first sample
	length    uint64 // samples
	raw       []byte // int16, little-endian; nil when they were shed
	merged    bool
	median    float32 // before the read, pA
	err       error
}

// newDelivery takes a message apart. It copies no signal.
func newDelivery(t *tracker, msg *api.GetLiveReadsResponse, received time.Time) *delivery {
	d := &delivery{tracker: t, now: msg.SamplesSinceStart, received: received, pieces: make([]piece, 0, len(msg.Channels))}
	for channel, data := range msg.Channels {
		p := newPiece(channel, data)
		d.size += len(p.raw)
		d.pieces = append(d.pieces, p)
	}
	slices.SortFunc(d.pieces, func(a, b piece) int { return cmp.Compare(a.channel, b.channel) })
	return d
}

func newPiece(channel uint32, data *api.GetLiveReadsResponse_ReadData) piece {
	p := piece{
		channel: uint16(channel), readStart: data.StartSample, start: data.ChunkStartSample, length: data.ChunkLength,
		raw: data.RawData, merged: len(data.ChunkClassifications) > 1, median: data.MedianBefore,
	}
	var err error
	p.id, err = signal.ParseReadID(data.Id)
	switch {
	case channel == 0 || channel > 65535:
		p.err = fmt.Errorf("channel %d", channel)
	case err != nil:
		p.err = fmt.Errorf("id %.40q: %w", data.Id, err)
	case uint64(len(data.RawData)) != 2*data.ChunkLength:
		p.err = fmt.Errorf("%d samples are announced, %d bytes came", data.ChunkLength, len(data.RawData))
	case data.ChunkStartSample < data.StartSample:
		p.err = fmt.Errorf("its samples begin at %d, before the read at %d", data.ChunkStartSample, data.StartSample)
	case data.ChunkStartSample-data.StartSample > mostSamples:
		p.err = fmt.Errorf("its samples begin %d after the read", data.ChunkStartSample-data.StartSample)
	}
	return p
}

// mostSamples is longer than any read: six years at 5 kHz.
const mostSamples = 1 << 40

// bytes is the size of the signal.
func (d *delivery) bytes() int { return d.size }

// shed drops the signal.
func (d *delivery) shed() {
	for i := range d.pieces {
		d.pieces[i].raw = nil
	}
	d.size = 0
}

// decode appends the samples of a piece from the given one on.
func (p *piece) decode(dst []int16, from uint64) []int16 {
	for raw := p.raw[2*from:]; len(raw) >= 2; raw = raw[2:] {
		dst = append(dst, int16(binary.LittleEndian.Uint16(raw)))
	}
	return dst
}
