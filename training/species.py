"""Which of several genomes a read comes from, or none.

Two statistics of a read against a genome's index: the mean over its chunks of the best similarity, and the support of its
best locus in nats. Both are maxima over the index and grow with it, and with how ordinary its sequence is. How much is seen
with reads of random sequence: against each index their scores are taken as a Gumbel distribution, and the calibrated score
is (statistic - location) / scale, which compares across genomes of any size.
"""

import numpy as np

import runtime
from answers import compared
from bench import KINDS, Bench
from families import WINDOWS
from locus import locate, vote
from retrieval import Chunks, Index, nearest
from simulate import median_mad
from simulated_reads import Reads, simulated_reads

CHUNKS = 3
SEED, CALIBRATION_SEED, DECOY_SEED = 501, 601, 701
STATISTICS = "similarity", "support"
EULER = 0.5772


def gumbel(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Location and scale of each column, by moments: scores [decoys, genomes] -> [genomes] each."""
    scale = scores.std(0) * 6**0.5 / np.pi
    return scores.mean(0) - EULER * scale, scale


def random_like(genome: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Independent bases with the genome's composition, uint8 [length]."""
    share = np.bincount(genome, minlength=4) / len(genome)
    return rng.choice(4, length, p=share).astype(np.uint8)


def embed(bench: Bench, reads: Reads) -> dict[str, np.ndarray]:
    """Vectors [reads * CHUNKS, dim] of both kinds."""
    adc = np.stack(reads.adc).reshape(-1, WINDOWS[0])
    chunks = Chunks(adc, *median_mad(adc), np.zeros(len(adc)), np.zeros(len(adc)))
    return {kind: runtime.embed_chunks(bench.embed[kind], chunks) for kind in KINDS}


def statistics(bench: Bench, index: Index, vectors: np.ndarray) -> dict[str, np.ndarray]:
    """Each statistic of each read, [reads]."""
    best = nearest(index, vectors, 1)[1].reshape(-1, CHUNKS)
    passed = (np.arange(CHUNKS) + 0.5) * WINDOWS[0] / bench.family.samples_per_base
    votes = vote(index, vectors, [passed] * len(best))
    return {"similarity": best.mean(1), "support": np.array([locate(v).support for v in votes])}


def sample(bench: Bench, genomes: dict[str, np.ndarray], count: int, seed: int) -> tuple[list[Reads], np.ndarray]:
    """`count` reads of each genome and as many of none, and their class; the last class is none.

    None: half of random sequence with the genomes' compositions, half of the genomes reversed but not complemented.
    """
    rng, samples = np.random.default_rng(seed), CHUNKS * WINDOWS[0]
    length = min(map(len, genomes.values()))
    decoys = [random_like(g, length, rng) for g in genomes.values()] + [g[::-1] for g in genomes.values()]
    sources = [(g, i, count) for i, g in enumerate(genomes.values())]
    sources += [(g, len(genomes), count // len(decoys)) for g in decoys]
    reads = [
        simulated_reads(source, bench.pore, bench.family, samples, number, seed + i)
        for i, (source, _, number) in enumerate(sources)
    ]
    return reads, np.repeat([c for _, c, _ in sources], [n for _, _, n in sources])


def auroc(score: np.ndarray, positive: np.ndarray) -> float:
    """The probability that a positive scores higher than a negative; ties count half."""
    values, rank = np.unique(score, return_inverse=True)
    negatives = np.bincount(rank[~positive], minlength=len(values))
    below = negatives.cumsum() - negatives / 2
    return float(below[rank[positive]].sum() / max(1, positive.sum() * (~positive).sum()))


def classify(score: np.ndarray, level: float) -> np.ndarray:
    """score [reads, genomes] -> class; the last is none."""
    return np.where(score.max(1) >= level, score.argmax(1), score.shape[1])


def macro_f1(found: np.ndarray, truth: np.ndarray, classes: int) -> float:
    """The mean of the classes' F1."""
    both = [((found == c) & (truth == c)).sum() / max(1, (found == c).sum() + (truth == c).sum()) for c in range(classes)]
    return float(2 * np.mean(both))


def measure(bench: Bench, genomes: dict[str, np.ndarray], count: int) -> dict:
    """AUROC per genome and macro-F1 over the genomes and none, raw and calibrated."""
    indices = {name: bench.indices.of(g, bench.family.span(WINDOWS[0])) for name, g in genomes.items()}

    def table(reads: list[Reads], kind: str) -> dict[str, np.ndarray]:
        """Statistic -> [reads, genomes]."""
        vectors = np.concatenate([embed(bench, r)[kind] for r in reads])
        columns = [statistics(bench, index, vectors) for index in indices.values()]
        return {s: np.stack([c[s] for c in columns], 1) for s in STATISTICS}

    rng, samples = np.random.default_rng(DECOY_SEED), CHUNKS * WINDOWS[0]
    random = [random_like(g, len(g), rng) for g in genomes.values()]
    null = table([simulated_reads(r, bench.pore, bench.family, samples, count // 2, DECOY_SEED) for r in random], "fp32")

    reads, truth = sample(bench, genomes, count, SEED)
    tables = {kind: table(reads, kind) for kind in KINDS}
    calibration, known = sample(bench, genomes, count // 2, CALIBRATION_SEED)
    trial = table(calibration, "fp32")
    report: dict = {"reads": len(truth), "chunks": CHUNKS, "genomes": list(genomes), "index_windows": {name: len(i.centre) for name, i in indices.items()}}
    for s in STATISTICS:
        location, scale = gumbel(null[s])
        for how, shift, unit in (("raw", 0, 1), ("calibrated", location, scale)):
            tried = (trial[s] - shift) / unit
            level = max(np.unique(tried.max(1)), key=lambda t: macro_f1(classify(tried, t), known, len(genomes) + 1))
            score = {kind: (tables[kind][s] - shift) / unit for kind in KINDS}

            def figures(kind: str, rows: np.ndarray) -> dict[str, float]:
                x, y = score[kind][rows], truth[rows]
                areas = {f"AUROC {name}": auroc(x[:, i], y == i) for i, name in enumerate(genomes)}
                return areas | {"macro-F1": macro_f1(classify(x, level), y, len(genomes) + 1)}

            report[f"{s}, {how}"] = {"threshold": float(level)} | compared(figures, len(truth))
    return report
