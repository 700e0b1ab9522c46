#!/bin/sh
# Installs porevec, and porevec live as a service, from the unpacked package that
# 'make package' makes. Needs no network. Run it as root:
#
#   sudo ./install.sh              install or update
#   sudo ./install.sh --remove     stop and remove; settings and vectors stay
#
#   DESTDIR=/tmp/x ./install.sh    only put the files below /tmp/x
set -eu
cd "$(dirname "$0")"
dest=${DESTDIR:-}
unit=$dest/etc/systemd/system/porevec-live.service

case ${1:-} in
'' | --remove) ;;
*)
	sed -n '2,9s/^# \{0,1\}//p' install.sh
	[ "$1" = --help ] && exit 0
	exit 2
	;;
esac
if [ -z "$dest" ]; then # before anything is made
	[ "$(id -u)" = 0 ] || { echo "install.sh: run it as root: sudo ./install.sh" >&2; exit 1; }
	[ -d /run/systemd/system ] || { echo "install.sh: systemd does not run here; DESTDIR=/ puts the files in their places all the same" >&2; exit 1; }
fi

if [ "${1:-}" = --remove ]; then
	[ -n "$dest" ] || systemctl disable --now porevec-live || true
	rm -rf "$unit" "$dest/opt/porevec" "$dest/usr/local/bin/porevec"
	[ -n "$dest" ] || systemctl daemon-reload
	echo "removed; settings are still in $dest/etc/porevec, vectors in $dest/var/lib/porevec"
	exit 0
fi

if [ -z "$dest" ]; then
	# On a computer without MinKNOW the group stays empty.
	getent group minknow >/dev/null || groupadd --system minknow
	id porevec >/dev/null 2>&1 || useradd --system --home-dir /var/lib/porevec --shell /usr/sbin/nologin porevec
fi
install -D -m 755 porevec "$dest/opt/porevec/porevec"
install -D -m 755 lib/libonnxruntime.so "$dest/opt/porevec/lib/libonnxruntime.so"
mkdir -p "$dest/usr/local/bin"
ln -sf /opt/porevec/porevec "$dest/usr/local/bin/porevec"
[ -e "$dest/etc/porevec/live.toml" ] || install -D -m 644 live.toml "$dest/etc/porevec/live.toml"
install -D -m 644 porevec-live.service "$unit"
"$dest/opt/porevec/porevec" config check "$dest/etc/porevec/live.toml"
if [ -z "$dest" ]; then
	systemctl daemon-reload
	systemctl enable porevec-live
	systemctl restart porevec-live
	systemctl --no-pager --lines 5 status porevec-live
fi
