// Package api is the part of MinKNOW's gRPC interface that porevec speaks, as
// messages and services: reading for the client, serving for the simulator. The .proto
// files beside it say what the fields mean; generate.sh makes the rest.
package api
