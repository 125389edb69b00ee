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
# HMR_BIN      folder with hmr-model, gpu/test_* and bench/gpu_hmr2 (build/cpu)
# HMR_MODELS   models to test and time: all networks that lie there
# HMR_SHARED   oracle/hmr2-tiny, for the tests of HMR2 (else they are left out)
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
if [ -x "$bin/bench/gpu_hmr2" ]; then
	row ""
	row "HMR2.0 of full size: precision, people, ms, people a second, difference"
	row ""
	"$bin/bench/gpu_hmr2" f32 bf16 f16 2>>"$log" | sed 's/^/    /' | tee -a "$table"
	row ""
	row "with 512 MiB:"
	row ""
	"$bin/bench/gpu_hmr2" -l 512 bf16 2>>"$log" | sed 's/^/    /' | tee -a "$table"
fi
if python3 -c 'import torch' 2>/dev/null; then
	row ""
	row "PyTorch, the same network:"
	row ""
	python3 "$root/bench/gpu_torch.py" 2>>"$log" | sed 's/^/    /' | tee -a "$table"
fi
exit $failed
