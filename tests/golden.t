#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The streams of tests/golden/make.py, a writer of its own in Python, through the
# programs: what is good passes, what is bad or unsupported exits 3 with one line,
# and the whole frames before the fault come out, with the cause after them.
. "${0%/*}/lib.sh"
need hmr-info
py=/usr/bin/python3
[ -x $py ] || py=python3
$py -c 'import numpy' 2>/dev/null || skip_all "no numpy"

mkdir "$T/g"
expect 0 "the generator runs" $py "$ROOT/tests/golden/make.py" "$T/g" || finish

for f in "$T"/g/good-*.hmr; do
	name=${f##*/}
	expect 0 "$name: hmr-info --verify" hmr-info --verify "$f"
	expect 0 "$name: hmr-info --frames" hmr-info --frames "$f"
	expect 0 "$name: hmr-info --salvage" hmr-info --salvage -o "$T/s.hmr" "$f"
	expect 0 "$name: what was salvaged is whole" hmr-info --verify "$T/s.hmr"
done
for f in "$T"/g/bad-*.hmr "$T"/g/unsupported-*.hmr; do
	fails 3 "${f##*/}: hmr-info --verify" hmr-info --verify "$f"
done

# After damage, what is whole can be had as a stream that ends with END.
for f in "$T"/g/bad-*.[1-9].hmr; do
	hmr-info --salvage -q -o "$T/s.hmr" "$f" 2>"$T/err"
	hmr-info --frames "$T/s.hmr" >"$T/out" 2>>"$T/err"
	before=${f%.hmr} before=${before##*.}
	[ "$(grep -c '^ *[0-9]' "$T/out")" -ge "$before" ] &&
	    ! grep -qE 'truncated|record at byte' "$T/err"
	ok $? "${f##*/}: --salvage keeps $before frames or more" ||
	    { notefile "$T/err"; notefile "$T/out"; }
done

if have hmr-assoc; then
	for f in "$T"/g/good-*.hmr; do
		expect 0 "${f##*/}: hmr-assoc" hmr-assoc "$f"
		like "$T/out" '"type":"end".*"status":"complete"' "${f##*/}: its lines end well"
		expect 0 "${f##*/}: hmr-assoc --stream" hmr-assoc --stream -o "$T/s.hmr" "$f"
		expect 0 "${f##*/}: … is whole" hmr-info --verify "$T/s.hmr"
	done
	hmr-assoc --stream "$T/g/good-unknown-section.hmr" | grep -aq 'passed through'
	ok $? "an unknown section passes through hmr-assoc"
	for f in "$T"/g/bad-*.hmr "$T"/g/unsupported-*.hmr; do
		case $f in
		*-image-* | *-pixel.*) continue ;;	# it does not look at images
		esac
		name=${f##*/}
		fails 3 "$name: hmr-assoc" hmr-assoc "$f"
		before=${f%.hmr} before=${before##*.}
		is "$(grep -c '"type":"frame"' "$T/out")" "$before" "$name: the frames before it come out"
		tail -n 2 "$T/out" >"$T/last"
		sed -n 1p "$T/last" | grep -q '"type":"error".*"message":"[^"]' &&
		    sed -n 2p "$T/last" | grep -q '"type":"end".*"status":"failed"'
		ok $? "$name: then the cause" || notefile "$T/last"
	done
	hmr-assoc "$T/g/bad-end-failed.3.hmr" 2>/dev/null >"$T/out"
	like "$T/out" '"error","stage":"hmr-x","frame":3,"message":"the disk is on fire"' \
	    "an earlier stage's failure is carried on unchanged"
fi

# Readers of images.
for p in hmr-render hmr-detect; do
	have $p || continue
	[ $p = hmr-render ] || have_models || continue
	for f in "$T"/g/bad-image-*.hmr "$T"/g/unsupported-pixel*.hmr; do
		fails 3 "${f##*/}: $p" $p -o /dev/null "$f"
	done
done
finish
