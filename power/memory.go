package power

import (
	"path"
	"strconv"
	"strings"
)

// resident is the memory of this process; 0: not told. /proc/self/statm counts pages,
// whose size differs among boards; here it is kB.
func (t tree) resident() uint64 {
	kB, _ := field(t.name("proc/self/status"), "VmRSS:")
	return kB << 10
}

// groups lists the folders of this process's cgroup (version 2) and of those around
// it that limit memory.
func (t tree) groups() []string {
	var found []string
	for line := range strings.Lines(t.name("proc/self/cgroup")) {
		own, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		if !ok {
			continue
		}
		for dir := path.Join("sys/fs/cgroup", path.Join("/", own)); strings.HasPrefix(dir, "sys/fs/cgroup"); dir = path.Dir(dir) {
			if _, limited := t.groupLimit(dir); limited {
				found = append(found, dir)
			}
		}
	}
	return found
}

// groupLimit reads memory.max, which says max where there is no limit.
func (t tree) groupLimit(dir string) (uint64, bool) {
	limit, err := strconv.ParseUint(t.name(dir+"/memory.max"), 10, 64)
	return limit, err == nil
}

// available is what the computer has left, or a cgroup that has less. The kernel takes
// pages of files back before it refuses memory, so those count as left.
func (t tree) available(groups []string) uint64 {
	kB, ok := field(t.name("proc/meminfo"), "MemAvailable:")
	if !ok {
		return 0
	}
	left := kB << 10
	for _, dir := range groups {
		limit, limited := t.groupLimit(dir)
		used, err := strconv.ParseUint(t.name(dir+"/memory.current"), 10, 64)
		if !limited || err != nil {
			continue
		}
		files, _ := field(t.name(dir+"/memory.stat"), "inactive_file")
		used -= min(files, used)
		left = min(left, limit-min(used, limit))
	}
	return left
}
