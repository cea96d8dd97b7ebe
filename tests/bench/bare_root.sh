#!/bin/sh
# Tries the README's two commands on a bare Debian: only python3, pip and certificates, no git, no GL, no display.
#
#   tests/bench/bare_root.sh DIR [SUITE [COMMAND…]]     as root, with debootstrap; by default bookworm view test view
#
# DIR/SUITE.base is made once with debootstrap. DIR/SUITE is a fresh copy of it for every run, with the files that
# git tracks (or would), and stays for a look afterwards. This machine's pip configuration, the local folders that
# it names, certificates and PIP_*, SSL_* and proxy variables go along: packages come from where they come from here.
# Prints what the commands say, take and occupy. Mounts live in a private namespace and vanish with the script.
set -eu
if [ -z "${1:-}" ] || [ "$(id -u)" -ne 0 ]; then
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"
    exit 2
fi
if [ -z "${BARE_ROOT_NAMESPACE:-}" ]; then
    BARE_ROOT_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi

tree=$(cd "$(dirname "$0")/../.." && pwd)
suite=${2:-bookworm}
mkdir -p "$1"
base=$(cd "$1" && pwd)/$suite.base
root=${base%.base}
if [ $# -gt 2 ]; then shift 2; else set -- view test view; fi

if [ ! -e "$base/finished" ]; then
    rm -rf --one-file-system "$base"
    debootstrap --variant=minbase --include=python3,python3-pip,ca-certificates "$suite" "$base" >"$base.log"
    touch "$base/finished"
fi
rm -rf --one-file-system "$root"
cp -a "$base" "$root"

mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev/shm"
cp /etc/resolv.conf "$root/etc/"
rm -rf "$root/etc/ssl/certs"
cp -aL /etc/ssl/certs "$root/etc/ssl/"
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
mkdir -p "$root/root/.config/pip"
[ ! -f ~/.config/pip/pip.conf ] || cp ~/.config/pip/pip.conf "$root/root/.config/pip/"
# Folders that the configuration names, as PATH or file://PATH; an index's own parent, as its links may point there.
python3 -m pip config list | tr "' " '\n' | sed -n 's#^\(file://\)\{0,1\}\(/.*\)$#\2#p' | sort -u |
    while read -r folder; do
        folder=${folder%/simple}
        if [ -d "$folder" ] && [ ! -e "$root$folder" ]; then
            mkdir -p "$root$folder"
            mount --bind "$folder" "$root$folder"
            mount -o remount,bind,ro "$root$folder"
        fi
    done
export -p | grep -E '^export (PIP_|SSL_CERT_|(https?|no)_proxy=|(HTTPS?|NO)_PROXY=)' >"$root/root/environment" || true

mkdir "$root/root/project"
(cd "$tree" && git ls-files -z --cached --others --exclude-standard | tar -c --null -T -) |
    tar -xC "$root/root/project" --no-same-owner

failed=0
for command; do
    from=$(date +%s)
    status=0
    # No locale, no display, no terminal: as bare as the root itself.
    # shellcheck disable=SC2016  # $1 is the inner shell's
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root nice chroot "$root" \
        sh -c '. ~/environment && cd ~/project && exec ./dev "$1"' sh "$command" </dev/null || status=$?
    [ $status -eq 0 ] || failed=1
    megabytes=$(du -smc "$root/usr" "$root/var" "$root/root/project/.venv" 2>/dev/null | cut -f1 | tr '\n' ' ')
    echo "bare_root: ./dev $command exited with $status after $(($(date +%s) - from)) s; MB usr var .venv sum: $megabytes"
done
echo "bare_root: done in $root (a picture would be root/project/terrain.png there)"
exit $failed
