# porevec. `make demo` shows the main job, `make test` passes the tests; both
# install what they need. Needed beforehand: Go, gcc, make, and pip or npm.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0-dev)
# Without grpc's request tracing pages, which would cost 5 MB.
TAGS     = -tags grpcnotrace
LDFLAGS  = -s -w -X github.com/porevec/porevec/internal/version.Version=$(VERSION)
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

export CGO_ENABLED = 1

.PHONY: all demo build build-arm64 package package-arm64 deps test test-libhdf5 test-interop test-examples test-openvino test-powercut test-arm64 lint bench fuzz models-check clean

all: build

## demo: simulate a run, embed it, subscribe to the vectors
demo: build
	scripts/demo.sh

## build: bin/porevec
build: deps
	$(GO) build $(TAGS) -ldflags '$(LDFLAGS)' -o bin/porevec ./cmd/porevec

## build-arm64: bin/linux-arm64/porevec, on another computer; installs the compiler on Debian
build-arm64:
	scripts/install-arm64.sh
	GOARCH=arm64 CC=aarch64-linux-gnu-gcc $(GO) build $(TAGS) -ldflags '$(LDFLAGS)' -o bin/linux-arm64/porevec ./cmd/porevec

## package: dist/porevec-…tar.gz, which installs porevec live as a service without a network
package: build
	scripts/package.sh '$(VERSION)' bin/porevec $$($(GO) env GOARCH)

## package-arm64: the same for arm64, on another computer
package-arm64: build-arm64
	scripts/package.sh '$(VERSION)' bin/linux-arm64/porevec arm64

## deps: the Go modules and ONNX Runtime, into their caches
deps:
	$(GO) mod download
	scripts/fetch-ort.sh

## test: everything, with the race detector
test: deps
	$(GO) test -race -timeout 20m -parallel 4 ./...

## test-libhdf5: FAST5 against the HDF5 library; needs libhdf5-dev, which it installs on Debian
test-libhdf5:
	scripts/install-libhdf5.sh
	$(GO) test -tags libhdf5 -run Library ./fast5

## test-interop: the simulator with the official Python clients, which it installs; and live with a server of theirs
test-interop:
	$(GO) test -tags interop -count=1 ./minknow/interop

## test-examples: the subscribers in examples/, killed and restarted; needs Python, npm and their package indices
test-examples: build
	examples/test.sh

## test-openvino: another execution provider on this processor, which it downloads (84 MB) with pip
test-openvino: build
	scripts/test-openvino.sh

## test-powercut: a store's block device copied while its writer runs; needs root, Linux and mkfs.ext4
test-powercut: deps
	$(GO) test -tags powercut -count=1 -run TestPowerCut -v ./sink/jetstream ./cmd/porevec

## test-arm64: kernels, encoders and the program for arm64, emulated; installs compiler and emulator on Debian
test-arm64:
	scripts/test-arm64.sh

## lint: gofmt, go vet, staticcheck
lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt these files:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

## bench: speed of this computer (docs/benchmarks.md says how to read it)
bench: build
	bin/porevec bench
	$(GO) test -run '^$$' -bench . -benchmem ./...

## models-check: the shipped encoders: metadata, saturation, golden vectors, INT8 against FP32
models-check: build
	bin/porevec model check

## fuzz: every fuzz target for FUZZTIME (default 1m)
FUZZTIME ?= 1m
fuzz:
	scripts/fuzz.sh $(FUZZTIME)

## clean: what the build made; caches stay
clean:
	rm -rf bin dist
