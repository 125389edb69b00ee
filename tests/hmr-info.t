#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hmr-info: the example of formats/stream.md, verification, salvage.
. "${0%/*}/lib.sh"
need hmr-info python3

# The hex dump of the specification is a stream.
python3 - "$ROOT/formats/stream.md" "$T/tiny.hmr" <<'EOF'
import re, sys
rows = re.findall(r'^    [0-9a-f]{4}  ((?:[0-9a-f]{2}(?: |$)){1,16})', open(sys.argv[1]).read(), re.M)
open(sys.argv[2], 'wb').write(bytes.fromhex(''.join(rows)))
EOF
expect 0 "the example of the specification is a stream" hmr-info --verify "$T/tiny.hmr"
like "$T/out" '^  frames    1, number 0 to 0' "it holds one frame"
like "$T/out" '^  end       complete' "it is complete"

expect 0 "one line a frame" hmr-info --frames "$T/tiny.hmr"
is "$(tail -n 1 "$T/out" | tr -s ' ')" " 0 0 0.000000 2x1 0 0 0 IMAG:66" "the line's fields"
expect 0 "JSON" hmr-info --json "$T/tiny.hmr"
is "$(python3 -c 'import json,sys; o=json.load(sys.stdin); print(o["header"]["width"], o["frames"], o["status"], o["sections"]["IMAG"]["bytes"])' <"$T/out")" \
	"2 1 complete 66" "its fields"
expect 0 "JSON a frame" hmr-info --json --frames "$T/tiny.hmr"
is "$(python3 -c 'import json,sys; print(json.load(sys.stdin)["sections"][0]["tag"])' <"$T/out")" IMAG "its sections"

# Concatenation is a stream; rubbish after END is not.
cat "$T/tiny.hmr" "$T/tiny.hmr" >"$T/two.hmr"
expect 0 "two segments" hmr-info "$T/two.hmr"
is "$(grep -c '^segment' "$T/out")" 2 "both are listed"
{ cat "$T/tiny.hmr"; echo rubbish; } >"$T/bad.hmr"
fails 3 "bytes after END that are no HEAD" hmr-info "$T/bad.hmr"

# Truncation at every byte.
size=$(wc -c <"$T/tiny.hmr")
i=0 bad=
while [ "$i" -lt "$size" ]; do
	head -c "$i" "$T/tiny.hmr" >"$T/cut.hmr"
	run hmr-info "$T/cut.hmr"
	{ [ "$got" -eq 3 ] && one_line "$T/err"; } || bad="$bad $i"
	i=$((i + 1))
done
is "$bad" "" "every prefix exits 3 with one line"

# Salvage: the second of three segments loses its frame.
cat "$T/tiny.hmr" "$T/tiny.hmr" "$T/tiny.hmr" >"$T/three.hmr"
printf 'x' | dd of="$T/three.hmr" bs=1 seek=$((size + 417)) conv=notrunc 2>/dev/null
fails 3 "a changed pixel is noticed" hmr-info --verify "$T/three.hmr"
fails 3 "salvage says what is lost" hmr-info --salvage -o "$T/saved.hmr" "$T/three.hmr"
run hmr-info "$T/saved.hmr"
is "$got $(grep -c '^  frames    1,' "$T/out") $(grep -c 'salvaged' "$T/out")" "3 2 1" \
	"two whole segments, one that says so"
expect 0 "salvage of a sound stream" hmr-info --salvage -o "$T/saved.hmr" "$T/two.hmr"
same "$T/saved.hmr" "$T/two.hmr" "changes nothing"
cp "$T/two.hmr" "$T/own.hmr"
for mode in --salvage --verify; do
	fails 2 "$mode onto the file that it reads" hmr-info $mode -o "$T/own.hmr" "$T/own.hmr"
	same "$T/own.hmr" "$T/two.hmr" "leaves the file as it was"
done
head -c 424 "$T/tiny.hmr" >"$T/noend.hmr"	# without its third record
fails 3 "salvage of a stream that was cut between frames" \
	hmr-info --salvage -o "$T/saved.hmr" "$T/noend.hmr"
like "$T/err" 'incomplete: its 1 frames are whole' "says that all were kept"
run hmr-info "$T/saved.hmr"
like "$T/out" 'failed: hmr-info: salvaged: END was missing$' "and so does its END"
fails 3 "salvage of something else" hmr-info --salvage -o "$T/saved.hmr" "$ROOT/LICENSE"
like "$T/err" LICENSE "names it"

fails 1 "no such file" hmr-info "$T/nowhere"
fails 3 "not a stream" hmr-info "$ROOT/LICENSE"
run hmr-info --frobnicate
is "$got" 2 "unknown option"
run hmr-info --max-frame 12 "$T/tiny.hmr"
is "$got" 2 "bad value"
finish
