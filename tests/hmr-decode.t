#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hmr-decode: pixels against FFmpeg's own, numbers and timestamps, rotation,
# images, playlists, damage and truncation.
. "${0%/*}/lib.sh"
need hmr-decode hmr-info ffmpeg ffprobe python3
cd "$T" || exit 1

# dump.py FILE [PLANES]: a line a frame (number pts duration WxH pixel depth
# matrix range), "head NAME WxH TB RATE FRAMES ARGS", "end STATUS FRAMES STAGE
# FRAME MESSAGE"; all planes to PLANES.
cat >dump.py <<'EOF'
import json, struct, sys
s = open(sys.argv[1], 'rb').read()
out = open(sys.argv[2], 'wb') if len(sys.argv) > 2 else None
at = 0
while at < len(s):
    kind, size = s[at + 4], struct.unpack_from('<Q', s, at + 8)[0]
    number, pts, dur = struct.unpack_from('<Qqq', s, at + 16)
    p = at + 64
    body = p + 32
    n = struct.unpack_from('<Q', s, p + 8)[0]
    if kind in (1, 3):
        o = json.loads(s[body:body + n])
        if kind == 1:
            print('head', o['source']['name'], '%dx%d' % (o['width'], o['height']),
                  '%d/%d' % tuple(o['time_base']), '%d/%d' % tuple(o['rate']), o['frames'],
                  json.dumps(o['stages'][0]['args']) if o['stages'] else '')
        else:
            print('end', o['status'], o['frames'], o.get('stage', ''), o.get('frame', ''),
                  o.get('message', ''))
    else:
        pixel, matrix, rng, depth, w, h = struct.unpack_from('<6I', s, body)
        names = 'yuv420p yuv422p yuv444p nv12 gray rgb24'.split()
        print(number, pts, dur, '%dx%d' % (w, h), names[pixel - 1], depth, matrix, rng)
        if out:
            out.write(s[body + 64:body + n])
    at = p + size
EOF
dump() { python3 dump.py "$@"; }
# decode ARG...: to d.hmr, d.txt (lines) and d.raw (planes).
decode() {
	rm -f d.txt d.raw
	expect 0 "decodes: $*" hmr-decode -z 0 -o d.hmr "$@" || return
	dump d.hmr d.raw >d.txt
}
ff() { ffmpeg -nostdin -v error -y "$@" </dev/null; }
# clip WxH FRAMES RATE ARG...: a moving test picture.
clip() {
	clip_in="testsrc2=size=64x48:rate=$3,scale=${1%x*}:${1#*x}:flags=neighbor,setsar=1"
	clip_n=$2
	shift 3
	ff -f lavfi -i "$clip_in" -frames:v "$clip_n" "$@"
}
frames() { grep -c '^[0-9]' d.txt; }
field() { awk -v f="$1" '/^[0-9]/ { printf "%s%s", sep, $f; sep = " " }' d.txt; }
numbers() { field 1; }
sizes() { field 4; }
cut_at() { head -c $(($(wc -c <"$1") * 6 / 10)) "$1"; }

# --- pixels: what is on the list comes as decoded, RGB as rgb24
pixel_case() {	# SOURCE-FORMAT SIZE WANT-FORMAT "PIXEL DEPTH" [CODEC]
	clip "$2" 3 10 -pix_fmt "$1" -c:v "${5:-ffv1}" -strict -2 -f nut p.nut
	decode p.nut
	is "$(awk '/^[0-9]/ { print $5, $6; exit }' d.txt)" "$4" "$1 $2 comes as $4"
	ff -i p.nut -f rawvideo -pix_fmt "$3" want.raw
	same d.raw want.raw "$1 $2: the bytes of ffmpeg"
}
pixel_case yuv420p 64x48 yuv420p "yuv420p 8"
pixel_case yuv420p 37x23 yuv420p "yuv420p 8"
pixel_case yuv420p 1x1 yuv420p "yuv420p 8" rawvideo
pixel_case yuv422p 37x23 yuv422p "yuv422p 8"
pixel_case yuv444p 37x23 yuv444p "yuv444p 8"
pixel_case nv12 64x48 nv12 "nv12 8" rawvideo
pixel_case gray 37x23 gray "gray 8"
pixel_case gray10le 37x23 gray10le "gray 10"
pixel_case gray16le 37x23 gray16le "gray 16"
pixel_case rgb24 37x23 rgb24 "rgb24 8" rawvideo
pixel_case yuv420p10le 37x23 yuv420p10le "yuv420p 10"
pixel_case yuv422p12le 64x48 yuv422p12le "yuv422p 12"
pixel_case yuv444p16le 37x23 yuv444p16le "yuv444p 16"
pixel_case yuva420p 37x23 yuv420p "yuv420p 8"
pixel_case bgr0 37x23 rgb24 "rgb24 8"
pixel_case gbrp 37x23 rgb24 "rgb24 8" rawvideo
pixel_case uyvy422 64x48 yuv422p "yuv422p 8" rawvideo
# Not on the list: the nearest that is.
near_case() {	# SOURCE-FORMAT "PIXEL DEPTH" [CODEC]
	clip 64x48 2 10 -pix_fmt "$1" -c:v "${3:-ffv1}" -strict -2 -f nut p.nut
	decode p.nut
	is "$(awk '/^[0-9]/ { print $4, $5, $6; exit }' d.txt)" "64x48 $2" \
		"$1 becomes $2"
}
near_case yuv420p9le "yuv420p 10"
near_case yuv410p "yuv420p 8"
near_case yuv411p "yuv422p 8"
near_case yuv440p "yuv444p 8" rawvideo
near_case pal8 "rgb24 8" rawvideo
near_case ya8 "gray 8" rawvideo
near_case gbrp10le "rgb24 8"
near_case monob "gray 8" rawvideo
near_case nv21 "yuv420p 8" rawvideo
near_case yuv420p10be "yuv420p 10" rawvideo
# Formats without a container, by --format and --option.
raw_case() {	# SOURCE-FORMAT "PIXEL DEPTH"
	clip 64x48 2 10 -pix_fmt "$1" -f rawvideo p.raw
	decode --format rawvideo --option pixel_format="$1" --option video_size=64x48 p.raw
	is "$(awk '/^[0-9]/ { print $4, $5, $6; exit }' d.txt)" "64x48 $2" \
		"raw $1 becomes $2"
}
raw_case p016le "nv12 16"
same d.raw p.raw "raw p016le: the same bytes"
raw_case p010le "yuv420p 10"
raw_case grayf32le "gray 16"
raw_case rgb48le "rgb24 8"

# --- colour
clip 64x48 1 10 -pix_fmt yuvj420p -c:v mjpeg full.avi
decode full.avi
is "$(field 5) $(field 6) $(field 7) $(field 8)" "yuv420p 8 1 2" \
	"a JPEG is BT.601 in full range"
clip 64x48 1 10 -pix_fmt yuv420p -c:v ffv1 sd.nut
decode sd.nut
is "$(field 7) $(field 8)" "1 1" "small and unsaid: BT.601, limited"
clip 1280x720 1 10 -pix_fmt yuv420p -c:v ffv1 hd.nut
decode hd.nut
is "$(field 7) $(field 8)" "2 1" "720 rows and unsaid: BT.709"
clip 64x48 1 10 -pix_fmt yuv420p -c:v libx264 -colorspace bt2020nc -color_range pc uhd.mkv
decode uhd.mkv
is "$(field 7) $(field 8)" "3 2" "BT.2020 and full range as said"

# --- rotation
clip 64x48 3 10 -pix_fmt yuv420p -c:v libx264 -qp 0 flat.mp4
for angle in 90 180 270; do
	ff -i flat.mp4 -c copy -metadata:s:v rotate=$angle turned.mp4
	decode turned.mp4
	ff -i turned.mp4 -f rawvideo -pix_fmt yuv420p want.raw
	same d.raw want.raw "rotation by $angle as ffmpeg turns it"
done
is "$(sizes)" "48x64 48x64 48x64" "270 degrees swap the sides"
like d.txt '^head .* 48x64 ' "HEAD holds the turned size"
clip 37x23 2 10 -pix_fmt yuv420p -c:v mpeg4 -qscale 2 odd.mov
ff -i odd.mov -c copy -metadata:s:v rotate=90 oddt.mov
decode oddt.mov
is "$(awk '/^[0-9]/ { print $4, $5; exit }' d.txt)" "23x37 yuv444p" \
	"odd sides are turned in 4:4:4, where chroma keeps its place"
# A matrix of 30 degrees.
python3 - turned.mp4 odd30.mp4 <<'EOF'
import math, struct, sys
s = bytearray(open(sys.argv[1], 'rb').read())
i = s.find(b'tkhd') + 4 + 40
c, n = int(math.cos(math.pi / 6) * 65536), int(math.sin(math.pi / 6) * 65536)
s[i:i + 36] = struct.pack('>9i', c, n, 0, -n, c, 0, 0, 0, 1 << 30)
open(sys.argv[2], 'wb').write(s)
EOF
expect 0 "another angle is no failure" hmr-decode -o d.hmr odd30.mp4
like err 'rotated by -?30.0 degrees.*not applied' "but it is said"

# EXIF orientation: all eight, against the transposition and flips they mean.
clip 64x48 1 10 -pix_fmt yuvj444p -q:v 2 flat.jpg
exif() {	# ORIENTATION: flat.jpg with it, as turned.jpg
	python3 - "$1" <<'EOF'
import struct, sys
s = open('flat.jpg', 'rb').read()
tiff = b'MM\0*' + struct.pack('>IHHHIHHI', 8, 1, 0x112, 3, 1, int(sys.argv[1]), 0, 0)
app1 = b'Exif\0\0' + tiff
open('turned.jpg', 'wb').write(s[:2] + b'\xff\xe1' + struct.pack('>H', len(app1) + 2) + app1 + s[2:])
EOF
}
i=0
for filter in null hflip hflip,vflip vflip transpose=0 transpose=1 transpose=3 transpose=2; do
	i=$((i + 1))
	exif $i
	decode turned.jpg
	ff -noautorotate -i flat.jpg -vf "$filter" -f rawvideo -pix_fmt yuvj444p want.raw
	same d.raw want.raw "EXIF orientation $i is $filter"
done

# --- time: variable rate, every frame's own timestamp in the source's time base
clip 64x48 30 30 -vf "settb=1/90000,setpts=(N*40+mod(N*N\,7)*5)/1000/TB" \
	-fps_mode passthrough -enc_time_base 1/90000 \
	-c:v libx264 -bf 2 -video_track_timescale 90000 vfr.mp4
decode vfr.mp4
is "$(field 2)" "$(ffprobe -v error -select_streams v -show_entries frame=pts \
	-of csv=p=0 vfr.mp4 | tr -d , | tr -s '\n ' ' ' | sed 's/ $//')" \
	"a variable rate keeps its timestamps"
is "$(field 2 | tr ' ' '\n' | awk 'NR > 1 { print $1 - l } { l = $1 }' | sort -u | awk 'END { print (NR > 2) }')" 1 \
	"which do vary"
is "$(awk '/^head/ { print $4 }' d.txt)" 1/90000 "in its time base"
# A raw stream has no timestamps: they come from the rate.
clip 64x48 6 25 -c:v mpeg2video -bf 2 raw.m2v
decode raw.m2v
is "$(numbers)" "0 1 2 3 4 5" "a raw stream: all frames"
is "$(field 2 | awk '{ d = $2 - $1; for (i = 2; i <= NF; i++) if ($i - $(i-1) != d) bad = 1; print (d > 0 && !bad) }')" 1 \
	"a raw stream: even timestamps"

# --- choosing frames: numbers are those of the whole source
clip 64x48 60 10 -pix_fmt yuv420p -c:v libx264 -g 12 -bf 3 -x264-params scenecut=0:open-gop=1 gop.mp4
clip 64x48 60 10 -pix_fmt yuv420p -c:v libx264 -g 12 -bf 3 gop.mkv
ff -i gop.mkv -c copy -f mpegts gop.ts
clip 64x48 60 10 -c:v mpeg4 -g 12 -bf 0 gop.avi
clip 64x48 60 25 -c:v mpeg2video -g 12 -bf 2 gop.mpg
clip 64x48 60 10 -c:v libvpx -b:v 200k -g 12 -auto-alt-ref 1 -lag-in-frames 16 gop.webm
clip 64x48 60 10 -c:v libx264 -x264-params intra-refresh=1:keyint=20 pir.mkv
cat >parts.py <<'EOF'
import struct, sys
def frames(name):
    s, at, out = open(name, 'rb').read(), 0, []
    while at < len(s):
        n = 64 + struct.unpack_from('<Q', s, at + 8)[0]
        if s[at + 4] == 2:
            out.append(s[at:at + n])
        at += n
    return out
a, b, c, whole = map(frames, sys.argv[1:])
sys.exit(not (a + b + c == whole and a and b and c))
EOF
for f in gop.mp4 gop.mkv gop.ts gop.avi gop.mpg gop.webm pir.mkv; do
	decode --no-history "$f"
	is "$(numbers)" "$(seq -s ' ' 0 59)" "$f: all frames, numbered in order"
	cp d.hmr whole.hmr
	awk '/^head/ { split($4, tb, "/") }
	    /^[0-9]/ { t = $2 * tb[1] / tb[2]; if (!n++) first = t; last = t }
	    END { d = last - first
		printf "%.6f %.6f\n", first + 0.42 * d, first + 0.69 * d }' d.txt >interval.txt
	read -r a b <interval.txt
	hmr-decode -q --no-history -z 0 --end "$a" "$f" >a.hmr
	hmr-decode -q --no-history -z 0 --start "$a" --end "$b" "$f" >b.hmr
	hmr-decode -q --no-history -z 0 --start "$b" "$f" >c.hmr
	python3 parts.py a.hmr b.hmr c.hmr whole.hmr
	ok $? "$f: three parts equal the whole in every FRAME byte"
done
decode --start 0:02.5 --every 10 --frames 3 gop.mkv
is "$(numbers)" "30 40 50" "--every counts from the beginning, also after --start"
decode --start 00:00:05.8 gop.mkv
is "$(numbers)" "58 59" "--start in hours, minutes and seconds"
decode --end 0.2 gop.mkv
is "$(numbers)" "0 1" "--end is left out"
decode --start 4 gop.mkv
is "$(numbers | cut -d' ' -f1)" 40 "--start: the first frame at the time"
expect 0 "--start behind the end" hmr-decode -o d.hmr --start 100 gop.mkv
dump d.hmr >d.txt
like d.txt '^end complete 0' "gives no frame, and says so"
like err 'no frames' "with a warning"
sh -c 'cat gop.mkv | hmr-decode -q -z 0 --start 2.55 - >d.hmr'
dump d.hmr >d.txt
is "$(numbers | cut -d' ' -f1)" 26 "--start from a pipe keeps the numbers"

# --- size
decode --max-side 32 flat.mp4
is "$(sizes)" "32x24 32x24 32x24" "--max-side"
decode --max-side 1 --frames 1 flat.mp4
is "$(sizes)" 1x1 "--max-side 1"
decode --max-side 4000 --frames 1 flat.mp4
is "$(sizes)" 64x48 "--max-side never enlarges"
clip 96x64 3 10 -pix_fmt yuv444p -c:v libx264 b.h264
clip 64x48 3 10 -pix_fmt yuv420p -c:v libx264 a.h264
cat a.h264 b.h264 >ab.h264
decode ab.h264
is "$(awk '/^[0-9]/ { print $4, $5 }' d.txt | sort | uniq -c | tr -s ' ')" " 6 64x48 yuv420p" \
	"a change of size and format midway takes the form of the first"
like err 'size changes from 64x48 to 96x64' "and is told"
clip 7680x4320 1 1 -c:v mjpeg -q:v 20 8k.avi
decode 8k.avi
is "$(sizes)" 7680x4320 "8K"
fails 3 "--max-frame" hmr-decode --max-frame 640x480 -o d.hmr 8k.avi
like err '7680x4320 take .* the limit' "names both sizes"

# --- images
mkdir pics
for i in 1 2 10; do
	ff -f lavfi -i "color=size=$((i * 10))x20:color=red" -frames:v 1 "pics/img$i.png"
done
clip 30x90 1 10 pics/img3.bmp
clip 40x30 1 10 pics/img20.jpg
exif 6
cp turned.jpg pics/img4.jpg
echo "not an image" >pics/notes.txt
decode --rate 30000/1001 pics
is "$(sizes)" "10x20 20x20 30x90 48x64 100x20 40x30" \
	"a folder: natural order, mixed kinds and sizes, turned by EXIF"
like d.txt '^head pics 100x90 1001/30000 30000/1001 6' "HEAD holds the largest sides and the rate"
is "$(numbers)" "0 1 2 3 4 5" "numbered by place"
decode --start 0.1 --end 0.17 --every 2 --rate 30 pics
is "$(numbers)" "4" "a folder takes --start, --end and --every"
like d.txt '^head pics 100x90' "HEAD does not depend on the part taken"
echo "broken" >pics/img5.png
ln -s nowhere pics/img6.png
decode pics
is "$(numbers)" "0 1 2 3 6 7" "unreadable images: their numbers are left out"
like err 'img5.png' "each is named"
like err '^hmr-decode: 2 images could not be read' "and they are counted"
decode 'pics/img*0.png'
is "$(sizes)" "100x20" "a glob"
decode pics/img2.png pics/img1.png
is "$(sizes)" "20x20 10x20" "operands keep their order"
decode pics/img10.png
is "$(awk '/^[0-9]/ { print $1, $4, $5 }' d.txt)" "0 100x20 rgb24" "a single image"
mkdir empty bad
fails 3 "an empty folder" hmr-decode -o d.hmr empty
echo x >bad/a.png
fails 3 "a folder of unreadable images" hmr-decode -q -o d.hmr bad
cp gop.mkv bad/a.png
fails 3 "a folder of a video named .png" hmr-decode -q -o d.hmr bad
cp flat.jpg 'pics/a%d:b.jpg'
decode 'pics/a%d:b.jpg'
is "$(frames)" 1 "a name with a percent sign and a colon is a file"
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 empty
	fails 1 "an unreadable folder" hmr-decode -o d.hmr empty
	chmod 755 empty
else
	skip "an unreadable folder" "root reads everything"
fi

# --- stdin
decode flat.mp4
cp d.raw want.raw
expect 0 "a file on stdin" sh -c 'hmr-decode -z 0 - <flat.mp4 >d.hmr'
dump d.hmr d.raw >d.txt
same d.raw want.raw "is the same, although its index is at the end"
expect 0 "a pipe on stdin" sh -c 'cat gop.mkv | hmr-decode >d.hmr'
dump d.hmr >d.txt
is "$(frames)" 60 "no operand is stdin"
like d.txt '^head - ' "its name is -"
clip 640x480 20 10 -c:v mpeg4 -qscale 2 late.mp4
fails 3 "an index behind the data in a pipe" sh -c 'cat late.mp4 | hmr-decode >d.hmr'
like err 'index.*cannot be sought' "says why"
fails 3 "nothing on stdin" sh -c 'hmr-decode - </dev/null >d.hmr'
fails 1 "closed stdin" sh -c 'hmr-decode - <&- >d.hmr'

# --- what is no video
fails 1 "no such file" hmr-decode -o d.hmr nowhere.mp4
dump d.hmr >d.txt
like d.txt '^end failed 0 hmr-decode +nowhere.mp4: No such file' "the cause is in END"
like d.txt '^head nowhere.mp4 0x0' "after a HEAD without a size"
head -c 100000 /dev/zero >zero.mp4
fails 3 "zeros" hmr-decode -o d.hmr zero.mp4
python3 -c 'import random, sys; random.seed(3); sys.stdout.buffer.write(random.randbytes(100000))' >random.mp4
fails 3 "noise" hmr-decode -o d.hmr random.mp4
: >nothing.mp4
fails 3 "an empty file" hmr-decode -o d.hmr nothing.mp4
like err 'empty file' "is called so"
echo "hello, this is a text" >text.txt
fails 3 "a text" hmr-decode -o d.hmr text.txt
cp text.txt text.mp4
fails 3 "a text named .mp4" hmr-decode -o d.hmr text.mp4
ff -f lavfi -i "sine=duration=1" sound.wav
fails 3 "sound alone" hmr-decode -o d.hmr sound.wav
like err 'no video' "says what is missing"
fails 1 "an unknown protocol" hmr-decode -o d.hmr gibberish://x/y
fails 3 "an unknown format" hmr-decode --format gibberish -o d.hmr gop.mkv
expect 2 "an option that the format has not" hmr-decode --option gibberish=1 -o d.hmr gop.mkv

# --- no frames
printf 'YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n' >none.y4m
expect 0 "a video without frames" hmr-decode -o d.hmr none.y4m
dump d.hmr >d.txt
like d.txt '^head none.y4m 64x48' "has a HEAD with its size"
like d.txt '^end complete 0' "and END complete"
like err '^hmr-decode: no frames' "with a warning"

# --- truncation: all whole frames, then END failed
clip 64x48 40 10 -c:v libx264 -bf 0 -g 5 -movflags faststart cut.mp4
ff -i cut.mp4 -c copy cut.mkv
clip 64x48 40 10 -c:v mpeg4 -g 5 cut.avi
ff -i cut.mp4 -c copy -movflags frag_keyframe+empty_moov+default_base_moof frag.mp4
for f in cut.mp4 cut.mkv cut.avi frag.mp4; do
	cut_at $f >"short-$f"
	fails 3 "truncated $f" hmr-decode -z 0 -o d.hmr "short-$f"
	dump d.hmr d.raw >d.txt
	like err 'truncated' "is called so"
	like d.txt '^end failed [0-9]+ hmr-decode .*truncated' "$f: END too"
	k=$(frames)
	[ "$k" -gt 10 ] && [ "$k" -lt 40 ]
	ok $? "$f: the frames before the cut are out ($k)"
	hmr-decode -q -z 0 --frames "$k" $f >whole.hmr
	dump whole.hmr want.raw >/dev/null
	same d.raw want.raw "$f: and they are whole"
done
cut_at cut.mp4 >short.mp4
fails 3 "truncated mp4 in a pipe" sh -c 'cat short.mp4 | hmr-decode - >d.hmr'
like err 'truncated' "is called so"
expect 0 "a part of a truncated file" hmr-decode --frames 5 -o d.hmr short.mp4

# --- damage: counted, carried on
python3 - <<'EOF'
import random
s = bytearray(open('cut.mkv', 'rb').read())
random.seed(1)
for i in range(30):
    at = random.randrange(len(s) // 3, len(s) * 2 // 3)
    s[at] = random.randrange(256)
open('hurt.mkv', 'wb').write(s)
EOF
expect 0 "damaged packets do not end decoding" hmr-decode -z 0 -o d.hmr hurt.mkv
dump d.hmr >d.txt
like err 'damaged' "they are counted"
is "$(awk '/^[0-9]/ { l = $1 } END { print l }' d.txt)" 39 "the last frame keeps its number"

# --- playlists reach other files only when asked to
ff -i gop.mkv -c copy -f hls -hls_time 2 -hls_list_size 0 list.m3u8
cp list.m3u8 list.mp4
fails 3 "an HLS playlist" hmr-decode -o d.hmr list.m3u8
like err 'playlist.*--playlist' "says what to give"
fails 3 "an HLS playlist named .mp4" hmr-decode -o d.hmr list.mp4
expect 0 "an HLS playlist with --playlist" hmr-decode --playlist -z 0 -o d.hmr list.m3u8
printf 'ffconcat version 1.0\nfile gop.mkv\n' >concat.mp4
fails 3 "a concat script named .mp4" hmr-decode -o d.hmr concat.mp4
expect 0 "a concat script with --playlist" hmr-decode --playlist -o d.hmr concat.mp4
mkdir pl
cp concat.mp4 pl/a.png
fails 3 "a concat script as an image" hmr-decode -q --playlist -o d.hmr pl
fails 3 "concat: in a name" hmr-decode -o d.hmr 'concat:gop.ts|gop.ts'
fails 3 "subfile in a name" hmr-decode -o d.hmr 'subfile,,start,0,end,0,,:gop.ts'
fails 3 "a playlist on stdin" sh -c 'hmr-decode - <list.m3u8 >d.hmr'

# --- credentials
fails 1 "a URL with a password" hmr-decode -o d.hmr 'http://me:secret@127.0.0.1:9/v.mp4'
! grep -aq secret err d.hmr
ok $? "the password is neither told nor in the stream"
dump d.hmr >d.txt
like d.txt '^head http://127.0.0.1:9/v.mp4' "HEAD names the rest"

# --- a live source drops the oldest, a file never
sh -c 'hmr-decode --live --frames 30 -z 0 "lavfi:testsrc2=size=640x480:rate=1000" | { sleep 1; cat >d.hmr; }' 2>err
dump d.hmr >d.txt
is "$(frames)" 30 "live: as many frames as asked"
like err 'came too fast and were dropped' "live: the dropped ones are counted"
is "$(field 1 | awk '{ print ($NF > 30) }')" 1 "live: they leave gaps in the numbers"
expect 2 "an unknown option" hmr-decode --gibberish
expect 2 "a bad time" hmr-decode --start 1:99 -o d.hmr gop.mkv
expect 2 "the end before the start" hmr-decode --start 5 --end 4 -o d.hmr gop.mkv
expect 2 "input and output the same" hmr-decode -o gop.mkv gop.mkv
[ -s gop.mkv ]
ok $? "and nothing was lost"

# --- the run's own end
fails 1 "a full disk" sh -c 'hmr-decode gop.mkv >/dev/full'
cat >left.py <<'EOF'
import os, signal, subprocess, sys, time
src = ["lavfi:testsrc2=size=64x48"]
if sys.argv[1] == "pipe":
    p = subprocess.Popen(["hmr-decode", "-q"] + src, stdout=subprocess.PIPE)
    p.stdout.read(100000)
    p.stdout.close()
    sys.exit(p.wait() != -signal.SIGPIPE)
p = subprocess.Popen(["hmr-decode", "-q", "-z", "0", "-o", "sig.hmr"] + src)
while not os.path.exists("sig.hmr") or os.path.getsize("sig.hmr") < 100000:
    time.sleep(0.05)
p.send_signal(signal.SIGTERM)
sys.exit(p.wait() != -signal.SIGTERM)
EOF
run python3 left.py pipe
is "$got" 0 "a reader that leaves: dies by signal 13"
[ ! -s err ]
ok $? "in silence"
run sh -c 'trap "" PIPE; exec python3 left.py pipe'
is "$got" 0 "also under a parent that ignores it"
run python3 left.py term
is "$got" 0 "SIGTERM: dies by it"
dump sig.hmr >d.txt
like d.txt '^end failed [1-9][0-9]* hmr-decode [0-9]+ interrupted' "after END failed, interrupted"

finish
