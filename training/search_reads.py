"""POD5 files of reads whose place is known, for measuring `porevec search`.

Simulated: a leader, ten windows, from every genome and under every condition, and reads of no genome. The simulator says
which base is in the pore at each sample, so the place of every beginning of a read is known, not only of its middle.
Real: labelled single-read FAST5 files, with the places of truth.tsv.
"""

import argparse
import datetime
import os
import uuid
from dataclasses import dataclass, replace

import numpy as np
import pod5

import pore
from families import FAMILIES, WINDOWS, Family
from pore import PoreModel
from reads import labelled_reads
from search_truth import NONE, Truth, write_truth
from sequence import random_bases, reverse_complement
from simulate import HARSH, PLAIN, Conditions, flank, offsets, to_adc, trace
from species import random_like
from evaluate import read_genome

BATCH = 25
WINDOW, CHUNKS = WINDOWS[0], 10
SEED, LEADER_SEED = 801, 802
LEADER_BASES = 2000  # of one fixed random sequence, more than any leader needs
CHANNELS = 512
CONDITIONS: dict[str, Conditions] = {
    "harsh": HARSH,
    "plain": PLAIN,
    **{f"noise{f}": replace(PLAIN, noise=(f, f)) for f in (1.5, 2.0, 3.0)},
}
PRODUCTS = {"r10": ("FLO-MIN114", "sqk-lsk114"), "r9": ("FLO-MIN106", "sqk-lsk109")}
NAMESPACE = uuid.UUID(int=0)  # read ids are made from what a read is, so they repeat


@dataclass(frozen=True)
class PlacedRead:
    """One read: adc int16 [samples], its calibration offset in adc counts and its scale in pA per count, its truth."""

    adc: np.ndarray
    offset: float
    scale: float
    truth: Truth


def marked_reads(
    genome: np.ndarray, name: str, condition: str, pore_model: PoreModel, family: Family, count: int, seed: int,
) -> list[PlacedRead]:  # fmt: skip
    """Reads of CHUNKS windows after a leader, from random places and strands of a genome without N."""
    rng, samples, half = np.random.default_rng(seed), CHUNKS * WINDOW, flank(family, CHUNKS * WINDOW)
    leader = random_bases(np.random.default_rng(LEADER_SEED), 1, LEADER_BASES)
    reads: list[PlacedRead] = []
    for i in range(0, count, BATCH):
        rows = min(BATCH, count - i)
        start, strand = rng.integers(0, len(genome) - 2 * half, rows), rng.choice([1, -1], rows)
        bases = genome[start[:, None] + np.arange(2 * half)]
        bases[strand < 0] = reverse_complement(bases[strand < 0])
        conditions = CONDITIONS[condition]
        current, base = trace(pore_model, family, bases, np.full(rows, half), samples, rng, conditions)
        middle = np.full(rows, LEADER_BASES // 2)
        before, _ = trace(pore_model, family, leader.repeat(rows, 0), middle, family.leader_samples, rng, conditions)
        offset = offsets(family, rows, rng)
        adc = to_adc(family, np.concatenate([before, current], 1), offset)
        # The base at each window's first sample and at the last one's last; on the forward strand.
        heard = base[:, np.append(np.arange(0, samples, WINDOW), samples - 1)]
        marks = np.where(strand[:, None] > 0, start[:, None] + heard, start[:, None] + 2 * half - 1 - heard)
        for k in range(rows):
            read_id = str(uuid.uuid5(NAMESPACE, f"{family.id} {name} {condition} {seed} {i + k}"))
            place = tuple(map(int, marks[k]))
            truth = Truth(read_id, name, min(place), max(place) + 1, int(strand[k]), condition, family.leader_samples, WINDOW, place)
            reads.append(PlacedRead(adc[k], float(offset[k, 0]), 1 / family.counts_per_pa, truth))
    return reads


def of_none(read: PlacedRead, kind: str) -> PlacedRead:
    """The same read, said to come from no genome."""
    return replace(read, truth=Truth(read.truth.read_id, NONE, 0, 0, 0, f"{read.truth.condition} {kind}", 0, 0, ()))


def reads_of_none(
    genomes: dict[str, np.ndarray], condition: str, pore_model: PoreModel, family: Family, count: int, seed: int,
) -> list[PlacedRead]:  # fmt: skip
    """`count` reads of random sequence with the genomes' composition, and `count` of the genomes read backwards.

    Backwards: reversed but not complemented, so with every repeat and composition of the genome, and on neither strand of it.
    """
    rng, share, reads = np.random.default_rng(seed), -(-count // len(genomes)), []
    for i, (name, genome) in enumerate(genomes.items()):
        number = min(share, count - i * share)
        for kind, source in (("random", random_like(genome, len(genome), rng)), ("reversed", genome[::-1])):
            made = marked_reads(source, f"{kind} {name}", condition, pore_model, family, number, seed + i)
            reads += [of_none(read, kind) for read in made]
    return reads


def real_reads(folder: str, label: str, name: str) -> list[PlacedRead]:
    """Labelled reads; where inside the span a beginning of a read lies is not known."""
    return [
        PlacedRead(
            read.adc, read.offset, 1 / read.counts_per_pa,
            Truth(read.read_id, name, read.start, read.end, read.strand, "real", 0, 0, ()),
        )
        for read in labelled_reads(folder, label)
    ]  # fmt: skip


def run_info(family: Family, product: tuple[str, str], name: str) -> pod5.RunInfo:
    """A run of the family's chemistry, dated alike for all: files repeat to the byte."""
    when = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    run = str(uuid.uuid5(NAMESPACE, f"{family.id} {name}"))
    return pod5.RunInfo(
        acquisition_id=run, acquisition_start_time=when, adc_max=4095, adc_min=-4096, context_tags={},
        experiment_name="porevec evaluation", flow_cell_id="", flow_cell_product_code=product[0],
        protocol_name="", protocol_run_id=run, protocol_start_time=when, sample_id=name,
        sample_rate=family.sample_rate_hz, sequencing_kit=product[1], sequencer_position="", sequencer_position_type="",
        software="porevec evaluation", system_name="", system_type="", tracking_id={},
    )  # fmt: skip


def write(path: str, family: Family, product: tuple[str, str], reads: list[PlacedRead]) -> None:
    """One POD5 file; reads follow each other on CHANNELS channels with a second between them."""
    if os.path.exists(path):
        os.remove(path)
    run, free = run_info(family, product, os.path.basename(path).removesuffix(".pod5")), [0] * CHANNELS
    reason = pod5.EndReason(pod5.EndReasonEnum.SIGNAL_POSITIVE, False)
    with pod5.Writer(path, software_name="porevec evaluation") as file:
        for i, read in enumerate(reads):
            channel = i % CHANNELS
            file.add_read(pod5.Read(
                read_id=uuid.UUID(read.truth.read_id), pore=pod5.Pore(channel + 1, 1, "not_set"),
                calibration=pod5.Calibration(read.offset, read.scale), read_number=i + 1, start_sample=free[channel],
                median_before=200.0, end_reason=reason, run_info=run, signal=np.ascontiguousarray(read.adc, np.int16),
            ))  # fmt: skip
            free[channel] += len(read.adc) + family.sample_rate_hz


def write_fasta(path: str, name: str, genome: np.ndarray) -> None:
    """One record whose name is the genome's, as truth.tsv and the answers call it."""
    letters = np.frombuffer(b"ACGT", np.uint8)[genome].tobytes().decode()
    with open(path, "w") as file:
        file.write(f">{name}\n")
        file.writelines(letters[i : i + 80] + "\n" for i in range(0, len(letters), 80))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--pore-model", required=True, help="table of k-mer levels")
    parser.add_argument("--genome", action="append", required=True, type=read_genome, metavar="NAME=FASTA[:START-END]")
    parser.add_argument("--reads", type=int, default=300, help="of each genome under each condition")
    parser.add_argument("--none", type=int, default=200, help="of random sequence, and as many of genomes read backwards, under each condition")
    parser.add_argument("--condition", action="append", choices=CONDITIONS, help="all of them, unless said")
    parser.add_argument("--labelled", help="folder of real reads with truth.tsv")
    parser.add_argument("--real", action="append", default=[], metavar="NAME=LABEL", help="real reads of a genome")
    parser.add_argument("--seed", type=int, default=SEED, help="other reads of the same kind")
    parser.add_argument("--out", required=True, help="folder for POD5 files, truth.tsv and FASTA files; made")
    args = parser.parse_args()
    family, table, product = FAMILIES[args.family], pore.load(args.pore_model), PRODUCTS[args.family]
    genomes = {name: genome for name, genome, _ in args.genome}
    os.makedirs(args.out, exist_ok=True)
    truth: list[Truth] = []

    def put(name: str, reads: list[PlacedRead]) -> None:
        write(f"{args.out}/{name}.pod5", family, product, reads)
        truth.extend(read.truth for read in reads)
        print(f"{name}.pod5: {len(reads)} reads", flush=True)

    for name, genome in genomes.items():
        write_fasta(f"{args.out}/{name}.fa", name, genome)
    for condition in args.condition or CONDITIONS:
        for i, (name, genome) in enumerate(genomes.items()):
            put(f"{name}.{condition}", marked_reads(genome, name, condition, table, family, args.reads, args.seed + 10 * i))
        put(f"none.{condition}", reads_of_none(genomes, condition, table, family, args.none, args.seed + 1000))
    for name, label in (text.split("=", 1) for text in args.real):
        put(f"{name}.real", real_reads(args.labelled, label, name))
    write_truth(f"{args.out}/truth.tsv", truth)


if __name__ == "__main__":
    main()
