#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Cuts in a real clip: two videos cut together and back, a flash, a fade, a strange
# frame. Only the cuts are cuts.
. "${0%/*}/lib.sh"
need hmr-detect hmr-assoc hmr-decode hmr-export ffmpeg
need_vtest
need_models nanodet

# 20 frames of vtest.avi, 20 of a test picture, then 40 of vtest.avi again, mirrored:
# its 8th is white, from the 16th to the 26th it darkens and comes back, the 36th is
# the test picture.
ffmpeg -nostdin -v error -y -i "$HMR_VTEST" -f lavfi -i testsrc2=s=768x576:r=10 -filter_complex "
[0]split[a][b];[1]split[c][d];
[a]trim=end_frame=20,setpts=PTS-STARTPTS,setsar=1[a];
[c]trim=end_frame=20,setpts=PTS-STARTPTS,setsar=1[c];
[b]trim=start_frame=300:end_frame=340,setpts=PTS-STARTPTS,hflip,setsar=1,
drawbox=c=white:t=fill:enable='eq(n,7)',eq=eval=frame:brightness='-0.4*max(0,1-abs(n-20)/5)'[b];
[b][d]overlay=shortest=1:enable='eq(n,35)'[b];
[a][c][b]concat=n=3,format=yuv420p" -r 10 -frames:v 80 -c:v ffv1 "$T/clip.mkv" </dev/null
ok $? "a clip"
hmr-decode -q "$T/clip.mkv" | hmr-detect -q -z 0 -o "$T/p.hmr"
shots() { sed -n 's/.*"frame":\([0-9]*\),.*"shot":true.*/\1/p' "$1" | tr '\n' ' '; }
expect 0 "hmr-assoc" hmr-assoc -v "$T/p.hmr"
is "$(shots "$T/out")" "20 40 " "the two cuts and nothing else"
like "$T/err" ' 2 cuts' "they are counted"
expect 0 "--lag 0" hmr-assoc --lag 0 "$T/p.hmr"
is "$(shots "$T/out")" "20 40 75 " "--lag 0: the strange frame too"
expect 0 "in the stream" hmr-assoc --stream -o "$T/s.hmr" "$T/p.hmr"
expect 0 "and lines from there" hmr-export -f jsonl -o "$T/lines" "$T/s.hmr"
is "$(shots "$T/lines")" "20 40 " "the flag is in the stream"
expect 0 "all of vtest.avi" sh -c 'hmr-decode -q --every 3 "$1" | hmr-detect -q | hmr-assoc' - "$HMR_VTEST"
is "$(shots "$T/out")" "" "has none, nor has every third frame of it"
finish
