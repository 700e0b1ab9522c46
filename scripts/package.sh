#!/bin/sh
# Makes dist/porevec-VERSION-linux-ARCH.tar.gz, which installs without a network:
# program, ONNX Runtime, service. make package and make package-arm64 call it.
#
#	scripts/package.sh VERSION PROGRAM ARCH
set -eu
cd "$(dirname "$0")/.."
[ $# = 3 ] || { echo "usage: package.sh VERSION PROGRAM ARCH" >&2; exit 2; }
name=porevec-$1-linux-$3
rm -rf "dist/$name"
mkdir -p "dist/$name/lib"
cp "$2" "dist/$name/porevec"
cp LICENSE deploy/install.sh deploy/porevec-live.service deploy/live.toml deploy/README.md "dist/$name/"
POREVEC_ORT_ARCH=$3 scripts/fetch-ort.sh --dest "dist/$name/lib"
tar -C dist -czf "dist/$name.tar.gz" "$name"
ls -l "dist/$name.tar.gz"
