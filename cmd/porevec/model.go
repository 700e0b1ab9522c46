package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
)

func newModel(_ *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "List, describe and check encoders",
		Long: `model shows the encoders that are part of this program, or an .onnx file that
follows the same contract (docs/design.md §4). check runs an encoder on this
computer and compares its vectors with those of its release.`,
		Example: `  porevec model list
  porevec model show dna_r10.4.1_e8.2_400bps_5khz@v0
  porevec model check`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var asJSON bool
	list := &cobra.Command{
		Use: "list", Short: "The encoders in this program", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return failure(listModels(cmd.OutOrStdout(), asJSON)) },
	}
	show := &cobra.Command{
		Use: "show ID|FILE.onnx", Short: "Everything that is known of an encoder", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			m, err := findModel(names[0])
			if err != nil {
				return exit(exitModel, err)
			}
			return failure(showModel(cmd.OutOrStdout(), newModelInfo(m), asJSON))
		},
	}
	check := &cobra.Command{
		Use: "check [ID|FILE.onnx]...", Short: "Prove encoders on this computer (default: all)",
		RunE: func(cmd *cobra.Command, names []string) error { return checkModels(cmd, names) },
	}
	for _, c := range []*cobra.Command{list, show} {
		c.Flags().BoolVar(&asJSON, "json", false, "JSON instead of text")
	}
	cmd.AddCommand(list, show, check)
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

func listModels(w io.Writer, asJSON bool) error {
	if asJSON {
		for _, m := range embed.Models() {
			if err := json.NewEncoder(w).Encode(newModelInfo(m)); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "MODEL\tRATE\tWINDOWS\tDIM\tFLOP/SAMPLE\tPARAMETERS\tQUANTIZATION")
	for _, m := range embed.Models() {
		fmt.Fprintf(t, "%s\t%d Hz\t%v\t%d\t%.0f\t%d\t%s\n", m.ID, m.SampleRateHz, m.Windows, m.Dim, m.FLOPsPerSample, m.Parameters, m.QuantScheme)
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

// checkModels proves each model; the first failure decides the exit code, the
// others are still looked at.
func checkModels(cmd *cobra.Command, names []string) error {
	if err := ort.Init(); err != nil {
		return exit(exitModel, err)
	}
	models := embed.Models()
	if len(names) > 0 {
		models = nil
		for _, name := range names {
			m, err := findModel(name)
			if err != nil {
				return exit(exitModel, err)
			}
			models = append(models, m)
		}
	}
	failed := false
	for _, m := range models {
		report, err := checkModel(cmd, m)
		if err != nil {
			failed = true
			fmt.Fprintf(cmd.OutOrStdout(), "FAIL  %s: %v\n", m.ID, err)
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "ok    %s: %d golden chunks, cosine at least %.6f; weight pairs sum to %d at most (limit %d)\n",
			m.ID, report.Goldens, report.MinCosine, report.WeightPair, embed.MaxWeightPair)
	}
	if failed {
		return exit(exitModel, nil)
	}
	return nil
}

func checkModel(cmd *cobra.Command, m embed.Model) (embed.Report, error) {
	encoder, err := ort.New(m)
	if err != nil {
		return embed.Report{}, err
	}
	defer encoder.Close()
	return embed.Check(cmd.Context(), encoder)
}
