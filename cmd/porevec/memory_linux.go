package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// peakMemory is the most memory that the process had resident, in bytes; 0 when
// the system does not say.
func peakMemory() uint64 { return memoryOf("self", "VmHWM:") }

// residentMemory is what another process has resident now, in bytes; 0 when the system
// does not say.
func residentMemory(pid int) uint64 { return memoryOf(strconv.Itoa(pid), "VmRSS:") }

func memoryOf(process, name string) uint64 {
	f, err := os.Open("/proc/" + process + "/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			var kib uint64
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				return kib * 1024
			}
		}
	}
	return 0
}
