#!/usr/bin/env bash
# Tests porevec for arm64 on another computer, emulated by QEMU: the packages with
# kernels or exact arithmetic, the encoders on ONNX Runtime for arm64, and the whole
# program, whose vectors are compared with those of this computer.
#
#	scripts/test-arm64.sh [kernels|program]      default: both
#
# Installs what it needs on Debian. Each part says how long it took. POREVEC_DATA may
# name the folder of real data, as for the other tests.
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1-all}
case $part in
all | kernels | program) ;;
*)
	echo "usage: test-arm64.sh [kernels|program]" >&2
	exit 2
	;;
esac
if [ "$(uname -m)" = aarch64 ]; then
	echo "this computer is an arm64: make test tests all of it"
	exit
fi

data=${POREVEC_DATA:-../shared/data}
qemu=(qemu-aarch64-static -L /usr/aarch64-linux-gnu)
arm=bin/linux-arm64/porevec
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

section() {
	[ -z "${title-}" ] || printf '   %d s\n' $((SECONDS - began))
	title=$1 began=$SECONDS
	[ -z "$title" ] || printf '== %s\n' "$title"
}

kernels() {
	section "pure Go, no C: parsers, kernels, the reference encoder, messages"
	# Whatever has assembly is found, the rest is where Go's compiler fuses
	# multiplications with additions, or reads bytes as numbers.
	local assembly
	mapfile -t assembly < <(find . -name '*_arm64.s' -printf '%h\n' | sort -u)
	# The skipped ones damage a file at each of its bytes in turn, a minute in the
	# emulator; nothing in them depends on the processor.
	CGO_ENABLED=0 GOARCH=arm64 go test -count=1 -exec "${qemu[*]}" -skip '^TestRecover(Truncated|FlippedBytes)$' \
		"${assembly[@]}" ./signal ./pod5/... ./fast5/... ./replay ./segment ./normalize \
		./embed ./embed/internal/... ./embed/reference ./index/internal/... \
		./sink/wire ./sink/parquet ./sink/checkpoint ./fixtures/... | grep -v 'no test files'
}

# compare NAME INPUT...: the same rows, and vectors that point to the same place.
compare() {
	local name=$1
	shift
	bin/porevec embed "$@" --dtype float32 -o "$dir/here.ndjson" >"$dir/log" 2>&1 || fail
	rm -f "$dir/arm64.ndjson"*
	"${qemu[@]}" "$arm" embed "$@" --dtype float32 -o "$dir/arm64.ndjson" >"$dir/log" 2>&1 || fail
	awk -F '"embedding":' -v name="$name" -v cpu="$QEMU_CPU" '
		NR == FNR { here[$1] = $2; n++; next }
		!($1 in here) { print "only on arm64: " $1; bad = 1; next }
		{
			dim = split(substr(here[$1], 2), a, ","); split(substr($2, 2), b, ",")
			delete here[$1]
			ab = aa = bb = 0
			for (i = 1; i <= dim; i++) { ab += a[i] * b[i]; aa += a[i] * a[i]; bb += b[i] * b[i] }
			cosine = ab / sqrt(aa * bb)
			if (!rows++ || cosine < least) least = cosine
		}
		END {
			printf "   %-10s %s: %d vectors, smallest cosine %.9f\n", cpu, name, rows, least
			exit bad || rows != n || !rows || least < 0.9999
		}' "$dir/here.ndjson" "$dir/arm64.ndjson" || { echo "the vectors differ" >&2; exit 1; }
	rm -f "$dir/here.ndjson"*
}

fail() {
	cat "$dir/log" >&2
	exit 1
}

program() {
	section "build"
	make -s build build-arm64
	POREVEC_ORT_ARCH=arm64 scripts/fetch-ort.sh
	go run ./fixtures/makerun -o "$dir/run" --reads 6 --seed 7
	go run ./fixtures/makerun -o "$dir/run9" --reads 3 --seed 8 --r9

	# ONNX Runtime chooses its kernels by what the processor can: Raspberry Pi 4
	# (no dot products), Pi 5, Jetson Orin and the first Gravitons and Altras (dot
	# products), and all that the emulator knows (i8mm, SVE, SME).
	for cpu in cortex-a72 neoverse-n1 max; do
		section "the program as $cpu"
		export QEMU_CPU=$cpu
		"${qemu[@]}" "$arm" model check >"$dir/log" 2>&1 || fail
		grep golden: "$dir/log"
		compare "simulated R10.4.1" "$dir/run"
		compare "simulated R9.4.1" "$dir/run9"
		if [ -d "$data/pod5" ]; then
			compare "real POD5" "$data/pod5/zymo_r10.4.1_5khz.pod5" --max-chunks-per-read 20
			compare "real FAST5" "$data/labelled/lambda_r9.4.1" --max-reads 5
		fi
	done
	# Into the store and, found there, not again.
	for _ in 1 2; do
		"${qemu[@]}" "$arm" embed "$dir/run" --store "$dir/store" >"$dir/log" 2>&1 || fail
	done
	grep ' = 0 acknowledged' "$dir/log" || fail

	section "tests on ONNX Runtime: the same bits in every batch; index and search"
	CGO_ENABLED=1 GOARCH=arm64 CC=aarch64-linux-gnu-gcc go test -count=1 -exec "${qemu[*]}" \
		-run 'SameBits|Concurrent|Window' ./embed/ort
	CGO_ENABLED=1 GOARCH=arm64 CC=aarch64-linux-gnu-gcc go test -count=1 -exec "${qemu[*]}" \
		./index ./index/search ./pipeline
}

scripts/install-arm64.sh --qemu
case $part in
all)
	kernels # apart: a failure on the left of && would not end the script
	program
	;;
*) $part ;;
esac
section ""
echo "arm64: passed in $SECONDS s"
