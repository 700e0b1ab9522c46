package main

import "testing"

func TestByteSize(t *testing.T) {
	for text, want := range map[string]byteSize{
		"0": 0, "1024": 1024, "500MB": 500e6, "20GiB": 20 << 30, "1.5G": 1.5e9, "64 kB": 64e3, "2tb": 2e12, "7B": 7,
	} {
		var s byteSize
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q: %d, %v; want %d", text, s, err, want)
		}
		var again byteSize
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%q is written as %q, which is %d, %v", text, s.String(), again, err)
		}
	}
	for _, text := range []string{"", "GB", "-1", "5 apples", "1e30GB", "NaN", "10MBB"} {
		var s byteSize
		if err := s.Set(text); err == nil {
			t.Errorf("%q is taken as %d", text, s)
		}
	}
}
