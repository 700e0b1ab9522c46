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

say "6. Live: the same run served as a MinKNOW, at eight times its pace, and followed while it is measured"
bin/porevec simulate "$dir/run" --channels 64 --speed 8x --dir "$dir/minknow" --port 0 --json --quiet > "$dir/where.json" &
simulator=$!
trap 'kill $simulator 2>/dev/null || true; rm -rf "$dir"' EXIT
until grep -q port "$dir/where.json"; do sleep 0.1; done
port=$(sed 's/.*"port":\([0-9]*\).*/\1/' "$dir/where.json")
bin/porevec live --host "localhost:$port" --ca "$dir/minknow/ca.crt" --runs 1 --store "$dir/live" --log-format text

say "7. And what the live feed did not carry: the ends of reads, as from a MinKNOW"
bin/porevec live missed "$dir/run" --store "$dir/live"
