# The two commands of the README, and what a developer needs daily. Everything else is CMake (CMakePresets.json).
SHELL := /bin/bash
ARGS ?=

.PHONY: serve test setup build asan tsan fuzz tidy bench format clean

serve: build
	build/weir serve $(ARGS)

test: build
	scripts/test.sh

setup:
	@scripts/setup.sh

build: setup
	@cmake --preset release --log-level=WARNING
	@cmake --build --preset release

# The same tests under sanitizers. They run the engines of the release build, hence that one first.
asan tsan: build
	scripts/sanitize.sh $@

# A minute of libFuzzer for each target: needs clang. ARGS="SECONDS TARGET…"
fuzz: build
	scripts/fuzz.sh $(ARGS)

bench: build
	bench/run.sh $(ARGS)

# What differs from main; ARGS="--all" or files for more.
tidy: build
	scripts/tidy.sh $(ARGS)

format:
	scripts/format.sh $(ARGS)

clean:
	rm -rf build build-*
