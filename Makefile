# The hmr toolkit. Plain GNU make; knobs: CUDA=auto|0|1 SAN=address,undefined
# WERROR=1 V=1 PREFIX= DESTDIR= MANDIR= O=. README.md names the targets.
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

PKG_media := libavformat libavcodec libavdevice libavutil libswscale
PKG_ALL := libzstd libxxhash libcjson nettle zlib $(PKG_media)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKG_ALL) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
  -Wwrite-strings -Wpointer-arith -Wvla -Wformat=2
HMR_CPPFLAGS := -Ilib -Icmd -D_XOPEN_SOURCE=700
HMR_CFLAGS := -std=c11 $(WARN) $(if $(WERROR),-Werror) -fno-math-errno \
  -ffp-contract=off $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) $(PKG_CFLAGS)
HMR_LDFLAGS := $(if $(SAN),-fsanitize=$(SAN)) -Wl,--as-needed

# Which directories of lib/ a program is made of, in link order, and which
# libraries it needs. base, image and stream go to everybody.
PARTS_hmr-decode := media
PARTS_hmr-detect := detect nn import
PARTS_hmr-mesh := detect body nn import
PARTS_hmr-assoc := track body import
PARTS_hmr-render := render track body media import
PARTS_hmr-export := export render track body media import
PARTS_hmr-info := track
PARTS_hmr-model := import nn body
PARTS_hmr-eval := track
COMMON_PARTS := image stream base
LIBS_media := $(shell pkg-config --libs $(PKG_media) 2>/dev/null)
LIBS_nn := -ldnnl -fopenmp
LIBS_COMMON := $(shell pkg-config --libs libzstd libxxhash libcjson nettle 2>/dev/null) -lm -lpthread

PROGS := $(patsubst cmd/%.c,%,$(wildcard cmd/hmr-*.c))
CMD_COMMON := $O/cmd/prog.o $O/cmd/filter.o
DIRS := $(sort $(patsubst lib/%/,%,$(dir $(wildcard lib/*/*.c))))
UNITS := $(patsubst tests/unit/%.c,$O/unit/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$O/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

all: $(PROGS:%=$O/%)

$O/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC $<")
	$Q$(CC) $(HMR_CPPFLAGS) $(CPPFLAGS) -MMD -MP $(HMR_CFLAGS) $(CFLAGS) $(CFLAGS_$(notdir $*)) -c -o $@ $<

define archive
$O/lib/libhmr-$(1).a: $$(patsubst %.c,$O/%.o,$$(wildcard lib/$(1)/*.c))
	@rm -f $$@
	$$Q$$(AR) rcs $$@ $$^
endef
$(foreach d,$(DIRS),$(eval $(call archive,$d)))

parts = $(filter $(DIRS),$(PARTS_$(1)) $(COMMON_PARTS))
archives = $(patsubst %,$O/lib/libhmr-%.a,$(call parts,$(1)))
libs = -Wl,--start-group $(call archives,$(1)) -Wl,--end-group $(foreach p,$(call parts,$(1)),$(LIBS_$p)) $(LIBS_COMMON)

define program
$O/$(1): $O/cmd/$(1).o $(CMD_COMMON) $(call archives,$(1))
	@$(if $(V),,echo "  LD $$@")
	$$Q$$(CC) $$(HMR_LDFLAGS) $$(LDFLAGS) -o $$@ $O/cmd/$(1).o $(CMD_COMMON) $(call libs,$(1))
endef
$(foreach p,$(PROGS),$(eval $(call program,$p)))

# Unit tests and fuzz targets link all of lib/.
PARTS_all := $(filter-out $(COMMON_PARTS),$(DIRS))
$O/unit/%: $O/tests/unit/%.o $(call archives,all)
	@mkdir -p $(@D)
	$Q$(CC) $(HMR_LDFLAGS) $(LDFLAGS) -o $@ $< $(call libs,all) -lcmocka

units: $(UNITS)
-include $(shell find $O -name '*.d' 2>/dev/null)
clean:
	rm -rf build
.PHONY: all units clean
