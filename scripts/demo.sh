#!/usr/bin/env bash
# The main job on a simulated run: POD5 in, durable embeddings out, and a
# subscriber that reads them. Everything lies in a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say "1. Simulate a MinION run (R10.4.1, 5 kHz) and write it as POD5"
go run ./fixtures/makerun -o "$dir/run" --files 2 --reads 150 --seed 7
bin/porevec inspect "$dir"/run/*.pod5

say "2. Embed it: POD5 -> chunks -> INT8 encoder -> JetStream, each vector on disk before it counts"
bin/porevec embed "$dir/run" --store "$dir/store" --listen 127.0.0.1:0

say "3. The same command again: the stream is the checkpoint, nothing is stored twice"
bin/porevec embed "$dir/run" --store "$dir/store" --quiet

say "4. Subscribe: the first vectors in the stream"
bin/porevec subscribe --store "$dir/store" --from start -n 8

say "5. What are these reads? An index of the genome they come from, and of one they do not; nothing is trained"
cat > "$dir/watch.toml" <<'EOF'
[[group]]
name = "the simulated genome"
targets = ["simulated"]
reads = 10
message = "this is what was sampled"
EOF
go run ./fixtures/makerun -o "$dir/other" --reads 1 --seed 8 --name other
bin/porevec index build "$dir/run/genome.fa" "$dir/other/genome.fa" -o "$dir/panel.pvi"
bin/porevec index search --index "$dir/panel.pvi" --store "$dir/store" --watchlist "$dir/watch.toml" -o "$dir/answers.tsv" || test $? = 7
head -4 "$dir/answers.tsv"
