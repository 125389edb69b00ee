#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Packs tests and measurements for a machine that has a GPU, its driver, CUDA's
# libraries and nothing of ours: programs with their shared libraries, models with
# the outputs expected of them, the tiny HMR2, some frames of video. There:
#
#	tar xJf gpu-kit.tar.xz && gpu-kit/run.sh [RESULTS]
#
#	tools/gpu-kit.sh FILE
#
# HMR_BIN     the built programs
# HMR_MODELS  models: nanodet and blazepose-lite go along
# HMR_SHARED  data/onnx: the small networks there too, with ONNX Runtime's outputs;
#             oracle/hmr2-tiny
# HMR_VTEST   the video (demo/vtest.avi)
set -e
root=$(cd "${0%/*}/.." && pwd)
file=$1 bin=$HMR_BIN
shared=${HMR_SHARED:-$root/../shared}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
kit=$tmp/gpu-kit
mkdir -p "$kit/bin/gpu" "$kit/bin/bench" "$kit/lib" "$kit/libc" "$kit/models" "$kit/bench" \
    "$kit/expected" "$kit/streams"

for p in hmr-model hmr-detect hmr-mesh bench/gpu_hmr2; do
	cp "$bin/$p" "$kit/bin/$p"
done
for t in "$root"/tests/cuda/test_*.c; do
	t=${t##*/} t=${t%.c}
	[ ! -x "$bin/gpu/$t" ] || cp "$bin/gpu/$t" "$kit/bin/gpu/"
done
strip "$kit"/bin/hmr-* "$kit"/bin/gpu/* "$kit"/bin/bench/*
cp "$root/bench/gpu.sh" "$root/bench/gpu_torch.py" "$kit/bench/"

# Libraries: the C library apart, for machines whose own is older.
for f in "$kit"/bin/hmr-* "$kit"/bin/gpu/*; do ldd "$f"; done | awk '$2 == "=>" { print $3 }
    $1 ~ /ld-linux/ { print $1 }' | sort -u | while read -r l; do
	case ${l##*/} in
	ld-linux*|libc.so*|libm.so*|libpthread*|libdl.so*|librt.so*) cp -L "$l" "$kit/libc/" ;;
	*) cp -L "$l" "$kit/lib/" ;;
	esac
done
strip --strip-unneeded "$kit"/lib/*.so* 2>/dev/null || true

for n in nanodet blazepose-lite; do
	m=${HMR_MODELS:-$root/models}/$n.safetensors
	[ ! -f "$m" ] || cp "$m" "$kit/models/"
done
# What is expected of a network: ONNX Runtime's outputs where they are, else those
# of this CPU.
theirs=
for m in "$shared"/data/onnx/person-reid*.onnx "$shared"/data/onnx/FastestDet*.onnx \
    "$shared"/data/onnx/yolox*.onnx; do
	[ -f "$m" ] || continue
	n=${m##*/} n=${n%.onnx}
	"$bin/hmr-model" import -q -o "$kit/models/$n.safetensors" "$m" >/dev/null || {
		echo "gpu-kit: $n is left out" >&2
		continue
	}
	[ -f "${m%.onnx}.expected.safetensors" ] || continue
	cp "${m%.onnx}.expected.safetensors" "$kit/expected/$n.safetensors"
	theirs="$theirs $n"
done
ours=$(cd "$kit/models" && for m in *.safetensors; do
	[ ! -f "$m" ] || [ -f "../expected/$m" ] || printf ' %s' "${m%.safetensors}"
done)
HMR_MODELS=$kit/models HMR_TEST_MODELS=$ours "$bin/gpu/test_cuda_nets" -w "$kit/expected" \
    >"$tmp/log" 2>&1 || { cat "$tmp/log" >&2; exit 1; }
cat >"$kit/expected/ORIGIN" <<END
# expected outputs by ONNX Runtime:${theirs:- none}
# by the CPU that packed the kit:${ours:- none}
END
cat "$kit/expected/ORIGIN"
video=${HMR_VTEST:-$root/demo/vtest.avi}
[ ! -f "$video" ] || "$bin/hmr-decode" -q --frames 5 -z 0 --no-history \
    -o "$kit/streams/vtest.hmr" "$video"
if [ -d "$shared/oracle/hmr2-tiny" ]; then
	mkdir -p "$kit/shared/oracle"
	cp -r "$shared/oracle/hmr2-tiny" "$kit/shared/oracle/"
	chmod -R u+w "$kit/shared"
	rm -f "$kit"/shared/oracle/hmr2-tiny/*plain*
fi

cat >"$kit/run.sh" <<'END'
#!/bin/sh
# All checks and times of the kit, into a folder (default: gpu-results).
here=$(cd "${0%/*}" && pwd)
# CUDA's libraries, wherever they were installed.
cuda=$(find / -xdev \( -name 'libcublasLt.so.1[23]' -o -name libcudnn.so.9 \) \
    -printf '%h:' 2>/dev/null)
LD_LIBRARY_PATH=$here/lib:$cuda$LD_LIBRARY_PATH
HMR_BIN=$here/bin HMR_MODELS=$here/models HMR_SHARED=$here/shared
HMR_EXPECTED=$here/expected HMR_STREAMS=$here/streams
export LD_LIBRARY_PATH HMR_BIN HMR_MODELS HMR_SHARED HMR_EXPECTED HMR_STREAMS
if ! "$HMR_BIN/hmr-model" --version >/dev/null 2>&1; then
	# the C library here is older than the one it was built with
	HMR_BIN=$(mktemp -d)
	mkdir "$HMR_BIN/gpu" "$HMR_BIN/bench"
	(cd "$here/bin" && find . -type f) | while read -r p; do
		printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
		    "$here"/libc/ld-linux* "$here/libc:$LD_LIBRARY_PATH" "$here/bin/$p" \
		    >"$HMR_BIN/$p"
		chmod +x "$HMR_BIN/$p"
	done
fi
exec "$here/bench/gpu.sh" -o "${1:-gpu-results}"
END
chmod +x "$kit/run.sh"
mkdir -p "$(dirname "$file")"
# The programs are alike: a window that holds them all saves a fifth.
tar -C "$tmp" -c gpu-kit | xz -9 >"$file"
bytes=$(wc -c <"$file")
echo "$file: $((bytes / 1048576)) MiB"
[ "$bytes" -lt 41943040 ] || { echo "gpu-kit: more than 40 MiB" >&2; exit 1; }
