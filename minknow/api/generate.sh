#!/usr/bin/env bash
# Makes the Go code from the .proto files. Needs protoc (the Python package grpcio-tools
# has one: PROTOC="python3 -m grpc_tools.protoc").
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
GOBIN=$bin go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
GOBIN=$bin go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
PATH=$bin:$PATH ${PROTOC:-protoc} -I. --go_out=. --go_opt=paths=source_relative \
	--go-grpc_out=. --go-grpc_opt=paths=source_relative minknow/api/*.proto
