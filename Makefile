# Everything that a developer runs; `make` lists it. Go, git and make are all it needs.

export CGO_ENABLED := 0
export GOFLAGS := -tags=kustomize_disable_go_plugin_support

.DEFAULT_GOAL := help
.PHONY: help build example demo test test-full bench pace soak vet lint docs controlplane identityprovider objectstore helm image release run ci

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build dist/seaworthy, without what only debuggers read
	go build -ldflags='-s -w' -o dist/seaworthy ./cmd/seaworthy

example: ## Scan the example company and show what it says about SOC 2
	@go run ./cmd/seaworthy scan --config examples/shop/seaworthy.yaml --coverage --fail-on none

demo: ## Serve half a year of the example company
	@go run ./cmd/seaworthy demo

run: ## Run the program: make run ARGS="scan deploy/"
	@go run ./cmd/seaworthy $(ARGS)

# A short run tries nothing in these, which need what is built beside or only measure, and
# linking their tests would take a good part of its time. Vetting is `make vet`.
LONG := agent|admission|charts/running|kube|kubeapiserver|live|pace|fleet|volume|browser|demo
test: ## Run the short tests; no network, no control plane
	packages=$$(go list ./... | grep -vE '/test/($(LONG))$$') && go test -short -vet=off $$packages

test-full: controlplane identityprovider objectstore helm ## Run all tests, with a real kube-apiserver, identity provider, object storage and Helm
	go -C deploy/release test ./...
	SEAWORTHY_REQUIRE_CONTROLPLANE=1 SEAWORTHY_REQUIRE_IDENTITYPROVIDER=1 SEAWORTHY_REQUIRE_OBJECTSTORE=1 SEAWORTHY_REQUIRE_HELM=1 go test -timeout 30m ./...

controlplane: ## Build etcd, kube-apiserver and what makes a cluster of them for the tests, once
	$(MAKE) -C test/controlplane cluster

identityprovider: ## Build the provider of single sign-on for the tests, once
	@go run ./test/openid/build

objectstore: ## Build an S3-compatible server for the tests, once
	@go run ./test/s3/build

helm: ## Build Helm for the tests, once
	@go run ./test/charts/build

# deploy/release is a module of its own; deploy/release/README.md says what it makes.
IMAGE ?=
image: ## Build container images for amd64 and arm64 without a container engine; with IMAGE=name:tag push them
	go -C deploy/release run . image $(if $(IMAGE),--push $(IMAGE))

KEY ?=
release: ## Build what is published: archives, charts, bills of materials, checksums; KEY=file signs them
	go -C deploy/release run . archive $(if $(KEY),--key $(abspath $(KEY)))

bench: ## Measure scans of 400 and 10,000 workloads
	go test -run '^$$' -bench . -benchtime 1x -timeout 30m ./test/bench

pace: controlplane ## Measure the whole agent with a real kube-apiserver and server: reviews, memory, changes a second, rest; RUN=TestAdmission for one of them
	SEAWORTHY_BENCH=1 go test -v -count=1 -timeout 1h -run '$(or $(RUN),.)' ./test/pace

soak: ## Fuzz every target for FUZZTIME (default 10m) each, kill the server KILLS (default 300) times on each database, and put the agent through WRITES (default 3600) writes and PODS (default 2000) pods; with AGENTS=1000 have as many agents talk to one server; with FINDINGS=1000000 measure reads of as many
	SEAWORTHY_KILLS=$(or $(KILLS),300) test/postgres/start go test -v -count=1 -timeout 60m -run TestKilledAtAnyMoment ./test/trust
	.ci/fuzz $(or $(FUZZTIME),10m)
	$(MAKE) controlplane
	SEAWORTHY_REQUIRE_CONTROLPLANE=1 SEAWORTHY_WRITES=$(or $(WRITES),3600) SEAWORTHY_PODS=$(or $(PODS),2000) go test -v -count=1 -timeout 90m ./test/agent
	$(if $(AGENTS),SEAWORTHY_AGENTS=$(AGENTS) test/postgres/start go test -v -count=1 -timeout 2h -run TestFleet ./test/fleet)
	$(if $(FINDINGS),SEAWORTHY_BENCH=1 SEAWORTHY_FINDINGS=$(FINDINGS) test/postgres/start go test -v -count=1 -timeout 4h -run TestReads ./test/volume)

vet: ## gofmt and go vet, as for every change
	@test -z "$$(gofmt -l $$(git ls-files '*.go') | tee /dev/stderr)"
	go vet ./...

# staticcheck stands beside go.mod and not in it: what it needs would move what we ship. On
# a clean machine it reads all that we depend on, which takes minutes.
lint: vet ## gofmt, go vet, staticcheck
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

docs: ## Write the generated parts of the documentation
	go test -short . ./frameworks ./test/charts -run 'Documented|Docs|ReadmeShows|ProgramsOwn' -update

ci: ## What is run for every change
	.ci/run
