#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each fuzz target for $HMR_FUZZ_SECONDS (60), as many at once as there are cores, from
# the same $HMR_FUZZ_SEED (1) on, so that a finding comes again.
# `make fuzzers` builds them with clang into $HMR_FUZZ_BIN. Seeds: tests/fuzz/seeds/TARGET where there are any, and
# small streams made here. A finding is printed in base64, to become a fixture.
. "${0%/*}/lib.sh"
[ -d "${HMR_FUZZ_BIN:-/nowhere}" ] ||
    skip_all "no fuzz targets: 'make fuzzers' builds them"
seconds=${HMR_FUZZ_SECONDS:-60}
seed=${HMR_FUZZ_SEED:-1}

mkdir "$T/streams"
if have ffmpeg hmr-decode; then
	stream "$T/streams/two.hmr" 2 16x16
	hmr-decode -q -z 1 -o "$T/streams/small.hmr" "$T/lib.mkv"
	hmr-assoc -q --stream -o "$T/streams/tracks.hmr" "$T/streams/two.hmr" 2>/dev/null
	hmr-assoc -q -o "$T/streams/tracks.jsonl" "$T/streams/two.hmr" 2>/dev/null
fi

# fuzz NAME: its exit status, output and messages in $T/NAME.rc, .out and .err.
fuzz() {
	corpus=$T/$1
	mkdir "$corpus"
	[ ! -d "$ROOT/tests/fuzz/seeds/$1" ] ||
	    cp "$ROOT/tests/fuzz/seeds/$1"/* "$corpus/"
	case $1 in
	fuzz_onnx) cp "$ROOT"/tests/oracle/onnx/*-1[17].onnx "$corpus/" ;;
	*stream* | *lines* | *json*) cp "$T"/streams/* "$corpus/" 2>/dev/null ;;
	esac
	(cd "$T" && exec "$HMR_FUZZ_BIN/$1" -seed="$seed" -max_total_time="$seconds" -timeout=120 \
	    -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
	    -artifact_prefix="$T/found-$1-" "$corpus") >"$T/$1.out" 2>"$T/$1.err" </dev/null
	echo $? >"$T/$1.rc"
}

names=$(cd "$HMR_FUZZ_BIN" && echo fuzz_*)
cores=$(nproc)
running=0
for name in $names; do
	fuzz "$name" &
	running=$((running + 1))
	[ $((running % cores)) -ne 0 ] || wait
done
wait

for name in $names; do
	ok "$(cat "$T/$name.rc")" "$name for $seconds s" || {
		grep -E -A 8 'ERROR|runtime error|SUMMARY' "$T/$name.err" | head -n 30 |
		    sed 's/^/# /' >&2
		for f in "$T/found-$name-"*; do
			[ -f "$f" ] && note "${f##*/}: $(head -c 6000 "$f" | base64 -w 0)"
		done
	}
	remark "$(grep -E 'number_of_executed_units' "$T/$name.err")"
done
finish
