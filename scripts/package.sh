#!/bin/sh
# Makes dist/porevec-VERSION-linux-ARCH.tar.gz, which installs without a network:
# program, ONNX Runtime, service. make package calls it after make build.
set -eu
cd "$(dirname "$0")/.."
version=$(bin/porevec --version | sed 's/.* //')
name=porevec-$version-$(go env GOOS)-$(go env GOARCH)
rm -rf "dist/$name"
mkdir -p "dist/$name/lib"
cp bin/porevec LICENSE deploy/install.sh deploy/porevec-live.service deploy/live.toml deploy/README.md "dist/$name/"
scripts/fetch-ort.sh --dest "dist/$name/lib"
tar -C dist -czf "dist/$name.tar.gz" "$name"
ls -l "dist/$name.tar.gz"
