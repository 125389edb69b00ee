#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every program under faults, by the shim of tests/tool/fault.c: reads and writes
# of three bytes change nothing; where the N-th read, write or allocation fails,
# the program exits 1 with one line on stderr, for N = 1, 2, … until the run is
# clean (each up to 24, then in growing steps).
. "${0%/*}/lib.sh"
need ffmpeg hmr-decode
sanitized && skip_all "a sanitizer has to be loaded first"
${CC:-cc} -std=c11 -O1 -fno-builtin -fPIC -shared -o "$T/shim.so" \
    "$ROOT/tests/tool/fault.c" 2>"$T/err" || skip_all "the shim does not build"

# under FAULT CMD...: runs it so; $T/mark tells whether the fault came.
under() {
	lib_fault=$1
	shift
	rm -f "$T/mark"
	run env LD_PRELOAD="$T/shim.so" HMR_FAULT="$lib_fault" \
	    HMR_FAULT_MARK="$T/mark" "$@"
}

# same_output NAME CMD...: whole and three bytes at a time. Compared are stdout
# and the files in $T/o.
same_output() {
	name=$1
	shift
	rm -rf "$T/o" "$T/whole"
	mkdir "$T/o"
	run "$@"
	[ $got -eq 0 ] || { ok 1 "$name: runs at all"; notefile "$T/err"; return; }
	cp "$T/out" "$T/o/stdout"
	mv "$T/o" "$T/whole"
	mkdir "$T/o"
	under short "$@"
	cp "$T/out" "$T/o/stdout"
	[ $got -eq 0 ] && diff -r "$T/whole" "$T/o" >"$T/diff"
	ok $? "$name: three bytes at a time give the same" ||
	    { note "exit $got"; notefile "$T/err"; notefile "$T/diff"; }
}

# each KIND NAME CMD...: fails the first, second, … call of this kind.
each() {
	kind=$1 name=$2
	shift 2
	i=1
	bad=
	while :; do
		rm -rf "$T/o"
		mkdir "$T/o"
		under "$kind:$i" "$@"
		[ -e "$T/mark" ] || break
		[ $got -eq 1 ] && one_line "$T/err" || bad="$bad $i:$got"
		[ -z "$bad" ] || [ -e "$T/first" ] || cp "$T/err" "$T/first"
		if [ $i -lt 24 ]; then i=$((i + 1)); else i=$((i * 5 / 4)); fi
	done
	[ -z "$bad" ] && [ $got -eq 0 ]
	ok $? "$name: each failing $kind up to $i exits 1 with one line" ||
	    { note "call:exit$bad; last $got"; [ ! -e "$T/first" ] || notefile "$T/first"; }
	rm -f "$T/first"
}

faults() {
	same_output "$@"
	for k in read write malloc; do
		each $k "$@"
	done
}

video "$T/v.mkv" 3 && hmr-decode -q -o "$T/s.hmr" "$T/v.mkv"
ok $? "a small stream"
# One with people: by the networks, or without images by another writer.
py=/usr/bin/python3
[ -x $py ] || py=python3
mkdir "$T/g"
$py "$ROOT/tests/golden/make.py" "$T/g" || skip_all "no numpy"
rich=$T/g/good-three.hmr
if have_models && have_vtest && have hmr-detect hmr-mesh hmr-assoc; then
	vtest_clip "$T/c.avi" 2 20 &&
	    hmr-decode -q --max-side 384 -o "$T/c.hmr" "$T/c.avi" &&
	    hmr-detect -o "$T/d.hmr" "$T/c.hmr" &&
	    hmr-mesh --keep-image -o "$T/m.hmr" "$T/d.hmr" &&
	    hmr-assoc --stream -o "$T/a.hmr" "$T/m.hmr"
	ok $? "a stream with people, by the networks"
	rich=$T/a.hmr
fi

faults "hmr-decode" hmr-decode -q --no-history "$T/v.mkv"
faults "hmr-decode -o" hmr-decode -q --no-history -o "$T/o/1" "$T/v.mkv"
if have hmr-info; then
	faults "hmr-info" hmr-info "$T/s.hmr"
	faults "hmr-info --frames" hmr-info --frames "$rich"
	faults "hmr-info --salvage" hmr-info --salvage -o "$T/o/1" "$T/s.hmr"
fi
if have_models && have hmr-detect && [ -e "$T/c.hmr" ]; then
	faults "hmr-detect" hmr-detect -d cpu --no-history "$T/c.hmr"
	faults "hmr-mesh" hmr-mesh -d cpu --no-history "$T/d.hmr"
fi
if have hmr-assoc; then
	faults "hmr-assoc" hmr-assoc "$rich"
	faults "hmr-assoc --stream" hmr-assoc --stream --no-history "$rich"
fi
if have hmr-render; then
	faults "hmr-render" hmr-render --no-history "$rich"
fi
if have hmr-export; then
	faults "hmr-export jsonl" hmr-export -f jsonl "$rich"
	faults "hmr-export csv" hmr-export -f csv "$rich"
	faults "hmr-export mot" hmr-export -f mot "$rich"
	faults "hmr-export png" hmr-export -f png -o "$T/o/1" "$rich"
	faults "hmr-export mp4" hmr-export -f mp4 -o "$T/o/1.mp4" "$rich"
fi
finish
