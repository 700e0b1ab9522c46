#!/usr/bin/env bash
# Proves a second execution provider of ONNX Runtime for real: OpenVINO on this processor.
# pip brings a runtime with it (84 MB), into a folder of its own in the cache.
set -euo pipefail
cd "$(dirname "$0")/.."
version=1.24.1
dir=${XDG_CACHE_HOME:-$HOME/.cache}/porevec/openvino-$version
if [ ! -e "$dir/ready" ]; then
	rm -rf "$dir"
	mkdir -p "$dir/wheel"
	pip download -q --no-deps --only-binary :all: --python-version 3.11 --platform manylinux_2_28_x86_64 -d "$dir/wheel" "onnxruntime-openvino==$version"
	python3 -m zipfile -e "$dir"/wheel/*.whl "$dir/unpacked"
	rm -rf "$dir/wheel"
	touch "$dir/ready"
fi
export POREVEC_ORT=$dir/unpacked/onnxruntime/capi
export LD_LIBRARY_PATH=$POREVEC_ORT # for the libraries of OpenVINO
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go run ./fixtures/makerun -o "$work/run" --reads 50 --seed 3 >/dev/null
bin/porevec model check --device openvino:CPU
for device in openvino:CPU cpu; do
	bin/porevec embed "$work/run" --device "$device" -o "$work/$device.npy"
done
# The same rows, in the same order. The vectors were proven above.
cmp "$work/openvino:CPU.ids.tsv" "$work/cpu.ids.tsv"
