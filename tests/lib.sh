# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# Sourced by tests/*.t: TAP from plain sh. A test begins with
#
#	#!/bin/sh
#	. "${0%/*}/lib.sh"
#
# calls the functions below, and ends with
#
#	finish
#
# which prints the plan, so that a test that dies midway is seen. $T is a private
# directory, gone afterwards. $HMR_BIN holds the programs and comes first in PATH,
# $ROOT is the checkout. A test leaves no file elsewhere, and never touches the
# models' folder. Test data that is not ours to ship: $HMR_SHARED.

LC_ALL=C
PYTHONDONTWRITEBYTECODE=1	# a test leaves no file elsewhere
export LC_ALL PYTHONDONTWRITEBYTECODE
unset CDPATH
ROOT=$(cd "${0%/*}/.." && pwd) || exit 1
HMR_BIN=$(cd "${HMR_BIN:-$ROOT/build/cpu}" && pwd) || exit 1
HMR_SHARED=${HMR_SHARED:-$ROOT/../shared}
HMR_VTEST=${HMR_VTEST:-$ROOT/demo/vtest.avi}
PATH=$HMR_BIN:$PATH
export ROOT HMR_BIN HMR_SHARED HMR_VTEST PATH
T=$(mktemp -d "${TMPDIR:-/tmp}/hmr-test.XXXXXX") || exit 1
n=0
lib_failed=0

lib_exit() {
	chmod -R u+rwX "$T" 2>/dev/null
	rm -rf "$T"
}
trap lib_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# ok STATUS NAME: passes where STATUS is 0.
ok() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		lib_failed=1
		return 1
	fi
}

# finish: the last line of a test.
finish() {
	echo "1..$n"
	[ $lib_failed -eq 0 ]
	exit
}

# note TEXT: why a test failed, on stderr, where prove shows it. notefile FILE: the
# head of a file so. remark TEXT: a comment that is only seen with prove -v.
note() { printf '%s\n' "$*" | sed 's/^/# /' >&2; }
notefile() { head -c 4000 "$1" | head -n 20 | sed 's/^/# /' >&2; }
remark() { printf '%s\n' "$*" | sed 's/^/# /'; }

# run CMD...: stdout to $T/out, stderr to $T/err, status to $got; stdin is empty.
run() {
	"$@" >"$T/out" 2>"$T/err" </dev/null
	got=$?
}

# expect STATUS NAME CMD...: like run, and tests the status. A command that reads
# stdin: expect 0 name sh -c 'hmr-info <"$1"' - file
expect() {
	lib_want=$1 lib_name=$2
	shift 2
	run "$@"
	[ $got -eq "$lib_want" ]
	ok $? "$lib_name" && return 0
	note "exit $got, want $lib_want: $*"
	notefile "$T/err"
	return 1
}

# fails STATUS NAME CMD...: like expect, and stderr is exactly one line that
# begins with a program's name.
fails() {
	lib_want=$1 lib_name=$2
	shift 2
	run "$@"
	[ $got -eq "$lib_want" ] && one_line "$T/err"
	ok $? "$lib_name" && return 0
	note "exit $got, want $lib_want and one line: $*"
	notefile "$T/err"
	return 1
}

# one_line FILE: status 0 where it holds one line "hmr-…: text".
one_line() {
	[ "$(wc -l <"$1")" -eq 1 ] && grep -q '^hmr-[a-z]*: .' "$1"
}

# is GOT WANT NAME: equal strings.
is() {
	[ "$1" = "$2" ]
	ok $? "$3" && return 0
	note "got:  $(printf %.400s "$1")"
	note "want: $(printf %.400s "$2")"
	return 1
}

# same FILE FILE NAME: equal bytes.
same() {
	cmp "$1" "$2" >"$T/cmp" 2>&1
	ok $? "$3" && return 0
	notefile "$T/cmp"
	return 1
}

# like FILE REGEX NAME: a line matches the extended expression.
like() {
	grep -Eq -e "$2" "$1"
	ok $? "$3" && return 0
	note "no line matches $2 in:"
	notefile "$1"
	return 1
}

# skip NAME REASON: one test that is not run here.
skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# skip_all REASON: leaves the whole test; only before the first result.
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# have PROGRAM...: all are there (built, or in PATH).
have() {
	for lib_p in "$@"; do
		command -v "$lib_p" >/dev/null 2>&1 || return 1
	done
}

have_shared() { [ -d "$HMR_SHARED/data" ]; }
have_vtest() { [ -s "$HMR_VTEST" ]; }
# have_models [NAME...]: in the models' folder; without names, the default ones.
have_models() {
	[ $# -gt 0 ] || set -- nanodet blazepose-heavy
	for lib_p in "$@"; do
		hmr-model path "$lib_p" >/dev/null 2>&1 || return 1
	done
}
need() { have "$@" || skip_all "needs $*"; }
need_shared() { have_shared || skip_all "no test data at \$HMR_SHARED"; }
need_vtest() { have_vtest || skip_all "no vtest.avi: 'make demo' fetches it"; }
need_models() { have_models "$@" || skip_all "no models: 'make models' fetches them"; }

# video FILE FRAMES [WxH [RATE]]: a test picture with motion, lossless in a
# container that FILE's ending names (.avi .mkv .mov .mp4 .nut).
video() {
	ffmpeg -nostdin -v error -y -f lavfi \
	    -i "testsrc=size=${3:-64x48}:rate=${4:-10}" \
	    -frames:v "$2" -pix_fmt yuv420p -c:v ffv1 -strict -2 \
	    -f "$(lib_format "$1")" "$1" </dev/null
}
lib_format() {
	case $1 in
	*.avi) echo avi ;;
	*.mov) echo mov ;;
	*.nut) echo nut ;;
	*.mp4) echo mov ;;
	*) echo matroska ;;
	esac
}

# stream FILE FRAMES [WxH]: a small stream with images, uncompressed.
stream() {
	video "$T/lib.mkv" "$2" "${3:-64x48}" &&
	    hmr-decode -q -z 0 -o "$1" "$T/lib.mkv"
}

# vtest_clip FILE FRAMES [SECONDS]: the first frames from there on of vtest.avi,
# as they are coded.
vtest_clip() {
	ffmpeg -nostdin -v error -y -ss "${3:-0}" -i "$HMR_VTEST" -c copy \
	    -frames:v "$2" "$1" </dev/null
}

# sanitized: the programs are built with sanitizers, so preloading and limits on
# memory do not work; tests shorten themselves.
sanitized() { [ -n "${HMR_SAN:-}" ]; }
