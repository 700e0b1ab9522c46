// Package interop tests porevec's MinKNOW against the official Python client, and its
// client against a server made of the official stubs. The tests need Python and a
// package index: make test-interop.
package interop
