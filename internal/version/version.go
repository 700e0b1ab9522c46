// Package version says which porevec this is.
package version

// Version is set by the build (-ldflags "-X …/internal/version.Version=…").
var Version = "0.1.0-dev"
