# Culvert. `make` says what there is.
#
# Everything here runs as root on Debian or Ubuntu without anything installed by hand but Go, git and
# make: what is missing is installed by `deps` when it is needed. Without root the parts that need it
# are skipped by name.

GO       ?= go
BIN      := bin/culvert
ETCD     := encap/vtep/etcd# a module of its own, with a client of etcd that the core does without
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 1s
SOAK     ?= 1h
ORACLE   ?= 1m
OUT      ?= bench-result
PEERS    := openvswitch-switch openvswitch-switch-dpdk dpdk-dev librte-net-virtio23 librte-net-vhost23 iperf3
VHOST    ?= --rows no-lookup,port,ip-1,ip-1024,latency --rings split,packed --sizes 64,512,1518 --budget 0s
AFXDP    ?= --rows afxdp-* --budget 0s
TUNNELS  ?= --rows one-way,vxlan-*,geneve-* --rings split,packed --budget 0s
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.0
BENCHSTAT := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
FILE     ?= bin/bench-micro.txt

# A benchmark that fails must not hide behind the filter of its output.
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c

export CGO_ENABLED ?= 0
export COUNT BENCHTIME BENCH PACKAGES

.PHONY: bench-stages bench-storms help build demo demo-chain test unit race purego integration fuzz bench bench-once bench-micro bench-tse bench-new-flows bench-flows bench-rules bench-stale test-ovs compare-afxdp bench-vhost bench-tunnels bench-quick soak lint deps clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the one static binary, bin/culvert, and the look-up plug-in that is a process of its own, bin/culvert-vtep-etcd
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/culvert
	$(GO) -C $(ETCD) build -trimpath -ldflags '-s -w' -o $(CURDIR)/bin/culvert-vtep-etcd .

demo: build ## three hosts with Culvert between them; then two hosts, an overlay, and a container that moves; a result to look at
	-.ci/deps etcd-server # without it the demo says what it leaves out
	$(BIN) demo

demo-chain: build ## a service chain: a NAT and a load balancer in Go between a client and three servers; needs root
	$(GO) build -trimpath -o bin/nat ./docs/examples/nat
	$(GO) build -trimpath -o bin/lb ./docs/examples/lb
	$(GO) run ./bench/chain --culvert $(BIN) --nat bin/nat --lb bin/lb

test: deps lint unit race purego integration fuzz bench-once ## everything below; what cannot run here says why

unit: ## tests that need nothing
	$(GO) test ./...
	$(GO) -C $(ETCD) test ./...

race: ## the same under the race detector
	.ci/race

purego: ## the same without assembly
	$(GO) test -tags purego ./ring/... ./encap/... ./flowcache/... ./pmd/cpu/...

integration: ## real AF_XDP, namespaces, peers; needs root
	.ci/integration

fuzz: ## every fuzz target for FUZZTIME (1s) each; FUZZ=Name for those with Name in theirs; KEEP=1 to keep what is new in testdata
	.ci/fuzz $(FUZZTIME) $(FUZZ)

test-ovs: deps ## random rules and packets through Open vSwitch and Culvert, for ORACLE (1m)
	CULVERT_ORACLE_TIME=$(ORACLE) $(GO) test -tags integration -p 1 -count 1 -timeout 0 -v ./bench/oracle/...

bench-once: ## every Go benchmark once, to see that none fails
	$(GO) test -run '^$$' -bench . -benchtime 1x ./... | grep -v '^ok\|no test files\|^PASS\|^goos\|^goarch\|^pkg\|^cpu'

bench-micro: ## the Go benchmarks COUNT (6) times, summed up by benchstat; BENCH=regexp PACKAGES=./datapath for some of them, FILE= keeps the figures, OLD=file compares with earlier ones
	.ci/bench-micro $(BENCHSTAT) $(FILE) $(OLD)

compare-afxdp: build ## TCP and packets per second beside OVS's AF_XDP ports and the kernel's bridge; AFXDP= takes options; needs root
	$(BIN) bench run $(AFXDP)

# What a program of its own has measured is kept as a run like any other: a file that the same command goes on with, and a page.
kept = mkdir -p $(OUT) && $(1) --json $(OUT)/$(2).json $(3) && $(BIN) bench report $(OUT)/$(2).json --html $(OUT)/$(2).html > /dev/null && echo "$(OUT)/$(2).json has all windows, $(OUT)/$(2).html shows them"

bench-tse: build ## tuple space explosion: what victims keep, beside Open vSwitch; goes on with OUT/tse.json; TSE= takes options; needs root
	$(call kept,$(GO) run ./bench/tse --culvert $(BIN),tse,$(TSE))

bench-new-flows: build ## new flows a second and CPU time for each, beside Open vSwitch; goes on with OUT/new-flows.json; needs root
	$(call kept,$(GO) run ./bench/tse --culvert $(BIN) --new-flows,new-flows,$(TSE))

bench-storms: build ## what new flows of one port take from another's; goes on with OUT/storms.json; STORMS= takes options
	$(call kept,$(GO) run ./bench/storms,storms,$(STORMS))

bench-stages: ## what it costs to know where the cycles go, by poll cycles with it and without it in turns
	$(GO) test ./datapath -run '^$$' -bench StagesAlwaysOn -benchtime 600x

bench: build ## Culvert beside Open vSwitch, the kernel's bridge and testpmd, in under an hour; goes on with OUT/run.json; COMPARE= takes options; needs root
	-.ci/deps $(PEERS)
	$(BIN) bench run --out $(OUT) --resume $(COMPARE)

bench-quick: build ## two rows of it in under 5 minutes; needs root
	-.ci/deps $(PEERS)
	rm -rf $(OUT)/quick
	$(BIN) bench run --quick --out $(OUT)/quick $(COMPARE)

bench-vhost: build ## packets per second between vhost-user ports, beside Open vSwitch with DPDK and testpmd; VHOST= takes options; needs root
	$(BIN) bench run $(VHOST)

bench-tunnels: build ## packets per second into and out of VXLAN and GENEVE, and past them, beside Open vSwitch with DPDK; TUNNELS= takes options; needs root
	$(BIN) bench run $(TUNNELS)

bench-flows: ## look-ups with 1 to 32 masks and 1 to 1,000,000 flows; memory and walks of a million
	$(GO) test ./flowcache -run '^$$' -bench 'EMC|Megaflow' -benchtime 100ms
	$(GO) test ./datapath -run '^$$' -bench AMillionFlows -benchtime 1x

bench-rules: build ## rule sets of 1,000 to 100,000: look-ups, loading beside Open vSwitch, changes under traffic, the walk over all flows; goes on with OUT/rules.json; RULES= takes options
	$(GO) test ./datapath/rules/openflow -run '^$$' -bench 'BenchmarkRules' -benchtime 100ms
	$(GO) test ./datapath -run '^$$' -bench ARuleOfManyFlowsChanges -benchtime 3x
	$(call kept,$(GO) run ./bench/rules,rules,$(RULES))

bench-stale: build ## from the change of a rule that covers 100,000 cached flows to the last packet by the old one, beside Open vSwitch; goes on with OUT/stale.json; STALE= takes options; needs root
	$(call kept,$(GO) run ./bench/stale --culvert $(BIN),stale,$(STALE))

soak: build ## mixed traffic with ports coming and going, for SOAK (1h)
	$(BIN) soak --time $(SOAK)

lint: ## gofmt, go vet, staticcheck
	.ci/lint $(STATICCHECK)

deps: ## installs what tests and comparisons need, as root on Debian or Ubuntu
	.ci/deps

clean: ## removes what was built
	rm -rf bin
