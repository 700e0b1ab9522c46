#!/usr/bin/env bash
# Checks that the official POD5 tools accept the files that we write: a small one, a
# recovered one, and one with several runs, reads without signal, more than 1000 reads,
# more than 100 signal rows and a growing dictionary. Not part of the tests, for it needs a
# Python with pod5 (pip install pod5 "polars<2"):
#
#	scripts/check-writer.sh [PYTHON]
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(command -v "${1:-python3}")
pod5=$(dirname "$python")/pod5
"$python" -c 'import pod5; print("pod5", pod5.__version__)'
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
POREVEC_CHECK_DIR=$dir go test -count=1 -run '^TestWriterCheckFiles$' ./pod5

"$python" - "$dir" <<'PYTHON'
import csv, math, sys
import numpy, pod5

folder = sys.argv[1]
for name in ("small", "large", "recovered"):
    with open(f"{folder}/{name}.tsv") as f:
        want = {row["read_id"]: row for row in csv.DictReader(f, delimiter="\t")}
    with pod5.Reader(f"{folder}/{name}.pod5") as reader:
        found = 0
        for read in reader.reads():
            w = want[str(read.read_id)]
            assert read.num_samples == len(read.signal) == int(w["samples"]), read.read_id
            h = 0xcbf29ce484222325
            for byte in read.signal.astype("<i2").tobytes():
                h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
            assert f"{h:016x}" == w["fnv1a64"], read.read_id
            if len(read.signal):
                pa = (numpy.float32(read.signal[0]) + numpy.float32(w["offset"])) * numpy.float32(w["scale"])
                assert math.isclose(read.signal_pa[0], pa, rel_tol=1e-6), read.read_id
            assert read.run_info.acquisition_id == w["run"]
            assert read.run_info.sample_rate == int(w["rate"])
            assert read.pore.channel == int(w["channel"]) and read.pore.pore_type == w["pore_type"]
            assert read.end_reason.name == w["end_reason"], (read.end_reason.name, w["end_reason"])
            found += 1
    assert found == len(want), (name, found, len(want))
    print(f"{name}: {found} reads are what they should be")
PYTHON

check() { echo "== $*"; "$pod5" "$@" >"$dir/out" 2>&1 || { cat "$dir/out"; exit 1; }; }
for name in small large recovered; do
	file=$dir/$name.pod5
	check view "$file" -o "$dir/$name.view"
	test "$(wc -l <"$dir/$name.view")" = "$(wc -l <"$dir/$name.tsv")"
	check inspect summary "$file"
	# It divides by the length of a read, and fails on an empty one of any writer.
	test $name = large || check inspect reads "$file"
	check inspect debug "$file"
	cut -f1 "$dir/$name.tsv" | sed -n 2,6p >"$dir/ids"
	check inspect read "$file" "$(sed -n 2p "$dir/ids")" # not an empty one either
	check filter "$file" --ids "$dir/ids" -o "$dir/$name.filtered.pod5"
	{ echo read_id,target; sed "s/\$/,$name.subset.pod5/" "$dir/ids"; } >"$dir/targets.csv"
	check subset "$file" --table "$dir/targets.csv" --columns target -o "$dir/$name.subset"
	check repack "$file" -o "$dir/$name.repacked"
done
check merge "$dir/small.pod5" "$dir/large.pod5" -o "$dir/merged.pod5"
for file in "$dir"/*.filtered.pod5 "$dir"/merged.pod5 "$dir"/*.subset/*.pod5 "$dir"/*.repacked/*.pod5; do
	go run ./cmd/porevec inspect --json --hash "$file" | cut -c1-200
done
echo "all accepted"
