package embed_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/internal/onnx"
	"github.com/porevec/porevec/embed/reference"
)

func open(m embed.Model) (embed.Encoder, error) { return reference.New(m) }

// copies of the files of a built-in encoder, which may be broken, by kind.
func copies(t *testing.T) (id string, files map[string][]byte) {
	t.Helper()
	id, files = embed.Models()[0].ID, make(map[string][]byte)
	for _, a := range embed.Artefacts(id) {
		files[a.Kind] = bytes.Clone(a.Content)
	}
	// Two short chunks are enough: the reference encoder is slow.
	var all map[string]any
	if err := json.Unmarshal(files[embed.KindGolden], &all); err != nil {
		t.Fatal(err)
	}
	cases := all["cases"].([]any)
	slices.SortFunc(cases, func(a, b any) int {
		return cmp.Compare(a.(map[string]any)["samples"].(float64), b.(map[string]any)["samples"].(float64))
	})
	all["cases"] = cases[:min(2, len(cases))]
	var err error
	if files[embed.KindGolden], err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	return id, files
}

func check(t *testing.T, id string, files map[string][]byte) embed.Report {
	t.Helper()
	var list []embed.Artefact
	for kind, content := range files {
		name := id + "." + kind + ".onnx"
		if kind == embed.KindGolden {
			name = id + ".golden.json"
		}
		list = append(list, embed.Artefact{Kind: kind, Name: name, Content: content})
	}
	return embed.Check(t.Context(), id+".int8.onnx", list, open)
}

func replace(t *testing.T, file []byte, old, new string) []byte {
	t.Helper()
	if len(old) != len(new) || !bytes.Contains(file, []byte(old)) {
		t.Fatalf("%q does not replace %q in the file", new, old)
	}
	return bytes.Replace(file, []byte(old), []byte(new), 1)
}

// weights gives the bytes of a constant in the file, to be changed.
func weights(t *testing.T, file []byte, name string) []byte {
	t.Helper()
	parsed, err := onnx.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	raw := parsed.Graph.Constants[name].Raw // points into the file
	if len(raw) == 0 {
		t.Fatalf("the model has no constant %s", name)
	}
	return raw
}

// editGolden changes each case of a golden file.
func editGolden(t *testing.T, file []byte, edit func(all map[string]any, c map[string]any)) []byte {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(file, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all["cases"].([]any) {
		edit(all, c.(map[string]any))
	}
	file, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// turned is another unit vector.
func turned(vector any) []any {
	v := slices.Clone(vector.([]any))
	slices.Reverse(v)
	return v
}

// Each check sees what it is for; the checks named fail and no other.
func TestCheckSeesBrokenModels(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, files map[string][]byte)
		fails  []string
		says   string
	}{
		"nothing broken": {func(*testing.T, map[string][]byte) {}, nil, ""},
		"wrong golden vector": {func(t *testing.T, files map[string][]byte) {
			files["golden"] = editGolden(t, files["golden"], func(_, c map[string]any) { c["embedding"] = turned(c["embedding"]) })
		}, []string{embed.CheckGolden}, "(at least 0.9999)"},
		"wrong weights": {func(t *testing.T, files map[string][]byte) {
			w := weights(t, files["int8"], "conv1_weight_q")
			slices.Reverse(w)
		}, []string{embed.CheckGolden, embed.CheckINT8}, "(at least 0.9999)"},
		"wrong float32 weights": {func(t *testing.T, files map[string][]byte) {
			w := weights(t, files["fp32"], "conv1_weight")
			clear(w[:len(w)/2])
		}, []string{embed.CheckGoldenFP32}, "golden_fp32"},
		"missing key": {func(t *testing.T, files map[string][]byte) {
			files["int8"] = replace(t, files["int8"], "leader.samples", "leader.simples")
		}, []string{embed.CheckMetadata, embed.CheckGolden}, "leader.samples"},
		"missing key beside": {func(t *testing.T, files map[string][]byte) {
			files["reference"] = replace(t, files["reference"], "flops_per_sample", "floss_per_sample")
		}, []string{embed.CheckMetadata}, "reference.onnx: "},
		"another number of parameters": {func(t *testing.T, files map[string][]byte) {
			m := metadata(t, files["int8"], "parameters")
			files["int8"] = replace(t, files["int8"], m, "1"+m[1:len(m)-1]+"7")
		}, []string{embed.CheckMetadata}, "parameters is"},
		"quantized by name only": {func(t *testing.T, files map[string][]byte) {
			files["fp32"] = replace(t, files["fp32"], "\x12\x04none", "\x12\x04qdqx") // the first such value
		}, []string{embed.CheckMetadata}, "quant.scheme is"},
		"files of two trainings": {func(t *testing.T, files map[string][]byte) {
			sha := metadata(t, files["fp32"], "signal.weights.sha256")
			files["fp32"] = bytes.ReplaceAll(files["fp32"], []byte(sha), []byte("00000000"+sha[8:]))
		}, []string{embed.CheckMetadata}, "signal.weights.sha256"},
		"saturating weight": {func(t *testing.T, files map[string][]byte) {
			w := weights(t, files["int8"], "conv1_weight_q")
			w[0], w[1] = 0x81, 127 // −127 and 127
		}, []string{embed.CheckSaturation}, "254 (at most 128)"},
		"INT8 far from float32": {func(t *testing.T, files map[string][]byte) {
			files["golden"] = editGolden(t, files["golden"], func(_, c map[string]any) { c["embedding_fp32"] = turned(c["embedding_fp32"]) })
			delete(files, "fp32")
		}, []string{embed.CheckINT8}, "(at least 0.99)"},
		"golden chunks of another model": {func(t *testing.T, files map[string][]byte) {
			files["golden"] = editGolden(t, files["golden"], func(all, _ map[string]any) { all["model.id"] = "other@v1" })
		}, []string{embed.CheckGolden, embed.CheckINT8, embed.CheckGoldenFP32}, "other@v1"},
		"golden vectors of another dimension": {func(t *testing.T, files map[string][]byte) {
			files["golden"] = editGolden(t, files["golden"], func(_, c map[string]any) { c["embedding"] = c["embedding"].([]any)[1:] })
		}, []string{embed.CheckGolden}, "dimensions"},
		"no model": {func(_ *testing.T, files map[string][]byte) {
			files["int8"] = []byte("no model")
		}, []string{embed.CheckMetadata, embed.CheckSaturation, embed.CheckGolden}, "ONNX"},
	} {
		t.Run(name, func(t *testing.T) {
			id, files := copies(t)
			c.damage(t, files)
			report := check(t, id, files)
			var failed []string
			for _, f := range report.Checks {
				if !f.Pass && (f.Check != embed.CheckGolden || name != "saturating weight") { // one weight changes little
					failed = append(failed, f.Check)
				}
			}
			slices.Sort(failed)
			slices.Sort(c.fails)
			if !slices.Equal(failed, c.fails) || report.Pass != (len(c.fails) == 0) {
				t.Errorf("failed: %v, want %v: %+v", failed, c.fails, report.Checks)
			}
			err := report.Err()
			if (err == nil) != report.Pass {
				t.Errorf("pass %v, error %v", report.Pass, err)
			}
			if err != nil && (!strings.Contains(err.Error(), id) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v: lacks %s or %q", err, id, c.says)
			}
			if _, err := json.Marshal(report); err != nil {
				t.Error(err)
			}
		})
	}
}

func metadata(t *testing.T, file []byte, key string) string {
	t.Helper()
	parsed, err := onnx.Parse(file)
	if err != nil || parsed.Metadata[key] == "" {
		t.Fatalf("%s: %v", key, err)
	}
	return parsed.Metadata[key]
}

// A golden file may name its tolerance.
func TestGoldenTolerance(t *testing.T) {
	id, files := copies(t)
	delete(files, "fp32")
	files["golden"] = editGolden(t, files["golden"], func(all, c map[string]any) {
		all["min_cosine"] = 0.25
		v := c["embedding"].([]any)
		for i := range 12 {
			v[i] = -v[i].(float64)
		}
	})
	report := check(t, id, files)
	golden := report.Checks[slices.IndexFunc(report.Checks, func(f embed.Finding) bool { return f.Check == embed.CheckGolden })]
	if !golden.Pass || *golden.Least != 0.25 || *golden.Figure > embed.MinGoldenCosine {
		t.Errorf("%v", golden)
	}
	files["golden"] = editGolden(t, files["golden"], func(all, _ map[string]any) { all["min_cosine"] = 7 })
	if report := check(t, id, files); report.Pass || !strings.Contains(report.Err().Error(), "min_cosine") {
		t.Errorf("a tolerance of 7: %v", report.Err())
	}
}

func TestArtefacts(t *testing.T) {
	for _, m := range embed.Models() {
		var found []string
		for _, a := range embed.Artefacts(m.ID) {
			found = append(found, a.Kind)
			if len(a.Content) == 0 || !strings.HasPrefix(a.Name, m.ID+".") {
				t.Errorf("%s: %d bytes in %s", m.ID, len(a.Content), a.Name)
			}
		}
		for _, kind := range []string{embed.KindINT8, embed.KindFP32, embed.KindReference, embed.KindGolden} {
			if !slices.Contains(found, kind) {
				t.Errorf("%s has %v, not %s", m.ID, found, kind)
			}
		}
	}
	if list := embed.Artefacts("dna@v999"); len(list) != 0 {
		t.Errorf("an unknown encoder has %d files", len(list))
	}
}
