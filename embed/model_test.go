package embed

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/porevec/porevec/embed/internal/onnx"
)

// metadata of a model without mistakes.
func metadata() map[string]string {
	return map[string]string{
		"model.id": "dna@v3", "model.version": "3", "weights.sha256": "ab",
		"embedding.dim": "128", "embedding.nested": "32,64,128",
		"input.windows": "2048,4096", "input.default_window": "4096", "input.min_samples": "1024",
		"sample_rate_hz": "5000", "chemistry": "dna", "reference.samples_per_base": "12.5",
		"norm.method": "pa", "norm.mean_pa": "93.6", "norm.sd_pa": "22.6", "norm.clip": "4.0",
		"leader.samples": "2000", "quant.scheme": "none", "quant.calibration": "none", "teacher": "none",
		"flops_per_sample": "10870", "parameters": "187328", "trained": "today", "licence": "Apache-2.0",
		"retention.cos_mean": "0.9995",
	}
}

func TestParseMetadata(t *testing.T) {
	m, err := parseMetadata(metadata())
	if err != nil {
		t.Fatal(err)
	}
	if m.Dim != 128 || m.MaxSamples() != 4096 || m.NormSDPA != 22.6 || m.Retention["cos_mean"] != 0.9995 || m.Quantized() {
		t.Errorf("parsed as %+v", m)
	}
}

func TestParseMetadataRefuses(t *testing.T) {
	for _, c := range []struct{ key, value string }{
		{"model.id", ""},
		{"embedding.dim", "0"},
		{"embedding.dim", "many"},
		{"embedding.dim", "9999999999"},
		{"embedding.nested", "64,32,128"},
		{"embedding.nested", "32,64"},
		{"input.windows", "4096, 2048"},
		{"input.windows", ""},
		{"input.default_window", "1000"},
		{"input.min_samples", "3000"},
		{"norm.method", "zscore"},
		{"norm.sd_pa", "0"},
		{"norm.mean_pa", "NaN"},
		{"norm.clip", "-4"},
		{"retention.cos_mean", "good"},
	} {
		props := metadata()
		props[c.key] = c.value
		if _, err := parseMetadata(props); err == nil || !strings.Contains(err.Error(), c.key) {
			t.Errorf("%s=%q: got %v, want an error that names the key", c.key, c.value, err)
		}
	}
	// All mistakes come at once.
	props := metadata()
	delete(props, "chemistry")
	props["parameters"] = "-1"
	if _, err := parseMetadata(props); err == nil || !strings.Contains(err.Error(), "chemistry") || !strings.Contains(err.Error(), "parameters") {
		t.Errorf("got %v, want an error that names both keys", err)
	}
}

func TestBuiltInModels(t *testing.T) {
	list := Models()
	if len(list) < 2 {
		t.Fatalf("%d models are built in", len(list))
	}
	for _, m := range list {
		if byID, err := ByID(m.ID); err != nil || byID.Digest != m.Digest {
			t.Errorf("ByID(%s): %s, %v", m.ID, byID.Digest, err)
		}
		if !m.Quantized() || len(m.Digest) != 64 || !strings.HasPrefix(m.ID, m.Chemistry) {
			t.Errorf("%s: quantization %s, digest %s, chemistry %s", m.ID, m.QuantScheme, m.Digest, m.Chemistry)
		}
		pair, err := weightPair(m.File)
		if err != nil || pair == 0 || pair > MaxWeightPair {
			t.Errorf("%s: int8 weights pair up to %d, %v", m.ID, pair, err)
		}
		goldens, err := Goldens(m.ID)
		if err != nil || len(goldens) == 0 {
			t.Errorf("%s: %d golden chunks, %v", m.ID, len(goldens), err)
		}
		loaded, err := Load(filepath.Join("models", m.ID+".int8.onnx"))
		if err != nil || loaded.Digest != m.Digest {
			t.Errorf("%s: loaded with digest %s, %v", m.ID, loaded.Digest, err)
		}
	}
	if _, err := ByID("dna@v999"); !errors.Is(err, ErrUnknownModel) || !strings.Contains(err.Error(), list[0].ID) {
		t.Errorf("an unknown id: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(text, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(text); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("a text: %v", err)
	}
	if _, err := Load(text + ".absent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	towers, _ := filepath.Glob("models/*.reference.onnx")
	for _, path := range towers {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "bases") {
			t.Errorf("%s, a tower of bases: %v", path, err)
		}
	}
}

// One 8-bit weight pair must be seen: int8 data is patched in the file.
func TestWeightPairSeesSaturation(t *testing.T) {
	m := Models()[0]
	parsed, err := onnx.Parse(m.File)
	if err != nil {
		t.Fatal(err)
	}
	weights := parsed.Graph.Constants["conv1_weight_q"].Raw
	if len(weights) < 2 {
		t.Fatal("the model has no constant conv1_weight_q")
	}
	at := bytes.Index(m.File, weights)
	file := bytes.Clone(m.File)
	file[at], file[at+1] = 0x81, 127 // −127 and 127
	pair, err := weightPair(file)
	if err != nil || pair != 254 {
		t.Errorf("pair %d, %v; want 254", pair, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range Models() {
		f.Add(m.File[:4096])
		f.Add(m.File[len(m.File)-2048:])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := Parse(file)
		if err == nil && (m.Dim < 1 || m.MaxSamples() < m.MinSamples) {
			t.Errorf("a contradictory model passed: %+v", m)
		}
		_, _ = weightPair(file)
	})
}
