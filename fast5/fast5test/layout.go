// Package fast5test makes FAST5 files as the software of many years laid them out,
// for tests.
package fast5test

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"time"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/porevec/porevec/signal"
)

// Packing says how samples are stored.
type Packing uint8

// The ways of packing.
const (
	Plain      Packing = iota
	Gzip               // deflate
	Shuffled           // shuffle, then deflate
	VBZ                // with zstd
	VBZPlain           // without: level 0
	UnknownOne         // a filter that does not exist
)

// Layout builds files.
type Layout struct {
	Single     bool // one read in the file, in groups of the old kind
	Latest     bool // superblock 2, object headers 2, link messages
	Packing    Packing
	VBZVersion uint32
	Level      int // of deflate; 0 means 1
	// ChunkLen is the length of chunks in samples; 0 is the whole read, or, with
	// Plain, no chunks.
	ChunkLen   int
	ShortChunk bool // the chunk's length is announced as five times what it is
	NullPadded bool // ids fill their field
	Vlen       bool // texts of variable length
	Reasons    int  // names of end reasons: 6, 7, or 0 for bare numbers; −1: no attribute
	Linked     bool // all reads link to the tags of the first
	Bare       bool // nothing but signal
	Events     bool // no signal, but tables of events
	Bulk       bool // a bulk file
}

// Read is a read with its samples.
type Read struct {
	signal.Read
	ADC []int16
}

// reasons are the members of the enumeration in its two editions.
var reasons = map[int][]string{
	6: {"unknown", "partial", "mux_change", "unblock_mux_change", "signal_positive", "signal_negative"},
	7: {"unknown", "partial", "mux_change", "unblock_mux_change", "data_service_unblock_mux_change", "signal_positive", "signal_negative"},
}

// Build makes the bytes of a file. All calibrations are those of a digitisation of
// 8192.
func (l Layout) Build(reads []Read) []byte {
	b := &builder{buf: make([]byte, superblockSize), latest: l.Latest}
	version := l.text(b, "file_version", "2.3")
	var root []link
	switch {
	case l.Bulk:
		root = append(root, link{"Raw", b.group([]link{{"Channel_1", b.group(nil)}})})
	case l.Events:
		root = append(root, link{"Analyses", b.group(nil)}, link{"UniqueGlobalKey", b.group(l.tags(b, &reads[0]))})
	case l.Single:
		r := &reads[0]
		read := b.group([]link{{"Signal", l.samples(b, r.ADC)}}, l.raw(b, r)...)
		all := b.group([]link{{"Read_" + strconv.Itoa(int(r.Number)), read}})
		root = append(root, link{"Raw", b.group([]link{{"Reads", all}})})
		if !l.Bare {
			root = append(root, link{"UniqueGlobalKey", b.group(l.tags(b, r))})
		}
	default:
		var shared []link
		for i := range reads {
			r := &reads[i]
			links := []link{{"Raw", b.group([]link{{"Signal", l.samples(b, r.ADC)}}, l.raw(b, r)...)}}
			var attributes []message
			if !l.Bare {
				tags := l.tags(b, r)
				if l.Linked && shared != nil {
					tags = append(tags[:1:1], shared[1:]...) // the channel is the read's own
				}
				shared = tags
				links = append(links, tags...)
				attributes = append(attributes, l.text(b, "run_id", r.Run.AcquisitionID), l.text(b, "pore_type", r.PoreType))
			}
			root = append(root, link{"read_" + r.ID.String(), b.group(links, attributes...)})
		}
	}
	return b.finish(b.group(root, version))
}

// text is an attribute of text.
func (l Layout) text(b *builder, name, value string) message {
	if l.Vlen {
		return attribute(name, vlenType(), b.collection([]string{value})[0])
	}
	return attribute(name, stringType(len(value)+1, false), append([]byte(value), 0))
}

// raw are the attributes of the group that holds the signal.
func (l Layout) raw(b *builder, r *Read) []message {
	if l.Bare {
		return nil
	}
	id := l.text(b, "read_id", r.ID.String())
	if l.NullPadded {
		id = attribute("read_id", stringType(36, true), []byte(r.ID.String()))
	}
	list := []message{
		id, intAttribute("read_number", 4, true, int64(r.Number)), intAttribute("start_time", 8, false, int64(r.Start)),
		intAttribute("duration", 4, false, int64(len(r.ADC))), intAttribute("start_mux", 1, false, int64(r.Mux)),
		floatAttribute("median_before", float64(r.MedianBeforePA)),
	}
	if l.Reasons < 0 {
		return list
	}
	names := reasons[7]
	if l.Reasons > 0 {
		names = reasons[l.Reasons]
	}
	number := 0
	for i, n := range names {
		if n == string(r.EndReason) {
			number = i
		}
	}
	if l.Reasons > 0 {
		return append(list, attribute("end_reason", enumType(names), []byte{uint8(number)}))
	}
	return append(list, intAttribute("end_reason", 1, false, int64(number)))
}

// tags are the groups that describe channel and run.
func (l Layout) tags(b *builder, r *Read) []link {
	const digits = 8192
	return []link{
		{"channel_id", b.group(nil, l.text(b, "channel_number", strconv.Itoa(int(r.Channel))), floatAttribute("digitisation", digits),
			floatAttribute("offset", float64(r.Calibration.Offset)), floatAttribute("range", float64(r.Calibration.Scale)*digits),
			floatAttribute("sampling_rate", float64(r.Run.SampleRateHz)))},
		{"context_tags", b.group(nil, l.text(b, "sequencing_kit", r.Run.SequencingKit))},
		{"tracking_id", b.group(nil, l.text(b, "run_id", r.Run.AcquisitionID), l.text(b, "flow_cell_id", r.Run.FlowCellID),
			l.text(b, "flow_cell_product_code", r.Run.FlowCellProductCode), l.text(b, "sample_id", r.Run.SampleID),
			l.text(b, "device_id", r.Run.Position), l.text(b, "exp_start_time", r.Run.AcquisitionStart.Format(time.RFC3339)))},
	}
}

// samples puts the dataset of a read.
func (l Layout) samples(b *builder, adc []int16) uint64 {
	if l.Events {
		return b.group(nil)
	}
	if l.Packing == Plain && l.ChunkLen == 0 {
		return b.dataset(len(adc), 0, nil, [][]byte{little(adc)})
	}
	chunkLen := l.ChunkLen
	if chunkLen == 0 {
		chunkLen = max(len(adc), 1)
	}
	var chunks [][]byte
	for from := 0; from < len(adc); from += chunkLen {
		part := adc[from:min(from+chunkLen, len(adc))]
		if !l.ShortChunk { // the library pads the last chunk
			part = append(append([]int16(nil), part...), make([]int16, chunkLen-len(part))...)
		}
		chunks = append(chunks, l.pack(part))
	}
	if l.ShortChunk {
		chunkLen *= 5
	}
	return b.dataset(len(adc), chunkLen, l.filters(), chunks)
}

func (l Layout) filters() []filter {
	level := uint32(max(l.Level, 1))
	switch l.Packing {
	case Gzip:
		return []filter{{1, []uint32{level}}}
	case Shuffled:
		return []filter{{2, []uint32{2}}, {1, []uint32{level}}}
	case VBZ:
		return []filter{{32020, []uint32{l.VBZVersion, 2, 1, 1}}}
	case VBZPlain:
		return []filter{{32020, []uint32{l.VBZVersion, 2, 1, 0, 1}}}
	case UnknownOne:
		return []filter{{31999, nil}}
	}
	return nil
}

func (l Layout) pack(adc []int16) []byte {
	data := little(adc)
	switch l.Packing {
	case Shuffled:
		n := len(adc)
		shuffled := make([]byte, 2*n)
		for i := range n {
			shuffled[i], shuffled[n+i] = data[2*i], data[2*i+1]
		}
		return deflate(shuffled, max(l.Level, 1))
	case Gzip:
		return deflate(data, max(l.Level, 1))
	case VBZ, VBZPlain:
		stream := streamVByte(adc)
		if l.Packing == VBZ {
			z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
			if err != nil {
				panic(err) // the options are constants
			}
			stream = z.EncodeAll(stream, nil)
		}
		return append(binary.LittleEndian.AppendUint32(nil, uint32(len(data))), stream...)
	}
	return data
}

func little(adc []int16) []byte {
	out := make([]byte, 0, 2*len(adc))
	for _, v := range adc {
		out = le.AppendUint16(out, uint16(v))
	}
	return out
}

func deflate(data []byte, level int) []byte {
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, level)
	if err != nil {
		panic(err) // a level of 1 to 9
	}
	_, _ = z.Write(data) // to memory
	_ = z.Close()
	return out.Bytes()
}

// streamVByte packs differences of neighbours with 2 bits a value for their length.
func streamVByte(adc []int16) []byte {
	keys := make([]byte, (len(adc)+3)/4)
	var data []byte
	last := int32(0)
	for i, v := range adc {
		step := int32(v) - last
		last = int32(v)
		packed := uint32(step)<<1 ^ uint32(step>>31)
		size := max(1, (bits.Len32(packed)+7)/8)
		keys[i/4] |= uint8(size-1) << (2 * (i % 4))
		data = append(data, le.AppendUint32(nil, packed)[:size]...)
	}
	return append(keys, data...)
}
