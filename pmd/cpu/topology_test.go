package cpu

import (
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// machine is a fake sysfs: cores of threads hardware threads, numbered as Linux does on most machines,
// first threads of all cores, then second ones.
func machine(cores, threads int, isolated string) fstest.MapFS {
	n := cores * threads
	root := fstest.MapFS{}
	file := func(name, text string) { root[name] = &fstest.MapFile{Data: []byte(text + "\n")} }
	all := "0"
	if n > 1 {
		all = "0-" + strconv.Itoa(n-1)
	}
	file("sys/devices/system/cpu/online", all)
	file("sys/devices/system/cpu/possible", all)
	file("sys/devices/system/cpu/isolated", isolated)
	for c := range n {
		var s []string
		for k := range threads {
			s = append(s, strconv.Itoa(c%cores+k*cores))
		}
		file("sys/devices/system/cpu/cpu"+strconv.Itoa(c)+"/topology/core_cpus_list", strings.Join(s, ","))
	}
	return root
}

func online(cores, threads int) Set {
	var s Set
	for c := range cores * threads {
		s.Add(c)
	}
	return s
}

func TestReadTopology(t *testing.T) {
	root := machine(4, 2, "2-3,6-7")
	root["sys/devices/system/node/node0/cpulist"] = &fstest.MapFile{Data: []byte("0-1,4-5\n")}
	root["sys/devices/system/node/node1/cpulist"] = &fstest.MapFile{Data: []byte("2-3,6-7\n")}
	root["sys/devices/system/node/possible"] = &fstest.MapFile{Data: []byte("0-1\n")}
	// The kernel leaves isolated CPUs out of the affinity.
	top, err := readTopology(root, SetOf(0, 1, 4, 5))
	if err != nil {
		t.Fatal(err)
	}
	if got := top.Allowed.String(); got != "0-7" {
		t.Errorf("allowed: got %v, want 0-7: isolated CPUs are to be had without a cgroup", got)
	}
	c := top.CPU(6)
	if c == nil || c.Node != 1 || c.Siblings != SetOf(2, 6) {
		t.Errorf("CPU 6: got %+v, want node 1 and siblings 2,6", c)
	}
	if top.CPU(8) != nil || top.Node(8) != -1 || top.Node(0) != 0 {
		t.Error("CPU 8 exists, or CPU 0 is not on node 0")
	}
}

func TestCgroupsLimitWhatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
		quota float64
	}{
		{"version 2, the group's own list",
			map[string]string{
				"proc/self/cgroup":                           "0::/a/b",
				"sys/fs/cgroup/a/b/cpuset.cpus.effective":    "0-2",
				"sys/fs/cgroup/cpuset.cpus.effective":        "0-3",
				"sys/fs/cgroup/a/b/cpu.max":                  "max 100000",
				"sys/fs/cgroup/a/cpu.max":                    "150000 100000",
				"sys/fs/cgroup/cpu.max":                      "garbage",
				"sys/fs/cgroup/a/cpuset.cpus.effective.junk": "",
			}, "0,2", 1.5},
		{"version 2, the list of an ancestor",
			map[string]string{
				"proc/self/cgroup":                      "0::/a/b",
				"sys/fs/cgroup/a/cpuset.cpus.effective": "3",
			}, "0,3", 0},
		{"version 1",
			map[string]string{
				"proc/self/cgroup":                          "4:cpuacct,cpu:/x\n3:cpuset:/x\n0::/",
				"sys/fs/cgroup/cpuset/x/cpuset.cpus":        "2",
				"sys/fs/cgroup/cpu/x/cpu.cfs_quota_us":      "200000",
				"sys/fs/cgroup/cpu/x/cpu.cfs_period_us":     "100000",
				"sys/fs/cgroup/cpu/cpu.cfs_quota_us":        "-1",
				"sys/fs/cgroup/cpu/cpu.cfs_period_us":       "100000",
				"sys/fs/cgroup/cpuset/cpuset.cpus":          "0-3",
				"sys/fs/cgroup/cpuset/x/cpuset.cpus.unread": "",
			}, "0,2", 2},
		{"inside a container the path does not resolve",
			map[string]string{
				"proc/self/cgroup":                    "0::/../../other",
				"sys/fs/cgroup/cpuset.cpus.effective": "2",
			}, "0,2", 0},
		{"nothing readable is no limit", map[string]string{"proc/self/cgroup": "bad\n::\n"}, "0,2-3", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := machine(4, 1, "2-3")
			for name, text := range c.files {
				root[name] = &fstest.MapFile{Data: []byte(text + "\n")}
			}
			top, err := readTopology(root, SetOf(0))
			if err != nil {
				t.Fatal(err)
			}
			if got := top.Allowed.String(); got != c.want || top.Quota != c.quota {
				t.Errorf("allowed %v, quota %v; want %v, %v", got, top.Quota, c.want, c.quota)
			}
		})
	}
}

func TestATopologyThatCannotBeReadIsAnError(t *testing.T) {
	for _, c := range []struct{ name, file, text string }{
		{"no list of online CPUs", "sys/devices/system/cpu/online", ""},
		{"a bad list of possible CPUs", "sys/devices/system/cpu/possible", "0-"},
		{"a bad list of isolated CPUs", "sys/devices/system/cpu/isolated", "x"},
		{"a bad list of siblings", "sys/devices/system/cpu/cpu1/topology/core_cpus_list", "1;2"},
		{"a bad list of a node's CPUs", "sys/devices/system/node/node0/cpulist", "9999"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := machine(2, 1, "")
			root[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			if c.text == "" {
				delete(root, c.file)
			}
			if _, err := readTopology(root, SetOf(0, 1)); err == nil || !strings.Contains(err.Error(), c.file) {
				t.Errorf("got %v, want an error that names %s", err, c.file)
			}
		})
	}
}

func TestAnOldKernelOrASimpleMachineIsRead(t *testing.T) {
	root := machine(2, 1, "")
	delete(root, "sys/devices/system/cpu/isolated")
	delete(root, "sys/devices/system/cpu/cpu0/topology/core_cpus_list")
	delete(root, "sys/devices/system/cpu/cpu1/topology/core_cpus_list")
	root["sys/devices/system/cpu/cpu1/topology/thread_siblings_list"] = &fstest.MapFile{Data: []byte("0-1\n")}
	top, err := readTopology(root, SetOf(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if top.CPU(0).Siblings != SetOf(0) || top.CPU(1).Siblings != SetOf(0, 1) || top.CPU(0).Node != -1 {
		t.Errorf("got %+v, want the old name read, its absence and that of nodes taken", top.CPUs)
	}
}

func TestThisMachineIsRead(t *testing.T) {
	top, err := Discover()
	if err != nil {
		t.Fatal(err)
	}
	if top.Allowed.Empty() || !top.Allowed.Without(top.Online).Empty() || len(top.CPUs) != top.Online.Len() {
		t.Errorf("allowed %v, online %v, %d CPUs", top.Allowed, top.Online, len(top.CPUs))
	}
}
