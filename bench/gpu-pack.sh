#!/usr/bin/env bash
# Makes a folder with everything that bench/gpu.sh needs on a computer with an NVIDIA
# GPU and no network:
#
#	bench/gpu-pack.sh [--arch 90|all] [FOLDER]      default: --arch 90 dist/gpu
#
# FOLDER then holds gpu.sh and porevec-gpu.tar.xz: porevec, a generator of runs, ONNX
# Runtime and its providers for CUDA 13 and TensorRT 10. CUDA, cuDNN and TensorRT are
# not in it; gpu.sh looks for them there.
#
# --arch names the GPU's architecture: 75 (T4), 80 (A100), 86, 89 (L4), 90 (H100,
# H200), 120 (RTX 50). The kernels for the others are zeroed, which makes the archive
# a third as large; "all" leaves them.
#
# Needs Go, gcc, npm and xz. The libraries (MIT licence) are checked against the sums
# below and kept in the cache.
set -euo pipefail
cd "$(dirname "$0")/.."

version=1.29.0
# The same commit of ONNX Runtime, so that the providers fit the library.
library=onnxruntime-node@$version
providers=com.github.asus4.onnxruntime.linux-x64-gpu@0.4.9
sums="\
89688f5cf51c7e31befbb7b9101bc027799009b18d1baa9a5b1146a72e69538d  libonnxruntime.so
56cf3254b118ad837ccc4ed8f6d1b23504bbf7ef91b34cbc0b289cb7f10b3037  libonnxruntime_providers_cuda.so
c6a12593396095f5670160e284c35d1700b7708cf3037b7042e2a5200ccae772  libonnxruntime_providers_shared.so
ef6071798a339038ad66c428fb1a809cf8e499bffc3b6870e4e8bc4f4c6a6320  libonnxruntime_providers_tensorrt.so"

die() {
	echo "gpu-pack: $*" >&2
	exit 1
}

arch=90
if [ "${1-}" = --arch ]; then
	arch=${2-}
	shift 2 || die "--arch needs a number such as 90, or all"
fi
[[ $arch =~ ^([0-9]+|all)$ ]] || die "--arch $arch: must be a number such as 90, or all"
if [ $# -gt 1 ] || [[ ${1-} == -* ]]; then die "usage: gpu-pack.sh [--arch 90|all] [FOLDER]"; fi
folder=${1:-dist/gpu}
for c in npm xz; do command -v $c >/dev/null || die "$c is missing"; done

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cache=${XDG_CACHE_HOME:-$HOME/.cache}/porevec/gpu-$version
intact() { (cd "$1" && sha256sum --check --status - <<<"$sums") 2>/dev/null; }
if ! intact "$cache"; then
	echo "fetching ONNX Runtime $version and its GPU providers, 290 MB"
	for package in $library $providers; do
		(cd "$tmp" && npm pack --silent --ignore-scripts "$package" >/dev/null) || die "npm could not fetch $package"
	done
	mkdir "$tmp/fetched"
	tar -xzf "$tmp"/onnxruntime-node-*.tgz -C "$tmp/fetched" --strip-components 5 package/bin/napi-v6/linux/x64/libonnxruntime.so.1
	mv "$tmp/fetched/libonnxruntime.so.1" "$tmp/fetched/libonnxruntime.so"
	tar -xzf "$tmp"/com.github.*.tgz -C "$tmp/fetched" --strip-components 4 --wildcards 'package/Plugins/Linux/x64/*.so'
	intact "$tmp/fetched" || die "the fetched libraries are not the expected ones: nothing packed"
	rm -rf "$cache"
	mkdir -p "$(dirname "$cache")"
	mv "$tmp/fetched" "$cache"
fi

export GOOS=linux GOARCH=amd64
make -s build
mkdir -p "$tmp/pack/lib" "$folder"
cp bin/porevec "$tmp/pack/"
CGO_ENABLED=0 go build -ldflags '-s -w' -o "$tmp/pack/makerun" ./fixtures/makerun
cp "$cache"/*.so "$tmp/pack/lib/"
if [ "$arch" != all ]; then
	cuda=libonnxruntime_providers_cuda.so
	env -u GOOS -u GOARCH go run ./bench/slimfatbin -keep "$arch" "$cache/$cuda" "$tmp/pack/lib/$cuda"
fi
chmod 755 "$tmp"/pack/* "$tmp"/pack/lib/*
tar -C "$tmp/pack" --owner 0 --group 0 -cf - . | xz -9 >"$folder/porevec-gpu.tar.xz"
cp bench/gpu.sh "$folder/"
ls -l "$folder"
