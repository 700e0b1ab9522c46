"""What aligned real reads look like beside the pore model: the figures that the simulator's conditions enclose."""

import argparse

import numpy as np

import pore
from align import Alignment
from real import TRUSTED, real_set
from reads import LabelledRead
from sequence import reverse_complement

EDGE = 2  # samples at both ends of a base that belong to the step from its neighbour
NEAR = 15.0  # pA: a mean further from its level is an alignment error
STRETCH = 50  # bases over which the speed's walk is seen
PERCENTILES = 5, 50, 95


def figures(read: LabelledRead, a: Alignment, genome: np.ndarray, table: pore.PoreModel) -> dict[str, float]:
    """One read's figures; currents in pA, dwell in samples."""
    bases = genome[read.start : read.end]
    bases = reverse_complement(bases) if read.strand < 0 else bases
    kmer = table.kmers(bases[None].astype(np.uint8))[0][a.first : a.first + len(a.edges) - 1]
    current = read.adc * a.scale + a.shift
    inside = [current[s + EDGE : e - EDGE] for s, e in zip(a.edges[:-1], a.edges[1:])]
    long = [i for i, x in enumerate(inside) if len(x) >= 6]
    error = np.array([inside[i].mean() for i in long]) - table.level[kmer[long]]
    error = error[np.abs(error) < NEAR]
    spread = np.array([inside[i].std(ddof=1) for i in long])
    centred = [inside[i] - inside[i].mean() for i in long]
    lag = sum((x[1:] * x[:-1]).sum() for x in centred) / sum((x[:-1] ** 2).sum() for x in centred)
    dwell = np.diff(a.edges)
    dwell = dwell[dwell > 0]
    stretches = dwell[: len(dwell) // STRETCH * STRETCH].reshape(-1, STRETCH).mean(1)
    return {
        "first sample of the span": a.edges[0],
        "gain beside the calibration": 1 / a.scale / read.counts_per_pa,
        "dwell, samples per base": dwell.mean(),
        "dwell, Gamma shape": (dwell.mean() / dwell.std()) ** 2,
        f"dwell, sd of log over {STRETCH} bases": np.log(stretches).std() if len(stretches) > 1 else np.nan,
        "level error per base, sd": error.std(),
        "noise inside a base, median sd": np.median(spread),
        "noise inside a base, root of mean variance": np.sqrt((spread**2).mean()),
        "noise, correlation at lag 1": lag,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pore-model", required=True)
    parser.add_argument("--labelled", required=True, help="folder of real reads with truth.tsv")
    parser.add_argument("--real", required=True, metavar="LABEL=ALIGNMENTS=FASTA")
    args = parser.parse_args()
    table, source = pore.load(args.pore_model), real_set(args.real, args.labelled)
    rows = [figures(r, a, source.genome, table) for r, a in zip(source.reads, source.alignments)]
    print(f"{len(rows)} reads with an alignment cost below {TRUSTED}; percentiles {PERCENTILES}; table's sd {table.sd.mean():.2f} pA")
    for name in rows[0]:
        low, middle, high = np.nanpercentile([row[name] for row in rows], PERCENTILES)
        print(f"{name:45} {low:9.2f} {middle:9.2f} {high:9.2f}")


if __name__ == "__main__":
    main()
