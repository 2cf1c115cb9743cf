# What people type. The work is in scripts/ and in the executables.
.DEFAULT_GOAL := help
JOBS ?= 2
SOURCES := Package.swift Sources Tests Benchmarks

# Open MPI refuses root unless told twice (containers); ordinary users are not affected.
export OMPI_ALLOW_RUN_AS_ROOT := 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM := 1

.PHONY: help study test slurm-test bench bundle build bootstrap format lint clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

study: build ## install what is missing, build, run the main job, say where the report is
	-scripts/fetch-vega
	.build/release/padtax run jobs/study.yaml
	@echo "study: report.html of each run lies in its folder under results/"

test: bootstrap ## install what is missing, run every test
	@JOBS=$(JOBS) PADTAX_JOBS=$(JOBS) scripts/test

slurm-test: ## install Slurm, run its tests on virtual nodes (Debian or Ubuntu, as root)
	@JOBS=$(JOBS) PADTAX_JOBS=$(JOBS) scripts/slurm-test

bench: bootstrap ## measure kernels and messages against their ceilings (keep the machine quiet)
	@PADTAX_JOBS=$(JOBS) scripts/bench

bundle: bootstrap ## a tarball that runs on machines without Swift and MPI, tried in a clean root
	@PADTAX_JOBS=$(JOBS) scripts/bundle

build: bootstrap ## release build
	swift build -c release -j $(JOBS)

bootstrap: ## install what is missing (apt; sudo only when not root)
	@scripts/bootstrap

format: ## rewrite sources in the project's format
	swift format --in-place --parallel --recursive $(SOURCES)

lint: ## format and layer checks
	swift format lint --strict --parallel --recursive $(SOURCES)
	scripts/check-layers

clean: ## remove builds
	rm -rf .build
