# SPDX-License-Identifier: Apache-2.0
#
# The short way to everything; meson does the work.
#
#   make demo      build, then replicate a real tree to and from a server on loopback
#   make check     everything that a change must pass
#   make check-slow  hawser bench in a browser, its archive, AArch64 by an emulator
#   make check-long  copies over connections that are cut 200 times, between hosts, to servers that lag behind
#   make build     the library and the command, in build/
#   make install   build, then install below PREFIX (DESTDIR is honoured)
#   make bench     build and run the comparisons of bench/
#   make bench-bundle  an archive of hawser bench to carry to other machines
#   make sanitize  build with the address and undefined-behaviour sanitizers, run the tests
#   make lint      what the sources must obey; takes a second
#   make clean     remove what the above have built
#
# demo, check and bench install what is missing, through apt-get (with sudo unless root).

BUILD ?= build
PREFIX ?= /usr/local
MESON_OPTIONS ?=

all: build

build:
	@.ci/setup build
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) --prefix=$(PREFIX) $(MESON_OPTIONS)
	@ninja -C $(BUILD)

demo:
	@.ci/setup demo
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) --prefix=$(PREFIX) $(MESON_OPTIONS)
	@ninja -C $(BUILD) --quiet
	@tests/demo $(BUILD)/tools/hawser

check:
	@.ci/setup check
	@.ci/check all

check-slow:
	@.ci/setup slow
	@.ci/check slow

check-long:
	@.ci/setup check
	@.ci/check long

lint:
	@.ci/check lint

sanitize:
	@.ci/setup check
	@.ci/check sanitize

bench:
	@.ci/setup bench
	@[ -f build-bench/build.ninja ] || meson setup build-bench -Dbenchmarks=true $(MESON_OPTIONS)
	@ninja -C build-bench
	@bench/compare build-bench

bench-bundle:
	@.ci/setup bench
	@bench/bundle

install: build
	@meson configure $(BUILD) --prefix=$(PREFIX)
	@meson install -C $(BUILD)

clean:
	@rm -rf $(BUILD) build-check build-bench build-bundle

.PHONY: all build demo check check-slow check-long lint sanitize bench bench-bundle install clean
