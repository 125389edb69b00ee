#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A tour: pipelines.sh VIDEO [SECONDS]. Runs the first seconds (2) of a video through
# pipes that show what can be joined to what, and leaves its results in ./tour.
set -eu
video=$1
seconds=${2:-2}
mkdir -p tour

echo "== people, bodies, identities, as JSON Lines"
hmr-decode --end "$seconds" "$video" | hmr-detect | hmr-mesh | hmr-assoc >tour/tracks.jsonl
hmr-info tour/tracks.jsonl

echo "== drawn into the video, from those results"
hmr-render --source "$video" tour/tracks.jsonl | hmr-export -f mp4 -o tour/overlay.mp4

echo "== one stage changed, the rest kept: a saved stream stands in for a live one"
hmr-decode --end "$seconds" "$video" | hmr-detect -o tour/people.hmr
hmr-mesh --min-score 0.7 tour/people.hmr | hmr-assoc >tour/sure.jsonl
hmr-info tour/sure.jsonl

echo "== detection on its own, for other software"
hmr-export -f csv -o tour/people.csv tour/people.hmr
head -n 3 tour/people.csv

echo "== two halves, as two machines would make them, joined by cat"
half=$(awk -v s="$seconds" 'BEGIN { print s / 2 }')
hmr-decode --end "$half" "$video" | hmr-detect | hmr-mesh -o tour/1.hmr
hmr-decode --start "$half" --end "$seconds" "$video" | hmr-detect | hmr-mesh -o tour/2.hmr
cat tour/1.hmr tour/2.hmr | hmr-assoc >tour/joined.jsonl
hmr-info tour/joined.jsonl

echo "== what a failure looks like: the last stage tells what the first one met"
hmr-decode no-such-file.mp4 2>/dev/null | hmr-detect 2>/dev/null | hmr-mesh 2>/dev/null |
    hmr-assoc 2>/dev/null >tour/failed.jsonl || echo "exit $?:"
tail -n 2 tour/failed.jsonl
