package power

import (
	"maps"
	"slices"
	"testing"
)

// FuzzTree puts any text into one of the files of a computer: nothing panics, and nothing
// that cannot be is told.
func FuzzTree(f *testing.F) {
	computers := []computer{intelLaptop(), amdDesktop()}
	for _, text := range []string{"", " ", "garbage", "99999999999999999999", "-1", "-274000", "0x5", "1e9", "3\n4", "\x00"} {
		f.Add(0, 3, text)
		f.Add(1, 7, text)
	}
	f.Fuzz(func(t *testing.T, which, file int, text string) {
		c := computers[uint(which)%uint(len(computers))]
		changed := newComputer(c.files)
		changed.files[slices.Sorted(maps.Keys(c.files))[uint(file)%uint(len(c.files))]] = text
		m := changed.open(nil)
		for range 2 {
			r := m.Read()
			if r.Hottest != nil && !(r.Hottest.TempC > coldestC && r.Hottest.TempC < hottestC) {
				t.Fatalf("%v °C", r.Hottest.TempC)
			}
			if r.Watts != nil && !(*r.Watts >= 0 && *r.Watts < 1e5) || !(r.Joules >= 0) {
				t.Fatalf("%v W, %v J", *r.Watts, r.Joules)
			}
		}
		m.Notes()
	})
}
