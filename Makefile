# One command is the gate: make test. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# The generator and the linters are pinned in a module of their own.
TOOL := go tool -modfile=tools/go.mod

BENCH      ?= .
BENCHTIME  ?= 1s
FUZZTIME   ?= 10s
SIMTIMEOUT ?= 2h
CHAOS      ?= 10m
SEED       ?=

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' Makefile | while IFS='|' read -r target what; do
		printf '  make %-10s %s\n' "$$target" "$$what"
	done

.PHONY: test
test: need generated gofmt vet lint race middleware examples ## the gate: needs, generated code, gofmt, vet, linters, all tests with -race, the examples

.PHONY: demo
demo: ## start the IdP, three apps, the API and the control room
	@go run ./demo

.PHONY: generate
generate: ## regenerate the templ pages
	@echo "== generate: templ"
	$(TOOL) templ generate

# errcheck leaves tests alone: their deferred Closes would drown what it finds.
.PHONY: lint
lint: ## staticcheck and errcheck (exceptions: staticcheck.conf, tools/errcheck.txt)
	@echo "== lint: staticcheck"
	$(TOOL) staticcheck ./...
	echo "== lint: errcheck"
	$(TOOL) errcheck -ignoregenerated -ignoretests -exclude tools/errcheck.txt ./...

.PHONY: bench
bench: ## every benchmark (BENCH=regexp BENCHTIME=1s), and the hot path beside its floor and the peers
	@echo "== bench: $(BENCH), $(BENCHTIME) each"
	go test -run '^$$' -bench '$(BENCH)' -benchtime '$(BENCHTIME)' -benchmem ./...
	echo "== bench: one authenticated request beside its floor and the peers"
	cd bench && go run .

.PHONY: screenshots
screenshots: ## the pictures of the documentation, taken from the running demo
	@echo "== screenshots: docs/"
	TANDEM_SHOTS="$(CURDIR)/docs" go test -count=1 ./e2e/controlroom
	TANDEM_SHOTS="$(CURDIR)/docs" go test -count=1 -run TestWarningIsAnswered ./e2e/stories

.PHONY: fuzz
fuzz: ## every fuzz target in turn (FUZZTIME=10s each)
	@tools/fuzz.sh '$(FUZZTIME)'

.PHONY: simulate
simulate: ## the simulation's long lane (SIMTIMEOUT=2h at most)
	@echo "== simulate: long lane, at most $(SIMTIMEOUT)"
	TANDEM_SIMULATE=long go test -count=1 -v -timeout '$(SIMTIMEOUT)' ./e2e/simulation/...

.PHONY: chaos
chaos: ## processes on real servers are killed, stopped and failed over (CHAOS=10m; SEED=n repeats one)
	@echo "== chaos: $(CHAOS)"
	export GOFLAGS="$$(go env GOFLAGS) -buildvcs=false" TANDEM_GATE=1 CGO_ENABLED=1
	TANDEM_CHAOS='$(CHAOS)' TANDEM_CHAOS_SEED='$(SEED)' go test -race -count=1 -v -timeout 24h -run TestChaos ./e2e/chaos

# The steps of the gate, each of which may be run alone.

.PHONY: need
need:
	@tools/need.sh

# Compared without git: it refuses a clone that another user owns, as CI has.
.PHONY: generated
generated:
	@sums() { find . -name '*_templ.go' -exec sha256sum {} + | sort -k2; }
	before=$$(sums)
	$(MAKE) generate
	echo "== generated: *_templ.go is what *.templ yields"
	after=$$(sums)
	[ "$$before" = "$$after" ] && exit 0
	diff <(echo "$$before") <(echo "$$after") || true
	echo "the generated pages were stale: commit what make generate has written now"
	exit 1

.PHONY: gofmt
gofmt:
	@echo "== gofmt"
	unformatted=$$(gofmt -l .)
	[ -z "$$unformatted" ] || { echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; }

.PHONY: vet
vet:
	@echo "== vet"
	go vet ./...

# A module of its own: what it tests against must not get into the library's go.mod.
.PHONY: middleware
middleware:
	@echo "== middleware: chi, gorilla, echo, gin and fiber around the endpoints"
	cd e2e/middleware && go vet ./... && go test ./...

# -race needs cgo. TANDEM_GATE=1: a test that lacks a browser or a server fails
# here; only outside the gate may it skip. -buildvcs=false: a test that builds a
# program must not depend on who owns the clone.
# Browsers and real servers want the machine for themselves: what they wait for is
# measured in real time. So those packages run one after another, after the rest.
.PHONY: race
race:
	@export GOFLAGS="$$(go env GOFLAGS) -buildvcs=false" TANDEM_GATE=1 CGO_ENABLED=1
	alone=$$(go list ./e2e/... | grep -v /simulation)
	rest=$$(go list ./... | grep -vxF "$$alone")
	echo "== race: go test -race, all but the browsers"
	go test -race -timeout 15m $$rest
	echo "== race: go test -race, browsers and several instances, one package at a time"
	go test -race -timeout 15m -p 1 $$alone

# A module of their own: what they import must not get into the library's go.mod.
# Their tests run them as programs, one package at a time: each builds some.
.PHONY: examples
examples:
	@echo "== examples: go vet, and go test -race of what runs them"
	export GOFLAGS="$$(go env GOFLAGS) -buildvcs=false" TANDEM_GATE=1 CGO_ENABLED=1
	cd examples
	go vet ./...
	go test -race -timeout 10m -p 1 ./...
