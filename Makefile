# `make` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help dev dev-auth watch token migrate migrate-plan migrate-status migrate-verify migrate-down \
	migrate-new-epoch migrate-clean-up
.PHONY: test test-deployed soak next-dates sign-in-attempts schemathesis lint bench build deploy smoke scan generate swagger-ui \
	client

CARGO ?= cargo
PROGRAMS := $(or $(CARGO_TARGET_DIR),target)/debug
# Without OpenSSL's headers on the machine, OpenSSL is built from source, once.
FEATURES := $(shell pkg-config --exists openssl 2>/dev/null || echo --features shared/vendored-openssl)

# Tests with network namespaces need root on Linux, which CI has.
NAMESPACES := $(shell [ "$$(id -u)" = 0 ] && command -v ip >/dev/null && command -v unshare >/dev/null && echo yes)
# Tests in a browser need Chromium. Where there is none, they install it, which takes root and apt-get.
BROWSER := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get; })
SKIPPED := $(if $(NAMESPACES),,--skip half_open --skip namespace) $(if $(BROWSER),,--skip in_a_browser)
# The behaviour tests mostly wait for other processes.
export RUST_TEST_THREADS ?= 4

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: programs ## serve the API on PORT (9000), on DATABASE_URL or a PostgreSQL of its own
	@exec $(PROGRAMS)/dev serve

dev-auth: programs ## the same with the real Better Auth on PORT + 1, and a sign-up to paste
	@exec $(PROGRAMS)/dev serve --better-auth

watch: programs ## the same through `cargo lambda watch`, with hot reload
	@exec $(PROGRAMS)/dev watch $(FEATURES)

token: programs ## print a token of USER_ID=… for the local API
	@exec $(PROGRAMS)/dev token "$(USER_ID)"

migrate: programs ## bring the schema of DATABASE_URL up to date, or adopt the tasks of another back end
	@exec $(PROGRAMS)/migrate up

migrate-plan: programs ## print the SQL that migrate would run, without changing anything
	@exec $(PROGRAMS)/migrate plan

migrate-status: programs ## print which migrations DATABASE_URL has
	@exec $(PROGRAMS)/migrate status

migrate-verify: programs ## prove that the functions work with DATABASE_URL, without changes; fails if they do not
	@exec $(PROGRAMS)/migrate verify

migrate-new-epoch: programs ## after a restore of DATABASE_URL: make every client fetch all tasks again
	@exec $(PROGRAMS)/migrate new-epoch

migrate-clean-up: programs ## delete expired idempotency keys and records of deleted tasks
	@exec $(PROGRAMS)/migrate clean-up

migrate-down: programs ## revert the last migration of DATABASE_URL, or its adoption
	@exec $(PROGRAMS)/migrate down

build: programs ## build the functions for Lambda into target/lambda, for ARCH=x86_64 or arm64, and zip files
	@exec $(PROGRAMS)/dev build --zip

deploy: programs ## deploy to AWS: STAGE=dev or prod of samconfig.toml, parameters from the environment
	@exec $(PROGRAMS)/dev deploy

smoke: programs ## test the API at URL=… with TOKEN=…: ten requests that leave nothing behind
	@exec $(PROGRAMS)/smoke

scan: programs ## scan template.yaml for security problems
	@exec $(PROGRAMS)/dev scan

generate: ## write everything that lists the routes of openapi.yaml, and print the changed files
	@$(CARGO) run --quiet --package dev $(FEATURES) -- generate

client: ## generate clients/typescript from openapi.yaml, and compile it
	@cd clients/typescript && npm ci --no-audit --no-fund --loglevel=error && npm run --silent generate && npm run build

swagger-ui: programs ## write the files of Swagger UI from the npm package of dev/swagger-ui, and print the changed files
	@exec $(PROGRAMS)/dev swagger-ui

# The behaviour tests run again on the database of each other back end. Tests whose result does not depend on the schema
# are left out: routing, processes, and tests that create databases of their own.
LAYOUTS := $(basename $(notdir $(wildcard dev/tests/layouts/*.sql)))
APART := accounts authentication changes_tokens contract cors default_route extra_columns health invalid_cursors layouts logs own_rules \
	priorities resilience routes start tls watch

test: lint ## everything that CI checks: format, lints, documentation, unit and behaviour tests
	$(CARGO) build --workspace $(FEATURES)
	$(CARGO) test --workspace $(FEATURES) -- $(SKIPPED)
	@set -e; for layout in $(LAYOUTS); do echo "LAYOUT=$$layout"; \
		LAYOUT=$$layout $(CARGO) test --workspace $(FEATURES) --test api -- $(APART:%=--skip %::); done
	@$(if $(NAMESPACES),,echo "NOT RUN: the tests named half_open and namespace, which take root, ip and unshare")
	@$(if $(BROWSER),,echo "NOT RUN: the tests named in_a_browser, which take Chromium")

test-deployed: programs ## the tests of the deployment, with the functions built as they are deployed
	DEPLOYED=1 $(CARGO) test --package dev $(FEATURES) --test deploy

soak: programs ## send SOAK_REQUESTS (10000) requests under all kinds of faults; SOAK_SEED replays a run
	SOAK_REQUESTS=$(or $(SOAK_REQUESTS),10000) $(CARGO) test --package dev $(FEATURES) --test faults soak -- --nocapture

next-dates: ## compare NEXT_DATES (10000) next dates of recurring tasks with those of python-dateutil
	NEXT_DATES=$(or $(NEXT_DATES),10000) $(CARGO) test --package dev $(FEATURES) --test migrations next_dates

sign-in-attempts: programs ## SIGN_IN_ATTEMPTS (100000) concurrent attempts at one account, of which twenty may be tried
	SIGN_IN_ATTEMPTS=$(or $(SIGN_IN_ATTEMPTS),100000) $(CARGO) test --package dev $(FEATURES) --test api twenty_attempts

schemathesis: programs ## requests made from openapi.yaml: SCHEMATHESIS_EXAMPLES (50) of each operation, in every form of JSON
	SCHEMATHESIS_EXAMPLES=$(or $(SCHEMATHESIS_EXAMPLES),50) SCHEMATHESIS_SEED=$(or $(SCHEMATHESIS_SEED),$(shell date +%s)) \
		$(CARGO) test --package dev $(FEATURES) --test schemathesis -- --include-ignored --test-threads 1

lint: ## format, clippy and documentation, with warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets $(FEATURES) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps $(FEATURES)

bench: programs ## compare the deployed functions with others that do less; BENCH_REQUESTS=200, PEERS=1 adds Python
	@exec $(PROGRAMS)/dev bench --output $(dir $(PROGRAMS))bench.json

.PHONY: programs
programs:
	@test -e $(PROGRAMS)/dev || echo "The first build compiles all dependencies, which takes some minutes." >&2
	@$(CARGO) build --workspace $(FEATURES)
