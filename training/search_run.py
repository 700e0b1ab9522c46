"""Runs `porevec index build` and `porevec index search`, and keeps what they wrote."""

import os
import subprocess
from dataclasses import dataclass

from families import Family


@dataclass(frozen=True)
class Searcher:
    """The program, the folder of reads and FASTA files, and where indices and answers go."""

    porevec: str
    family: Family
    data: str
    work: str
    threads: int = 1

    def index(self, name: str, targets: list[str], model: str | None = None, window: int | None = None) -> str:
        """Path of the index of some genomes; built once, and again after another program or other genomes made it."""
        path = os.path.join(self.work, f"{name}{f'.{window}' if window else ''}.pvi")
        sources = [os.path.join(self.data, f"{target}.fa") for target in targets]
        if not os.path.exists(path) or any(os.path.getmtime(path) < os.path.getmtime(s) for s in [self.porevec, *sources]):
            narrow = ["--window", str(window)] if window else []
            self._run("index", "build", "--model", model or self.family.id, *narrow, *sources, "-o", path)
        return path

    def search(self, index: str, reads: list[str], name: str, *options: str) -> str:
        """Path of the NDJSON answers, one after each chunk, about the reads of some POD5 files."""
        path = os.path.join(self.work, f"{name}.ndjson")
        files = [os.path.join(self.data, f"{r}.pod5") for r in reads]
        self._run("index", "search", "--index", index, "--each-chunk", "--format", "ndjson", "-o", path, *options, *files)
        return path

    def _run(self, *arguments: str) -> None:
        os.makedirs(self.work, exist_ok=True)
        line = [self.porevec, *arguments, "--quiet", "--threads", str(self.threads)]
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(line)}: exit code {done.returncode}: {done.stderr[-2000:]}")
