# The targets that people use are described by `make help`.
GO ?= go
BIN := bin/homeostat
FUZZTIME ?= 5000x
SEED ?= 1
ROUNDS ?= 200
MODE ?= windows

# The race detector needs a C compiler; without one the tests run without it, and say so.
RACE := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)

# What is one goroutine has nothing for the race detector, which makes it ten times slower: it is left out there, and runs after
# that without the detector. So do codecs, but for the client of schema registries.
ALONE := $(if $(RACE),OPERATORTEST_THREADS_ONLY=1)

.PHONY: help build demo kafka test check fmt lint race fuzz sim chaos replay reference producers quality bench bench-micro bench-compare golden clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/homeostat
	$(GO) build -o $(BIN) ./cmd/homeostat

demo: build ## run the main job on the embedded broker: a database jams, the pipeline finds out why and puts it right
	$(BIN) demo --scenario ceiling

kafka: build ## start a real Apache Kafka on 127.0.0.1:9092 (needs Java 17 and Maven; bin/homeostat kafka stop ends it)
	$(BIN) kafka start

test: ## all tests: race detector, assertions, random order
ifeq ($(RACE),)
	@echo "no C compiler: testing without the race detector (install gcc for it)"
endif
	$(ALONE) $(GO) test $(RACE) -shuffle=on -parallel 4 -tags assert -timeout 20m $(if $(RACE),$$($(GO) list ./... | grep -v /schemas/codec/) ./schemas/codec/registry,./...)
ifneq ($(RACE),)
	$(GO) test -shuffle=on -tags assert -timeout 20m ./operators/... ./schemas/codec/... ./plant
	$(GO) test -shuffle=on -tags assert -timeout 20m -run '^TestLockstep|^TestSimulation|^TestTenMinutes|DoesNotCare|^TestEviction' ./cmd/homeostat ./pipeline/engine
endif

check: fmtcheck lint test fuzz ## all that CI runs

fmt: ## format the code
	gofmt -w $$(git ls-files '*.go')

fmtcheck:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not formatted, run make fmt:"; echo "$$out"; exit 1; }

lint: ## go vet, with and without assertions, and staticcheck
	$(GO) vet ./...
	$(GO) vet -tags assert ./...
	$(GO) tool staticcheck -tags assert ./...

race: test ## the same as test

# Counts, not seconds: where the time of a target is over while it works, Go before 1.27 at times takes that for a failure (golang/go#75804).
fuzz: ## run each fuzz target FUZZTIME times (default 5000x), two at a time
	@for file in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
		sed -n "s,^func \(Fuzz[A-Za-z0-9_]*\).*,./$$(dirname $$file) \1,p" $$file; \
	done | xargs -P 2 -L 1 sh -c 'echo "fuzz $$0 $$1"; out=$$($(GO) test -run "^$$" -parallel 1 -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$0 2>&1) || { echo "$$out"; exit 255; }'

SEEDS ?= 10000
FIRST ?= 1

sim: ## simulated schedules of the engine with faults: SEEDS=n of them from seed FIRST on; PIPELINE=keeping, passing or sharing; TRACE=1 prints all that happens
	GOGC=800 $(GO) test -tags assert -count=1 -timeout 0 -run '^TestSimulation$$' ./pipeline/engine -v \
		-sim.seeds=$(SEEDS) -sim.first=$(FIRST) $(if $(PIPELINE),-sim.pipeline=$(PIPELINE)) $(if $(TRACE),-sim.trace)

bench: build ## figures of the engine end to end on a real Apache Kafka, in ten minutes (LINES=2,3 for some of them)
	$(GO) build -o bin/endtoend ./bench/endtoend
	bin/endtoend $(if $(LINES),-lines $(LINES)) $(BENCH)

DATA ?= ../shared/data
OUT ?= out/quality
SCORE ?= ../shared/score

quality: build ## run the shipped pipelines over labelled data, NAB and others, in DATA; write results to OUT and print the tables of the scorers in SCORE
	$(GO) run ./bench/quality -data $(DATA) -out $(OUT) -score "$(SCORE)" $(ARGS)

COUNT ?= 3
BENCHTIME ?= 100ms

bench-micro: ## benchmarks of single parts, COUNT times each, into out/bench-micro.txt, in ten to fifteen minutes
	@mkdir -p out
	$(GO) test -run '^$$' -bench . -benchmem -count $(COUNT) -benchtime $(BENCHTIME) -skip 'Freeze|Restore|Write|Fetch|Series/1000000' ./bench ./operators/... ./schemas/... ./internal/broker ./pipeline/engine > out/bench-micro.txt

bench-compare: ## hold out/bench-micro.txt against the stored table, bench/micro.txt
	$(GO) tool benchstat bench/micro.txt out/bench-micro.txt

chaos: build ## end processes, connections and the broker at random (SEED, ROUNDS, MODE) and compare with an undisturbed run
	$(GO) build -o bin/chaos ./bench/chaos
	bin/chaos -seed $(SEED) -rounds $(ROUNDS) -mode $(MODE) $(ARGS)

replay: build ## show that outputs do not depend on how stages and partitions are shared out, and that stages replay to the byte
	$(GO) build -o bin/replay ./bench/replay
	bin/replay $(ARGS)

reference: build ## hold what comes of a backlog, live and drained, against what its rows add up to
	$(GO) build -o bin/reference ./bench/reference
	bin/reference $(ARGS)

producers: build ## let the Collector, Telegraf, rsyslog, syslog-ng, collectd and kcat write to Apache Kafka, and hold what is read against what they wrote (Debian)
	$(GO) build -o bin/producers ./bench/producers
	bin/producers $(ARGS)

golden: ## write the golden files and docs/errors.md anew from what the code says now
	$(GO) test ./schemas ./pipeline/plan ./internal/house -update

clean: ## remove what was built
	rm -rf bin out
