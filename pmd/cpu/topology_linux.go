package cpu

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// A CPU is one logical CPU: a hardware thread of a core.
type CPU struct {
	ID       int
	Siblings Set // hardware threads of its core, itself included
	Node     int // NUMA node, -1 when unknown
}

// A Topology is what the machine has and what the process may use of it.
type Topology struct {
	CPUs     []CPU // online, in ascending order
	Possible Set   // may ever come online
	Online   Set
	Isolated Set // kept free of other work by the boot parameter isolcpus; online ones only
	// Allowed holds the CPUs the process may use: its affinity, and isolated CPUs as far as its cgroup
	// lets it. The kernel leaves isolated CPUs out of everybody's affinity, until somebody asks.
	Allowed Set
	// Quota is the CPU time the cgroup grants, in CPUs; 0 means no limit. A worker that spins uses up
	// one, and is stopped for the rest of the period when there is no more.
	Quota float64
}

const sysCPU = "sys/devices/system/cpu"

// Discover reads this machine's topology. Call it before Confine or Pin narrow the affinity of the
// calling thread.
func Discover() (*Topology, error) {
	affinity, err := Affinity()
	if err != nil {
		return nil, fmt.Errorf("read CPU topology: %w", err)
	}
	return readTopology(os.DirFS("/"), affinity)
}

// readTopology reads the topology from sysfs, procfs and the cgroup file system under root.
func readTopology(root fs.FS, affinity Set) (*Topology, error) {
	t := new(Topology)
	for _, f := range []struct {
		name string
		set  *Set
		must bool
	}{
		{"online", &t.Online, true},
		{"possible", &t.Possible, true},
		{"isolated", &t.Isolated, false}, // linux 4.2
	} {
		set, err := readSet(root, path.Join(sysCPU, f.name))
		if err != nil && (f.must || !errors.Is(err, fs.ErrNotExist)) {
			return nil, fmt.Errorf("read CPU topology: %w", err)
		}
		*f.set = set
	}
	t.Isolated = t.Isolated.And(t.Online)
	nodes, err := readNodes(root)
	if err != nil {
		return nil, fmt.Errorf("read CPU topology: %w", err)
	}
	for id := range t.Online.All() {
		c := CPU{ID: id, Node: -1}
		if c.Siblings, err = siblings(root, id); err != nil {
			return nil, fmt.Errorf("read CPU topology: %w", err)
		}
		if n, ok := nodes[id]; ok {
			c.Node = n
		}
		t.CPUs = append(t.CPUs, c)
	}
	group := readCgroup(root)
	t.Quota = group.quota
	t.Allowed = affinity.And(t.Online)
	if group.limited {
		t.Allowed = t.Allowed.Or(t.Isolated.And(group.cpus))
	} else {
		t.Allowed = t.Allowed.Or(t.Isolated)
	}
	return t, nil
}

// CPU returns the online CPU with the given number; nil when there is none.
func (t *Topology) CPU(id int) *CPU {
	for i := range t.CPUs {
		if t.CPUs[i].ID == id {
			return &t.CPUs[i]
		}
	}
	return nil
}

// Node returns the NUMA node of a CPU, -1 when unknown.
func (t *Topology) Node(id int) int {
	if c := t.CPU(id); c != nil {
		return c.Node
	}
	return -1
}

// siblings returns the hardware threads of the core that id is on. Machines without the file have one
// thread a core.
func siblings(root fs.FS, id int) (Set, error) {
	dir := path.Join(sysCPU, "cpu"+strconv.Itoa(id), "topology")
	// The first since linux 5.1, the second its old name.
	for _, name := range []string{"core_cpus_list", "thread_siblings_list"} {
		set, err := readSet(root, path.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		set.Add(id)
		return set, err
	}
	return SetOf(id), nil
}

// readNodes returns the NUMA node of each CPU; empty on machines that have no nodes.
func readNodes(root fs.FS) (map[int]int, error) {
	const dir = "sys/devices/system/node"
	entries, err := fs.ReadDir(root, dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	node := make(map[int]int)
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "node")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil {
			continue
		}
		set, err := readSet(root, path.Join(dir, e.Name(), "cpulist"))
		if err != nil {
			return nil, err
		}
		for c := range set.All() {
			node[c] = n
		}
	}
	return node, nil
}

func readSet(root fs.FS, name string) (Set, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return Set{}, err
	}
	set, err := ParseSet(string(text))
	if err != nil {
		return Set{}, fmt.Errorf("%s: %w", name, err)
	}
	return set, nil
}
