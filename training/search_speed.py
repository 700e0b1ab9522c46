"""Measure how fast indices are built and searched, as tables for search_report.py --measured.

Each genome's FASTA, and POD5 files of reads that are sought in it, lie in the folder of search_reads.py.
"""

import argparse
import json
import os
import subprocess
import time

from evaluate import hardware

GENOMES = "lambda", "ecoli1M", "ecoli"
CONDITIONS = "plain", "harsh"


def run(*command: str) -> tuple[str, float]:
    """Standard output, and seconds."""
    begin = time.time()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout, time.time() - begin


def building(porevec: str, data: str, work: str, model: str) -> dict:
    """Time, memory and size of building an index of each genome."""
    rows = []
    for genome in GENOMES:
        out, seconds = run(porevec, "index", "build", "-q", "--model", model, "-o", f"{work}/{genome}.pvi", f"{data}/{genome}.fa", "--json")
        about = json.loads(out)
        bases = sum(c["length"] for c in about["contigs"] if not c.get("decoy"))
        windows = sum(layer["windows"] for layer in about["layers"])
        rows.append([genome, f"{bases:,}", f"{windows:,}", f"{seconds:.1f}", f"{about['peak_memory_bytes'] / 1e6:.0f}", f"{about['bytes'] / 1e6:.1f}", f"{about['bytes'] / bases:.0f}"])
    return {
        "title": "Building an index",
        "command": f"porevec index build --model {model} GENOME.fa -o GENOME.pvi",
        "head": ["genome", "bases", "windows of all lengths", "seconds", "memory, MB", "file, MB", "bytes per base"],
        "rows": rows,
        "note": f"All cores of {hardware()}; the machine had other work.",
    }


def searching(porevec: str, data: str, work: str, model: str) -> dict:
    """Speed and recall@1 against comparing every window, and memory, on one core."""
    rows = []
    for genome in GENOMES:
        for condition in CONDITIONS:
            vectors = f"{work}/{genome}.{condition}.arrow"
            run(porevec, "embed", "-q", f"{data}/{genome}.{condition}.pod5", "--model", model, "-o", vectors)
            about = json.loads(run(porevec, "index", "bench", "--json", "--index", f"{work}/{genome}.pvi", vectors)[0])
            for r in about["rows"]:
                recall = f"{r['recall_at_1']:.4f}" if "recall_at_1" in r else "–"
                memory = f"{about['peak_memory_bytes'] / 1e6:.0f}"
                rows.append([genome, condition, r["what"], f"{r['chunks_per_s']:,.0f}", recall, f"{r['minions']:.1f}", memory])
    return {
        "title": "Searching it, on one core",
        "command": "porevec index bench --index GENOME.pvi VECTORS.arrow",
        "head": ["index", "reads", "compared", "chunks/s", "recall@1 of every window", "MinIONs", "memory, MB"],
        "rows": rows,
        "note": "3,000 chunks of 4096 samples, 64 at a time. A MinION, all of its 512 channels sequencing at 5 kHz, makes 625 such chunks a second; here 640 "
        "count as one. Memory is the most that was resident, the mapped index included. The whole search adds the votes, and stops hearing a read "
        "when it is called. `--probes` says how many cells are looked into: 320 unless said in an index of eight times as many, about 5 Mb; smaller ones are compared whole.",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--porevec", required=True, help="the program")
    parser.add_argument("--data", required=True, help="folder of search_reads.py")
    parser.add_argument("--work", required=True, help="folder for indices and vectors")
    parser.add_argument("--model", default="dna_r10.4.1_e8.2_400bps_5khz@v1")
    parser.add_argument("--report", required=True, help="JSON file to write")
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    tables = [part(args.porevec, args.data, args.work, args.model) for part in (building, searching)]
    with open(args.report, "w") as file:
        json.dump(tables, file, indent=1, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
