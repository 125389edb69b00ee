#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make demo, its last step: runs the whole pipeline over demo/vtest.avi with the
# free models and says what came out. $HMR_BIN holds the programs; everything it
# writes lies in demo/.
set -u
cd "${0%/*}/.." || exit 1
PATH=${HMR_BIN:?}:$PATH
video=demo/vtest.avi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP

stop() {
	echo "demo: $*" >&2
	exit 1
}
seconds() { date +%s.%N; }

mkfifo "$tmp/copy" || exit 1
rm -f demo/tracks.jsonl demo/out.mp4 demo/frame-*.png
cat <<'EOF'
hmr-decode vtest.avi | hmr-detect | hmr-mesh --keep-image | hmr-assoc --stream |
    tee >(hmr-export -f jsonl -o tracks.jsonl) | hmr-render | hmr-export -f mp4 -o out.mp4
EOF

began=$(seconds)
hmr-export -f jsonl -o demo/tracks.jsonl "$tmp/copy" &
hmr-decode "$video" | hmr-detect | hmr-mesh --keep-image | hmr-assoc --stream |
    tee "$tmp/copy" | hmr-render | hmr-export -f mp4 -o demo/out.mp4
video_status=$?
wait $!
lines_status=$?
ended=$(seconds)

# The results say themselves whether they are whole, and if not, why.
last=$(tail -n 1 demo/tracks.jsonl 2>/dev/null)
case $last in
*'"status":"complete"'*) ;;
*) stop "tracks.jsonl is not whole; its end: $last" ;;
esac
[ "$video_status" -eq 0 ] || stop "out.mp4 could not be written (exit $video_status)"
[ "$lines_status" -eq 0 ] || stop "tracks.jsonl could not be written (exit $lines_status)"

frames=$(grep -c '"type":"frame"' demo/tracks.jsonl)
people=$(grep -o '"id":[0-9]*' demo/tracks.jsonl | sort -u | wc -l)

# Three frames of the overlay video.
for at in 10 40 70; do
	hmr-decode --no-progress -q --start $at --frames 1 demo/out.mp4 |
	    hmr-export -q -f png -o "$tmp/png" || stop "no picture at $at s"
	mv "$tmp"/png/*.png demo/frame-$at.png || stop "no picture at $at s"
	rm -rf "$tmp/png"
done

echo
awk -v frames="$frames" -v people="$people" -v began="$began" -v ended="$ended" '
BEGIN {
	s = ended - began
	printf "%d frames in %.1f s, %.2f frames per second; %d people were followed\n",
	    frames, s, frames / s, people
}'
cat <<'EOF'
  demo/tracks.jsonl                   one line of JSON per frame: identities, poses, shapes, joints
  demo/out.mp4                        the video with boxes, bodies and identities drawn in
  demo/frame-10.png -40.png -70.png   three frames of it
EOF
