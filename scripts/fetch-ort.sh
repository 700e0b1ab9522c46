#!/bin/sh
# Installs the ONNX Runtime library (MIT licence) that porevec loads.
#
#   scripts/fetch-ort.sh [--dest DIR]
#
# Writes libonnxruntime.so to DIR; default is the cache folder in which porevec
# looks for it, ${XDG_CACHE_HOME:-~/.cache}/porevec/ort-VERSION/linux-ARCH. Does
# nothing when it is there already. It comes with pip or npm, whichever is
# installed, and is checked against the sums below.
#
#   POREVEC_FETCH=pip|npm          use this one
#   POREVEC_ORT_ARCH=amd64|arm64   for another computer than this one
#   POREVEC_ORT=FILE               porevec uses this library: nothing is fetched
#                                  (except with --dest)
set -eu

version=1.27.0

# SHA-256 of the library in the wheel and in the npm package.
sums() {
	case $1-$2 in
	pip-amd64) echo b5c9d4f124d24707f514dad926dc181820807178855df1c528e3addb2dd0e6f7 ;;
	pip-arm64) echo 9275ef52956228686ae47b0219f67476a1148505084bdc5571e7bf1bf69b11f2 ;;
	npm-amd64) echo d8aff4aa8abee8fb2abb2f2f2459ffc94461e781e41b9f7c072829dd0d470221 ;;
	npm-arm64) echo c36bc200e7e6c093b8abb0b34590fbdd8c52fd3fb5e33795b9523ffdde2fce0f ;;
	esac
}

say() { echo "fetch-ort: $*" >&2; }
die() {
	say "$@"
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

dest=
case ${1-} in
--dest)
	dest=${2-}
	[ $# -eq 2 ] && [ -n "$dest" ] || die "--dest needs one folder"
	;;
'') ;;
*) die "usage: fetch-ort.sh [--dest DIR]" ;;
esac

arch=${POREVEC_ORT_ARCH:-$(uname -m)}
case $arch in
amd64 | x86_64) arch=amd64 wheel=x86_64 node=x64 ;;
arm64 | aarch64) arch=arm64 wheel=aarch64 node=arm64 ;;
*) die "no library for $arch: build ONNX Runtime $version or newer and set POREVEC_ORT to it" ;;
esac

if [ -z "$dest" ]; then
	if [ -n "${POREVEC_ORT-}" ]; then
		say "POREVEC_ORT is set to $POREVEC_ORT: nothing to fetch"
		exit 0
	fi
	if [ "$(uname -s)" != Linux ]; then
		die "only for Linux: install ONNX Runtime $version or newer and set POREVEC_ORT to its library"
	fi
	dest=${XDG_CACHE_HOME:-$HOME/.cache}/porevec/ort-$version/linux-$arch
fi

have sha256sum || die "sha256sum is missing: install coreutils"
sha256() { sha256sum "$1" | cut -d ' ' -f 1; }

lib=$dest/libonnxruntime.so
if [ -f "$lib" ]; then
	sum=$(sha256 "$lib")
	if [ "$sum" = "$(sums pip $arch)" ] || [ "$sum" = "$(sums npm $arch)" ]; then
		say "ONNX Runtime $version is there: $lib"
		exit 0
	fi
	say "$lib is another library: replacing it"
fi

mkdir -p "$dest"
# In the same folder, so that the last step is one rename.
tmp=$(mktemp -d "$dest/.fetch.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

pip() {
	if have pip3; then
		command pip3 "$@"
	elif have pip; then
		command pip "$@"
	else
		python3 -m pip "$@"
	fi
}

# Each leaves the library as $tmp/lib. The wheels of all Python versions hold
# the same library; one is named so that every computer fetches the same file.
fetch_pip() {
	pip --version >/dev/null 2>&1 || return 1
	say "fetching onnxruntime $version for linux-$arch with pip"
	pip download --quiet --no-deps --only-binary=:all: \
		--python-version 3.12 --implementation cp --abi cp312 \
		--platform "manylinux_2_27_$wheel" --platform "manylinux_2_28_$wheel" \
		--dest "$tmp" "onnxruntime==$version" >&2 || return 1
	member=onnxruntime/capi/libonnxruntime.so.$version
	if have unzip; then
		unzip -q "$tmp"/*.whl "$member" -d "$tmp" || return 1
	else
		python3 -m zipfile -e "$tmp"/*.whl "$tmp" || return 1
	fi
	mv "$tmp/$member" "$tmp/lib"
}

fetch_npm() {
	have npm || return 1
	say "fetching onnxruntime-node $version for linux-$arch with npm"
	(cd "$tmp" && npm pack --silent --ignore-scripts "onnxruntime-node@$version" >/dev/null) || return 1
	member=package/bin/napi-v6/linux/$node/libonnxruntime.so.1
	tar -xzf "$tmp/onnxruntime-node-$version.tgz" -C "$tmp" "$member" || return 1
	mv "$tmp/$member" "$tmp/lib"
}

case ${POREVEC_FETCH-} in
'') ways='pip npm' ;;
pip | npm) ways=$POREVEC_FETCH ;;
*) die "POREVEC_FETCH is $POREVEC_FETCH: must be pip or npm" ;;
esac
for way in $ways; do
	if fetch_$way; then
		sum=$(sha256 "$tmp/lib")
		[ "$sum" = "$(sums $way $arch)" ] ||
			die "the library from $way has SHA-256 $sum, not $(sums $way $arch): not installed"
		chmod 644 "$tmp/lib"
		mv -f "$tmp/lib" "$lib"
		say "installed ONNX Runtime $version: $lib"
		exit 0
	fi
	say "$way is not installed or could not fetch it"
done
die "ONNX Runtime $version was not fetched: install pip or npm and run this again," \
	"or set POREVEC_ORT to a libonnxruntime.so of version 1.24 or newer"
