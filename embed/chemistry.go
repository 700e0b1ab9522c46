package embed

import "strings"

// chemistry is what decides the shape of the signal: the pore, the motor protein
// and its speed. DNA chemistries are spelled as in the models' metadata.
type chemistry string

const (
	r1041     chemistry = "dna_r10.4.1_e8.2_400bps"
	r941      chemistry = "dna_r9.4.1_450bps"
	r1041Slow chemistry = "DNA on R10.4.1 at 260 bases/s"
	r104      chemistry = "DNA on R10.4 (kit 12)"
	r103      chemistry = "DNA on R10.3"
	directRNA chemistry = "direct RNA"
	unknown   chemistry = "" // a code that is missing or not in the tables
)

// flowCells maps product codes, without FLO- and any suffix after a dash, to the
// chemistry of their pore. FLO-MIN107 (R9.5) counts as R9.4.1, the nearest model.
var flowCells = map[string]chemistry{
	"min114": r1041, "min114hd": r1041, "flg114": r1041, "flg114hd": r1041,
	"pro114": r1041, "pro114hd": r1041, "pro114m": r1041,

	"min106": r941, "min106d": r941, "min107": r941, "minsp6": r941, "flg001": r941,
	"pro001": r941, "pro002": r941, "pro002m": r941,

	"min112": r104, "pro112": r104, "pro112m": r104, "flg112": r104,
	"min110": r103, "min111": r103, "pro111": r103, "flg111": r103,

	"min004ra": directRNA, "pro004ra": directRNA, "flg004ra": directRNA,
}

// r9Kits are the names, without prefix and variant, of the DNA and cDNA kits for
// R9.4.1. Their numbers follow no rule. Some ran on R10.0 and R10.3 too.
var r9Kits = set(
	"lsk108", "lsk109", "lsk110", "lsk111", // ligation
	"rad002", "rad003", "rad004", "rbk001", "rbk004", "rbk110", "rbk111", "lrk001", // rapid
	"ras201", "rab201", "rab204", "16s024", "rpb004", "rlb001", "rli001", // 16S, rapid PCR, low input
	"lwb001", "lwp001", "psk004", "pbk004", "nbd110", "nbd111", "mlk111", // PCR, native barcoding
	"pcs108", "pcs109", "pcs110", "pcs111", "pcb109", "pcb110", "pcb111", "dcs108", "dcs109", // cDNA
	"ulk001", "cs9109", "vbk001", "vsk001", "vsk002", "vsk003", "vsk004", "vps001", "vmk001", "vmk004", "ptc001", // ultra-long, Cas9, field
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// flowCellChemistry knows product codes such as FLO-MIN114.
func flowCellChemistry(code string) chemistry {
	code, _ = strings.CutPrefix(strings.ToLower(code), "flo-")
	code, _, _ = strings.Cut(code, "-")
	return flowCells[code]
}

// kitChemistry knows kit codes such as SQK-LSK114, sqk-rbk114-96, VSK-VSK004.
func kitChemistry(code string) chemistry {
	_, name, ok := strings.Cut(strings.ToLower(code), "-")
	if !ok {
		return unknown
	}
	name, variant, _ := strings.Cut(strings.ReplaceAll(name, ".", "-"), "-")
	switch {
	case strings.HasPrefix(name, "rna"):
		return directRNA
	case name == "apk114", strings.HasSuffix("-"+variant, "-260"): // a slower motor
		return r1041Slow
	case strings.HasSuffix(name, "114"): // kit 14 comes for R10.4.1 alone
		return r1041
	case strings.HasSuffix(name, "112"):
		return r104
	case r9Kits[name]:
		return r941
	}
	return unknown
}
