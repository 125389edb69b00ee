#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What bad input and bad surroundings get, from every stage: one line on stderr,
# the exit codes of the manual, every frame that was finished before the fault, and
# the cause at the end of the output, down to the last lines of tracks.jsonl.
. "${0%/*}/lib.sh"
need hmr-decode hmr-info hmr-assoc ffmpeg
py=/usr/bin/python3
[ -x $py ] || py=python3
$py -c 'import numpy' 2>/dev/null || skip_all "no numpy"

# The stages that can run here, each with a stream that it takes.
stages="hmr-info hmr-assoc"
have hmr-render && stages="$stages hmr-render"
have hmr-export && stages="$stages hmr-export"
networks=
if have hmr-detect hmr-mesh && have_models; then
	networks="hmr-detect hmr-mesh"
fi

mkdir "$T/g"
$py "$ROOT/tests/golden/make.py" "$T/g"
ok $? "small streams"
nobody=$T/g/good-nobody.hmr	# images, no people: 3 frames
rich=$T/g/good-three.hmr
size=$(wc -c <"$nobody")

# stage NAME ARG...: runs a stage as a filter, output to stdout.
stage() {
	stage_name=$1
	shift
	case $stage_name in
	hmr-export) hmr-export -f jsonl "$@" ;;
	*) "$stage_name" "$@" ;;
	esac
}

full() { stage "$@" >/dev/full; }
closed_stdout() { stage "$@" >&-; }
closed_stdin() { stage "$@" <&-; }

# ends_in FILE STAGE TEXT: a stream or JSON Lines whose end tells the cause.
ends_in() {
	if [ "$(head -c 1 "$1")" = "{" ]; then
		tail -n 2 "$1" | head -n 1 >"$T/cause"
		tail -n 1 "$1" | grep -q '"type":"end".*"status":"failed"' &&
		    grep -q "\"stage\":\"$2\"" "$T/cause" && grep -Eq -e "$3" "$T/cause"
	else
		hmr-info "$1" >"$T/cause" 2>&1
		grep -Eq "failed: $2: .*($3)" "$T/cause"
	fi
}

# --- sources that are none ----------------------------------------------------
mkdir "$T/empty" "$T/texts"
echo 'not a video' >"$T/text.mp4"
echo 'not an image' >"$T/texts/a.txt"
video "$T/v.mkv" 5
video "$T/v.mp4" 5
: >"$T/nothing.mp4"
{ echo '#EXTM3U'; echo '#EXTINF:1,'; echo "$T/v.mkv"; } >"$T/list.mp4"
{ echo 'ffconcat version 1.0'; echo "file v.mkv"; } >"$T/concat.mp4"
head -c 600 "$T/v.mp4" >"$T/cut.mp4"

fails 1 "hmr-decode: no such file" hmr-decode "$T/none.mp4"
like "$T/err" 'none\.mp4: No such file' "it names the file and the cause"
cp "$T/out" "$T/none.hmr"
fails 3 "hmr-decode: a text" hmr-decode "$T/text.mp4"
fails 3 "hmr-decode: an empty file" hmr-decode "$T/nothing.mp4"
fails 3 "hmr-decode: an mp4 cut before its index" hmr-decode "$T/cut.mp4"
fails 3 "hmr-decode: a playlist named .mp4" hmr-decode "$T/list.mp4"
fails 3 "hmr-decode: a concat script named .mp4" hmr-decode "$T/concat.mp4"
run hmr-decode "$T/empty"
[ $got -eq 1 ] || [ $got -eq 3 ] && one_line "$T/err"
ok $? "hmr-decode: an empty folder" || notefile "$T/err"
run hmr-decode "$T/texts"
[ $got -eq 1 ] || [ $got -eq 3 ] && one_line "$T/err"
ok $? "hmr-decode: a folder without images" || notefile "$T/err"

mkdir "$T/closed"
cp "$T/v.mkv" "$T/closed/"
chmod 000 "$T/closed"
if [ "$(id -u)" -ne 0 ]; then
	fails 1 "hmr-decode: an unreadable folder" hmr-decode "$T/closed"
elif have setpriv && chmod 755 "$T" && setpriv --reuid 65534 --regid 65534 --clear-groups \
    test -x "$HMR_BIN/hmr-decode"; then
	fails 1 "hmr-decode: an unreadable folder" \
	    setpriv --reuid 65534 --regid 65534 --clear-groups hmr-decode "$T/closed"
else
	skip "hmr-decode: an unreadable folder" "root reads everything"
fi

# The cause of a stage that fails before its first frame reaches the last one.
run stage hmr-assoc "$T/none.hmr"
is $got 3 "hmr-assoc after a failed hmr-decode exits 3"
ends_in "$T/out" hmr-decode 'none\.mp4: No such file'
ok $? "and its last lines name hmr-decode's cause" || notefile "$T/out"

# --- sizes at the edges --------------------------------------------------------
for s in 1x1 2x1 1x7 7x3; do
	video "$T/s.nut" 2 $s && hmr-decode -q -o "$T/s.hmr" "$T/s.nut"
	expect 0 "frames of $s" hmr-info --verify "$T/s.hmr"
	like "$T/out" "size +$s" "… keep their size" || true
done
ffmpeg -nostdin -v error -f lavfi -i color=gray:size=7680x4320 -frames:v 1 -y "$T/8k.png" </dev/null
expect 0 "a frame of 7680x4320" hmr-decode -q -z 1 -o "$T/8k.hmr" "$T/8k.png"
expect 0 "it is whole" hmr-info --verify "$T/8k.hmr"
fails 3 "it is over --max-frame 640x480" hmr-info --max-frame 640x480 "$T/8k.hmr"

# --- every prefix of a stream --------------------------------------------------
$py "$ROOT/tests/tool/cuts.py" ends "$nobody" >"$T/ends"
sanitized && step=41 || step=1
i=0
whole=0
bad_info=
bad_lines=
while [ $i -lt "$size" ]; do
	head -c $i "$nobody" >"$T/in"
	whole=$(awk -v i=$i '$2 == "frame" && $1 <= i' "$T/ends" | wc -l)
	run hmr-info "$T/in"
	[ $got -eq 3 ] && one_line "$T/err" || bad_info="$bad_info $i"
	run hmr-assoc "$T/in"
	[ $got -eq 3 ] && one_line "$T/err" &&
	    [ "$(grep -c '"type":"frame"' "$T/out")" -eq "$whole" ] &&
	    ends_in "$T/out" hmr-assoc 'truncated|empty' || bad_lines="$bad_lines $i"
	i=$((i + step))
done
is "$bad_info" "" "each prefix of $size bytes: hmr-info exits 3 with one line"
is "$bad_lines" "" "each prefix: hmr-assoc keeps all whole frames and tells the cause"

for s in $stages $networks; do
	bad=
	for i in 0 1 63 64 100 $((size / 3)) $((size / 2)) $((size - 200)) $((size - 1)); do
		head -c $i "$nobody" >"$T/in"
		run stage "$s" "$T/in"
		[ $got -eq 3 ] && one_line "$T/err" || bad="$bad $i:$got"
	done
	is "$bad" "" "$s: prefixes exit 3 with one line"
done

# --- a flipped bit anywhere ----------------------------------------------------
mkdir "$T/flip"
sanitized && step=97 || step=3
$py "$ROOT/tests/tool/cuts.py" flip "$rich" "$T/flip" "$step"
bad=
for f in "$T"/flip/*.hmr; do
	run hmr-info "$f"
	[ $got -eq 3 ] && one_line "$T/err" || bad="$bad ${f##*/}"
done
is "$bad" "" "a flipped bit in any part: hmr-info exits 3 with one line"
rm -rf "$T/flip"
mkdir "$T/flip"
$py "$ROOT/tests/tool/cuts.py" flip "$rich" "$T/flip" 509
for s in $stages $networks; do
	bad=
	for f in "$T"/flip/*.hmr; do
		run stage "$s" "$f"
		[ $got -eq 3 ] && one_line "$T/err" || bad="$bad ${f##*/}:$got"
	done
	is "$bad" "" "$s: a flipped bit exits 3 with one line"
done

# --- places where no output can go, and inputs that are none --------------------
# Large enough that it does not fit into a pipe.
stream "$T/large.hmr" 40 320x240
mkdir "$T/dir"
for s in hmr-decode $stages $networks; do
	case $s in
	hmr-decode) in=$T/v.mkv ;;
	*) in=$nobody ;;
	esac
	fails 1 "$s: disk full" full "$s" "$in"
	is "$(grep -o 'No space left on device' "$T/err" | wc -l)" 1 "… is said once"
	fails 1 "$s: closed stdout" closed_stdout "$s" "$in"
	like "$T/err" 'Bad file descriptor' "… is said"
	case $s in
	hmr-decode) fails 1 "$s: closed stdin" closed_stdin "$s" - ;;
	*) fails 1 "$s: closed stdin" closed_stdin "$s" ;;
	esac
	for ignore in : "trap '' PIPE"; do
		{
			eval "$ignore"
			sleep 0.1
			stage "$s" "$in" 2>"$T/err"
			echo $? >"$T/status"
		} | :
		is "$(cat "$T/status") $(wc -c <"$T/err")" "141 0" \
		    "$s: its reader is gone ($ignore)" || notefile "$T/err"
	done
	[ "$s" = hmr-decode ] || fails 1 "$s: no such file" stage "$s" "$T/none"
	[ "$s" = hmr-decode ] || fails 3 "$s: a text" stage "$s" "$T/text.mp4"
	[ "$s" = hmr-decode ] || fails 1 "$s: a folder" stage "$s" "$T/dir"
	run stage "$s" --no-such-option "$in"
	is $got 2 "$s: an unknown option"
	[ "$s" = hmr-decode ] || expect 2 "$s: two inputs" stage "$s" "$in" "$in"
	case $s in
	hmr-info) ;;
	*) fails 1 "$s: -o in a folder that is not there" stage "$s" -o "$T/no/such" "$in" ;;
	esac
done

# --- stages in the wrong order --------------------------------------------------
hmr-decode -q -o "$T/images.hmr" "$T/v.mkv"
if [ -n "$networks" ]; then
	fails 3 "hmr-mesh before hmr-detect" stage hmr-mesh "$T/images.hmr"
	like "$T/err" 'hmr-detect' "it says what is missing" || true
	hmr-detect "$T/images.hmr" 2>"$T/err" | hmr-mesh 2>>"$T/err" >"$T/m.hmr"
	fails 3 "hmr-detect after the images are gone" stage hmr-detect "$T/m.hmr"
	like "$T/err" 'image' "it says what is missing" || true
fi
if have hmr-render; then
	hmr-assoc -q --stream -o "$T/a.hmr" "$T/g/good-no-image.hmr"
	fails 3 "hmr-render without images" stage hmr-render "$T/a.hmr"
	like "$T/err" 'source' "it says what helps" || true
fi

# --- models ---------------------------------------------------------------------
if have hmr-detect hmr-mesh hmr-model; then
	mkdir "$T/models"
	for s in hmr-detect hmr-mesh; do
		fails 1 "$s: no model" env HMR_MODELS="$T/models" "$s" "$nobody"
		cp "$T/out" "$T/x.hmr"
		like "$T/err" 'make models|hmr-model import' "it says which command gets it" || true
		run hmr-assoc "$T/x.hmr"
		ends_in "$T/out" "$s" 'model'
		ok $? "and tracks.jsonl says so too" || notefile "$T/out"
		fails 1 "$s: no such model file" "$s" -m "$T/none" "$nobody"
		fails 1 "$s: a text as model" "$s" -m "$T/text.mp4" "$nobody"
		fails 1 "$s: a stream as model" "$s" -m "$nobody" "$nobody"
	done
	if [ -n "$networks" ]; then
		fails 1 "hmr-detect: a pose network" hmr-detect -m blazepose-heavy "$nobody"
		fails 1 "hmr-mesh: a detector" hmr-mesh -m nanodet "$nobody"
		path=$(hmr-model path nanodet)
		head -c 100000 "$path" >"$T/cut.safetensors"
		fails 1 "hmr-detect: half a model" hmr-detect -m "$T/cut.safetensors" "$nobody"
	fi
fi

# quietly CMD...: the shell's own word about a killed job goes nowhere.
quietly() {
	exec 7>&2 2>"$T/wait"
	"$@"
	quiet_status=$?
	exec 2>&7 7>&-
	return $quiet_status
}

# A process that writes part of a stream and is killed.
killed() { (sh -c 'cat "$1"; kill -9 $$' - "$T/part.hmr"; :) 2>"$T/wait"; }

# interrupt SIGNAL STAGE: while it waits for more input. A shell starts background
# jobs with SIGINT ignored, which stages respect: env undoes it.
interrupt() {
	case $1 in INT) want=130 ;; TERM) want=143 ;; HUP) want=129 ;; esac
	case $2 in
	hmr-export) set -- "$1" "$2" -f jsonl ;;
	esac
	sig=$1
	shift
	rm -f "$T/fifo" "$T/out"
	mkfifo "$T/fifo"
	exec 9<>"$T/fifo"
	cat "$T/part.hmr" >&9
	env --default-signal "$@" <"$T/fifo" >"$T/out" 2>"$T/err" 9>&- &
	pid=$!
	until_output
	kill -s "$sig" $pid
	quietly wait $pid
	is $? "$want" "$1: dies by SIG$sig"
	exec 9>&-
	ends_in "$T/out" "$1" interrupted
	ok $? "$1: SIG$sig: the output ends in order" || notefile "$T/out"
}

# Waits for the first bytes in $T/out, a minute at most.
until_output() {
	tries=0
	until [ -s "$T/out" ] || [ $tries -eq 600 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
}

# In the middle of a video, with the pipe behind it full.
interrupt_decode() {
	video "$T/long.mkv" 60 640x480
	rm -f "$T/out"
	mkfifo "$T/frames"
	env --default-signal hmr-decode -q "$T/long.mkv" >"$T/frames" 2>"$T/err" &
	pid=$!
	exec 8<"$T/frames"
	head -c 1000 <&8 >"$T/out"
	kill -s INT $pid
	cat <&8 >>"$T/out"
	exec 8<&-
	quietly wait $pid
	is $? 130 "hmr-decode: dies by SIGINT"
}

# --- killed and interrupted -------------------------------------------------------
cut=$(awk '$2 == "frame" { print $1 }' "$T/ends" | tail -n 1)
head -c "$cut" "$nobody" >"$T/part.hmr"
for s in $stages $networks; do
	killed | stage "$s" >"$T/out" 2>"$T/err"
	got=$?
	[ $got -eq 3 ] && one_line "$T/err"
	ok $? "$s: its upstream is killed" || { note "exit $got"; notefile "$T/err"; }
	[ "$s" = hmr-info ] && continue
	for sig in INT TERM HUP; do
		interrupt $sig "$s"
		sanitized && break
	done
done
interrupt_decode
ends_in "$T/out" hmr-decode interrupted
ok $? "hmr-decode: the stream ends in order" || notefile "$T/cause"

# --- the whole pipe --------------------------------------------------------------
if [ -n "$networks" ]; then
	hmr-decode "$T/none.mp4" 2>"$T/e1" | hmr-detect 2>"$T/e2" | hmr-mesh 2>"$T/e3" |
	    hmr-assoc >"$T/out" 2>"$T/e4"
	is $? 3 "a pipe without its video exits 3"
	ends_in "$T/out" hmr-decode 'none\.mp4: No such file'
	ok $? "tracks.jsonl ends with hmr-decode's cause" || notefile "$T/out"
	for i in 1 2 3 4; do
		one_line "$T/e$i"
		ok $? "stage $i says one line" || notefile "$T/e$i"
	done
	head -c $(($(wc -c <"$T/large.hmr") / 2)) "$T/large.hmr" |
	    hmr-detect 2>/dev/null | hmr-mesh 2>/dev/null | hmr-assoc >"$T/out" 2>/dev/null
	frames=$(hmr-info --frames "$T/large.hmr" | grep -c '^ *[0-9]')
	got=$(grep -c '"type":"frame"' "$T/out")
	[ "$got" -eq $((frames / 2 - 1)) ] || [ "$got" -eq $((frames / 2)) ]
	ok $? "half a stream gives half of the lines" || note "$got of $frames"
	ends_in "$T/out" hmr-detect truncated
	ok $? "and the stage that saw it is named" || notefile "$T/cause"
fi
finish
