# The hmr toolkit. Plain GNU make; knobs: CUDA=auto|0|1 CUDA_ARCH="75 80 ..."
# SAN=address,undefined WERROR=1 V=1 PREFIX= DESTDIR= MANDIR= O=. README.md names
# the targets.
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
PREFIX ?= /usr/local
MANDIR ?= $(PREFIX)/share/man
CFLAGS ?= -O2 -g
SAN ?=
comma := ,
O ?= build/cpu$(if $(SAN),-$(subst $(comma),-,$(SAN)))
Q := $(if $(V),,@)

# With nvcc and cudart the GPU is built in, wherever the programs run later: cudart is
# linked statically, cuBLASLt and cuDNN are opened when a GPU is used. nvcc itself says
# where its headers and libraries are: what lies on the path may be a script that calls
# it. Sanitized and clang builds leave it out.
CUDA ?= auto
CUDA_ARCH ?= 75 80 86 89 90 100 120
NVCC := $(firstword $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc))
CUDA_TOP := $(if $(NVCC),$(realpath $(shell $(NVCC) --dryrun -x cu -c /dev/null 2>&1 | sed -n 's/^\#\$$ TOP=//p')))
CUDA_INCLUDE := $(patsubst %/cuda_runtime_api.h,%,$(firstword \
  $(if $(CUDA_TOP),$(wildcard $(CUDA_TOP)/include/cuda_runtime_api.h /usr/include/cuda_runtime_api.h))))
CUDART := $(firstword $(if $(CUDA_INCLUDE),$(wildcard $(addsuffix /libcudart_static.a,$(CUDA_TOP)/lib64 \
  $(CUDA_TOP)/targets/*/lib $(CUDA_TOP)/lib /usr/lib/*-linux-gnu))))
override CUDA := $(if $(filter auto,$(CUDA)),$(if $(or $(SAN),$(filter clang,$(CC))),0,$(if $(CUDART),1,0)),$(CUDA))
ifeq ($(CUDA)$(CUDART),1)
$(error CUDA=1, but there is no $(if $(NVCC),$(if $(CUDA_INCLUDE),libcudart_static.a,cuda_runtime_api.h) to go with $(NVCC),nvcc))
endif
NVCC_FLAGS := -O2 -std=c++17 --threads 2 $(foreach a,$(CUDA_ARCH),-gencode arch=compute_$a,code=sm_$a) \
  -gencode arch=compute_$(lastword $(CUDA_ARCH)),code=compute_$(lastword $(CUDA_ARCH)) \
  $(if $(filter 1,$(CUDA)),$(shell $(NVCC) --help | grep -q compress-mode && echo --compress-mode=size)) \
  -Xcompiler -Wall,-Wextra,-fno-exceptions,-fno-rtti,-fno-threadsafe-statics $(if $(WERROR),-Werror all-warnings)

# The same bits as the CPU: no fused products where images and boxes are worked out.
NVCC_FLAGS_image_fill := -fmad=false
NVCC_FLAGS_detect_boxes := -fmad=false

PKG_media := libavformat libavcodec libavdevice libavutil libswscale
PKG_ALL := libzstd libxxhash libcjson libzip nettle zlib $(PKG_media)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKG_ALL) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
  -Wwrite-strings -Wpointer-arith -Wvla -Wformat=2
HMR_CPPFLAGS := -Ilib -Icmd -I$O/gen -D_XOPEN_SOURCE=700
HMR_CFLAGS := -std=c11 $(WARN) $(if $(WERROR),-Werror) -fno-math-errno \
  -ffp-contract=off $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) $(PKG_CFLAGS)
HMR_LDFLAGS := $(if $(SAN),-fsanitize=$(SAN)) -Wl,--as-needed

# Which directories of lib/ a program is made of, in link order, and which
# libraries it needs. base, image and stream go to everybody.
PARTS_hmr-decode := media
PARTS_hmr-detect := detect nn cuda import
PARTS_hmr-mesh := detect hmr2 body nn cuda import
PARTS_hmr-assoc := track body nn cuda import
PARTS_hmr-render := render body media nn cuda import
PARTS_hmr-export := export render track body media nn cuda import
PARTS_hmr-model := hmr2 import nn cuda body
PARTS_hmr-eval := eval track body nn cuda import
COMMON_PARTS := image stream base
LIBS_media := $(shell pkg-config --libs $(PKG_media) 2>/dev/null)
LIBS_nn := -ldnnl -lgomp
# The loops of the cpu backend are vectorised; cpu_run.c has its threads.
# libgomp is the one runtime, since oneDNN uses it; clang has another, so its
# builds (fuzzing, linting) run networks on one thread.
OPENMP := $(if $(findstring clang,$(shell $(CC) --version)),-Wno-unknown-pragmas -Wno-source-uses-openmp,-fopenmp)
CFLAGS_cpu_run := $(OPENMP)
CFLAGS_cpu_ops := -O3 -fno-trapping-math
CFLAGS_cpu_act := -O3 -fno-trapping-math
CFLAGS_cpu_math := -O3 -fno-trapping-math
CFLAGS_cpu_move := -O3
CFLAGS_cpu_bf16 := -O3
CFLAGS_mesher := $(OPENMP)
CFLAGS_sample := -O3
CFLAGS_series := -O3
CFLAGS_look := -O3
CFLAGS_colour := -O3
LIBS_cuda := $(if $(filter 1,$(CUDA)),$(CUDART) -lpthread -ldl -lrt)
LIBS_import := $(shell pkg-config --libs libzip zlib libprotobuf-c 2>/dev/null)
LIBS_COMMON := $(shell pkg-config --libs libzstd libxxhash libcjson nettle 2>/dev/null) -lm -lpthread

PROGS := $(patsubst cmd/%.c,%,$(wildcard cmd/hmr-*.c))
CMD_COMMON := $O/cmd/prog.o $O/cmd/filter.o
CMD_hmr-detect := $O/cmd/net.o
CMD_hmr-mesh := $O/cmd/net.o
CMD_hmr-model := $O/cmd/net.o
# and a program's own further files, cmd/NAME_*.c
$(foreach p,$(PROGS),$(eval CMD_$p += $(patsubst %.c,$O/%.o,$(wildcard cmd/$(p:hmr-%=%)_*.c))))
DIRS := $(sort $(patsubst lib/%/,%,$(dir $(wildcard lib/*/*.c))))
UNITS := $(patsubst tests/unit/%.c,$O/unit/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$O/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

all: $(PROGS:%=$O/%)

$O/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC $<")
	$Q$(CC) $(HMR_CPPFLAGS) $(CPPFLAGS) -MMD -MP $(HMR_CFLAGS) $(CFLAGS) $(CFLAGS_$(notdir $*)) -c -o $@ $<

$O/lib/cuda/%.o: lib/cuda/%.cu $O/arch
	@mkdir -p $(@D)
	@$(if $(V),,echo "  NVCC $<")
	$Q$(NVCC) $(NVCC_FLAGS) $(NVCC_FLAGS_$(notdir $*)) -Ilib -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

# What follows from CUDA and CUDA_ARCH is made again when they change.
$O/arch: FORCE
	@mkdir -p $O
	@echo '$(CUDA) $(CUDA_ARCH)' | cmp -s - $@ || echo '$(CUDA) $(CUDA_ARCH)' >$@
FORCE:
$O/lib/libhmr-cuda.a: $O/arch

# The device layer is CUDA's or none.
REAL := $(wildcard lib/cuda/device_cuda*.c)
$(REAL:%.c=$O/%.o): HMR_CPPFLAGS += $(if $(filter-out /usr/include,$(CUDA_INCLUDE)),-isystem $(CUDA_INCLUDE))
sources = $(filter-out $(if $(filter 1,$(CUDA)),%/device_none.c,$(REAL)),$(wildcard lib/$(1)/*.c)) \
  $(if $(filter 1,$(CUDA)),$(wildcard lib/$(1)/*.cu))
# ONNX's own schema without the fields that nest, so that reading cannot recurse
# (lib/import/onnx_file.c); a schema in which they are spelled otherwise stops here.
ONNX_PROTO ?= /usr/include/onnx/onnx.proto
NESTING := (GraphProto (g|graphs)|TypeProto (tp|type_protos|elem_type|value_type)|SparseTensorProto (sparse_tensor|sparse_tensors)|TrainingInfoProto training_info|FunctionProto functions) = [0-9]+
$O/gen/onnx.pb-c.c $O/gen/onnx.pb-c.h &: $(ONNX_PROTO)
	@mkdir -p $(@D)
	@[ $$(grep -cE '$(NESTING)' $<) -eq 11 ] || { echo "$<: not the schema that we know" >&2; exit 1; }
	$Qsed -E '/$(NESTING)/d' $< >$O/gen/onnx.proto
	$Qprotoc-c --proto_path=$O/gen --c_out=$O/gen onnx.proto
$O/gen/onnx.pb-c.o: $O/gen/onnx.pb-c.c
	$Q$(CC) -std=c11 $(if $(SAN),-fsanitize=$(SAN)) $(CFLAGS) -w -c -o $@ $<
$(patsubst %.c,$O/%.o,$(wildcard lib/import/onnx*.c tests/*/*_onnx.c)): | $O/gen/onnx.pb-c.h
$O/lib/libhmr-import.a: $O/gen/onnx.pb-c.o

define archive
$O/lib/libhmr-$(1).a: $$(patsubst %.cu,$O/%.o,$$(patsubst %.c,$O/%.o,$$(call sources,$(1))))
	@rm -f $$@
	$$Q$$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach d,$(DIRS),$(eval $(call archive,$d)))

parts = $(filter $(DIRS),$(PARTS_$(1)) $(COMMON_PARTS))
archives = $(patsubst %,$O/lib/libhmr-%.a,$(call parts,$(1)))
libs = -Wl,--start-group $(call archives,$(1)) -Wl,--end-group $(foreach p,$(call parts,$(1)),$(LIBS_$p)) $(LIBS_COMMON)

define program
$O/$(1): $O/cmd/$(1).o $(CMD_COMMON) $(CMD_$(1)) $(call archives,$(1))
	@$(if $(V),,echo "  LD $$@")
	$$Q$$(CC) $$(HMR_LDFLAGS) $$(LDFLAGS) -o $$@ $O/cmd/$(1).o $(CMD_COMMON) $(CMD_$(1)) $(call libs,$(1))
endef
$(foreach p,$(PROGS),$(eval $(call program,$p)))

# Unit tests and fuzz targets link all of lib/.
PARTS_all := $(filter-out $(COMMON_PARTS),$(DIRS))
$O/unit/%: $O/tests/unit/%.o $(call archives,all)
	@mkdir -p $(@D)
	$Q$(CC) $(HMR_LDFLAGS) $(LDFLAGS) -o $@ $< $(call libs,all) -lcmocka

# Tools of bench/ that are not built by their scripts.
$O/bench/%: $O/bench/%.o $(call archives,all)
	$Q$(CC) $(HMR_LDFLAGS) $(LDFLAGS) -o $@ $< $(call libs,all)

# The same with a GPU that is not there: a device layer in host memory, kernels by
# the C compiler. tests/cuda/ also against the real one, as $O/gpu/test_*.
FAKE := $(patsubst %.c,$O/%.o,$(wildcard tests/fake/*.c)) \
  $(patsubst lib/cuda/%.cu,$O/fake/%.o,$(wildcard lib/cuda/*.cu))
CFLAGS_fake_math := -O3
FAKE_TESTS := $(patsubst tests/cuda/%.c,$O/cuda/%,$(wildcard tests/cuda/test_*.c))
UNITS += $(FAKE_TESTS)
$(FAKE) $O/tests/cuda/%.o: HMR_CPPFLAGS += -Itests/fake
$O/fake/%.o: lib/cuda/%.cu
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC $<")
	$Q$(CC) $(HMR_CPPFLAGS) $(CPPFLAGS) -MMD -MP $(HMR_CFLAGS) $(CFLAGS) -O3 -x c -c -o $@ $<
$(FAKE_TESTS): $O/cuda/%: $O/tests/cuda/%.o $(FAKE) $(call archives,all)
	@mkdir -p $(@D)
	$Q$(CC) $(HMR_LDFLAGS) $(LDFLAGS) -o $@ $< $(FAKE) $(call libs,all) -lcmocka
$O/fake/hmr-%: $O/cmd/hmr-%.o $(CMD_COMMON) $O/cmd/net.o $(FAKE) $(call archives,all)
	@mkdir -p $(@D)
	$Q$(CC) $(HMR_LDFLAGS) $(LDFLAGS) -o $@ $< $(CMD_COMMON) $O/cmd/net.o $(FAKE) $(call libs,all)
$O/gpu/%: $O/tests/cuda/%.o $(call archives,all)
	@mkdir -p $(@D)
	$Q$(CC) $(HMR_LDFLAGS) $(LDFLAGS) -o $@ $< $(call libs,all) -lcmocka

units: $(UNITS) $(addprefix $O/fake/,hmr-detect hmr-mesh)
-include $(shell find $O -name '*.d' 2>/dev/null)
# Fuzz targets are built by clang, apart from everything else.
$O/fuzz/%: $O/tests/fuzz/%.o $(call archives,all)
	@mkdir -p $(@D)
	$Q$(CC) $(HMR_LDFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(call libs,all)
fuzz-targets: $(FUZZERS)

# Targets for people. A make that starts on a bare system knows no library yet,
# so what needs packages installs them and lets a second make build.
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
VERSION := $(shell sed -n 's/^.define HMR_VERSION "\(.*\)"/\1/p' cmd/prog.h)
TESTS = $(sort $(wildcard tests/*.t))
PROVE = HMR_BIN=$(abspath $O) HMR_SAN_BIN=$(abspath $O-san) HMR_FUZZ_BIN=$(abspath $O-fuzz/fuzz) \
  CC='$(CC)' CMOCKA_MESSAGE_OUTPUT=TAP prove --exec ''

deps:
	@tools/deps.sh
models:
	@HMR_BIN=$(abspath $O) tools/fetch-models.sh
video:
	@tools/fetch-video.sh

demo: deps
	+@$(SUBMAKE) all
	@HMR_BIN=$(abspath $O) tools/fetch-models.sh
	@tools/fetch-video.sh
	@HMR_BIN=$(abspath $O) tools/demo.sh

# For the eye, into demo/pictures: needs what make demo fetches.
pictures: all $O/bench/sheet
	@HMR_BIN=$(abspath $O) tools/pictures.sh

# Everything, in one prove: unit tests, commands, manuals, shell, headers, and the
# short tests under sanitizers. Without network the tests that need models or the
# video say so and are skipped; in CI that is a failure.
check: deps
	+@$(SUBMAKE) WERROR=1 all units
	+@$(SUBMAKE) SAN=address,undefined CUDA=0 O=$O-san all units
	+@$(SUBMAKE) fuzzers
	@HMR_BIN=$(abspath $O) tools/fetch-models.sh || [ -z "$$CI" ]
	@tools/fetch-video.sh || [ -z "$$CI" ]
	@$(PROVE) -j$(shell nproc) $(UNITS) $(TESTS)

fuzzers:
	+@$(SUBMAKE) CC=clang SAN=address,undefined,fuzzer-no-link CUDA=0 O=$O-fuzz \
	  'LIBS_nn=-ldnnl -lgomp' fuzz-targets
fuzz: all fuzzers
	@$(PROVE) -v tests/fuzz.t
lint:
	@$(PROVE) tests/lint.t tests/docs.t

# Each header compiles alone.
headers: $O/gen/onnx.pb-c.h
	@for h in $(sort $(wildcard lib/*/*.h cmd/*.h)); do \
	  printf '#include "%s"\n' "$$h" | $(CC) -I. $(HMR_CPPFLAGS) $(HMR_CFLAGS) -Werror \
	    -fsyntax-only -x c - || { echo "$$h does not compile alone" >&2; exit 1; }; done

# On a machine with a GPU: everything that is tested there, then what it takes.
GPU_TESTS := $(patsubst tests/cuda/%.c,$O/gpu/%,$(filter-out tests/cuda/test_cuda_fake.c \
  tests/cuda/test_cuda_stage.c tests/cuda/test_hmr2_fake.c,$(wildcard tests/cuda/test_*.c)))
GPU_PROGS := $(addprefix $O/hmr-,model detect mesh) $(GPU_TESTS) $O/bench/gpu_hmr2
check-gpu: $(GPU_PROGS)
	@HMR_BIN=$(abspath $O) bench/gpu.sh -n
bench-gpu: $(GPU_PROGS)
	@HMR_BIN=$(abspath $O) bench/gpu.sh
# All of that in one file for a machine with a driver, CUDA's libraries and nothing else.
gpu-kit: $(GPU_PROGS) $O/hmr-decode
	@HMR_BIN=$(abspath $O) tools/gpu-kit.sh build/gpu-kit.tar.xz

bench: all
	@HMR_BIN=$(abspath $O) bench/pipeline.sh
	@HMR_BIN=$(abspath $O) bench/memory.sh

BINDIR = $(DESTDIR)$(PREFIX)/bin
DOCDIR = $(DESTDIR)$(PREFIX)/share/doc/hmr
INSTALLED_DOCS = LICENSE NOTICE NEWS README.md $(wildcard MODEL.md formats/*.md formats/*.json)
install: all
	install -d $(BINDIR) $(DOCDIR) $(foreach n,1 5 7,$(DESTDIR)$(MANDIR)/man$n)
	install $(PROGS:%=$O/%) $(BINDIR)
	for p in $(wildcard man/*.[157]); do \
	  install -m 644 $$p $(DESTDIR)$(MANDIR)/man$${p##*.} || exit; done
	install -m 644 $(INSTALLED_DOCS) $(DOCDIR)
uninstall:
	rm -f $(PROGS:%=$(BINDIR)/%) $(addprefix $(DOCDIR)/,$(notdir $(INSTALLED_DOCS)))
	rm -f $(foreach n,1 5 7,$(patsubst man/%,$(DESTDIR)$(MANDIR)/man$n/%,$(wildcard man/*.$n)))
	-rmdir $(DOCDIR)
dist:
	@mkdir -p build
	git archive --prefix=hmr-$(VERSION)/ HEAD | gzip -9n >build/hmr-$(VERSION).tar.gz
clean:
	rm -rf build
.PHONY: check-gpu bench-gpu gpu-kit all units fuzz-targets deps models video demo pictures check fuzzers fuzz lint headers \
  bench install uninstall dist clean FORCE
