#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Manuals against programs: every program has a page and every page its program,
# the SYNOPSIS is the usage line, the options of --help are those of the page, and
# every example in the manuals and in README.md runs.
. "${0%/*}/lib.sh"
need mandoc
bs=$(printf '\b')

# words: on one line, blanks squeezed.
words() { tr -s ' \t\n' ' ' | sed 's/^ //; s/ $//'; }

synopsis() {
	mandoc -T ascii -O width=900 "$1" | sed "s/.$bs//g" |
	    awk '/^[A-Z]/ { on = $0 == "SYNOPSIS"; next } on' | words
}

# The first lines of --help: "usage: hmr-x …" and more of the same below it.
usage() {
	awk '{ sub(/^usage: */, "") } !/^ *hmr-/ { exit } { print }' "$1" | words
}

for program in "$HMR_BIN"/hmr-*; do
	[ -x "$program" ] || continue
	p=${program##*/}
	page=$ROOT/man/$p.1
	case $p in *.*) continue ;; esac
	if [ ! -f "$page" ]; then
		ok 1 "$p has a manual"
		continue
	fi
	expect 0 "$p --help" "$p" --help
	cp "$T/out" "$T/help"
	[ ! -s "$T/err" ]
	ok $? "$p --help writes to stdout alone"
	is "$(usage "$T/help")" "$(synopsis "$page")" "$p: usage is the SYNOPSIS"

	grep -oE '(^|[^-[:alnum:]])--[a-z][a-z0-9-]*' "$T/help" |
	    sed 's/.*--/--/' | sort -u >"$T/help.options"
	sed -n '/^\.It/p' "$page" | grep -oE 'Fl -[a-z][a-z0-9-]*' |
	    sed 's/Fl -/--/' | sort -u >"$T/page.options"
	diff "$T/help.options" "$T/page.options" >"$T/diff"
	ok $? "$p: --help and the manual have the same options" || notefile "$T/diff"

	for s in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
		grep -qx "\.Sh $s" "$page" || echo "$s"
	done >"$T/absent"
	[ ! -s "$T/absent" ]
	ok $? "$p: its manual has every section" || notefile "$T/absent"
	expect 0 "$p --version" "$p" --version
	like "$T/out" "^$p \(hmr\) [0-9]+\.[0-9]+\.[0-9]+" "$p: names itself and its version"
	expect 2 "$p: an unknown option" "$p" --no-such-option
	[ ! -s "$T/out" ] && [ "$(wc -l <"$T/err")" -le 2 ]
	ok $? "$p: says so briefly on stderr" || notefile "$T/err"
done

for page in "$ROOT"/man/hmr-*.1; do
	[ -f "$page" ] || continue
	p=${page##*/} p=${p%.1}
	have "$p"
	ok $? "${page##*/} has its program"
done

# Cross-references lead somewhere.
for page in "$ROOT"/man/*.[157]; do
	sed -n 's/^\.Xr \([a-z-]*\) \([157]\).*/\1.\2/p' "$page" | grep '^hmr' |
	    while read -r x; do
		[ -f "$ROOT/man/$x" ] || echo "${page##*/} refers to $x"
	done
done >"$T/xr"
[ ! -s "$T/xr" ]
ok $? "references between manuals" || notefile "$T/xr"

# --- examples ---------------------------------------------------------------
# They run in a directory where every input they name is a short piece of vtest,
# or a stream or tracks made from it.

if ! { have_vtest && have_models && have ffmpeg; }; then
	skip "examples" "no vtest.avi or no models"
	finish
fi

mkdir "$T/fixture" "$T/fixture/frames"
ffmpeg -nostdin -v error -y -ss 10 -i "$HMR_VTEST" -frames:v 6 -c:v libx264 \
    -qp 18 "$T/fixture/clip.mp4" </dev/null &&
    ffmpeg -nostdin -v error -i "$T/fixture/clip.mp4" -frames:v 3 \
	"$T/fixture/frames/%03d.png" </dev/null &&
    hmr-decode -q "$T/fixture/clip.mp4" | hmr-detect |
	hmr-mesh --keep-image | hmr-assoc --stream -o "$T/fixture/clip.hmr" &&
    hmr-assoc "$T/fixture/clip.hmr" >"$T/fixture/clip.jsonl"
ok $? "inputs for the examples" || finish
f=$T/fixture

# provide WORD: makes the input that an example names, where it is not there.
provide() {
	[ ! -e "$1" ] || return 0
	case $1 in
	/* | *\** | -* | no-such-*) return ;;
	esac
	case $1 in
	*/*.*) mkdir -p "${1%/*}" ;;
	esac
	case $1 in
	*.mp4 | *.mov | *.mkv | *.avi)
		ffmpeg -nostdin -v error -i "$f/clip.mp4" -c copy "$1" </dev/null ;;
	*.hmr) cp "$f/clip.hmr" "$1" ;;
	*.jsonl) cp "$f/clip.jsonl" "$1" ;;
	*.png) cp "$f/frames/001.png" "$1" ;;
	*.jpg) ffmpeg -nostdin -v error -i "$f/frames/001.png" "$1" </dev/null ;;
	*/) cp -r "$f/frames" "${1%/}" ;;
	gt.txt | det.txt) hmr-export -q -f mot -o "$1" "$f/clip.hmr" ;;
	esac
}

# example NAME FILE: runs one block.
example() {
	if grep -qE '[a-z]+://|/dev/|^(ssh|sudo|make|npm|cd|git) ' "$2"; then
		skip "$1" "needs what a test has not: $(head -n 1 "$2")"
		return
	fi
	grep -oE "'?[A-Za-z0-9_-]+/\*\.png" "$2" | tr -d "'" | while read -r g; do
		[ -d "${g%/*}" ] || cp -r "$f/frames" "${g%/*}"
	done
	sed -E 's/#.*//; s/(-o|--output[= ]|>) *[^ |;)]+//g' "$2" |
	    tr -s " \t|;()<>&=\"'" '\n' | while read -r w; do
		provide "$w"
	done
	expect 0 "$1" sh -e "$2"
}

for file in "$ROOT"/man/*.[157] "$ROOT"/README.md; do
	name=${file##*/}
	rm -rf "$T/ex"
	mkdir "$T/ex"
	awk -f "$ROOT/tests/tool/examples.awk" "$file" |
	    awk -v dir="$T/ex" 'BEGIN { i = 1 }
		$0 == "%%" { i++; next }
		{ print >sprintf("%s/%02d.sh", dir, i) }'
	mkdir "$T/run"
	for e in "$T/ex"/*.sh; do
		[ -f "$e" ] || continue
		i=${e##*/}
		cd "$T/run" || exit 1
		example "$name: example ${i%.sh}: $(head -n 1 "$e" | cut -c 1-60)" "$e"
		cd "$ROOT" || exit 1
	done
	chmod -R u+rwX "$T/run"
	rm -rf "$T/run"
done
finish
