package main

import (
	"fmt"
	"strconv"
	"strings"
)

// byteSize is a flag for a number of bytes, such as 500MB, 20GiB or 1073741824.
type byteSize int64

var sizeUnits = map[string]float64{
	"": 1, "B": 1,
	"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
}

func (s *byteSize) Set(text string) error {
	number := strings.TrimRight(text, "BKMGTIbkmgti ")
	unit, known := sizeUnits[strings.ToUpper(strings.TrimSpace(text[len(number):]))]
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || !(value >= 0) || value*unit >= 1<<62 {
		return fmt.Errorf("say a size such as 500MB or 20GiB")
	}
	*s = byteSize(value * unit)
	return nil
}

func (s *byteSize) Type() string { return "size" }

// String is the shortest way to say it exactly.
func (s *byteSize) String() string {
	for _, unit := range []string{"TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "KB"} {
		if in := byteSize(sizeUnits[strings.ToUpper(unit)]); *s >= in && *s%in == 0 {
			return strconv.FormatInt(int64(*s/in), 10) + unit
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}
