#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each fuzz target for $HMR_FUZZ_SECONDS (20). `make fuzzers` builds them with
# clang into $HMR_FUZZ_BIN. Seeds: tests/fuzz/seeds/TARGET where there are any, and
# small streams made here. A finding is printed in base64, to become a fixture.
. "${0%/*}/lib.sh"
[ -d "${HMR_FUZZ_BIN:-/nowhere}" ] ||
    skip_all "no fuzz targets: 'make fuzzers' builds them"
seconds=${HMR_FUZZ_SECONDS:-20}

mkdir "$T/streams"
if have ffmpeg hmr-decode; then
	stream "$T/streams/two.hmr" 2 16x16
	hmr-decode -q -z 1 -o "$T/streams/small.hmr" "$T/lib.mkv"
	hmr-assoc -q --stream -o "$T/streams/tracks.hmr" "$T/streams/two.hmr" 2>/dev/null
	hmr-assoc -q -o "$T/streams/tracks.jsonl" "$T/streams/two.hmr" 2>/dev/null
fi

for target in "$HMR_FUZZ_BIN"/fuzz_*; do
	[ -x "$target" ] || continue
	name=${target##*/}
	corpus=$T/$name
	mkdir "$corpus"
	[ ! -d "$ROOT/tests/fuzz/seeds/$name" ] ||
	    cp "$ROOT/tests/fuzz/seeds/$name"/* "$corpus/"
	case $name in
	*stream* | *lines* | *json*) cp "$T"/streams/* "$corpus/" 2>/dev/null ;;
	esac
	(cd "$T" && exec "$target" -max_total_time="$seconds" -timeout=120 \
	    -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
	    -artifact_prefix="$T/found-$name-" "$corpus") >"$T/out" 2>"$T/err" </dev/null
	ok $? "$name for $seconds s" || {
		grep -E -A 8 'ERROR|runtime error|SUMMARY' "$T/err" | head -n 30 | sed 's/^/# /' >&2
		for f in "$T/found-$name-"*; do
			[ -f "$f" ] && note "${f##*/}: $(head -c 6000 "$f" | base64 -w 0)"
		done
	}
	remark "$(grep -E 'number_of_executed_units' "$T/err")"
done
finish
