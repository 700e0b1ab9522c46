package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/sink/jetstream"
)

// The beginning of an id stands for a run, but never for two.
func TestStoreChosen(t *testing.T) {
	runs := []jetstream.Stored{{Rig: "rig1", Run: "1f0e64ab"}, {Rig: "rig2", Run: "1f0e64ab"}, {Rig: "rig1", Run: "1f0e77cd"}, {Rig: "rig1", Run: "a1"}, {Rig: "rig1", Run: "1f0e"}}
	for _, c := range []struct {
		names []string
		want  []jetstream.Stored
		says  string // of the error
	}{
		{[]string{"1f0e64ab"}, runs[0:2], ""},
		{[]string{"1f0e6"}, runs[0:2], ""},
		{[]string{"1f0e6…"}, runs[0:2], ""},
		{[]string{"1f0e64ab", "1f0e6"}, runs[0:2], ""},
		{[]string{"a1"}, runs[3:4], ""},
		{[]string{"1f0e"}, runs[4:5], ""}, // a whole id
		{[]string{"1f0e…"}, nil, "1f0e64ab or 1f0e77cd or 1f0e"},
		{[]string{"1f0"}, nil, "no run 1f0"},
		{[]string{"2222"}, nil, "no run 2222"},
	} {
		got, err := new(storeFlags).chosen(runs, c.names)
		if d := cmp.Diff(c.want, got); d != "" || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v %s", c.names, err, d)
		}
	}
}
