#!/usr/bin/env bash
# Measures porevec on an NVIDIA GPU. Lies in the folder that bench/gpu-pack.sh makes,
# beside porevec-gpu.tar.xz, and needs no network:
#
#	gpu.sh [OUTPUT]      default: $OUT, else ./gpu-result
#
# Needs a driver for CUDA 13, and the libraries of CUDA 13 and cuDNN 9: of the system,
# of CUDA_HOME, or of Python's nvidia-* packages (PyTorch brings them). TensorRT 10 is
# measured if it is there. Writes a JSON file and a log of each step, and table.md.
#
#	POREVEC_GPU=0            the GPU's number
#	POREVEC_GPU_READS=12000  reads of the simulated run, some 40,000 samples each
#	POREVEC_GPU_LIMIT=150    most seconds for a step
#
# Exit codes: 0 done; 1 a step failed, the others were measured; 2 usage; 4 no GPU, or
# libraries are missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

die() {
	echo "gpu.sh: ${*:2}" >&2
	exit "$1"
}
if [ $# -gt 1 ] || [[ ${1-} == -* ]]; then die 2 "usage: gpu.sh [OUTPUT]"; fi

gpu=${POREVEC_GPU:-0}
limit=${POREVEC_GPU_LIMIT:-150}
archive=$here/porevec-gpu.tar.xz
[ -f "$archive" ] || die 4 "$archive is missing: bench/gpu-pack.sh makes it"
export PATH=$PATH:/usr/local/nvidia/bin
command -v nvidia-smi >/dev/null || die 4 "no NVIDIA GPU: there is no nvidia-smi, so no driver"
device=$(nvidia-smi -i "$gpu" --query-gpu=name --format=csv,noheader 2>&1) || die 4 "no NVIDIA GPU $gpu: nvidia-smi says: $device"
driver=$(nvidia-smi -i "$gpu" --query-gpu=driver_version --format=csv,noheader)

out=${1:-${OUT:-gpu-result}}
mkdir -p "$out"
out=$(cd "$out" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
exec > >(tee "$out/log.txt") 2>&1
echo "$device, driver $driver, $(nproc) cores, $(date -u +%FT%TZ)"
nvidia-smi -i "$gpu"

if command -v xz >/dev/null; then
	xz -dc "$archive"
else
	python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)' "$archive"
fi | tar -xf - -C "$dir"

# folders with libraries, most particular first
folders() {
	local python
	tr : '\n' <<<"${LD_LIBRARY_PATH-}"
	for d in "${CUDA_HOME:-/usr/local/cuda}" /usr/local/cuda /usr/local/cuda-*; do
		printf '%s\n' "$d/lib64" "$d/targets/x86_64-linux/lib"
	done
	# Not of the system: nvidia-* wheels and TensorRT's, of any Python there is.
	for python in $(type -ap python3 python) /opt/*/bin/python3 /usr/local/bin/python3 ~/*/bin/python3; do
		"$python" -c '
import glob, site, sys
for d in sys.path + site.getsitepackages() + [site.getusersitepackages()]:
    for lib in glob.glob(d + "/nvidia/*/lib") + glob.glob(d + "/tensorrt*_libs"):
        print(lib)' 2>/dev/null || true
	done
	printf '%s\n' /usr/local/nvidia/lib64 /usr/lib/x86_64-linux-gnu /usr/lib64 /usr/lib/wsl/lib
	ldconfig -p 2>/dev/null | sed -n 's,.* => \(.*\)/[^/]*$,\1,p' | sort -u || true
}
mapfile -t folders < <(folders | awk 'NF && !seen[$0]++')

path=$dir/lib
# find_library NAME: puts its folder into the path
find_library() {
	local d
	for d in "${folders[@]}"; do
		if [ -e "$d/$1" ]; then
			echo "  $1: $d"
			[[ :$path: == *:$d:* ]] || path=$path:$d
			return
		fi
	done
	echo "  $1: not found"
	return 1
}
echo "libraries:"
missing=()
for lib in libcuda.so.1 libcudart.so.13 libcublas.so.13 libcublasLt.so.13 libcurand.so.10 libcudnn.so.9; do
	find_library $lib || missing+=("$lib")
done
[ ${#missing[@]} = 0 ] || die 4 "not found: ${missing[*]}; install CUDA 13 and cuDNN 9, or set LD_LIBRARY_PATH"
find_library libnvrtc.so.13 || true # some of cuDNN's kernels are compiled with it
tensorrt=
if find_library libnvinfer.so.10 && find_library libnvonnxparser.so.10; then tensorrt=yes; fi
export LD_LIBRARY_PATH=$path POREVEC_ORT=$dir/lib/libonnxruntime.so

failed=()
# step NAME COMMAND...: its stdout is NAME.json, or NAME.txt without --json
step() {
	local name=$1 file code=0 began=$SECONDS
	shift
	file=$name.txt
	[[ " $* " != *" --json "* ]] || file=$name.json
	printf '\n== %s: porevec %s\n' "$name" "$*"
	timeout "$limit" "$dir/porevec" "$@" >"$out/$file" 2>"$out/$name.log" || code=$?
	if [ $code = 0 ]; then
		echo "   $((SECONDS - began)) s"
		return
	fi
	[ $code != 124 ] || echo "   stopped at the limit of $limit s"
	echo "   FAILED with exit code $code after $((SECONDS - began)) s"
	tail -n 20 "$out/$name.log" "$out/$file"
	failed+=("$name")
	return 1
}

# row NAME STAGE WHAT: a line of the table, from the last row whose stage begins so
row() {
	grep -o '{"stage":[^}]*}' "$out/$1.json" | grep "\"stage\":\"$2" | tail -n 1 |
		sed 's/.*"stage":"\([^"]*\)","cores":\([0-9]*\).*"samples_per_s":\([0-9.e+]*\).*/\1\t\2\t\3/' |
		awk -F '\t' -v what="$3" '{ printf "| %s | %s | %d | %.1f | %.1f |\n", what, $1, $2, $3 / 1e6, $3 / (2675 * 5000) }' >>"$out/table.md" || echo "   no row of $2 in $1.json"
}

cat >"$out/table.md" <<TABLE
$device, driver $driver, $(nproc) host cores ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)), $("$dir/porevec" --version), ONNX Runtime 1.29.0, $(date -u +%F)

| device | stage | encoders | M samples/s | PromethION flow cells (2675 channels, 5 kHz) |
|---|---|---|---|---|
TABLE

cuda=cuda:$gpu
cores=$(nproc)
step doctor doctor || true
step check-cuda model check --device "$cuda" --json || true
printf '\n== a simulated run\n'
"$dir/makerun" -o "$dir/run" -files 8 -reads "${POREVEC_GPU_READS:-12000}" -seed 1
rm -f "$dir"/run/*.tsv "$dir"/run/*.fa

for batch in 64 256 1024 4096; do
	if step "cuda-batch-$batch" bench --device "$cuda" --batch $batch --json "$dir/run"; then
		row "cuda-batch-$batch" encode "$cuda"
	fi
done
if step cpu bench --device cpu -t "$cores" --json "$dir/run"; then
	row cpu encode cpu
	row cpu whole cpu
fi
# How many encoders feed the GPU best is not known beforehand.
for threads in $(printf '%s\n' 1 2 4 8 "$cores" | sort -nu); do
	[ "$threads" -le "$cores" ] || continue
	name=cuda-whole-$threads
	if step "$name" bench --device "$cuda" --batch 1024 -t "$threads" --seconds 0.5 --json "$dir/run"; then
		row "$name" whole "$cuda, $threads encoders"
	fi
done
if [ -n "$tensorrt" ]; then
	# Its engines are built first, which may take minutes.
	limit=$((limit * 2))
	trt=tensorrt:$gpu
	step check-tensorrt model check --device "$trt" --json || true
	for batch in 256 1024; do
		if step "tensorrt-batch-$batch" bench --device "$trt" --batch $batch --json "$dir/run"; then
			row "tensorrt-batch-$batch" encode "$trt"
			row "tensorrt-batch-$batch" whole "$trt"
		fi
	done
fi

echo
cat "$out/table.md"
[ ${#failed[@]} = 0 ] || die 1 "failed: ${failed[*]}; their logs are in $out"
