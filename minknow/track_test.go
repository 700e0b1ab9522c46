package minknow

import (
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/minknow/api"
	"github.com/porevec/porevec/signal"
)

const (
	readA = "aaaaaaaa-0000-4000-8000-000000000001"
	readB = "bbbbbbbb-0000-4000-8000-000000000002"
	readC = "cccccccc-0000-4000-8000-000000000003"
)

// sent is a piece of a message: samples [start, start+n) of the acquisition.
type sent struct {
	id               string
	readStart, start uint64
	n                int
	merged           int
	shed             bool
}

// data makes the piece; a sample's value is its position.
func (s sent) data() *api.GetLiveReadsResponse_ReadData {
	raw := make([]byte, 0, 2*s.n)
	for i := range s.n {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(s.start+uint64(i)))
	}
	return &api.GetLiveReadsResponse_ReadData{
		Id: s.id, StartSample: s.readStart, ChunkStartSample: s.start, ChunkLength: uint64(s.n), RawData: raw,
		ChunkClassifications: make([]int32, max(s.merged, 1)),
	}
}

// got is a block as the pipeline would see it.
type got struct {
	ID     string
	Offset uint64
	N      int
	Flags  signal.Flags
	Marks  string // Gap, Head, Last, End missing
}

func newTestTracker() (*tracker, *[]Seen) {
	var seen []Seen
	return &tracker{
		run: &signal.Run{AcquisitionID: "run", SampleRateHz: 100}, muxes: newMuxes(4), stats: &counters{},
		log: slog.New(slog.DiscardHandler), seen: func(s Seen) { seen = append(seen, s) }, channels: make(map[uint16]*channel),
	}, &seen
}

// play gives the blocks of pieces that come on channel 1, one message each.
func play(t *testing.T, tr *tracker, pieces []sent) []got {
	t.Helper()
	var blocks []got
	for _, s := range pieces {
		msg := &api.GetLiveReadsResponse{
			SamplesSinceStart: min(s.start+uint64(s.n), 500), Channels: map[uint32]*api.GetLiveReadsResponse_ReadData{1: s.data()},
		}
		d := newDelivery(tr, msg, time.Now())
		if s.shed {
			d.shed()
		}
		tr.take(d, func(b *signal.Block) {
			for i, v := range b.Samples {
				if tr.offsets == offsetsTold && v != int16(b.Read.Start+b.Offset+uint64(i)) {
					t.Errorf("sample %d of a block at %d is %d", i, b.Offset, v)
				}
			}
			g := got{ID: b.Read.ID.String()[:1], Offset: b.Offset, N: len(b.Samples), Flags: b.Flags}
			for mark, on := range map[string]bool{"G": b.GapBefore, "H": b.HeadMissing, "L": b.Last && !b.EndMissing, "E": b.Last && b.EndMissing} {
				if on {
					g.Marks += mark
				}
			}
			blocks = append(blocks, g)
			b.Release()
		})
	}
	return blocks
}

func TestContinuity(t *testing.T) {
	for _, c := range []struct {
		name   string
		pieces []sent
		want   []got
		stats  Stats
		seen   []Seen
	}{
		{
			name: "contiguous reads, the end is proven",
			pieces: []sent{
				{id: readA, readStart: 50, start: 50, n: 100}, {id: readA, readStart: 50, start: 150, n: 80},
				{id: readB, readStart: 230, start: 230, n: 10},
			},
			want:  []got{{"a", 0, 100, 0, ""}, {"a", 100, 80, 0, ""}, {"a", 180, 0, 0, "L"}, {"b", 0, 10, 0, ""}},
			stats: Stats{Pieces: 3, Samples: 190, Reads: 2},
			seen:  []Seen{{Carried: []Span{{0, 180}}, EndSeen: true}},
		},
		{
			name: "the end is not proven when the next read begins later",
			pieces: []sent{
				{id: readA, readStart: 50, start: 50, n: 100}, {id: readB, readStart: 160, start: 160, n: 10},
			},
			want:  []got{{"a", 0, 100, 0, ""}, {"a", 100, 0, 0, "E"}, {"b", 0, 10, 0, ""}},
			stats: Stats{Pieces: 2, Samples: 110, Reads: 2},
			seen:  []Seen{{Carried: []Span{{0, 100}}}},
		},
		{
			name: "gap",
			pieces: []sent{
				{id: readA, readStart: 50, start: 50, n: 100}, {id: readA, readStart: 50, start: 200, n: 50}, {id: readB, readStart: 250, start: 250, n: 1},
			},
			want:  []got{{"a", 0, 100, 0, ""}, {"a", 150, 50, 0, "G"}, {"a", 200, 0, 0, "L"}, {"b", 0, 1, 0, ""}},
			stats: Stats{Pieces: 3, Samples: 151, Reads: 2, Gaps: 1, GapSamples: 50},
			seen:  []Seen{{Carried: []Span{{0, 100}, {150, 200}}, EndSeen: true}},
		},
		{
			name: "head missing",
			pieces: []sent{
				{id: readA, readStart: 50, start: 90, n: 100}, {id: readA, readStart: 50, start: 190, n: 10},
			},
			want:  []got{{"a", 40, 100, 0, "H"}, {"a", 140, 10, 0, ""}},
			stats: Stats{Pieces: 2, Samples: 110, Reads: 1, HeadsMissing: 1},
		},
		{
			name: "twice, and twice in part",
			pieces: []sent{
				{id: readA, readStart: 50, start: 50, n: 100}, {id: readA, readStart: 50, start: 50, n: 100},
				{id: readA, readStart: 50, start: 100, n: 80}, {id: readA, readStart: 50, start: 180, n: 5}, {id: readB, readStart: 185, start: 185, n: 1},
			},
			want: []got{
				{"a", 0, 100, 0, ""}, {"a", 100, 30, signal.FlagRepeated, ""}, {"a", 130, 5, 0, ""}, {"a", 135, 0, 0, "L"}, {"b", 0, 1, 0, ""},
			},
			stats: Stats{Pieces: 5, Samples: 136, Reads: 2, Repeated: 2, RepeatedSamples: 150},
			seen:  []Seen{{Carried: []Span{{0, 135}}, Repeated: 150, EndSeen: true}},
		},
		{
			name: "late",
			pieces: []sent{
				{id: readA, readStart: 50, start: 50, n: 100}, {id: readB, readStart: 200, start: 200, n: 10},
				{id: readA, readStart: 50, start: 150, n: 50}, {id: readB, readStart: 200, start: 210, n: 10},
			},
			want:  []got{{"a", 0, 100, 0, ""}, {"a", 100, 0, 0, "E"}, {"b", 0, 10, 0, ""}, {"b", 10, 10, 0, ""}},
			stats: Stats{Pieces: 4, Samples: 120, Reads: 2, Late: 1, LateSamples: 50},
			seen:  []Seen{{Carried: []Span{{0, 100}}}},
		},
		{
			name: "merged and shed",
			pieces: []sent{
				{id: readA, readStart: 50, start: 50, n: 100, merged: 3}, {id: readA, readStart: 50, start: 150, n: 40, shed: true},
				{id: readA, readStart: 50, start: 190, n: 10}, {id: readB, readStart: 200, start: 200, n: 10, shed: true}, {id: readC, readStart: 210, start: 210, n: 1},
			},
			want: []got{
				{"a", 0, 100, signal.FlagMerged, ""}, {"a", 140, 10, 0, "G"}, {"a", 150, 0, 0, "L"}, {"c", 0, 1, 0, ""},
			},
			stats: Stats{Pieces: 5, Samples: 111, Reads: 3, Merged: 1, ShedSamples: 50, Gaps: 1, GapSamples: 40},
			seen:  []Seen{{Carried: []Span{{0, 100}, {140, 150}}, Shed: 40, EndSeen: true}, {Shed: 10}},
		},
		{
			name: "silent for long, and back",
			pieces: []sent{
				{id: readA, readStart: 50, start: 50, n: 100}, {id: readA, readStart: 50, start: 2000, n: 10},
			},
			// The message that brings it back is what shows that it was silent.
			want:  []got{{"a", 0, 100, 0, ""}, {"a", 1950, 10, 0, "G"}},
			stats: Stats{Pieces: 2, Samples: 110, Reads: 1, Gaps: 1, GapSamples: 1850},
		},
		{
			name: "no offsets",
			pieces: []sent{
				{id: readA, n: 100}, {id: readA, n: 50}, {id: readB, n: 10}, {id: readB, n: 20},
			},
			want: []got{
				{"a", 0, 100, 0, ""}, {"a", 100, 50, signal.FlagUnchecked, ""}, {"a", 150, 0, 0, "E"},
				{"b", 0, 10, signal.FlagUnchecked, ""}, {"b", 10, 20, signal.FlagUnchecked, ""},
			},
			stats: Stats{Pieces: 4, Samples: 180, Reads: 2, NoOffsets: true},
			seen:  []Seen{{Carried: []Span{{0, 150}}}},
		},
		{
			name: "nonsense",
			pieces: []sent{
				{id: "no-uuid", readStart: 50, start: 50, n: 10}, {id: readA, readStart: 50, start: 40, n: 10},
				{id: readA, readStart: 50, start: 50, n: 10}, {id: readA, readStart: 40, start: 60, n: 10}, {id: readA, readStart: 50, start: 1 << 60, n: 10},
			},
			want:  []got{{"a", 0, 10, 0, ""}},
			stats: Stats{Pieces: 2, Samples: 10, Reads: 1, Malformed: 4},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, seen := newTestTracker()
			if diff := cmp.Diff(c.want, play(t, tr, c.pieces)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.stats, tr.stats.snapshot()); diff != "" {
				t.Error(diff)
			}
			for i := range *seen {
				(*seen)[i].Read = nil
			}
			if diff := cmp.Diff(c.seen, *seen); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestASilentReadEnds(t *testing.T) {
	tr, seen := newTestTracker()
	first := play(t, tr, []sent{{id: readA, readStart: 50, start: 50, n: 100}})
	var blocks []*signal.Block
	msg := &api.GetLiveReadsResponse{SamplesSinceStart: 150 + idleSeconds*100 + 1}
	tr.take(newDelivery(tr, msg, time.Now().Add(time.Minute)), func(b *signal.Block) { blocks = append(blocks, b) })
	if len(first) != 1 || len(blocks) != 1 || !blocks[0].Last || !blocks[0].EndMissing || len(*seen) != 1 {
		t.Fatalf("%d blocks, then %v; %d reads ended", len(first), blocks, len(*seen))
	}
	// It was only paused: what comes now is the same read, with its head behind.
	again := play(t, tr, []sent{{id: readA, readStart: 50, start: 150, n: 10}})
	if diff := cmp.Diff([]got{{"a", 100, 10, 0, "H"}}, again); diff != "" {
		t.Error(diff)
	}
}

func FuzzDelivery(f *testing.F) {
	f.Add("aaaaaaaa-0000-4000-8000-000000000001", uint32(1), uint64(10), uint64(20), uint64(2), []byte{1, 2, 3, 4}, 2)
	f.Fuzz(func(t *testing.T, id string, channel uint32, readStart, start, length uint64, raw []byte, pieces int) {
		tr, _ := newTestTracker()
		data := &api.GetLiveReadsResponse_ReadData{Id: id, StartSample: readStart, ChunkStartSample: start, ChunkLength: length, RawData: raw,
			ChunkClassifications: make([]int32, min(max(pieces, 0), 10))}
		var blocks, samples int
		for range 3 {
			d := newDelivery(tr, &api.GetLiveReadsResponse{SamplesSinceStart: start, Channels: map[uint32]*api.GetLiveReadsResponse_ReadData{channel: data}}, time.Now())
			tr.take(d, func(b *signal.Block) { blocks++; samples += len(b.Samples) })
		}
		if s := tr.stats.snapshot(); int(s.Samples) != samples || samples > 3*len(raw)/2 {
			t.Errorf("%d samples in %d blocks, %d counted, of %d bytes", samples, blocks, s.Samples, len(raw))
		}
	})
}
