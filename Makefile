# make demo   installs what is missing, builds, and serves the dashboard on a private PostgreSQL
# make test   installs what is missing and runs every test
SHELL := /bin/bash
.DEFAULT_GOAL := help
ENV := source scripts/env.sh &&
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)

.PHONY: help
help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: setup
setup:
	@scripts/setup build

.PHONY: build
build: setup ## The program and the browser's files
	@echo "==> cargo leptos build"
	@$(ENV) cargo leptos build

.PHONY: demo
demo: build ## A private PostgreSQL with a sample shop, and the dashboard on it
	@echo "==> optischema demo"
	@$(TARGET)/debug/optischema demo

.PHONY: dev
dev: setup ## Rebuild and reload on every change (set OPTISCHEMA_MAIN_URL and so on)
	@$(ENV) cargo leptos watch

.PHONY: test
test: test-setup build test-rust test-versions test-migrations test-end2end ## Every test: unit, integration, other versions of PostgreSQL, migrations, end-to-end

.PHONY: test-setup
test-setup:
	@scripts/setup test

.PHONY: test-rust
test-rust:
	@echo "==> cargo nextest run"
	@$(ENV) cargo nextest run

# Servers of other versions come as binaries for this platform only. Others can be added, such as VERSIONS="13 18 18-debian 19".
VERSIONS ?= 13 18
.PHONY: test-versions
test-versions:
ifeq ($(shell uname -sm),Linux x86_64)
	@$(ENV) for bin in $$(scripts/postgres bin $(VERSIONS)); do \
		echo "==> cargo nextest run (attacks, on $$bin)"; \
		OPTISCHEMA_POSTGRES_BIN=$$bin cargo nextest run -p optischema-server \
			-E 'test(attacks::) + test(shadowing::) + test(reaching::) + test(judging::) + test(corpus::) + test(memberships_) + test(push_nothing_out) + test(pinned_) + test(features_of_18) + test(repack_) + test(nearest::) + test(copies::)' || exit 1; \
	done
else
	@echo "==> other versions of PostgreSQL are tested on Linux x86_64 only: left out"
endif

.PHONY: placebo
placebo: test-setup build ## Changes that cannot touch a statement, benchmarked (OPTISCHEMA_PLACEBOS=N times each)
	@$(ENV) cargo nextest run -p optischema-server --run-ignored only --no-capture -E 'test(placebos_)'

.PHONY: test-migrations
test-migrations:
	@echo "==> scripts/migrations/run"
	@$(ENV) cargo build -q -p optischema-server --example handover_samples
	@CARGO_TARGET_DIR=$(TARGET) scripts/migrations/run

.PHONY: soak
soak: test-setup build ## The program killed a hundred times at random moments (OPTISCHEMA_SOAK=N for N times)
	@$(ENV) cargo nextest run -p optischema-server --run-ignored only --no-capture -E 'test(killed_at_random_moments)'

.PHONY: test-end2end
test-end2end:
	@echo "==> playwright test"
	@cd end2end && OPTISCHEMA_PROGRAM=$(TARGET)/debug/optischema npx playwright test

.PHONY: check
check: setup ## fmt, clippy, files that use each other in a circle, docs; cargo-deny and cargo-machete where they are installed
	@echo "==> cargo fmt --check"
	@$(ENV) cargo fmt --check
	@echo "==> cargo clippy"
	@$(ENV) cargo clippy --all-targets -- -D warnings
	@echo "==> scripts/circles"
	@if command -v python3 >/dev/null; then scripts/circles; \
		else echo "==> python3 is not installed: left out"; fi
	@echo "==> cargo doc"
	@$(ENV) RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
	@$(ENV) if command -v cargo-deny >/dev/null; then cargo deny check; \
		else echo "==> cargo-deny is not installed: left out"; fi
	@$(ENV) if command -v cargo-machete >/dev/null; then cargo machete; \
		else echo "==> cargo-machete is not installed: left out"; fi

.PHONY: bench
bench: setup ## Times (BASELINE=program for another build beside it): the demo's steps, the collector, the store, the plan parser, copying beside pg_dump, the advisor on TPC-H, benchmarks
	@$(ENV) cargo leptos build --release
	@OPTISCHEMA_PROGRAM=$(TARGET)/release/optischema scripts/bench
	@$(ENV) cargo bench -q -p optischema-server --bench workload
	@$(ENV) cargo bench -q -p optischema-server --bench understanding -- $(TARGET)/release/optischema $(BASELINE)
	@$(ENV) cargo bench -q -p optischema-server --bench copying -- $(TARGET)/release/optischema
	@$(ENV) cargo bench -q -p optischema-server --bench advisor
	@$(ENV) cargo bench -q -p optischema-server --bench choosing
	@$(ENV) cargo bench -q -p optischema-server --bench benchmark

.PHONY: schemathesis
schemathesis: build ## Every REST call against its OpenAPI description
	@OPTISCHEMA_PROGRAM=$(TARGET)/debug/optischema scripts/schemathesis

.PHONY: fuzz
fuzz: ## The fuzz targets, a minute each: the guard of main, the plan parser
	@$(ENV) scripts/fuzz

.PHONY: release
release: setup ## An optimised program in target/release, with its files in target/site
	@$(ENV) cargo leptos build --release
