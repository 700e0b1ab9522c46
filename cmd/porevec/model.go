package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
)

func newModel(_ *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "List, describe, check and export encoders",
		Long: `model shows the encoders that are part of this program, or an .onnx file that
follows the same contract (docs/design.md §4). check runs an encoder on this
computer and compares its vectors with those of its release; it also proves that
the metadata are complete and that no int8 sum can saturate. Of an .onnx file it
takes in the files beside it that belong to the same encoder. export writes the
files of an encoder, such as its reference tower, for other programs.`,
		Example: `  porevec model list
  porevec model show ID
  porevec model check --json
  porevec model check --device cuda:0
  porevec model export ID --kind reference -o towers`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var asJSON bool
	var on string
	list := &cobra.Command{
		Use: "list", Short: "The encoders in this program", Args: args(cobra.NoArgs),
		Example: `  porevec model list
  porevec model list --json | jq -r '."model.id"'`,
		RunE: func(cmd *cobra.Command, _ []string) error { return failure(listModels(cmd.OutOrStdout(), asJSON)) },
	}
	show := &cobra.Command{
		Use: "show ID|FILE.onnx", Short: "Everything that is known of an encoder", Args: args(cobra.ExactArgs(1)),
		Example: `  porevec model show dna_r10.4.1_e8.2_400bps_5khz@v1
  porevec model show mine.onnx --json`,
		RunE: func(cmd *cobra.Command, names []string) error {
			m, err := findModel(names[0])
			if err != nil {
				return exit(exitModel, err)
			}
			info := newModelInfo(m)
			if builtIn, err := embed.ByID(m.ID); err == nil && builtIn.Digest == m.Digest {
				info["files"] = fileSizes(m.ID)
			}
			return failure(showModel(cmd.OutOrStdout(), info, asJSON))
		},
	}
	check := &cobra.Command{
		Use: "check [ID|FILE.onnx]...", Short: "Prove encoders on this computer (default: all)",
		Example: `  porevec model check
  porevec model check --device cuda:0 dna_r10.4.1_e8.2_400bps_5khz@v1
  porevec model check mine.onnx`,
		RunE: func(cmd *cobra.Command, names []string) error { return checkModels(cmd, names, on, asJSON) },
	}
	check.Flags().StringVar(&on, "device", "cpu", "prove the file that suits this device, on it: cpu, cuda:N, tensorrt:N, openvino:TARGET or coreml")
	var kind, dir string
	export := &cobra.Command{
		Use: "export ID", Short: "Write the files of an encoder", Args: args(cobra.ExactArgs(1)),
		Example: `  porevec model export dna_r10.4.1_e8.2_400bps_5khz@v1 -o towers
  porevec model export dna_r10.4.1_e8.2_400bps_5khz@v1 --kind reference`,
		RunE: func(cmd *cobra.Command, names []string) error {
			return exportModel(cmd.OutOrStdout(), names[0], kind, dir)
		},
	}
	export.Flags().StringVar(&kind, "kind", "", "one kind of file, as 'porevec model list' names them (default: all)")
	export.Flags().StringVarP(&dir, "output", "o", ".", "folder to write into; it is made if it is missing")
	for _, c := range []*cobra.Command{list, show, check} {
		c.Flags().BoolVar(&asJSON, "json", false, "JSON instead of text")
	}
	cmd.AddCommand(list, show, check, export)
	return cmd
}

// modelInfo is what is shown of a model, under the names of its metadata.
type modelInfo map[string]any

func newModelInfo(m embed.Model) modelInfo {
	info := modelInfo{
		"model.id": m.ID, "model.version": m.Version, "weights.sha256": m.WeightsSHA256, "file.sha256": m.Digest,
		"file.bytes": len(m.File), "embedding.dim": m.Dim, "embedding.nested": m.Nested, "input.windows": m.Windows,
		"input.default_window": m.DefaultWindow, "input.min_samples": m.MinSamples, "leader.samples": m.LeaderSamples,
		"sample_rate_hz": m.SampleRateHz, "chemistry": m.Chemistry, "norm.method": m.NormMethod, "norm.clip": m.NormClip,
		"quant.scheme": m.QuantScheme, "quant.calibration": m.QuantCalibration, "teacher": m.Teacher,
		"flops_per_sample": m.FLOPsPerSample, "parameters": m.Parameters, "trained": m.Trained, "licence": m.Licence,
	}
	if m.NormSDPA > 0 {
		info["norm.mean_pa"], info["norm.sd_pa"] = m.NormMeanPA, m.NormSDPA
	}
	for name, value := range m.Retention {
		info["retention."+name] = value
	}
	return info
}

// sizes of an encoder's files in bytes, by kind.
type sizes map[string]int

func fileSizes(id string) sizes {
	s := make(sizes)
	for _, a := range embed.Artefacts(id) {
		s[a.Kind] = len(a.Content)
	}
	return s
}

// String lists kinds and sizes.
func (s sizes) String() string {
	parts := make([]string, 0, len(s))
	for _, kind := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, fmt.Sprintf("%s %.2f MB", kind, float64(s[kind])/1e6))
	}
	return strings.Join(parts, ", ")
}

func listModels(w io.Writer, asJSON bool) error {
	if asJSON {
		for _, m := range embed.Models() {
			info := newModelInfo(m)
			info["files"] = fileSizes(m.ID)
			if err := json.NewEncoder(w).Encode(info); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "MODEL\tRATE\tWINDOWS\tDIM\tFLOP/SAMPLE\tPARAMETERS\tQUANTIZATION\tFILES")
	for _, m := range embed.Models() {
		fmt.Fprintf(t, "%s\t%d Hz\t%v\t%d\t%.0f\t%d\t%s\t%v\n",
			m.ID, m.SampleRateHz, m.Windows, m.Dim, m.FLOPsPerSample, m.Parameters, m.QuantScheme, fileSizes(m.ID))
	}
	return t.Flush()
}

func showModel(w io.Writer, info modelInfo, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(info)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, key := range slices.Sorted(maps.Keys(info)) {
		fmt.Fprintf(t, "%s\t%v\n", key, info[key])
	}
	return t.Flush()
}

// checkModels proves each model, whatever is wrong with those before it.
func checkModels(cmd *cobra.Command, names []string, on string, asJSON bool) error {
	device, err := ort.ParseDevice(on)
	if err != nil {
		return usageError("--device: %w", err)
	}
	if err := errors.Join(ort.Init(), device.Missing()); err != nil {
		return exit(exitModel, err)
	}
	if len(names) == 0 {
		for _, m := range embed.Models() {
			names = append(names, m.ID)
		}
	}
	var failed []error
	for _, name := range names {
		report, err := checkModel(cmd.Context(), name, device)
		if err != nil {
			return exit(exitModel, err)
		}
		if err := writeReport(cmd.OutOrStdout(), report, asJSON); err != nil {
			return failure(err)
		}
		if err := report.Err(); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return exit(exitModel, errors.Join(failed...))
	}
	return nil
}

// checkModel takes an id or the path of a file. On another device than the CPU it checks
// the file of that encoder which suits the device.
func checkModel(ctx context.Context, name string, device ort.Device) (embed.Report, error) {
	open := func(m embed.Model) (embed.Encoder, error) { return ort.Open(m, device) }
	var files []embed.Artefact
	file := filepath.Base(name)
	if strings.HasSuffix(name, ".onnx") {
		var err error
		if files, err = embed.ArtefactsBeside(name); err != nil {
			return embed.Report{}, err
		}
	} else {
		m, err := embed.ByID(name)
		if err != nil {
			return embed.Report{}, err
		}
		files, file = embed.Artefacts(m.ID), m.ID+"."+embed.KindINT8+".onnx"
	}
	if device != ort.CPU {
		suits := slices.IndexFunc(files, func(a embed.Artefact) bool { return a.Kind == device.Kinds()[0] })
		if suits < 0 {
			return embed.Report{}, fmt.Errorf("%s: %v computes the file of kind %s, which does not lie there", name, device, device.Kinds()[0])
		}
		file = files[suits].Name
		// The other files are proven on the CPU.
		files = slices.DeleteFunc(files, func(a embed.Artefact) bool { return a.Name != file && a.Kind != embed.KindGolden })
	}
	return embed.Check(ctx, file, files, open), nil
}

func writeReport(w io.Writer, r embed.Report, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	fmt.Fprintln(w, r.Model)
	for _, f := range r.Checks {
		verdict := "ok  "
		if !f.Pass {
			verdict = "FAIL"
		}
		if _, err := fmt.Fprintf(w, "  %s  %v\n", verdict, f); err != nil {
			return err
		}
	}
	return nil
}

// exportModel writes the files of a built-in encoder and names them.
func exportModel(w io.Writer, id, kind, dir string) error {
	if _, err := embed.ByID(id); err != nil {
		return exit(exitModel, err)
	}
	files := embed.Artefacts(id)
	if kind != "" {
		files = slices.DeleteFunc(files, func(a embed.Artefact) bool { return a.Kind != kind })
	}
	if len(files) == 0 {
		return usageError("--kind %q: %s has %v", kind, id, fileSizes(id))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return exit(exitFailure, err)
	}
	for _, a := range files {
		path := filepath.Join(dir, a.Name)
		if err := os.WriteFile(path, a.Content, 0o644); err != nil {
			return exit(exitFailure, err)
		}
		fmt.Fprintln(w, path)
	}
	return nil
}
