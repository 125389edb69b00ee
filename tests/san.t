#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The unit tests and the short command tests once more, with programs that were
# built with AddressSanitizer and UndefinedBehaviorSanitizer (`make check` builds
# them into $HMR_SAN_BIN). Findings exit 99, so that no test that expects a
# failure takes one for it; tests see $HMR_SAN and shorten themselves.
. "${0%/*}/lib.sh"
[ -d "${HMR_SAN_BIN:-/nowhere}" ] ||
    skip_all "no programs with sanitizers: 'make check' builds them"

# The search for leaks stops the process with ptrace, which not every system allows.
leaks=1
ASAN_OPTIONS=detect_leaks=1 "$HMR_SAN_BIN/hmr-info" -V >/dev/null 2>&1 || {
	leaks=0
	remark "leaks are not looked for: LeakSanitizer cannot run here"
}
ASAN_OPTIONS=exitcode=99:detect_leaks=$leaks:allocator_may_return_null=1
UBSAN_OPTIONS=exitcode=99:halt_on_error=1:print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS

bin=$HMR_SAN_BIN
HMR_SAN=1 HMR_BIN=$bin HMR_SAN_BIN=
export HMR_SAN HMR_BIN HMR_SAN_BIN

# again NAME CMD...: the whole of a test as one result.
again() {
	name=$1
	shift
	"$@" >"$T/log" 2>&1 </dev/null
	got=$?
	if [ $got -eq 0 ] && head -n 1 "$T/log" | grep -q '^1\.\.0 # SKIP'; then
		skip "$name" "$(sed -n '1s/.*SKIP //p' "$T/log")"
		return
	fi
	[ $got -eq 0 ] && ! grep -qE '^not ok|: runtime error: |ERROR: (Address|Leak)Sanitizer' "$T/log"
	ok $? "$name" && return
	note "exit $got"
	grep -E -A 12 '^not ok|: runtime error: |ERROR: (Address|Leak)Sanitizer' "$T/log" |
	    head -n 60 | sed 's/^/# /' >&2
}

# Of the tests over the fake GPU those that end within a minute: not whole networks.
for u in "$bin"/unit/test_* "$bin"/cuda/test_*; do
	case ${u##*/} in *.* | test_cuda_nets | test_hmr2_device) continue ;; esac
	[ -x "$u" ] && again "${u##*/}" "$u"
done
for t in "$ROOT"/tests/*.t; do
	case ${t##*/} in
	san.t | fuzz.t | lint.t | docs.t | fault.t | pipeline.t) ;;	# long, or not ours to run
	*) again "${t##*/}" "$t" ;;
	esac
done
finish
