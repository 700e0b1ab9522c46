#!/usr/bin/env bash
# Makes a C compiler and libraries for arm64 available on another computer, and with
# --qemu the emulator that the tests run in.
set -euo pipefail
packages=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
commands=(aarch64-linux-gnu-gcc)
if [ "${1-}" = --qemu ]; then
	# The emulator finds ONNX Runtime's libraries in the cross compiler's folder.
	packages+=(libstdc++6-arm64-cross qemu-user-static)
	commands+=(qemu-aarch64-static)
fi
if ! command -v dpkg >/dev/null || ! command -v apt-get >/dev/null; then
	if command -v "${commands[@]}" >/dev/null; then exit; fi
	echo "install ${commands[*]} and the C and C++ libraries for arm64 in /usr/aarch64-linux-gnu" >&2
	exit 1
fi
missing=()
for p in "${packages[@]}"; do
	dpkg -s "$p" >/dev/null 2>&1 || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "as root: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	sudo=sudo
fi
$sudo apt-get update -qq
$sudo apt-get install -y -qq "${missing[@]}"
