#!/bin/sh
# Runs rustc for cargo (RUSTC_WRAPPER), with names in place of hashes of paths.
#
# cargo derives `-C metadata` of a package outside of its workspace from the absolute path, and the order of functions in
# what rustc writes depends on it. For the packages of this repository, which is in TBPKI_SOURCE, the name of the crate
# takes its place, so that a build has the same bytes in every directory.
set -eu

name=
previous=
for argument do
    [ "$previous" != --crate-name ] || name=$argument
    previous=$argument
done

case "${CARGO_MANIFEST_DIR:-}/" in
"$TBPKI_SOURCE"/*) ;;
*) name= ;;
esac

# Build scripts run on this machine, and several packages have one.
if [ -n "$name" ] && [ "$name" != build_script_build ]; then
    left=$#
    while [ "$left" -gt 0 ]; do
        argument=$1
        shift
        case "$argument" in
        metadata=*) argument="metadata=tbpki-$name" ;;
        esac
        set -- "$@" "$argument"
        left=$((left - 1))
    done
fi
exec "$@"
