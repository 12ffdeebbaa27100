# The commands of everyday work; .ci/run is everything a change must pass.

SEED ?= 1
REQUESTS ?= 2400
GOBIN := $(CURDIR)/bin

.PHONY: build test race fuzz faults restarts gen rewrite plants lint interop differential text bench bench-full examples ci

build:
	CGO_ENABLED=0 go build -trimpath -o bin/jocko ./cmd/jocko

test:
	go test ./...

race:
	go test -race ./...

fuzz:
	bash .ci/fuzz 60

# The long forms of the fault tests of internal/sim, about two hours: docs/faults.md keeps their results.
faults: build
	go test ./internal/sim -v -timeout 5h -run Campaign -faults.seed=$(SEED) -faults.jocko=$(CURDIR)/bin/jocko \
		-faults.kills=200 -faults.states=10000 -faults.calls=500 -faults.cycles=200 -faults.input=5m \
		-faults.transfers=5000000 -faults.rebalances=2000 -faults.restarts=2000

# Stops, kills and power cuts of brokers under a random workload over all APIs, compared with what clients know: docs/faults.md.
restarts:
	go test ./internal/sim -run RestartCampaign -faults.restarts=2000 -faults.seed=$(SEED) -timeout 60m

gen:
	go generate ./...

# Rewrites the expectations of the text scripts in testdata; review the diff.
rewrite:
	go test $$(grep -rl --include='*_test.go' 'flag.Bool("rewrite"' . | grep -v '^./\(interop\|bench\)/' | xargs -r -n1 dirname | sort -u) -rewrite

# Plants the faults of testdata/plants, one at a time and without touching the tree, and runs the tests that must notice.
# PLANTS is a pattern for their titles: make plants PLANTS=flush.
PLANTS ?= .
plants:
	go test -count=1 -v -timeout 3h -run TestPlants -plants '$(PLANTS)' .

lint:
	cd tools && GOBIN=$(GOBIN) go install tool
	bin/gofumpt -l .
	go vet ./... && bin/staticcheck ./...

# Other clients and Apache Kafka's tools against a broker of this tree; INTEROP_TARGET=kafka for the
# same against Apache Kafka.
interop:
	cd interop && go test -timeout 20m -parallel 4 ./...

# Generated requests to this broker and to Apache Kafka, compared answer by answer: about ten minutes
# for single requests, one for scenes of groups and transactions (-run TestDifferentialCoordinators).
# Kafka's slow moments (topics made anew) are in it, so it is no part of .ci/run. INTEROP_TARGET=kafka
# compares Apache Kafka with itself, which must show no difference between scenes.
differential:
	cd interop && go test -tags differential -timeout 60m -run TestDifferential -differential.requests $(REQUESTS) -differential.seed $(SEED) .

# Real text through other clients and back, byte for byte: 15 runs of 500 MB and one of 10 GB.
text:
	cd interop && go run ./text -out ../docs/text-round-trip.md

bench:
	cd bench && go run . -short

bench-full:
	cd bench && go run . -only P1,P9,L4 -placement both

examples:
	cd examples/sarama && go vet ./... && go build ./...

ci:
	bash .ci/run
