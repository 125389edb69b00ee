#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Packs tests and measurements for a machine that has a GPU, its driver, CUDA's
# libraries and nothing of ours: programs with their shared libraries, models, the
# tiny HMR2. There:
#
#	tar xJf gpu-kit.tar.xz && gpu-kit/run.sh [RESULTS]
#
#	tools/gpu-kit.sh FILE
#
# HMR_BIN     the built programs
# HMR_MODELS  models: nanodet and blazepose-lite go along
# HMR_SHARED  data/onnx: the small networks there too; oracle/hmr2-tiny
set -e
root=$(cd "${0%/*}/.." && pwd)
file=$1 bin=$HMR_BIN
shared=${HMR_SHARED:-$root/../shared}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
kit=$tmp/gpu-kit
mkdir -p "$kit/bin/gpu" "$kit/bin/bench" "$kit/lib" "$kit/libc" "$kit/models" "$kit/bench"

for p in hmr-model bench/gpu_hmr2; do
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
for m in "$shared"/data/onnx/person-reid*.onnx "$shared"/data/onnx/FastestDet*.onnx \
    "$shared"/data/onnx/yolox*.onnx; do
	[ -f "$m" ] || continue
	n=${m##*/} n=${n%.onnx}
	"$bin/hmr-model" import -q -o "$kit/models/$n.safetensors" "$m" ||
	    echo "gpu-kit: $n is left out" >&2
done
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
export LD_LIBRARY_PATH HMR_BIN HMR_MODELS HMR_SHARED
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
tar -C "$tmp" -c gpu-kit | xz -T0 -6 >"$file"
bytes=$(wc -c <"$file")
echo "$file: $((bytes / 1048576)) MiB"
[ "$bytes" -lt 41943040 ] || { echo "gpu-kit: more than 40 MiB" >&2; exit 1; }
