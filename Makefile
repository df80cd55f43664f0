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
NEWCOMER   ?= demo
ROOM       ?=
FILE       ?=
MUTANTS    ?=

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' Makefile | while IFS='|' read -r target what; do
		printf '  make %-12s %s\n' "$$target" "$$what"
	done

.PHONY: test
test: need generated gofmt vet lint race middleware openapi otelrp examples tools ## the gate: needs, generated code, gofmt, vet, linters, all tests with -race, the examples, the tools

.PHONY: demo
demo: ## start the IdP, three apps, the API and the control room
	@go run ./demo

.PHONY: generate
generate: ## regenerate the templ pages, session.min.js and docs/api.txt
	@echo "== generate: templ"
	$(TOOL) templ generate
	echo "== generate: session.min.js"
	cd rp/internal/asset
	sum="$$(sha256sum session.js | cut -c 1-16)"
	go tool -modfile=../../../tools/go.mod esbuild session.js --minify --target=es2022 --charset=utf8 --log-level=warning \
		--banner:js="// Read it in session.source.js, beside this file. Made of $$sum" --outfile=session.min.js
	cd "$(CURDIR)"
	echo "== generate: docs/api.txt"
	cd tools && go run ./api

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

.PHONY: capacity
capacity: ## the tables of docs/capacity.md, measured on this machine
	@echo "== capacity: sessions, signals, streams, the end of an outage, logout tokens"
	cd bench && go run . -capacity
	cd ..
	go test -run '^$$' -bench 'LogoutTokens/ES256' -benchtime 1x ./rp

.PHONY: screenshots
screenshots: ## the pictures of the documentation, taken from the running demo
	@echo "== screenshots: docs/"
	TANDEM_SHOTS="$(CURDIR)/docs" go test -count=1 ./e2e/controlroom
	TANDEM_SHOTS="$(CURDIR)/docs" go test -count=1 -run TestWarningIsAnswered ./e2e/stories
	cd examples && TANDEM_SHOTS="$(CURDIR)/docs" go test -count=1 -run TestPicture ./metrics

.PHONY: fuzz
fuzz: ## every fuzz target in turn (FUZZTIME=10s each)
	@tools/fuzz.sh '$(FUZZTIME)'

.PHONY: mutate
mutate: ## small mistakes that a test has to notice (ROOM=rp/internal/lifetime FILE=name.go MUTANTS=n|all SEED=n)
	@echo "== mutate: a sample of each package"
	@[ -n '$(ROOM)' ] || IDP_MOCK_FACTS=all nice -n 15 go test -count=1 -run TestEveryFactIsHeld ./idp-mock/idpmock
	cd tools && nice -n 15 go run ./mutate -room '$(ROOM)' -file '$(FILE)' -mutants '$(MUTANTS)' -seed '$(SEED)'

.PHONY: simulate
simulate: ## the simulation's long lane (SIMTIMEOUT=2h at most)
	@echo "== simulate: long lane, at most $(SIMTIMEOUT)"
	TANDEM_SIMULATE=long go test -count=1 -v -timeout '$(SIMTIMEOUT)' ./e2e/simulation/...

.PHONY: chaos
chaos: ## processes on real servers are killed, stopped and failed over (CHAOS=10m; SEED=n repeats one)
	@echo "== chaos: $(CHAOS)"
	export GOFLAGS="$$(go env GOFLAGS) -buildvcs=false" TANDEM_GATE=1 CGO_ENABLED=1
	TANDEM_CHAOS='$(CHAOS)' TANDEM_CHAOS_SEED='$(SEED)' go test -race -count=1 -v -timeout 24h -run TestChaos ./e2e/chaos

.PHONY: interop
interop: ## docs/idp's programs at real IdPs, and programs in Python, Node and Java at idp-mock (needs Node.js, Python, PostgreSQL, Java 17, Maven, gcc, Chromium)
	@echo "== interop: other languages against idp-mock"
	export GOFLAGS="$$(go env GOFLAGS) -buildvcs=false" TANDEM_INTEROP=1 TANDEM_GATE=1
	go test -count=1 -v -timeout 40m ./e2e/languages
	echo "== interop: oidc-provider, Hydra, Dex, Keycloak, Spring Authorization Server"
	go test -count=1 -v -timeout 90m -parallel 100 -run TestInterop ./e2e/interop

.PHONY: deploy-check
deploy-check: ## docs/deploy.md on real proxies and servers, and the binaries as they are released
	@tools/need.sh deploy
	echo "== deploy-check: proxies, Redis, PostgreSQL, keys, updates, binaries, images"
	export GOFLAGS="$$(go env GOFLAGS) -buildvcs=false" TANDEM_GATE=1
	TANDEM_DEPLOY=long go test -count=1 -v -timeout 120m ./e2e/deploy
	cd tools && go test -count=1 ./deploy

.PHONY: newcomer
newcomer: ## a stranger's path: clone what is committed, the demo, the dashboard, the README's program (needs prometheus; NEWCOMER=gate: make test, too)
	@echo "== newcomer"
	TANDEM_NEWCOMER='$(NEWCOMER)' go test -buildvcs=false -count=1 -v -timeout 3h -run TestStranger ./e2e/readme

.PHONY: newcomer-debian
newcomer-debian: ## make newcomer on a clean Debian with git, make and Go (as root, by debootstrap; NEWCOMER=gate, MIRROR=URL)
	@NEWCOMER='$(NEWCOMER)' tools/newcomer-debian.sh

.PHONY: metrics-check
metrics-check: ## dashboard and alerts of docs/metrics on a Prometheus that watches the demo
	@command -v prometheus promtool >/dev/null || { echo "metrics-check needs prometheus and promtool (Debian: apt-get install prometheus)"; exit 1; }
	echo "== metrics-check: docs/metrics"
	cd tools && go test -count=1 ./grafana
	cd ..
	cd examples && TANDEM_METRICS=1 go test -count=1 -v -run TestMetricsCheck ./metrics

# What a binary depends on is in these flags and in go.mod, and in nothing of the
# machine: neither paths nor the state of the clone (TestBuildsAreReproducible).
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64
BUILD     := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags=-buildid=

.PHONY: binaries
binaries: ## static binaries of demo and idp-mock in dist/ (PLATFORMS="linux/amd64 …")
	@mkdir -p dist
	for platform in $(PLATFORMS); do
		export GOOS="$${platform%/*}" GOARCH="$${platform#*/}"
		ending=""; [ "$$GOOS" != windows ] || ending=.exe
		for program in demo idp-mock; do
			echo "== binaries: dist/$$program-$$GOOS-$$GOARCH$$ending"
			$(BUILD) -o "dist/$$program-$$GOOS-$$GOARCH$$ending" "./$$program"
		done
	done
	cd dist && sha256sum demo-* idp-mock-* > SHA256SUMS

.PHONY: sbom
sbom: ## what the library depends on, as CycloneDX 1.6 in dist/sbom.json
	@mkdir -p dist
	echo "== sbom: dist/sbom.json"
	GOFLAGS=-buildvcs=false $(TOOL) cyclonedx-gomod mod -json -output-version 1.6 -licenses -output dist/sbom.json .


# The steps of the gate, each of which may be run alone.

.PHONY: need
need:
	@tools/need.sh

# Compared without git: it refuses a clone that another user owns, as CI has.
.PHONY: generated
generated:
	@sums() { find . '(' -name '*_templ.go' -o -name session.min.js -o -path ./docs/api.txt ')' -exec sha256sum {} + | sort -k2; }
	before=$$(sums)
	api=$$(cat docs/api.txt)
	$(MAKE) generate
	echo "== generated: *_templ.go is what *.templ yields, session.min.js what session.js does, docs/api.txt what is exported"
	after=$$(sums)
	[ "$$before" = "$$after" ] && exit 0
	diff <(echo "$$before") <(echo "$$after") || true
	diff <(echo "$$api") docs/api.txt || true
	echo "what is generated was stale: commit what make generate has written now"
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

# A module of its own, for the same reason.
.PHONY: openapi
openapi:
	@echo "== openapi: idp-mock's control API against its description"
	cd e2e/openapi && go vet ./... && go test ./...

# -race needs cgo. TANDEM_GATE=1: a test that lacks a browser or a server fails
# here; only outside the gate may it skip. -buildvcs=false: a test that builds a
# program must not depend on who owns the clone.
# Browsers and real servers want much of the machine for themselves: what they wait for is
# measured in real time. So those packages run after the rest, two at a time, and the most
# hungry ones alone.
.PHONY: race
race:
	@export GOFLAGS="$$(go env GOFLAGS) -buildvcs=false" TANDEM_GATE=1 CGO_ENABLED=1
	# e2e/deploy and e2e/interop are lanes of their own.
	all=$$(go list ./... | grep -vE '/e2e/(deploy|interop)$$')
	alone=$$(grep -E '/e2e/(chaos|controlroom|fetchmetadata|firefox|stories)$$' <<<"$$all")
	pairs=$$(grep -vxF "$$alone" <<<"$$all" | grep '/e2e/' | grep -v /simulation)
	longest=$$(grep '/e2e/page$$' <<<"$$pairs") # it begins first
	rest=$$(grep -vxF "$$alone"$$'\n'"$$pairs" <<<"$$all")
	echo "== race: go test -race, all but e2e"
	go test -race -timeout 15m $$rest
	echo "== race: the simulation's quick lane, without the race detector"
	go test -run TestContract ./e2e/simulation
	echo "== race: go test -race, e2e: what mostly waits"
	go test -race -timeout 15m -p 2 $$longest $$pairs
	echo "== race: go test -race, e2e: crowds and several browsers at once, one package at a time"
	go test -race -timeout 15m -p 1 $$alone

# The listing of docs/api.txt, and the manifests of docs/deploy against the types that
# Kubernetes and Compose have for them.
.PHONY: tools
tools:
	@echo "== tools: go vet and go test of the module of tools"
	cd tools && go vet ./... && go test ./...

# A module of its own: OpenTelemetry must not get into the library's go.mod.
.PHONY: otelrp
otelrp:
	@echo "== otelrp: go vet and go test -race of the metrics"
	export CGO_ENABLED=1
	cd rp/otelrp && go vet ./... && go test -race ./...

# A module of their own: what they import must not get into the library's go.mod.
# Their tests run them as programs, one package at a time: each builds some.
.PHONY: examples
examples:
	@echo "== examples: go vet, and go test -race of what runs them"
	export GOFLAGS="$$(go env GOFLAGS) -buildvcs=false" TANDEM_GATE=1 CGO_ENABLED=1
	cd examples
	go vet ./...
	go test -race -timeout 10m -p 1 ./...
