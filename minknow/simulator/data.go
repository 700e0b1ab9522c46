package simulator

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/porevec/porevec/minknow/api"
	"github.com/porevec/porevec/signal"
)

// data makes what a message says of a read.
func (s *stream) data(i item, rawType api.GetLiveReadsRequest_RawDataType) *api.GetLiveReadsResponse_ReadData {
	samples := i.p.samples[i.from:i.to]
	calibration := s.p.calibration[i.p.channel-1]
	d := &api.GetLiveReadsResponse_ReadData{
		Id: i.p.id.String(), Number: i.p.number, StartSample: i.p.start, ChunkStartSample: i.p.start + i.from, ChunkLength: i.to - i.from,
		ChunkClassifications: make([]int32, max(1, (i.to-i.from+s.a.piece-1)/s.a.piece)),
		MedianBefore:         i.p.read.MedianBeforePA, Median: median(samples, calibration), PreviousReadClassification: classStrand,
	}
	for k := range d.ChunkClassifications {
		d.ChunkClassifications[k] = classStrand
	}
	if s.p.cfg.NoOffsets {
		d.StartSample, d.ChunkStartSample = 0, 0
	}
	switch rawType {
	case api.GetLiveReadsRequest_UNCALIBRATED:
		d.RawData = make([]byte, 0, 2*len(samples))
		for _, v := range samples {
			d.RawData = binary.LittleEndian.AppendUint16(d.RawData, uint16(v))
		}
	case api.GetLiveReadsRequest_CALIBRATED:
		d.RawData = make([]byte, 0, 4*len(samples))
		for _, v := range samples {
			d.RawData = binary.LittleEndian.AppendUint32(d.RawData, math.Float32bits(calibration.PA(v)))
		}
	}
	return d
}

// median is that of a hundred samples or so, in pA: nobody needs it exactly.
func median(samples []int16, calibration signal.Calibration) float32 {
	var few []int16
	for i := 0; i < len(samples); i += max(1, len(samples)/100) {
		few = append(few, samples[i])
	}
	if len(few) == 0 {
		return 0
	}
	slices.Sort(few)
	return calibration.PA(few[len(few)/2])
}
