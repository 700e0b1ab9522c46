package embed

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/porevec/porevec/signal"
)

const (
	modelR10 = "dna_r10.4.1_e8.2_400bps_5khz@v"
	modelR9  = "dna_r9.4.1_450bps_4khz@v"
)

func TestPick(t *testing.T) {
	for _, c := range []struct {
		cell, kit string
		rate      uint16
		want      string // prefix of the id
	}{
		// As recorded by MinKNOW.
		{"FLO-MIN114", "sqk-lsk114", 5000, modelR10},
		{"FLO-PRO114M", "SQK-LSK114-XL", 5000, modelR10},
		{"FLO-PRO114M", "sqk-nbd114-24", 5000, modelR10},
		{"FLO-PRO114HD", "SQK-ULK114", 5000, modelR10},
		{"FLO-FLG114", "SQK-RBK114.96", 5000, modelR10},
		{"FLO-MIN114", "sqk-mlk114-96-xl", 5000, modelR10},
		{"FLO-MIN114", "SQK-16S114-24", 5000, modelR10},
		{"FLO-MIN114", "SQK-PCB114-24", 5000, modelR10},
		{"FLO-PRO002", "SQK-LSK109", 4000, modelR9},
		{"FLO-PRO002-ECO", "SQK-LSK110-XL", 4000, modelR9},
		{"FLO-MIN106", "sqk-lsk108", 4000, modelR9},
		{"FLO-MIN106D", "SQK-RBK004", 4000, modelR9},
		{"FLO-MIN107", "SQK-LSK108", 4000, modelR9},
		{"FLO-MINSP6", "SQK-RAD004", 4000, modelR9},
		{"FLO-FLG001", "SQK-RBK110-96", 4000, modelR9},
		{"FLO-PRO001", "SQK-PCS109", 4000, modelR9},
		{"FLO-MIN106", "VSK-VSK004", 4000, modelR9},
		{"FLO-MIN106", "SQK-CS9109", 4000, modelR9},
		{" flo-min106 ", "Sqk-Nbd111-24", 4000, modelR9},

		// Something is missing or new.
		{"", "sqk-lsk108", 4000, modelR9},
		{"", "SQK-LSK114", 5000, modelR10},
		{"FLO-MIN114", "", 5000, modelR10},
		{"FLO-PRO002", "unknown", 4000, modelR9},
		{"FLO-MIN114", "SQK-NEW001", 5000, modelR10},
		{"FLO-XYZ114", "SQK-RBK114-24", 5000, modelR10},
		{"FLO-MIN106", "SQK-LSK109", 0, modelR9},
	} {
		run := &signal.Run{FlowCellProductCode: c.cell, SequencingKit: c.kit, SampleRateHz: c.rate}
		if m, err := Pick(run); err != nil || !strings.HasPrefix(m.ID, c.want) {
			t.Errorf("%s %s %d: got %s, %v; want %s", c.cell, c.kit, c.rate, m.ID, err, c.want)
		}
	}
}

func TestPickRefuses(t *testing.T) {
	for _, c := range []struct {
		cell, kit string
		rate      uint16
		want      string // in the reason
	}{
		{"FLO-MIN004RA", "sqk-rna004", 4000, "RNA"},
		{"FLO-PRO004RA", "", 4000, "RNA"},
		{"FLO-MIN106", "SQK-RNA002", 3012, "RNA"},
		{"", "SQK-RNA004-XL", 4000, "RNA"},
		{"FLO-MIN114", "sqk-rbk114-96", 4000, "is for 5000 Hz"}, // before MinKNOW 23.04
		{"FLO-MIN1101", "sqk-lsk109", 4000, "several pores"},    // seen in early R10 data
		{"", "", 5000, "does not tell"},                         // R7 of 2015, R10.4.1 of 2023
		{"FLO-MIN106", "SQK-LSK109", 3012, "is for 4000 Hz"},
		{"FLO-MIN106", "SQK-LSK114", 4000, "the flow cell is for"},
		{"FLO-MIN114", "SQK-LSK109", 5000, "the flow cell is for"},
		{"FLO-MIN114", "SQK-LSK114-XL-260", 4000, "260 bases/s"},
		{"FLO-PRO114M", "SQK-APK114", 5000, "260 bases/s"},
		{"", "SQK-LSK114-260", 5000, "has no model"},
		{"FLO-MIN112", "SQK-LSK112", 4000, "has no model"},
		{"FLO-MIN111", "", 4000, "has no model"},
		{"", "", 4000, "does not tell"}, // R9.4.1, R10.4.1 or RNA004
		{"", "", 0, "does not tell"},
		{"FLO-NEW999", "SQK-NEW115", 5000, "does not tell"},
		{"", "SQK-NEW115", 5000, "does not tell"},
		{"", "lsk114", 4000, "does not tell"},
	} {
		run := &signal.Run{FlowCellProductCode: c.cell, SequencingKit: c.kit, SampleRateHz: c.rate}
		m, err := Pick(run)
		if !errors.Is(err, ErrNoModel) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s %d: got %s, %v; want a refusal with %q", c.cell, c.kit, c.rate, m.ID, err, c.want)
			continue
		}
		for _, part := range []string{orUnknown(c.cell), orUnknown(c.kit), rate(c.rate), modelR10, modelR9, "--model"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the refusal %q lacks %q", err, part)
			}
		}
	}
}

// Where the fields are empty, other texts of the run tell; all of these were
// found in recorded runs.
func TestPickReadsOtherTexts(t *testing.T) {
	for name, c := range map[string]struct {
		run  signal.Run
		want string
	}{
		"protocol script of 2016": {signal.Run{
			SampleRateHz: 4000,
			TrackingID:   map[string]string{"exp_script_name": "python/recipes/nc/NC_48Hr_Sequencing_Run_FLO-MIN106_SQK-LSK108.py"},
		}, modelR9},
		"protocol name": {signal.Run{
			SampleRateHz: 5000,
			ProtocolName: "sequencing/sequencing_MIN114_DNA_e8_2_400K:FLO-MIN114:SQK-LSK114:400",
		}, modelR10},
		"context tags of 2018": {signal.Run{
			SampleRateHz: 4000,
			ContextTags:  map[string]string{"flowcell_type": "flo-min106", "sequencing_kit": "sqk-lsk109"},
		}, modelR9},
		"rate and year": {signal.Run{
			SampleRateHz:     5000,
			AcquisitionStart: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC),
		}, modelR10},
	} {
		if m, err := Pick(&c.run); err != nil || !strings.HasPrefix(m.ID, c.want) {
			t.Errorf("%s: got %s, %v; want %s", name, m.ID, err, c.want)
		}
	}
	rna := &signal.Run{SampleRateHz: 4000, ProtocolName: "sequencing/sequencing_MIN004RA_RNA:FLO-MIN004RA:SQK-RNA004:130"}
	if _, err := Pick(rna); !errors.Is(err, ErrNoModel) {
		t.Errorf("a protocol for RNA: %v", err)
	}
}

func TestPickTakesNewestVersion(t *testing.T) {
	list := []Model{
		{ID: "a@v1", Version: 1, Chemistry: string(r941), SampleRateHz: 4000},
		{ID: "a@v10", Version: 10, Chemistry: string(r941), SampleRateHz: 4000},
		{ID: "a@v2", Version: 2, Chemistry: string(r941), SampleRateHz: 4000},
	}
	m, err := pick(list, &signal.Run{SequencingKit: "SQK-LSK109", SampleRateHz: 4000})
	if err != nil || m.ID != "a@v10" {
		t.Errorf("got %s, %v", m.ID, err)
	}
}
