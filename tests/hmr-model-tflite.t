#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hmr-model import tflite: small models of every operator against numpy
# (tests/golden/tflite.py), what is refused, and broken files.
. "${0%/*}/lib.sh"
need hmr-model
py=/usr/bin/python3
[ -x $py ] || py=python3
$py -c 'import numpy' 2>/dev/null || skip_all "no numpy"
tool=$ROOT/tests/golden/tflite.py
mkdir "$T/tl"
$py "$tool" make "$T/tl"
cd "$T/tl" || exit 1

for name in $($py "$tool" list); do
	case $name in
	bad-*)
		fails 3 "$name" hmr-model import -o m.safetensors "$name.tflite"
		like "$T/err" "$name.tflite: (operator 0 \\((number [0-9]+|[A-Za-z0-9_]+) version [0-9]+\\)|input x|output y0): " \
		    "… names the place"
		[ ! -e m.safetensors ]
		ok $? "… and writes nothing"
		;;
	*)
		hmr-model import -q -o m.safetensors "$name.tflite" 2>"$T/err" &&
		    hmr-model run m.safetensors -d ref --in "$name.in" --out got 2>>"$T/err" &&
		    $py "$tool" same "$name.want" got >"$T/gap"
		ok $? "$name" || { notefile "$T/err"; notefile "$T/gap"; }
		rm -f m.safetensors got
		;;
	esac
done

hmr-model import -q -o a.safetensors dequantize.tflite
hmr-model import -q -o b.safetensors tflite dequantize.tflite
run hmr-model show a.safetensors
like "$T/out" '"format":"tflite","file":"dequantize.tflite","file_sha256":"[0-9a-f]{64}","converted_by":"made by tflite.py"' \
    "the provenance names the file"
same a.safetensors b.safetensors "the same file gives the same bytes"
[ "$(wc -c <a.safetensors)" -lt 2600 ]
ok $? "weights of float16 stay float16"

size=$(wc -c <dequantize.tflite)
i=0 bad=0
while [ $i -lt "$size" ]; do
	head -c $i dequantize.tflite >cut.tflite
	hmr-model import -q -o m.safetensors cut.tflite 2>"$T/err"
	[ $? -eq 3 ] && one_line "$T/err" || bad=$((bad + 1))
	i=$((i + 37))
done
is $bad 0 "a file that is cut off exits 3 with one line"
fails 3 "text" sh -c 'echo TFL3TFL3TFL3 >x.tflite; exec hmr-model import -o m.safetensors x.tflite'
fails 1 "no such file" hmr-model import -o m.safetensors none.tflite
expect 2 "an option of other imports" hmr-model import --input-size 8x8 -o m.safetensors add.tflite
finish
