// Command slimfatbin makes a library with CUDA kernels compress well: of the images
// for several GPU architectures that it holds, those of the others are zeroed. Its
// length, symbols and offsets stay as they are.
//
//	go run ./bench/slimfatbin -keep 90 in.so out.so
package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
)

func main() {
	keep := flag.Uint("keep", 90, "architecture to keep, 90 for sm_90")
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), flag.Arg(1), uint32(*keep)); err != nil {
		fmt.Fprintln(os.Stderr, "slimfatbin:", err)
		os.Exit(1)
	}
}

func run(in, out string, keep uint32) error {
	file, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	e, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	s := e.Section(".nv_fatbin")
	if s == nil || s.Offset+s.Size > uint64(len(file)) {
		return fmt.Errorf("%s holds no CUDA kernels", in)
	}
	kept, zeroed, err := slim(file[s.Offset:s.Offset+s.Size], keep)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	for _, arch := range slices.Sorted(maps.Keys(zeroed)) {
		fmt.Printf("sm_%d: %.1f MB zeroed\n", arch, float64(zeroed[arch])/1e6)
	}
	fmt.Printf("sm_%d: %.1f MB kept\n", keep, float64(kept)/1e6)
	return os.WriteFile(out, file, 0o755)
}

// A section is a sequence of containers, with padding between them: magic, version,
// length of the header, length of the images. Each image has a header of its own:
// kind (PTX or ELF), version, length of the header and of the image; then more, with
// the architecture at byte 28.
const (
	magic       = 0xba55ed50
	containerAt = 16
	imageAt     = 32
)

var errBroken = errors.New("the images are not laid out as expected")

// slim zeroes all images but those of one architecture, and counts bytes.
func slim(section []byte, keep uint32) (kept uint64, zeroed map[uint32]uint64, err error) {
	zeroed = make(map[uint32]uint64)
	for len(section) >= containerAt {
		if binary.LittleEndian.Uint32(section) != magic {
			if binary.LittleEndian.Uint64(section) != 0 {
				return 0, nil, errBroken
			}
			section = section[8:]
			continue
		}
		header, length := uint64(binary.LittleEndian.Uint16(section[6:])), binary.LittleEndian.Uint64(section[8:])
		if header < containerAt || length > uint64(len(section)) || header+length > uint64(len(section)) {
			return 0, nil, errBroken
		}
		images := section[header : header+length]
		section = section[header+length:]
		for len(images) > 0 {
			if len(images) < imageAt {
				return 0, nil, errBroken
			}
			header, length := uint64(binary.LittleEndian.Uint32(images[4:])), binary.LittleEndian.Uint64(images[8:])
			if header < imageAt || length > uint64(len(images)) || header+length > uint64(len(images)) {
				return 0, nil, errBroken
			}
			if arch := binary.LittleEndian.Uint32(images[28:]); arch == keep {
				kept += length
			} else {
				zeroed[arch] += length
				clear(images[header : header+length])
			}
			images = images[header+length:]
		}
	}
	if kept == 0 {
		return 0, nil, fmt.Errorf("there are no images for sm_%d", keep)
	}
	return kept, zeroed, nil
}
