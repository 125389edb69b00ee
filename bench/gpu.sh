#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# On a machine with a GPU: every operator and network against the CPU, the same under
# compute-sanitizer where it is there, then times, as a table for SPEED.md.
#
#	bench/gpu.sh [-n] [-o DIR]
#
# -n: no times. DIR (default gpu-results) gets log.txt and table.md. Exit 1: a check
# failed, or there is no GPU.
#
# HMR_BIN       folder with the programs, gpu/test_* and bench/gpu_hmr2 (build/cpu)
# HMR_MODELS    models to test and time: all networks that lie there
# HMR_EXPECTED  what is expected of them (tests/cuda/test_cuda_nets.c), or nothing
# HMR_SHARED    oracle/hmr2-tiny, for the tests of HMR2 (else they are left out)
# HMR_STREAMS   *.hmr to time whole stages with, or nothing
root=$(cd "${0%/*}/.." && pwd)
bin=${HMR_BIN:-$root/build/cpu}
out=gpu-results times=1 failed=0
while getopts no: c; do
	case $c in
	n) times=0 ;;
	o) out=$OPTARG ;;
	*) exit 2 ;;
	esac
done
mkdir -p "$out" || exit 1
log=$out/log.txt table=$out/table.md
: >"$log"
: >"$table"
say() { printf '%s\n' "$*" | tee -a "$log"; }
row() { printf '%s\n' "$*" | tee -a "$table"; }

names=$("$bin/hmr-model" list 2>/dev/null | awk -F '\t' '$2 != "body" && $2 != "hmr2" { print $1 }')
first=${names%%[!A-Za-z0-9_.-]*}
if [ -n "$first" ] && ! "$bin/hmr-model" bench -d cuda --batch 1 "$first" >>"$log" 2>&1; then
	tail -n 1 "$log" >&2
	exit 1
fi

# --- checks -------------------------------------------------------------------
check() {
	what=$1
	shift
	if "$@" >>"$log" 2>&1; then
		say "ok - $what"
	else
		say "not ok - $what (exit $?)"
		failed=1
	fi
}
HMR_TEST_MODELS=$names
export HMR_TEST_MODELS
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
for t in "$bin"/gpu/test_*; do
	[ -x "$t" ] || continue
	case $t in
	*hmr2*) [ -d "$HMR_SHARED/oracle/hmr2-tiny" ] || continue ;;
	esac
	check "${t##*/}" "$t"
	case $t in
	*nets) continue ;; # long
	esac
	[ -n "$sanitizer" ] || continue
	for tool in memcheck racecheck; do
		check "${t##*/} under $tool" timeout 300 "$sanitizer" --tool $tool \
		    --error-exitcode 9 "$t"
	done
done
[ -n "$sanitizer" ] || say "# no compute-sanitizer here"
if [ -d "$HMR_EXPECTED" ]; then
	cat "$HMR_EXPECTED/ORIGIN" 2>/dev/null
	grep '^# .* from what is expected' "$log"
fi
[ $times -eq 1 ] || exit $failed

# --- times ----------------------------------------------------------------------
if command -v nvidia-smi >/dev/null; then
	row "$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | head -n 1)"
	row ""
fi
row "| network | precision | images | ms, best | ms, median | images a second |"
row "|---|---|---|---|---|---|"
for m in $names; do
	for p in f32 bf16 f16; do
		for b in 1 8; do
			"$bin/hmr-model" bench -d cuda --precision $p --batch $b "$m" 2>>"$log" |
			    awk -F '\t' -v p=$p -v b=$b '{
				split($5, ms, " ")
				printf "| %s | %s | %d | %.3f | %.3f | %.0f |\n", $1, p, b,
				    ms[1], ms[4], 1000 * b / ms[4]
			    }' | tee -a "$table"
		done
	done
done

# stage NAME CMD... <STREAM: frames a second of a program over a stored stream, and how
# much of that time the GPU had nothing to do, in samples of 20 ms.
stage() {
	name=$1
	shift
	busy=$out/busy.txt
	: >"$busy"
	if command -v nvidia-smi >/dev/null; then
		nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits \
		    -lms 20 >"$busy" 2>/dev/null &
		sampler=$!
	else
		sampler=
	fi
	"$@" -v 2>"$out/stage.txt" >/dev/null || { tail -n 1 "$out/stage.txt" | tee -a "$log"; failed=1; }
	[ -z "$sampler" ] || { kill "$sampler" && wait "$sampler"; } 2>/dev/null
	cat "$out/stage.txt" >>"$log"
	row "| $name | $(sed -n 's/.*: \([0-9]*\) frames in \([0-9.]*\) s, \([0-9.]*\) a second.*/\1 | \2 | \3/p' \
	    "$out/stage.txt") | $(awk '$1 > 0 { on = 1 } on { n++; s += 100 - $1 }
	    END { if (n) printf "%.0f %%", s / n; else printf "-" }' "$busy") |"
	rm -f "$busy" "$out/stage.txt"
}

first=
for f in "${HMR_STREAMS:-/nowhere}"/*.hmr; do
	[ -f "$f" ] || continue
	if [ -z "$first" ]; then
		first=1
		row ""
		row "| stage, stored stream | frames | seconds | a second | GPU waits |"
		row "|---|---|---|---|---|"
	fi
	n=${f##*/} n=${n%.hmr} i=0
	: >"$out/long.hmr"
	while [ $i -lt 100 ]; do
		cat "$f" >>"$out/long.hmr"
		i=$((i + 1))
	done
	stage "detect nanodet, $n" "$bin/hmr-detect" -d cuda -m nanodet "$out/long.hmr"
	"$bin/hmr-detect" -q -d cuda -m nanodet -o "$out/people.hmr" "$out/long.hmr" 2>>"$log"
	stage "mesh blazepose-lite, $n" "$bin/hmr-mesh" -d cuda -m blazepose-lite \
	    "$out/people.hmr"
	rm -f "$out/long.hmr" "$out/people.hmr"
done

if [ -x "$bin/bench/gpu_hmr2" ]; then
	row ""
	row "HMR2.0 of full size: precision, people, ms, people a second, difference"
	row ""
	"$bin/bench/gpu_hmr2" f32 bf16 f16 int8 2>>"$log" | sed 's/^/    /' | tee -a "$table"
	row ""
	row "with 512 MiB, then 256:"
	row ""
	"$bin/bench/gpu_hmr2" -l 512 bf16 int8 2>>"$log" | sed 's/^/    /' | tee -a "$table"
	"$bin/bench/gpu_hmr2" -l 256 bf16 int8 2>>"$log" | sed 's/^/    /' | tee -a "$table"
fi
if python3 -c 'import torch' 2>/dev/null; then
	row ""
	row "PyTorch, the same network:"
	row ""
	python3 "$root/bench/gpu_torch.py" 2>>"$log" | sed 's/^/    /' | tee -a "$table"
fi
exit $failed
