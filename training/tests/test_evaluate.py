"""The command line of evaluate.py."""

import numpy as np

from evaluate import command, read_genome


def test_a_command_names_no_absolute_folders():
    line = command(["/a/b/evaluate.py", "r9", "--genome", "x=/c/d/x.fa:0-9", "--models", "../embed/models", "--cache", "/e/f"])
    assert line == "python evaluate.py r9 --genome x=x.fa:0-9 --models ../embed/models --cache f"


def test_a_slice_of_a_genome(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(">g\nACGTN\nGGTT\n")
    name, bases, start = read_genome(f"g={path}:2-6")
    assert (name, start) == ("g", 2) and bases.tolist() == [2, 3, 0, 2]
    assert np.array_equal(read_genome(f"g={path}")[1], [0, 1, 2, 3, 0, 2, 2, 3, 3])
