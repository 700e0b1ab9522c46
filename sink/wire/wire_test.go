package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/signal"
)

func testRecipe(dtype string) *signal.Recipe {
	return &signal.Recipe{
		ModelID: "dna_r10.4.1_e8.2_400bps_5khz@v0", ModelDigest: strings.Repeat("0123456789abcdef", 4),
		Normalization: "pa", Window: 4096, Hop: 2048, Dim: 4, DType: dtype, Version: "0.1.0",
	}
}

func testBatch(dtype string, rows int) *Batch {
	run := &signal.Run{
		AcquisitionID: "a1b2c3", FlowCellID: "FAX00001", FlowCellProductCode: "FLO-MIN114",
		SequencingKit: "sqk-lsk114", SampleRateHz: 5000,
	}
	b := &Batch{}
	b.Reset(run, testRecipe(dtype))
	for i := range rows {
		read := &signal.Read{
			ID: signal.ReadID{0: byte(i), 15: 0xff}, Run: run, Channel: uint16(300 + i), Mux: uint8(1 + i%4),
			Start: 1 << 40,
		}
		chunk := signal.Chunk{Read: read, Index: uint32(i), Start: uint64(i) * 2048, Samples: 4096, Flags: signal.FlagTail}
		b.Append(chunk, []float32{0.5, -0.25, float32(i), 1.0 / 1024})
	}
	return b
}

func encoded(t testing.TB, b *Batch) []byte {
	t.Helper()
	payload, err := Encode(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestRoundTrip(t *testing.T) {
	for _, dtype := range []string{Float16, Float32} {
		for _, rows := range []int{0, 1, 300} {
			want := testBatch(dtype, rows)
			payload, err := Encode([]byte("before"), want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(payload[len("before"):])
			if err != nil {
				t.Fatal(err)
			}
			if rows == 0 {
				want = &Batch{Run: want.Run, Recipe: want.Recipe}
				got.Vectors = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %d rows (-want +got):\n%s", dtype, rows, diff)
			}
		}
	}
}

// The sizes of fixed columns are promised by RowBytes.
func TestRowBytes(t *testing.T) {
	for _, dtype := range []string{Float16, Float32} {
		small, big := len(encoded(t, testBatch(dtype, 64))), len(encoded(t, testBatch(dtype, 64+640)))
		if got, want := float64(big-small)/640, float64(RowBytes(testRecipe(dtype))); math.Abs(got-want) > 0.5 {
			t.Errorf("%s: a row takes %.2f bytes, RowBytes says %g", dtype, got, want)
		}
	}
}

func TestSampleIDStaysHome(t *testing.T) {
	b := testBatch(Float16, 1)
	b.Run.SampleID, b.Run.ExperimentName = "Jane Doe", "Doe family"
	if payload := encoded(t, b); bytes.Contains(payload, []byte("Doe")) {
		t.Error("the message holds the sample id or the experiment's name")
	}
}

func TestEncodeRefuses(t *testing.T) {
	torn := testBatch(Float32, 2)
	torn.Vectors = torn.Vectors[:5]
	odd := testBatch("int8", 1)
	for name, b := range map[string]*Batch{"torn": torn, "dtype": odd} {
		if _, err := Encode(nil, b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := encoded(t, testBatch(Float16, 3))
	changed := func(old, new string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("message holds no %q", old)
		}
		return bytes.Replace(good, []byte(old), []byte(new), 1)
	}
	for name, payload := range map[string][]byte{
		"empty":        nil,
		"text":         []byte(`{"hello":"world"}`),
		"huge":         make([]byte, MaxMessage+1),
		"cut":          good[:len(good)/2],
		"other key":    changed("porevec.schema", "pørevec.schem"),
		"other column": changed("channel", "chanel_"),
		"twice":        append(bytes.Clone(good[:len(good)-8]), good...),
	} {
		if b, err := Decode(payload); !errors.Is(err, ErrMessage) || b != nil {
			t.Errorf("%s: got batch %v, error %v", name, b != nil, err)
		}
	}
}

// A few bytes must not make the decoder allocate gigabytes.
func TestDecodeBoundsLists(t *testing.T) {
	good := encoded(t, testBatch(Float16, 1))
	size := 8 + int(binary.LittleEndian.Uint32(good[4:]))
	var before, after runtime.MemStats
	for at := 8; at+4 <= size; at += 4 {
		bad := bytes.Clone(good)
		binary.LittleEndian.PutUint32(bad[at:], 1<<26)
		runtime.ReadMemStats(&before)
		_, err := Decode(bad)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("byte %d: %d bytes were allocated for %d (error: %v)", at, used, len(bad), err)
		}
	}
}

func TestHalf(t *testing.T) {
	for bits := range 1 << 16 {
		h := uint16(bits)
		f := Single(h)
		if f != f {
			if back := half(f); back&0x7fff <= 0x7c00 {
				t.Fatalf("NaN %04x became %04x", h, back)
			}
			continue
		}
		if back := half(f); back != h {
			t.Fatalf("%04x is %g, which became %04x", h, f, back)
		}
		// Halfway to the next: to even; a hair further: up.
		if next := h + 1; h&0x7fff < 0x7bff {
			middle := float32((float64(f) + float64(Single(next))) / 2)
			even := h + h&1
			if got := half(middle); got != even {
				t.Fatalf("middle above %04x became %04x, want %04x", h, got, even)
			}
			above := math.Nextafter32(middle, Single(next))
			if got := half(above); got != next {
				t.Fatalf("just above the middle after %04x became %04x", h, got)
			}
		}
	}
	for f, want := range map[float32]uint16{1: 0x3c00, -2: 0xc000, 65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00, 1e9: 0x7c00, 1e-9: 0} {
		if got := half(f); got != want {
			t.Errorf("half(%g) = %04x, want %04x", f, got, want)
		}
	}
}

func TestSubject(t *testing.T) {
	s := Subject{Rig: "lab 1.example", Position: "MN12345", Run: "", Kind: Emb}
	const want = "porevec.v1.lab-1-example.MN12345.unknown.emb"
	if got := s.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	back, ok := ParseSubject(want)
	if !ok || back != (Subject{"lab-1-example", "MN12345", "unknown", Emb}) {
		t.Errorf("parsed %+v, %v", back, ok)
	}
	if got := (Subject{Position: "X 1", Kind: Emb}).Filter(); got != "porevec.v1.*.X-1.*.emb" {
		t.Errorf("filter %s", got)
	}
	for _, foreign := range []string{"", "a.b.c.d", "porevec.v1.a.b.emb", "porevec.v2.a.b.c.emb"} {
		if _, ok := ParseSubject(foreign); ok {
			t.Errorf("%q passed", foreign)
		}
	}
	for _, text := range []string{"", "ünï>*. \t\n", "ok_-9"} {
		if got := Token(text); strings.Trim(got, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || got == "" {
			t.Errorf("Token(%q) = %q", text, got)
		}
	}
}

func TestJSON(t *testing.T) {
	b := testBatch(Float32, 2)
	b.Run.AcquisitionID = `quo"te`
	b.Vectors[4] = float32(math.NaN())
	var got map[string]any
	if err := json.Unmarshal(b.AppendJSON(nil, 1), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"run": `quo"te`, "read_id": "01000000-0000-0000-0000-0000000000ff", "channel": 301.0, "mux": 2.0, "chunk": 1.0,
		"read_start": float64(1 << 40), "chunk_start": 2048.0, "samples": 4096.0, "flags": "tail",
		"model": "dna_r10.4.1_e8.2_400bps_5khz@v0", "embedding": []any{nil, -0.25, 1.0, 1.0 / 1024},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzDecode(f *testing.F) {
	for _, dtype := range []string{Float16, Float32} {
		payload := encoded(f, testBatch(dtype, 2))
		f.Add(payload)
		f.Add(payload[:len(payload)-9])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := Decode(payload)
		if (err == nil) != (b != nil) {
			t.Fatalf("batch %v with error %v", b != nil, err)
		}
		if err != nil {
			return
		}
		for i := range b.Len() {
			b.AppendJSON(nil, i)
		}
		again, err := Encode(nil, b)
		if err != nil {
			t.Fatalf("decoded, but not encoded again: %v", err)
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("encoded, but not decoded again: %v", err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	benchmark(b, func(batch *Batch, _, scratch []byte) error {
		_, err := Encode(scratch[:0], batch)
		return err
	})
}

func BenchmarkDecode(b *testing.B) {
	benchmark(b, func(_ *Batch, payload, _ []byte) error {
		_, err := Decode(payload)
		return err
	})
}

func benchmark(b *testing.B, work func(batch *Batch, payload, scratch []byte) error) {
	for _, dtype := range []string{Float16, Float32} {
		b.Run(dtype, func(b *testing.B) {
			batch := testBatch(dtype, 0)
			batch.Recipe.Dim = 128
			chunk := signal.Chunk{Read: &signal.Read{Run: batch.Run}, Samples: 4096}
			vector := make([]float32, 128)
			for i := range vector {
				vector[i] = float32(i) / 128
			}
			for range 800 {
				batch.Append(chunk, vector)
			}
			payload := encoded(b, batch)
			scratch := make([]byte, 2*len(payload))
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if err := work(batch, payload, scratch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(800*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
