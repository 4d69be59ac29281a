package cpu

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// A cgroup is what the process's control groups say about CPUs.
type cgroup struct {
	limited bool // cpus is known
	cpus    Set
	quota   float64 // CPUs; 0: no limit
}

// readCgroup reads what it can: a file that is not there, or not readable from inside a container,
// means no limit that we could know of.
func readCgroup(root fs.FS) cgroup {
	var g cgroup
	list, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return g
	}
	for line := range strings.Lines(string(list)) {
		// cgroups(7): hierarchy, controllers, path; version 2 is hierarchy 0 without controllers.
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		switch {
		case part[0] == "0" && part[1] == "":
			g.cpusFrom(root, "sys/fs/cgroup", part[2], "cpuset.cpus.effective")
			g.quotaV2(root, part[2])
		case contains(part[1], "cpuset"):
			g.cpusFrom(root, "sys/fs/cgroup/cpuset", part[2], "cpuset.effective_cpus", "cpuset.cpus")
		case contains(part[1], "cpu"):
			g.quotaV1(root, part[2])
		}
	}
	return g
}

// contains reports whether a list separated by commas has name.
func contains(list, name string) bool {
	for n := range strings.SplitSeq(list, ",") {
		if n == name {
			return true
		}
	}
	return false
}

// cpusFrom reads the CPU list of a group: the first of files found in the group or its nearest
// ancestor. A group that does not control CPUs has none and its ancestor's counts; seen from inside a
// container the whole path may be missing, and the mount's root is the group.
func (g *cgroup) cpusFrom(root fs.FS, mount, group string, files ...string) {
	for dir := range ancestors(mount, group) {
		for _, f := range files {
			set, err := readSet(root, path.Join(dir, f))
			if err == nil && !set.Empty() {
				if g.limited {
					set = set.And(g.cpus)
				}
				g.limited, g.cpus = true, set
				return
			}
		}
	}
}

// quotaV2 reads cpu.max, "quota period" in microseconds, of a group and its ancestors: the tightest
// counts.
func (g *cgroup) quotaV2(root fs.FS, group string) {
	for dir := range ancestors("sys/fs/cgroup", group) {
		text, err := fs.ReadFile(root, path.Join(dir, "cpu.max"))
		if err != nil {
			continue
		}
		quota, period, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		g.tighten(quota, period)
	}
}

// quotaV1 reads the same from version 1's two files.
func (g *cgroup) quotaV1(root fs.FS, group string) {
	for dir := range ancestors("sys/fs/cgroup/cpu", group) {
		quota, err1 := fs.ReadFile(root, path.Join(dir, "cpu.cfs_quota_us"))
		period, err2 := fs.ReadFile(root, path.Join(dir, "cpu.cfs_period_us"))
		if err1 == nil && err2 == nil {
			g.tighten(strings.TrimSpace(string(quota)), strings.TrimSpace(string(period)))
		}
	}
}

// tighten takes in one limit; "max" and -1 mean none.
func (g *cgroup) tighten(quota, period string) {
	q, err1 := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err1 != nil || err2 != nil || !(q > 0) || !(p > 0) {
		return
	}
	if limit := q / p; g.quota == 0 || limit < g.quota {
		g.quota = limit
	}
}

// ancestors yields the directory of a group under mount, then its parents' up to mount itself.
func ancestors(mount, group string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		// Clean makes the path absolute first, so that "..", which a cgroup namespace shows for groups
		// outside it, cannot leave the mount.
		for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
			if !yield(path.Join(mount, dir)) || dir == "/" {
				return
			}
		}
	}
}
