#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What tools can see in the sources: shell scripts, manuals, headers that do not
# compile alone, missing licence lines. The contents of manuals: tests/docs.t.
. "${0%/*}/lib.sh"
cd "$ROOT" || exit 1

# SC2016: sh -c scripts; SC2119: need_models without names; SC2317: functions that expect calls.
if have shellcheck; then
	for f in tests/*.t tests/*.sh tests/*/*.sh tools/*.sh bench/*.sh examples/*.sh .ci/run; do
		[ -f "$f" ] || continue
		expect 0 "shellcheck $f" shellcheck -x -P tests -e SC2016,SC2119,SC2238,SC2317 "$f" || notefile "$T/out"
	done
else
	skip "shell scripts" "no shellcheck"
fi

if have mandoc; then
	for f in man/*.[157]; do
		[ -f "$f" ] || continue
		run mandoc -T lint -W warning "$f"
		[ $got -eq 0 ] && [ ! -s "$T/out" ] && [ ! -s "$T/err" ]
		ok $? "mandoc $f" || notefile "$T/out"
	done
else
	skip "manuals" "no mandoc"
fi

# The make above this test must not hand its job server down.
expect 0 "each header compiles alone" env -u MAKEFLAGS -u MFLAGS make -s headers

find cmd lib tests tools bench examples .ci -type f \
    \( -name '*.[cht]' -o -name '*.sh' -o -name '*.py' -o -name run \) |
    while read -r f; do
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$f"
done >"$T/bare"
[ ! -s "$T/bare" ]
ok $? "every source names its licence" || notefile "$T/bare"

find cmd lib tests tools bench examples man .ci -type f \
    \( -name '*.[cht157]' -o -name '*.sh' -o -name '*.py' -o -name run \) \
    -exec grep -nE '[[:blank:]]$' /dev/null {} + >"$T/blank"
[ ! -s "$T/blank" ]
ok $? "no line ends in blanks" || notefile "$T/blank"

# Messages are read in any locale. Comments are not messages.
find cmd lib -type f \( -name '*.[ch]' -o -name '*.cu' \) -exec awk '
	{ code = $0; sub(/\/\*.*/, "", code) }
	code !~ /^[ \t]*\*/ && code ~ /"[^"]*[\200-\377]/ { print FILENAME ":" FNR ": " $0 }
	' {} + >"$T/foreign"
[ ! -s "$T/foreign" ]
ok $? "strings of the programs are ASCII" || notefile "$T/foreign"

for f in tests/*.t tools/*.sh .ci/run; do
	[ -x "$f" ] || echo "$f"
done >"$T/mode"
[ ! -s "$T/mode" ]
ok $? "scripts are executable" || notefile "$T/mode"
finish
