"""Align real reads to the bases they came from: which samples belong to which base.

A Viterbi path through the expected levels of the read's true span. Samples are averaged in pairs; the path
stays on a base, moves to the next or, at a price, skips one; what comes before the span (leader, adapter)
is free of bases. The search keeps a band of bases around the best path so far.
"""

import argparse
import sys
from dataclasses import dataclass

import numpy as np

import pore
from reads import LabelledRead, labelled_reads
from sequence import read_fasta, reverse_complement

FRAME = 2  # samples averaged into one frame
BAND = 600  # bases considered at each frame
SIGMA = 0.22  # spread of a frame around its level, in units of the levels' spread (1.4826 MAD)
WORST = 4.5  # largest cost of one frame: spikes decide nothing
JUNK = 1.5  # cost of a frame before the span begins
STAY, MOVE, SKIP = -0.2, -1.6, -6.0  # log probabilities, about five frames per base
ENTRY = 60  # bases of the span that may be missing at its beginning


@dataclass(frozen=True)
class Alignment:
    """Samples [edges[i], edges[i+1]) belong to base first+i of the span as read; current = shift + scale * adc, pA."""

    edges: np.ndarray  # int32 [bases + 1]
    first: int
    shift: float
    scale: float
    cost: float  # mean over frames; below about 1.2 the alignment can be trusted


def viterbi(frames: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, float]:
    """The base of every frame, int32 [frames] with -1 before the span, and the path's mean cost.

    frames, level: float32, both in units of the levels' spread.
    """
    count, width = len(frames), min(BAND, len(level))
    padded = np.concatenate([level, np.full(width + 1, 1e3, np.float32)])
    score = np.full(width, -1e9, np.float32)
    back = np.empty((count, width), np.uint8)  # 0 stay, 1 move, 2 skip, 3 entry
    starts = np.empty(count, np.int32)
    start, junk = 0, 0.0
    for t in range(count):
        best = int(score.argmax())
        ahead = best - width // 2
        if ahead > 0 and score[best] > junk - 1e8 and start + width < len(level) + 1:
            score = np.concatenate([score[ahead:], np.full(ahead, -1e9, np.float32)])
            start += ahead
        starts[t] = start
        moves = np.full((3, width), -1e9, np.float32)
        moves[0] = score + STAY
        moves[1, 1:] = score[:-1] + MOVE
        moves[2, 2:] = score[:-2] + SKIP
        choice = moves.argmax(0)
        score = np.take_along_axis(moves, choice[None], 0)[0]
        if start < ENTRY:
            enters = junk + MOVE > score[: ENTRY - start]
            score[: ENTRY - start][enters] = junk + MOVE
            choice[: ENTRY - start][enters] = 3
        back[t] = choice
        difference = (frames[t] - padded[start : start + width]) / SIGMA
        score = score - np.minimum(0.5 * difference * difference, WORST)
        junk -= JUNK
    path = np.full(count, -1, np.int32)
    base = int(score.argmax()) + start
    total = float(score.max())
    for t in range(count - 1, -1, -1):
        path[t] = base
        step = back[t, base - starts[t]]
        if step == 3:
            break
        base -= int(step)
    used = np.count_nonzero(path >= 0)
    return path, -(total + JUNK * t) / used


def align(read: LabelledRead, genome: np.ndarray, table: pore.PoreModel) -> Alignment:
    bases = genome[read.start : read.end]
    if read.strand < 0:
        bases = reverse_complement(bases)
    level = table.level[table.kmers(bases[None].astype(np.uint8))[0]]
    middle, spread = np.median(level), 1.4826 * np.median(np.abs(level - np.median(level)))
    units = ((level - middle) / spread).astype(np.float32)
    usable = len(read.adc) // FRAME * FRAME
    frames = read.adc[:usable].reshape(-1, FRAME).mean(1).astype(np.float32)
    body = frames[1000:]
    shift = np.median(body)
    scale = 1.4826 * np.median(np.abs(body - shift))
    for _ in range(3):
        path, cost = viterbi((frames - shift) / scale, units)
        at = np.flatnonzero(path >= 0)
        slope, offset = robust_line(units[path[at]], frames[at])
        shift, scale = offset, slope
    first, last = path[at[0]], path[at[-1]]
    edges = (at[0] + np.searchsorted(path[at], np.arange(first, last + 2))) * FRAME
    return Alignment(edges.astype(np.int32), int(first), float(middle - spread * shift / scale), float(spread / scale), cost)


def robust_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and offset of y over x by least squares without the worst residuals (twice)."""
    keep = np.ones(len(x), bool)
    for _ in range(3):
        slope, offset = np.polyfit(x[keep], y[keep], 1)
        residual = np.abs(y - slope * x - offset)
        keep = residual < 3 * np.median(residual)
    return float(slope), float(offset)


def save(path: str, reads: list[LabelledRead], alignments: list[Alignment]) -> None:
    """One npz; `load` gives it back."""
    np.savez(
        path,
        read_id=[r.read_id for r in reads],
        edges=np.concatenate([a.edges for a in alignments]),
        count=[len(a.edges) for a in alignments],
        **{name: [getattr(a, name) for a in alignments] for name in ("first", "shift", "scale", "cost")},
    )


def load(path: str) -> dict[str, Alignment]:
    """Alignments by read id."""
    data = np.load(path)
    edges = np.split(data["edges"], np.cumsum(data["count"])[:-1])
    rows = zip(data["read_id"], edges, data["first"], data["shift"], data["scale"], data["cost"])
    return {str(i): Alignment(e, int(f), float(a), float(b), float(c)) for i, e, f, a, b, c in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pore-model", required=True)
    parser.add_argument("--labelled", required=True, help="folder of real reads with truth.tsv")
    parser.add_argument("--label", required=True, help="reads of this label")
    parser.add_argument("--genome", required=True, help="FASTA that they come from")
    parser.add_argument("--out", required=True, help="npz to write")
    args = parser.parse_args()
    table, genome = pore.load(args.pore_model), read_fasta(args.genome)
    reads, alignments = labelled_reads(args.labelled, args.label), []
    for i, read in enumerate(reads):
        alignments.append(align(read, genome, table))
        print(f"\r{i + 1}/{len(reads)} {read.read_id} cost {alignments[-1].cost:.2f}", end="", file=sys.stderr)
    save(args.out, reads, alignments)
    print(f"\n{args.out}: {len(reads)} reads, median cost {np.median([a.cost for a in alignments]):.2f}", file=sys.stderr)


if __name__ == "__main__":
    main()
