#!/usr/bin/env bash
# Makes the headers of the HDF5 library available to the tests that compare with it.
set -euo pipefail
dpkg -s libhdf5-dev >/dev/null 2>&1 && exit
if ! command -v apt-get >/dev/null; then
	echo "install the HDF5 library with its headers; elsewhere than on Debian set CGO_CFLAGS and CGO_LDFLAGS" >&2
	exit 1
fi
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
$sudo apt-get update -qq
$sudo apt-get install -y -qq libhdf5-dev
